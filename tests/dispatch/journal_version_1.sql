create table if not exists meta (name text primary key, value text not null) strict;

-- The log: what was decided, sent and learnt, in order, each row sealed with the one before it.
create table if not exists event (
    seq integer primary key,
    at text not null,
    kind text not null,
    subject text not null,
    data text not null,
    hash text not null
) strict;
create trigger if not exists event_is_append_only_update before update on event
begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists event_is_append_only_delete before delete on event
begin select raise(abort, 'the journal is append-only'); end;
create trigger if not exists event_has_no_gap before insert on event
when new.seq <> (select coalesce(max(seq), 0) + 1 from event)
begin select raise(abort, 'the journal has a gap'); end;

create table if not exists transition (before text not null, after text not null, primary key (before, after)) strict;
insert or ignore into transition values
    ('', 'intent'), ('', 'confirmed'), ('', 'created'), ('', 'quarantined'), ('', 'dropped'), ('', 'rejected'), ('', 'later'),
    ('intent', 'created'), ('intent', 'confirmed'), ('intent', 'rejected'), ('intent', 'later'), ('intent', 'uncertain'),
    ('intent', 'quarantined'),
    ('uncertain', 'uncertain'), ('uncertain', 'created'), ('uncertain', 'confirmed'), ('uncertain', 'quarantined'),
    ('uncertain', 'absent'),
    ('created', 'created'), ('created', 'confirmed'), ('created', 'quarantined'), ('created', 'absent'),
    ('absent', 'intent'), ('absent', 'dropped'), ('absent', 'confirmed'), ('absent', 'created'), ('absent', 'quarantined'),
    ('rejected', 'intent'), ('rejected', 'dropped'), ('rejected', 'confirmed'), ('rejected', 'created'),
    ('rejected', 'quarantined'), ('rejected', 'rejected'),
    ('later', 'intent'), ('later', 'dropped'), ('later', 'confirmed'), ('later', 'created'), ('later', 'quarantined'),
    ('dropped', 'intent'), ('dropped', 'dropped'), ('dropped', 'confirmed'), ('dropped', 'created'),
    ('dropped', 'quarantined'), ('dropped', 'rejected'), ('dropped', 'later'),
    ('quarantined', 'confirmed'), ('quarantined', 'absent');

-- One row per reference: the state that its events add up to.
create table if not exists effect (
    reference text primary key,
    kind text not null,
    source text not null,
    ordinal integer not null,
    chain text not null,
    lane text not null,
    state text not null,
    party text not null,
    document text not null,
    account text not null,
    currency text not null,
    amount integer not null,
    details text not null,
    remote_id text,
    intents integer not null default 0,
    intent_at text,
    misses integer not null default 0,
    missed_night text,
    note text not null default '',
    night text not null,
    seq integer not null
) strict;
create index if not exists effect_by_seq on effect (seq);
create index if not exists effect_by_state on effect (state) where state in ('intent', 'uncertain', 'created', 'quarantined');
create trigger if not exists effect_starts_legally before insert on effect
when not exists (select 1 from effect where reference = new.reference)
    and not exists (select 1 from transition where before = '' and after = new.state)
begin select raise(abort, 'illegal first state of an effect'); end;
create trigger if not exists effect_moves_legally before update of state on effect
when not exists (select 1 from transition where before = old.state and after = new.state)
begin select raise(abort, 'illegal transition of an effect'); end;

create table if not exists plan (
    hash text primary key,
    night text not null,
    made_at text not null,
    version integer not null,
    verdict text not null,
    state text not null,
    totals text not null,
    seq integer not null
) strict;
create table if not exists planned_effect (
    hash text not null references plan (hash),
    position integer not null,
    body text not null,
    primary key (hash, position)
) strict, without rowid;

-- What people said: approvals of a question, adoptions, answers. Read by planning; the latest per subject counts.
create table if not exists decision (
    code text not null,
    subject text not null,
    action text not null,
    note text not null,
    who text not null,
    at text not null,
    primary key (code, subject)
) strict;

create table if not exists hold (
    subject text primary key,
    reason text not null,
    until text,
    who text not null,
    at text not null
) strict;

create table if not exists finding (
    id integer primary key,
    code text not null,
    subject text not null,
    text text not null,
    amount integer,
    first_night text not null,
    last_night text not null,
    state text not null,
    note text not null default '',
    unique (code, subject)
) strict;

create table if not exists night (
    night text not null,
    started_at text not null,
    ended_at text,
    outcome text not null,
    summary text not null,
    seq integer not null,
    primary key (night, seq)
) strict;
