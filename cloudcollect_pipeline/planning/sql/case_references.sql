-- Invoices that do not show the agency's case as the agency words it now; the newest episode counts, whatever became of
-- it. Once it has ended otherwise than by being paid, only what the invoice still says about that very case is kept up:
-- a field that somebody has cleared or given to another case since is theirs.
with newest as (
    select oc.* from our_claim oc qualify row_number() over (partition by oc.document order by oc.ordinal desc) = 1
)
select oc.document, oc.document_type, oc.document_number, r.customer, r.currency, k.number as case_number, k.status as case_status,
       coalesce(k.url, '') as case_url, oc.reference as transfer, r.status,
       r.case_number as shown_number
from newest oc
join agency_case_now k using (case_id)
join claimed_receivable r on r.document_type = oc.document_type and r.number = oc.document_number
where oc.document_type = 'Invoice' and oc.status not in ('REJECTED', 'MERGED')
  and (coalesce(r.case_number, ''), coalesce(r.case_status, ''), coalesce(r.case_url, ''))
      is distinct from (k.number, k.status, coalesce(k.url, ''))
  and (r.status = 'Open' or coalesce(r.case_number, '') <> k.number)
  and (oc.live or coalesce(r.case_number, '') = k.number)
  and not (not oc.live and exists (select 1 from elsewhere e where e.document = oc.document and e.live))
order by oc.document;
