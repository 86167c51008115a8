-- Tonight's differences, for readers: every receivable that either side has open as a claim. Each that differs is a row
-- with the reason; what is equal is only summed, in all or by a column. Built so that ten million claims cost two joins,
-- one with the transfers that made them and one with the receivables, and nothing of the equal ones is written.
create or replace {table} subledger_diff as
with claims as (
    -- A confirmed transfer without a claim is not listed yet.
    select c.claim_id, c.principal_open, coalesce(c.document_type, split_part(e.document, ' ', 1)) as document_type,
           coalesce(c.document_number, substr(e.document, instr(e.document, ' ') + 1)) as number
    from effect e left join claim_now c on c.reference = e.reference
    where e.kind = 'transfer' and e.state = 'confirmed'
      and (c.claim_id is null or c.status not in ('WITHDRAWN', 'REJECTED', 'MERGED') and c.hold <> 'RECALLED')
),
erp as (
    select document_type, number, customer, balance from receivable_now where status in ('Open', 'Closed')
),
side_by_side as (
    select *, claim_id is not null and coalesce(balance = principal_open, false) as equal
    from claims left join erp using (document_type, number)
    where claim_id is not null or balance is not null
),
-- Two transfers that are not listed yet may be of one receivable.
compared as materialized (
    select if(equal, null, document_type) as document_type, if(equal, null, number) as number,
           if(equal, {equal_by}, customer) as customer, if(equal, null, claim_id) as claim_id, equal,
           if(any_value(equal), count(*), 1) as receivables,
           if(any_value(equal), sum(balance), max(balance)) as erp_balance,
           if(any_value(equal), sum(principal_open), max(principal_open)) as agency_open
    from side_by_side
    group by all
),
waiting as (
    select distinct split_part(document, ' ', 1) as document_type, substr(document, instr(document, ' ') + 1) as number,
           true as waits
    from effect where state in ('intent', 'uncertain', 'created', 'quarantined')
),
unposted as (
    select document_type, document_number as number, sum(carried) as carried
    from entry_principal ep
    where not exists (
        select 1 from own_posting o
        where o.source = ep.root || ':' || ep.customer and o.status in ('Open', 'Closed'))
    group by all
)
select document_type, number, c.customer, c.claim_id, c.receivables, c.erp_balance, c.agency_open,
       coalesce(c.erp_balance, 0) - coalesce(c.agency_open, 0) as difference,
       case
           when equal then 'equal'
           when c.erp_balance is null then 'missing at ERP'
           when c.claim_id is null then 'missing at agency'
           when waiting.waits then 'in flight'
           when coalesce(unposted.carried, 0) <> 0 and c.erp_balance - c.agency_open = unposted.carried
               then 'agency payment not posted'
           when c.erp_balance < c.agency_open then 'reduction due'
           when coalesce(unposted.carried, 0) <> 0 then 'agency payment not posted'
           else 'agency lower'
       end as class
from compared c
left join waiting using (document_type, number)
left join unposted using (document_type, number);
