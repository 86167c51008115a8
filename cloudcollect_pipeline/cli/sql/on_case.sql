-- The receivables that a case groups; a claim whose receivable the ERP does not list has none.
select r.*
from receivable_now r
semi join (from claim_now where case_id = $number) c on c.document_type = r.document_type and c.document_number = r.number
order by r.document_type, r.number;
