-- Money facts at the agency on one receivable's claims.
select l.entry_id, l.kind, l.received_by, l.value_date, l.recorded_at, l.cancelled, e.reference is not null as ours,
       coalesce(sum(l.amount) filter (l.bucket = 'principal'), 0) as principal,
       coalesce(sum(l.amount) filter (l.bucket <> 'principal'), 0) as other
from entry_line l
join claim_now c using (claim_id)
left join effect e on e.reference = l.reference
where c.document_type = $document_type and c.document_number = $number
group by all
order by l.recorded_at, l.entry_id;
