-- A mirror of any size, as the server of the benchmarks would have filled it: open receivables, and claims of ours for
-- every so manieth of them with the effects that made them. One claim in some differs from its receivable.
insert into mirror_version values (1, 'erp', date '2026-03-09', timestamptz '2026-03-09 03:00:00+00'),
    (2, 'agency', date '2026-03-09', timestamptz '2026-03-09 03:00:00+00');

insert into watermark
select side, unnest(feeds), timestamptz '2026-03-09 03:00:00+00', date '2026-03-09'
from (values ('erp', ['documents', 'payments', 'customers', 'sweep']), ('agency', ['claims', 'cases', 'entries', 'settlements'])) f(side, feeds);

create temp macro amount_of(i) as cast(11000 + i * 7919 % 900000 as decimal(18, 2)) / 100;

insert into receivable by name
select 'Invoice' as document_type, cast($first + i as varchar) as number, 'C' || lpad(cast(i // $per_customer as varchar), 8, '0') as customer,
       'Open' as status, date '2026-01-05' as document_date, date '2026-01-19' as due_date, 'NOK' as currency,
       amount_of(i) as amount, amount_of(i) as balance, cast($first + i as varchar) || '7' as kid,
       if(i % 1000 = 1, 1, 0) as dunning_level, date '2026-02-09' as dunning_date, false as excluded, false as revoked,
       if(i % $every = 0, '26-' || (i // $per_customer), null) as case_number, if(i % $every = 0, 'DEMAND', null) as case_status,
       [] as applications, timestamptz '2026-02-09 06:00:00+01' as modified_at, 1 as valid_from
from range($items) t(i);

insert into customer by name
select 'C' || lpad(cast(i as varchar), 8, '0') as number, 'Active' as status, false as excluded, false as business, 'NO' as country,
       'NOK' as currency, timestamptz '2026-02-09 06:00:00+01' as modified_at, 1 as valid_from
from range($items // $per_customer + 1) t(i);

insert into persons.person by name
select 'C' || lpad(cast(i as varchar), 8, '0') as customer, 'Kunde ' || i as name, 'Veien 1' as address, '2150' as postal_code, 'Årnes' as city
from range($items // $per_customer + 1) t(i);

insert into claim by name
select 'clm' || i as claim_id, 'T' || i as reference, 'Invoice' as document_type, cast($first + i as varchar) as document_number,
       'cas' || (i // $per_customer) as case_id, 'ACTIVE' as status, 'DEMAND' as stage, 'NONE' as hold, false as disputed, 'NOK' as currency,
       amount_of(i) as principal, amount_of(i) - if(i % ($every * $different) = 0, 10, 0) as principal_open,
       timestamptz '2026-02-10 03:00:00+00' as received_at, timestamptz '2026-02-10 03:00:00+00' as updated_at, 2 as valid_from
from range(0, $items, $every) t(i);

insert into agency_case by name
select distinct 'cas' || (i // $per_customer) as case_id, '26-' || (i // $per_customer) as number, 'DEMAND' as status,
       timestamptz '2026-02-10 03:00:00+00' as updated_at, 2 as valid_from
from range(0, $items, $every) t(i);

insert into effect by name
select 'T' || i as reference, 'transfer' as kind, 'Invoice ' || ($first + i) as source, 1 as ordinal, 'T' || i as chain,
       'confirmed' as state, 'C' || lpad(cast(i // $per_customer as varchar), 8, '0') as party, 'Invoice ' || ($first + i) as document,
       'bench' as account, 'NOK' as currency, cast(amount_of(i) * 100 as bigint) as amount, 'clm' || i as remote_id,
       '{"document_type": "Invoice", "number": "' || ($first + i) || '", "due_date": "2026-01-19", "baseline": {}, "facts": "1"}' as details,
       date '2026-02-10' as night, i as seq
from range(0, $items, $every) t(i);
