-- Claims in the attached ledger of another agency, also those made by hand, which have no reference. What we recalled
-- there may go elsewhere; what that agency gave back, or the debtor disputes, only when a person says so.
select c.reference, c.document_type || ' ' || c.document_number as document,
       c.status in ('WITHDRAWN', 'REJECTED') or c.hold = 'RECALLED' as ended,
       ended and (c.hold <> 'RECALLED' or c.disputed) as given_back, k.number
from sibling.claim c
left join sibling.agency_case k on k.case_id = c.case_id and k.valid_to is null
where c.valid_to is null
order by c.claim_id;
