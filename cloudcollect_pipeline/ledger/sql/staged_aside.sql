-- What one mirror commit sets aside.
create or replace temp table staged_aside (
    side varchar,
    feed varchar,
    key varchar,
    id varchar,
    document_type varchar,
    number varchar,
    customer varchar,
    reasons varchar,
    raw varchar,
    spool varchar,
    n bigint,
    primary key (side, feed, key)
);
