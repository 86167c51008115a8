-- One money fact at the agency with what reverses or reallocates it, per claim and bucket.
select l.entry_id, l.parent = l.entry_id as original, l.kind, l.received_by, l.value_date, l.recorded_at, l.currency, l.cancelled,
       l.reference, l.claim_id, l.bucket, l.amount, c.document_type || ' ' || c.document_number as document
from entry_line l left join claim_now c using (claim_id)
where l.entry_id in (select entry_id from entry_root where root = $root)
order by l.recorded_at, l.entry_id, l.claim_id, l.bucket;
