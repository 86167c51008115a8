-- The numbers and statuses of the cases that one receivable's claims are grouped in, and since when they are known.
select k.case_id, k.number, k.status, v.committed_at as known_at
from agency_case k join mirror_version v on v.version = k.valid_from
where k.case_id in (select case_id from claim_now where document_type = $document_type and document_number = $number)
order by k.valid_from, k.case_id;
