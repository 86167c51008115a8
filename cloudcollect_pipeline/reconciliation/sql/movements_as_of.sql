-- Bank lines that named a settlement by then.
create or replace temp table payout_movement as
select * from {ledger}.payout_movement
where first_known_night <= (select night from as_of) and posting_date <= (select night from as_of);

-- Movements as of then; what each one is follows from the effects of then.
create or replace temp view read_movement as
select batch, line, module, document, posting_date, amount, first_known_night from {ledger}.suspense_movement
where first_known_night <= (select night from as_of) and posting_date <= (select night from as_of);
