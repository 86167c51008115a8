-- Everything in the ledger beside the mirrored tables, whose DDL is made from ledger/tables.py.
create table if not exists meta (name varchar primary key, value varchar not null);

-- One row per mirror commit: what was known of which side, and from which night.
create table if not exists mirror_version (
    version bigint primary key,
    side varchar not null,
    night date not null,
    committed_at timestamptz not null
);

-- Up to where each feed has been read; moves only in the transaction that mirrors what was read.
create table if not exists watermark (
    side varchar not null,
    feed varchar not null,
    read_at timestamptz not null,
    night date not null,
    primary key (side, feed)
);

-- Effects as the journal knows them, copied by sequence so that SQL can join them.
create table if not exists effect (
    reference varchar primary key,
    kind varchar not null,
    source varchar not null,
    ordinal integer not null,
    chain varchar not null,
    state varchar not null,
    party varchar not null,
    document varchar not null,
    account varchar not null,
    currency varchar not null,
    amount bigint not null,
    remote_id varchar,
    details varchar not null,
    night date not null,
    seq bigint not null
);

-- Tonight's full outer join of both subledgers: each receivable that differs, classified, and what is equal as one sum.
create table if not exists subledger_diff (
    document_type varchar,
    number varchar,
    customer varchar,
    claim_id varchar,
    receivables bigint not null,
    erp_balance decimal(38, 2),
    agency_open decimal(38, 2),
    difference decimal(38, 2),
    class varchar not null
);

-- General-ledger lines of the suspense account and what each one is, as read after the last dispatch.
create table if not exists suspense_movement (
    batch varchar not null,
    line integer not null,
    module varchar not null,
    document varchar not null,
    posting_date date not null,
    amount decimal(18, 2) not null,
    movement varchar not null,
    subject varchar,
    reference varchar,
    value_date date,
    first_known_night date not null,
    primary key (batch, line, module)
);

-- Lines of the payout clearing account that name a settlement of the agency's; their text is not kept.
create table if not exists payout_movement (
    batch varchar not null,
    line integer not null,
    module varchar not null,
    posting_date date not null,
    amount decimal(18, 2) not null,
    settlement varchar not null,
    first_known_night date not null,
    primary key (batch, line, module)
);

create table if not exists statement (
    night date not null,
    made_at timestamptz not null,
    seq bigint not null,
    body varchar not null,
    ties boolean not null,
    primary key (night, seq)
);
