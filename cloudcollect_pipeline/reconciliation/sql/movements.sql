-- What each movement on the suspense account is, by the document it came from.
create or replace temp view explained_movement as
select m.*,
       case
           when p.reference is not null and m.amount >= 0 then 'posted'
           when p.reference is not null then 'reversed'
           when s.reference is not null then 'settled'
           else 'foreign'
       end as movement,
       coalesce(p.reference, s.reference) as reference, p.source as posting_source
from read_movement m
-- Equality of two expressions lets DuckDB hash; a condition on one side of a left join would compare all with all.
left join effect p on p.remote_id = case when m.module <> 'GL' then m.document end
    and p.kind = 'posting' and p.state in ('confirmed', 'created')
left join effect s on s.remote_id = case when m.module = 'GL' then m.document end
    and s.kind = 'settlement' and s.state in ('confirmed', 'created');
