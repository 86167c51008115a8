-- What was known of one receivable, and since when.
select r.* exclude (applications), v.committed_at as known_at
from receivable r join mirror_version v on v.version = r.valid_from
where r.document_type = $document_type and r.number = $number
order by r.valid_from;
