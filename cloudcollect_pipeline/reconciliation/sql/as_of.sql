-- What was known on a past night, under the names of the present, so that everything built on them follows.
-- `as_of` is one row: night, mirror version and the last journal entry that count.
create or replace temp view receivable_now as
select * exclude (valid_from, valid_to) from receivable
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));
create or replace temp view payment_now as
select * exclude (valid_from, valid_to) from payment
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));
create or replace temp view customer_now as
select * exclude (valid_from, valid_to) from customer
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));
create or replace temp view claim_now as
select * exclude (valid_from, valid_to) from claim
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));
create or replace temp view agency_case_now as
select * exclude (valid_from, valid_to) from agency_case
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));
create or replace temp view entry_now as
select * exclude (valid_from, valid_to) from entry
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));
create or replace temp view settlement_now as
select * exclude (valid_from, valid_to) from settlement
where valid_from <= (select version from as_of) and (valid_to is null or valid_to > (select version from as_of));

-- Effects that have not changed since; the journal tells what the others were.
create or replace temp table effect as
select * from {ledger}.effect where seq <= (select seq from as_of);
