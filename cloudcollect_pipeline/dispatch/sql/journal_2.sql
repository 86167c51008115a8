-- A finding's life: how often it was gone and came back, and what a person did about it last.
alter table finding add column came_back integer not null default 0;
alter table finding add column gone_night text;
alter table finding add column ignored_until text;
alter table finding add column assigned_to text not null default '';
alter table finding add column who text not null default '';
alter table finding add column acted_at text;
-- The night on which it had been seen last when a person answered: seen on a later one, its cause still stands.
alter table finding add column acted_night text;

-- What happened to one effect or finding is asked for by its name, of a log of any length.
create index event_by_subject on event (subject);

-- What the log tells of findings so far.
create temp table lived as
select f.id, count(*) filter (where e.kind = 'found') as found,
       coalesce(max(e.seq) filter (where e.kind = 'found'), 0) as found_seq,
       coalesce(max(e.seq) filter (where e.kind = 'gone'), 0) as gone_seq,
       coalesce((select max(r.seq) from event r where r.subject = 'finding ' || f.id and r.kind = 'resolved'), 0) as resolved_seq
from finding f left join event e on e.subject = f.code || ' ' || f.subject and e.kind in ('found', 'gone')
group by f.id;
update finding set
    came_back = max(l.found - 1, 0),
    gone_night = (select json_extract(e.data, '$.night') from event e where e.seq = l.gone_seq),
    who = coalesce((select json_extract(e.data, '$.who') from event e where e.seq = l.resolved_seq), ''),
    acted_at = (select e.at from event e where e.seq = l.resolved_seq),
    acted_night = case when l.resolved_seq > 0 then last_night end,
    state = case when l.gone_seq > l.found_seq then 'closed' when l.resolved_seq > l.found_seq then 'resolved' else 'open' end
from lived l where l.id = finding.id;
drop table lived;
