-- The terms of the account by ERP posting date, and the documents on which our own effects and the general ledger's
-- lines do not agree. Amounts in øre.
with posting as (
    select o.number, cast(100 * o.amount as bigint) as amount, o.status = 'Voided' as voided, o.payment_date > $night as later,
           coalesce(v.payment_date > $night, false) as voided_later
    from own_posting o
    left join payment_now v on v.document_type = 'VoidPayment' and v.number = o.number
    where o.status not in ('Balanced', 'Hold')
),
voucher as (
    select 'voucher ' || coalesce(remote_id, '?') as document, amount,
           coalesce(details ->> '$.posted_on', details ->> '$.booking_date', '') > cast($night as varchar) as later
    from effect where kind = 'settlement' and state = 'confirmed'
),
term as (
    select number as document, if(later, 0, amount) as posted, if(voided and not later and not voided_later, amount, 0) as reversed,
           0 as settled, case when later and not voided then amount when voided and not later and voided_later then -amount else 0 end as dated_later,
           0 as foreign_, 0 as ledger
    from posting
    union all
    select document, 0, 0, if(later, 0, amount), if(later, -amount, 0), 0, 0 from voucher
    union all
    select if(movement = 'settled', 'voucher ' || document, document), 0, 0, 0, 0,
           if(movement = 'foreign', cast(100 * amount as bigint), 0), if(movement = 'foreign', 0, cast(100 * amount as bigint))
    from suspense_movement where posting_date >= $go_live
),
by_document as (
    select document, sum(posted) as posted, sum(reversed) as reversed, sum(settled) as settled, sum(dated_later) as dated_later,
           sum(foreign_) as foreign_, sum(ledger) as ledger, sum(posted) - sum(reversed) - sum(settled) as ours
    from term group by document
)
select cast(coalesce(sum(posted), 0) as bigint) as posted, cast(coalesce(sum(reversed), 0) as bigint) as reversed,
       cast(coalesce(sum(settled), 0) as bigint) as settled, cast(coalesce(sum(dated_later), 0) as bigint) as dated_later,
       cast(coalesce(sum(foreign_), 0) as bigint) as foreign_, cast(coalesce(sum(ledger), 0) as bigint) as ledger,
       coalesce(list({'document': document, 'ours': cast(ours as bigint), 'ledger': cast(ledger as bigint)} order by document)
                filter (ours <> ledger), []) as unexplained
from by_document;
