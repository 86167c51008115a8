-- Principal that money received by the agency now carries, on all claims but those handed over by hand before go-live.
select coalesce(sum(l.amount), 0) as carried
from entry_line l
join entry_root er using (entry_id)
join entry_now root on root.entry_id = er.root
where root.received_by = 'AGENCY' and l.bucket = 'principal' and not l.cancelled
  and not exists (select 1 from by_hand_claim b where b.claim_id = l.claim_id);
