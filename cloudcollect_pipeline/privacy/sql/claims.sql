-- Ids of all claims on these customers' receivables.
select distinct c.claim_id
from claim c join receivable r on r.document_type = c.document_type and r.number = c.document_number
where r.customer in (select unnest($customers))
order by c.claim_id;
