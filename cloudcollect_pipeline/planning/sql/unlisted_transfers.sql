-- Confirmed transfers that the agency does not list yet.
select e.reference, e.document, e.amount
from effect e
where e.kind = 'transfer' and e.state = 'confirmed'
  and not exists (select 1 from claim_now c where c.reference = e.reference)
order by e.reference;
