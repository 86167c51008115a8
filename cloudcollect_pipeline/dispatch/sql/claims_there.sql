-- Claims in the attached ledger of another agency, also those made by hand, which have no reference.
select c.reference, c.document_type || ' ' || c.document_number as document,
       c.status in ('WITHDRAWN', 'REJECTED') or c.hold = 'RECALLED' as ended, k.number
from sibling.claim c
left join sibling.agency_case k on k.case_id = c.case_id and k.valid_to is null
where c.valid_to is null
order by c.claim_id;
