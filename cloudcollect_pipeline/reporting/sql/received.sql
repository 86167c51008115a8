-- What the agency recorded and we first knew on the night, without what we reported ourselves. Amounts in øre.
with first_known as (
    select entry_id, min(valid_from) as version from entry group by entry_id
)
select e.entry_id as entry, e.kind, e.received_by, r.customer,
       string_agg(distinct c.document_type || ' ' || c.document_number, ', ' order by c.document_type || ' ' || c.document_number) as documents,
       cast(100 * coalesce(sum(l.amount) filter (l.bucket = 'principal'), 0) as bigint) as principal,
       cast(100 * coalesce(sum(l.amount) filter (l.bucket <> 'principal'), 0) as bigint) as other, e.value_date, e.cancelled
from entry_now e
join first_known f using (entry_id)
join mirror_version v on v.version = f.version and v.night = $night
left join entry_line l using (entry_id)
left join claim_now c on c.claim_id = l.claim_id
left join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
where not exists (select 1 from effect ours where ours.reference = e.reference)
group by all
order by e.value_date, e.entry_id, r.customer;
