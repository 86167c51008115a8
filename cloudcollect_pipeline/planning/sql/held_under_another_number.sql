-- A customer who is held back, and has another number in the ERP since: known by the receivables.
insert into hold_now
select distinct 'customer ' || r.customer
from receivable past
join receivable_now r on r.document_type = past.document_type and r.number = past.number
where 'customer ' || past.customer in (from hold_now) and 'customer ' || r.customer not in (from hold_now)
order by 1;
