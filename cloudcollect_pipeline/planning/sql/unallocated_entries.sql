-- Agency money that cannot be tied to claims of ours.
select e.entry_id, e.amount, string_agg(distinct coalesce(l.claim_id, '?'), ', ' order by coalesce(l.claim_id, '?')) as claims
from entry_now e join entry_line l using (entry_id)
where e.received_by = 'AGENCY' and not e.cancelled and l.amount <> 0
  and (l.bucket = 'unallocated' or l.claim_id is null
       or (l.bucket = 'principal' and not exists (
            select 1 from our_claim c join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
            where c.claim_id = l.claim_id)))
group by e.entry_id, e.amount
order by e.entry_id;
