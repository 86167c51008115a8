-- Entries that we posted for a customer who no longer has a claim in them: the ERP knows the customer by another number
-- now. Where an agency moves money to another customer's claim, the first one keeps a claim that carries nothing.
select p.root, p.customer, min(e.party) as former
from (select distinct root, customer from entry_principal where customer in (select customer from planned_customer)) p
join effect e on e.kind = 'posting' and e.document = p.root and e.party <> p.customer
where e.state in ('intent', 'uncertain', 'created', 'confirmed', 'quarantined')
  and not exists (select 1 from entry_principal o where o.root = p.root and o.customer = e.party)
  and not exists (
      select 1 from payment_now v
      where v.reference = e.reference and v.document_type = 'Payment' and v.status = 'Voided'
  )
group by all
order by 1, 2;
