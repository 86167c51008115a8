-- Agency money that cannot be tied to claims of ours, per original entry: what was allocated later adds up to nothing.
with known as (
    select c.claim_id from our_claim c
    join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
),
astray as (
    select er.root, coalesce(l.claim_id, '?') as claim_id, sum(l.amount) as amount
    from entry_line l
    join entry_root er using (entry_id)
    where not l.cancelled
      and (l.bucket = 'unallocated' or l.claim_id is null
           or (l.bucket = 'principal' and not exists (select 1 from known k where k.claim_id = l.claim_id)
               and not exists (select 1 from by_hand_claim b where b.claim_id = l.claim_id)))
    group by all
    having sum(l.amount) <> 0
)
select root.entry_id, root.amount, string_agg(distinct a.claim_id, ', ' order by a.claim_id) as claims
from astray a join entry_now root on root.entry_id = a.root
where root.received_by = 'AGENCY'
group by root.entry_id, root.amount
order by root.entry_id;
