-- Settlements with their terms, what they pay out of the account, and the vouchers that booked them by the night.
with due as (
    select settlement_id, sum(amount) as due from due_line group by settlement_id
),
voucher as (
    select details ->> '$.settlement_id' as settlement_id, sum(amount) as booked,
           string_agg(remote_id, ', ' order by reference) as vouchers,
           max(coalesce(details ->> '$.posted_on', details ->> '$.booking_date')) as booked_on
    from effect
    where kind = 'settlement' and state = 'confirmed'
      and coalesce(details ->> '$.posted_on', details ->> '$.booking_date', '') <= cast($night as varchar)
    group by all
)
select coalesce(s.number, v.settlement_id) as number, s.status, s.booking_date, s.payout_date, v.vouchers, cast(v.booked_on as date) as booked_on,
       s.principal, s.interest, s.fees, s.commission, s.expenses, s.vat, s.offset_amount, s.net,
       coalesce(d.due, 0) as due, coalesce(v.booked, 0) as booked
from settlement_now s
full outer join voucher v using (settlement_id)
left join due d using (settlement_id)
order by s.booking_date, number;
