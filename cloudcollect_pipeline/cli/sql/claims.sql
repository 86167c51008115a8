-- All claims on one receivable, with the case each is grouped in now.
select c.*, k.number as case_number, k.status as case_status,
       c.status not in ('WITHDRAWN', 'REJECTED', 'MERGED') and c.hold <> 'RECALLED' as live
from claim_now c left join agency_case_now k using (case_id)
where c.document_type = $document_type and c.document_number = $number
order by c.received_at, c.claim_id;
