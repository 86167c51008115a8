-- Both subledgers side by side, once: every receivable that either side has open as a claim.
create or replace table subledger_diff as
with erp as (
    select document_type, number, customer, status, balance from receivable_now where status in ('Open', 'Closed')
),
claims as (
    select * from our_claim where live
),
expected as (
    select distinct e.document from effect e
    where e.kind = 'transfer' and e.state = 'confirmed' and not exists (select 1 from claim_now c where c.reference = e.reference)
),
waiting as (
    select document, true as waits from effect
    where state in ('intent', 'uncertain', 'created', 'quarantined') group by document
),
unposted as (
    select document, sum(carried) as carried
    from entry_principal ep
    where not exists (
        select 1 from own_posting o
        where o.source = ep.root || ':' || ep.customer and o.status in ('Open', 'Closed'))
    group by document
)
select coalesce(erp.document_type, c.document_type) as document_type,
       coalesce(erp.number, c.document_number) as number, erp.customer, c.claim_id,
       erp.balance as erp_balance, c.principal_open as agency_open,
       coalesce(erp.balance, 0) - coalesce(c.principal_open, 0) as difference,
       case
           when erp.number is null then 'missing at ERP'
           when c.claim_id is null then 'missing at agency'
           when erp.balance = c.principal_open then 'equal'
           when waiting.waits then 'in flight'
           when coalesce(unposted.carried, 0) <> 0 and erp.balance - c.principal_open = unposted.carried then 'agency payment not posted'
           when erp.balance < c.principal_open then 'reduction due'
           when coalesce(unposted.carried, 0) <> 0 then 'agency payment not posted'
           else 'agency lower'
       end as class
from erp
full outer join claims c on c.document_type = erp.document_type and c.document_number = erp.number
left join waiting on waiting.document = c.document
left join unposted on unposted.document = c.document
left join expected on expected.document = erp.document_type || ' ' || erp.number
where c.claim_id is not null or expected.document is not null;
