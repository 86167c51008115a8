select p.root, p.claim_id, p.document, p.customer, p.currency, p.value_date, p.carried
from entry_principal p
where p.customer in (select customer from planned_customer)
order by p.customer, p.value_date, p.root, p.document;
