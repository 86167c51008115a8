-- Where it is agreed that a payment the agency did not split is principal, it counts as such.
create or replace temp view entry_line as
select e.entry_id, coalesce(e.reverses, e.entry_id) as parent, e.kind, e.received_by, e.reference, e.value_date, e.currency,
       e.recorded_at, e.source_document_type, e.source_document_number, e.cancelled, line.claim_id,
       case when line.bucket = 'unallocated' and line.claim_id is not null and e.received_by = 'AGENCY' then 'principal' else line.bucket end as bucket,
       line.amount
from (select *, unnest(lines) as line from entry_now) e;
