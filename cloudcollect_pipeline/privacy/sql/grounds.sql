-- Why a customer's personal data is still needed: one row per customer and ground. Amounts in øre.
create or replace temp view ground as
select customer, 'RECEIVABLE_OPEN' as ground, count(*) as number, cast(sum(balance) * 100 as bigint) as amount
from receivable_now where status not in ('Closed', 'Voided') group by customer
union all
select r.customer, 'CLAIM_LIVE', count(*), cast(sum(c.principal_open) * 100 as bigint)
from claim_now c
join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
where c.claim_id not in (from claim_over)
group by r.customer
union all
select customer, 'MONEY_ON_SUSPENSE_ACCOUNT', count(*), cast(sum(principal - settled) as bigint) from open_item group by customer
union all
select customer, 'CREDIT_NOT_PAID_BACK', count(*), cast(sum(balance) * 100 as bigint)
from payment_now
where status in ('Hold', 'Balanced') or (status = 'Open' and balance <> 0)
group by customer
union all
select party, 'EFFECT_UNDER_WAY', count(*), null
from effect where state in ('intent', 'uncertain', 'created', 'quarantined') group by party
union all
select coalesce(s.customer, r.customer), 'RECORD_SET_ASIDE', count(*), null
from persons.set_aside s left join receivable_now r on r.number = s.number
where coalesce(s.customer, r.customer) is not null
group by all;
