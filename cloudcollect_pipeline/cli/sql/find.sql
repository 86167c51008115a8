-- The receivable that a number, a case number (also a former one) or a claim's id names.
select distinct r.*
from receivable_now r
where (r.number = $number and ($document_type is null or lower(r.document_type) = $document_type))
   or exists (
       select 1 from claim_now c
       left join agency_case k on k.case_id = c.case_id
       where c.document_type = r.document_type and c.document_number = r.number and $text in (c.claim_id, k.number))
order by r.document_type, r.number;
