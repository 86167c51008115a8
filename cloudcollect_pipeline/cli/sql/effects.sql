-- Our effects on one receivable: its transfers, what hangs on them, its case numbers, and postings of agency money on it.
with transfers as (
    select reference from effect where kind = 'transfer' and document = $document_type || ' ' || $number
),
postings as (
    select reference from effect
    where kind = 'posting'
      and list_contains(json_keys(json_extract(details, '$.carried')), $document_type || ' ' || $number)
)
select e.*
from effect e
where e.document = $document_type || ' ' || $number
   or e.reference in (from transfers) or e.source in (from transfers)
   or e.reference in (from postings) or e.source in (from postings)
order by e.seq;
