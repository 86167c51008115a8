-- The rules each candidate fails, in the registry's order.
select c.document_type, c.number, c.customer, c.currency, c.balance, c.due_date, c.past_claims,
       list_filter([{failed_codes}], lambda code: code is not null) as failed
from candidate c, policy p
order by c.document_type, c.number;
