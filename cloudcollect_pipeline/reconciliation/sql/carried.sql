-- Principal that money received by the agency now carries, on claims of ours or not.
select coalesce(sum(l.amount), 0) as carried
from entry_line l
join entry_root er using (entry_id)
join entry_now root on root.entry_id = er.root
where root.received_by = 'AGENCY' and l.bucket = 'principal' and not l.cancelled;
