-- The mirrors cut to a few customers, under the names of the whole: every view and rule built on them follows. With
-- theirs go the receivables of others that carry a KID of theirs, and the money of their parents, which rules ask about.
create temp table their_payer as
from about union select parent from customer_now where number in (from about) and parent <> '';
create temp table their_receivable as select * from receivable_now where customer in (from about);
insert into their_receivable
select * from receivable_now
where kid in (select kid from their_receivable where kid <> '') and customer not in (from about);
create temp table their_payment as select * from payment_now where customer in (from their_payer);
create temp table their_claim as
select c.* from claim_now c semi join their_receivable r on r.document_type = c.document_type and r.number = c.document_number;
create temp table their_case as select * from agency_case_now where case_id in (select case_id from their_claim);
create temp table their_entry as
with touched as (
    select distinct entry_id from (select entry_id, unnest(lines) as line from entry_now) e semi join their_claim c on c.claim_id = e.line.claim_id
)
select * from entry_now
where entry_id in (from touched) or reverses in (from touched)
   or entry_id in (select reverses from entry_now where entry_id in (from touched));
create temp table their_customer as
select * from customer_now where number in (select customer from their_receivable) or number in (from about);
create temp table their_effect as
with named as (
    select document_type || ' ' || number as name from their_receivable
    union select reference from their_claim union select reference from their_payment union select reference from their_entry
),
-- One by one: each is a look through one column.
known as (
    select reference from effect where party in (from their_payer)
    union select reference from effect where document in (from named)
    union select reference from effect where source in (from named)
    union select reference from effect where reference in (from named)
    union select reference from effect where kind = 'settlement'
)
select * from effect where reference in (from known);

create or replace temp view receivable_now as from their_receivable;
create or replace temp view payment_now as from their_payment;
create or replace temp view claim_now as from their_claim;
create or replace temp view agency_case_now as from their_case;
create or replace temp view entry_now as from their_entry;
create or replace temp view customer_now as from their_customer;
create or replace temp view effect as from their_effect;
