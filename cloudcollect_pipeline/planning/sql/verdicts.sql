-- The rules each candidate fails, in the registry's order: none for a receivable that may be transferred.
insert into verdict
select c.document_type, c.number, c.document_type || ' ' || c.number as document, c.customer, c.currency, c.balance, c.amount,
       c.document_date, c.due_date, c.kid, c.dunning_level, c.dunning_date, c.past_claims, c.live_claims, c.disputed_before,
       list_filter([{failed_codes}], lambda code: code is not null) as failed
from candidate c, policy p;
