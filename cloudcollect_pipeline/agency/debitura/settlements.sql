-- The API has no settlements: no record ever comes here.
select
    n,
    cast(null as varchar) as settlement_id,
    cast(null as varchar) as number,
    cast(null as varchar) as status,
    cast(null as varchar) as replaces,
    cast(null as varchar) as currency,
    cast(null as date) as booking_date,
    cast(null as date) as payout_date,
    money(null) as principal,
    money(null) as interest,
    money(null) as fees,
    money(null) as commission,
    money(null) as expenses,
    money(null) as vat,
    money(null) as offset_amount,
    money(null) as net,
    cast(null as struct(entry_id varchar, claim_id varchar, bucket varchar, amount decimal(18, 2), vat decimal(18, 2))[]) as lines,
    cast(null as timestamptz) as updated_at
from raw
