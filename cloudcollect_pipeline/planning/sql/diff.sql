-- Tonight's differences, for readers: every receivable that either side has open as a claim. Each that differs is a row
-- with its reason; what is equal is only summed, in all or by a column. Built so that ten million claims cost two joins,
-- with the transfers that made them and with the receivables: both stream (a CTE that is kept would be copied whole),
-- nothing of the equal ones is written, and what explains a difference is joined to the differences alone.
create or replace {table} subledger_diff as
with transfer as not materialized (
    select reference, document from effect where kind = 'transfer' and state = 'confirmed'
),
-- Claims of ours, and transfers without one. Of these only the reference goes along: a hash table carries it anyway.
claims as (
    select t.reference, c.claim_id, c.document_type, c.document_number as number, c.principal_open
    from transfer t left join claim_now c on c.reference = t.reference
    where c.claim_id is null or c.status not in ('WITHDRAWN', 'REJECTED', 'MERGED') and c.hold <> 'RECALLED'
),
erp as not materialized (
    select document_type, number, customer, balance from receivable_now where status in ('Open', 'Closed')
),
compared as materialized (
    select if(equal, null, document_type) as document_type, if(equal, null, number) as number,
           if(equal, {equal_by}, customer) as customer, if(equal, null, claim_id) as claim_id,
           if(claim_id is null, reference, null) as unlisted, equal,
           count(*) as receivables, sum(balance) as erp_balance, sum(principal_open) as agency_open
    from (select *, coalesce(balance = principal_open, false) as equal
          from claims left join erp using (document_type, number))
    group by all
),
-- Confirmed and not listed yet.
expected as (
    select distinct split_part(document, ' ', 1) as document_type, substr(document, instr(document, ' ') + 1) as number
    from transfer where reference in (select unlisted from compared where unlisted is not null)
),
either as (
    select * exclude (unlisted) from compared where unlisted is null
    union all by name
    select document_type, number, customer, false as equal, 1 as receivables, balance as erp_balance
    from expected join erp using (document_type, number)
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
from either c
left join waiting using (document_type, number)
left join unposted using (document_type, number);
