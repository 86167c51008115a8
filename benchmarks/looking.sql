-- 50 kroner on every tenth claim of a mirror that company.py filled: paid to the agency, posted by us, and a tenth paid out.
create temp table paid as
select i, 'C' || lpad(cast(i // $per_customer as varchar), 8, '0') as customer, cast($first + i as varchar) as number, cast(50 as decimal(18, 2)) as amount
from range(0, $items, 20) t(i);

update receivable set balance = balance - 50 where number in (select number from paid);
update claim set principal_open = principal_open - 50 where document_number in (select number from paid);

insert into entry by name
select 'ent' || i as entry_id, 'AGENCY_PAYMENT' as kind, 'AGENCY' as received_by, amount, 'NOK' as currency, date '2026-03-01' as value_date,
       timestamptz '2026-03-01 10:00:00+00' as recorded_at, false as cancelled,
       [{'claim_id': 'clm' || i, 'bucket': 'principal', 'amount': amount}] as lines,
       timestamptz '2026-03-01 10:00:00+00' as updated_at, 2 as valid_from
from paid;

insert into payment by name
select 'Payment' as document_type, cast(500000 + i as varchar) as number, customer, 'Closed' as status, '1510' as cash_account,
       'P' || i as reference, 'NOK' as currency, amount, 0 as balance, date '2026-03-01' as payment_date,
       [{'document_type': 'Invoice', 'number': number, 'amount': amount, 'discount': 0, 'write_off': 0}] as lines,
       2 as valid_from
from paid;

insert into settlement by name
select 'set' || (i // 2000) as settlement_id, 'S' || (i // 2000) as number, 'PUBLISHED' as status, 'NOK' as currency,
       date '2026-03-05' as booking_date, date '2026-03-07' as payout_date, sum(amount) as principal, 0 as interest, 0 as fees,
       0 as commission, 0 as expenses, 0 as vat, 0 as offset_amount, sum(amount) as net,
       list({'entry_id': 'ent' || i, 'claim_id': 'clm' || i, 'bucket': 'principal', 'amount': amount, 'vat': 0} order by i) as lines,
       timestamptz '2026-03-05 10:00:00+00' as updated_at, 2 as valid_from
from paid where i % 200 = 0 group by i // 2000;

insert into effect by name
select 'P' || i as reference, 'posting' as kind, 'ent' || i || ':' || customer as source, 1 as ordinal, 'entry ent' || i as chain,
       'confirmed' as state, customer as party, 'ent' || i as document, '1510' as account, 'NOK' as currency,
       cast(amount * 100 as bigint) as amount, cast(500000 + i as varchar) as remote_id,
       '{"carried": {"Invoice ' || number || '": ' || cast(amount * 100 as bigint) || '}}' as details,
       date '2026-03-02' as night, $items + i as seq
from paid;
