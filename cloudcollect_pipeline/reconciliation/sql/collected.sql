-- Principal the agency has collected by its claims' own balances: handed over, not open any more, and not by reductions.
-- Independent of the entries that carry it, so that the second identity can fail.
with counted as (
    select * from claim_now c where not exists (select 1 from by_hand_claim b where b.claim_id = c.claim_id)
)
select (select coalesce(sum(principal - principal_open), 0) from counted)
     - (select coalesce(sum(l.amount), 0)
        from entry_line l join entry_root er using (entry_id) join entry_now root on root.entry_id = er.root
        where root.received_by is distinct from 'AGENCY' and l.bucket = 'principal' and not l.cancelled
          and not exists (select 1 from by_hand_claim b where b.claim_id = l.claim_id)) as collected;
