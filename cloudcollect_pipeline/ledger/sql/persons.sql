-- The erasable file: everything that names a person, and raw records that could not be trusted.
create table if not exists persons.person (
    customer varchar primary key,
    name varchar,
    address varchar,
    postal_code varchar,
    city varchar,
    email varchar,
    phone varchar
);

-- What the agency asks about a claim; the text may name a person.
create table if not exists persons.question (
    question_id varchar primary key,
    claim_id varchar not null,
    text varchar not null,
    answered boolean not null
);

create table if not exists persons.set_aside (
    side varchar not null,
    feed varchar not null,
    key varchar not null,
    id varchar,
    document_type varchar,
    number varchar,
    customer varchar,
    reasons varchar not null,
    raw varchar not null,
    spool varchar not null,
    n bigint not null,
    first_night date not null,
    primary key (side, feed, key)
);
