-- A ledger of debtors who have paid the agency, made for reports.py: the first payments are paid out already.
insert into mirror_version
select 2 * n + side, ['erp', 'agency'][side], $first + cast(n as integer), timezone('UTC', ($first + cast(n as integer)) + interval 3 hour)
from range($nights) t(n), range(1, 3) s(side);

create temp table made as
select i, 'C' || lpad(cast(i % 20000 as varchar), 6, '0') as customer, cast(100000 + i as varchar) as number,
       cast(1000 + (i * 7919) % 900000 as decimal(18, 2)) / 100 as amount,
       cast(i * $nights // $items as integer) as night, i < $settled as settled, i // $per as settlement
from range($items) t(i);

insert into receivable by name
select 'Invoice' as document_type, number, customer, 'Closed' as status, $first - 60 as document_date, $first - 30 as due_date,
       'NOK' as currency, amount, 0 as balance, 1 as dunning_level, $first - 10 as dunning_date, false as excluded,
       false as revoked, 1 as valid_from
from made;

insert into claim by name
select 'clm' || i as claim_id, 'T' || i as reference, 'Invoice' as document_type, number as document_number,
       'cas' || (i % 20000) as case_id, 'CLOSED' as status, 'DEMAND' as stage, 'NONE' as hold, false as disputed,
       'NOK' as currency, amount as principal, if(open, amount, 0) as principal_open,
       timezone('UTC', $first + interval 3 hour) as received_at, timezone('UTC', $first + interval 3 hour) as updated_at,
       if(open, 2, 2 * night + 2) as valid_from, if(open, 2 * night + 2, null) as valid_to
from made, (values (true), (false)) s(open) where not (open and night = 0);

insert into agency_case by name
select 'cas' || i as case_id, '25-' || i as number, 'DEMAND' as status, timezone('UTC', $first + interval 3 hour) as updated_at, 2 as valid_from
from range(20000) t(i);

insert into entry by name
select 'ent' || i as entry_id, 'AGENCY_PAYMENT' as kind, 'AGENCY' as received_by, amount, 'NOK' as currency, $first + night as value_date,
       timezone('UTC', $first + interval 3 hour) as recorded_at, false as cancelled,
       [{'claim_id': 'clm' || i, 'bucket': 'principal', 'amount': amount}] as lines,
       timezone('UTC', $first + interval 3 hour) as updated_at, 2 * night + 2 as valid_from
from made;

insert into payment by name
select 'Payment' as document_type, cast(500000 + i as varchar) as number, customer, 'Closed' as status, '1510' as cash_account,
       'P' || i as reference, 'NOK' as currency, amount, 0 as balance, $first + night as payment_date,
       [{'document_type': 'Invoice', 'number': number, 'amount': amount, 'discount': 0, 'write_off': 0}] as lines,
       2 * night + 1 as valid_from
from made;

insert into settlement by name
select 'set' || settlement as settlement_id, 'S' || settlement as number, 'PUBLISHED' as status, 'NOK' as currency,
       $first + max(night) as booking_date, $first + max(night) + 2 as payout_date, sum(amount) as principal, 0 as interest, 0 as fees,
       0 as commission, 0 as expenses, 0 as vat, 0 as offset_amount, sum(amount) as net,
       list({'entry_id': 'ent' || i, 'claim_id': 'clm' || i, 'bucket': 'principal', 'amount': amount, 'vat': 0} order by i) as lines,
       timezone('UTC', $first + interval 3 hour) as updated_at, 2 * max(night) + 2 as valid_from
from made where settled group by settlement;

insert into suspense_movement by name
select 'AR' || i as batch, 1 as line, 'AR' as module, cast(500000 + i as varchar) as document, $first + night as posting_date, amount,
       'posted' as movement, $first + night as first_known_night
from made
union all by name
select 'GL' || settlement as batch, 1 as line, 'GL' as module, 'GL' || settlement as document,
       $first + max(night) as posting_date, -sum(amount) as amount, 'settled' as movement, $first + max(night) as first_known_night
from made where settled group by settlement;
