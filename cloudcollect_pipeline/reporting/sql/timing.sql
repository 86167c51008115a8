-- What is not in the closing balance yet: created and not released, or dated after the night. Amounts in øre.
select case when status in ('Balanced', 'Hold') then 'created' else 'later' end as kind, number, source as subject, customer,
       case when status = 'Voided' then voided_on else payment_date end as dated,
       cast(amount * 100 as bigint) * case when status = 'Voided' then -1 else 1 end as amount
from (
    select o.*, v.payment_date as voided_on
    from own_posting o left join payment_now v on v.document_type = 'VoidPayment' and v.number = o.number
)
where status in ('Balanced', 'Hold')
   or (status <> 'Voided' and payment_date > $night)
   or (status = 'Voided' and payment_date <= $night and voided_on > $night)
union all
select 'voucher', remote_id, document, null, coalesce(details ->> '$.posted_on', details ->> '$.booking_date'), -amount
from effect
where kind = 'settlement' and state = 'confirmed'
  and coalesce(details ->> '$.posted_on', details ->> '$.booking_date', '') > cast($night as varchar)
order by kind, dated, number;
