select c.claim_id, c.reference as transfer, c.document, c.currency, c.principal, c.transferred, c.principal_open,
       c.live, c.details, r.customer, r.balance, r.number is not null as receivable_known,
       f.receivable is not null or fc.customer is not null or (select bool_or(everything) from fence) is true as fenced
from our_claim c
join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
left join (select distinct receivable from fence where receivable is not null) f on f.receivable = c.document
left join (select distinct customer from fence where customer is not null) fc on fc.customer = r.customer
where r.customer in (select customer from planned_customer)
order by r.customer, c.document, c.ordinal;
