-- Receivables that pass every rule, largest order first by due date.
select c.document_type, c.number, c.customer, c.currency, c.balance, c.amount, c.document_date, c.due_date, c.kid,
       c.dunning_level, c.dunning_date, c.past_claims, c.business
from candidate c, policy p
where {all_rules}
order by c.due_date, c.document_type, c.number;
