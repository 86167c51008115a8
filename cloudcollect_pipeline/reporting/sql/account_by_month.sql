-- The account by month of posting: ours, from effects and documents; the general ledger, from its lines. Amounts in øre.
with posting as (
    select o.status, o.amount, o.payment_date, v.payment_date as voided_on
    from own_posting o left join payment_now v on v.document_type = 'VoidPayment' and v.number = o.number
    where o.status not in ('Balanced', 'Hold') and o.payment_date <= $night
),
told as (
    select amount, coalesce(details ->> '$.posted_on', details ->> '$.booking_date', '') as booked_on, night
    from effect where kind = 'settlement' and state = 'confirmed'
),
term as (
    select payment_date as on_day, cast(amount * 100 as bigint) as posted, 0 as reversed, 0 as settled, 0 as foreign_, 0 as ledger from posting
    union all
    select coalesce(voided_on, payment_date), 0, cast(amount * 100 as bigint), 0, 0, 0
    from posting where status = 'Voided' and (voided_on is null or voided_on <= $night)
    union all
    select coalesce(try_cast(booked_on as date), night), 0, 0, amount, 0, 0 from told where booked_on <= cast($night as varchar)
    union all
    select posting_date, 0, 0, 0, case when movement = 'foreign' then cast(amount * 100 as bigint) else 0 end, cast(amount * 100 as bigint)
    from suspense_movement where posting_date >= $go_live
)
select cast(date_trunc('month', on_day) as date) as month, cast(sum(posted) as bigint) as posted, cast(sum(reversed) as bigint) as reversed,
       cast(sum(settled) as bigint) as settled, cast(sum(foreign_) as bigint) as foreign_, cast(sum(ledger) as bigint) as ledger
from term
group by all
order by month;
