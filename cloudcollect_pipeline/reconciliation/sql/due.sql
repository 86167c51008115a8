-- Principal that published settlements pay out: of what is ours to mirror, and of what stood in the account at go-live.
select coalesce(sum(sl.amount), 0) as due
from settlement_line sl
where sl.bucket = 'principal' and sl.status = 'PUBLISHED'
  and (exists (select 1 from opening_item o where o.entry_id = sl.entry_id)
       or not exists (select 1 from by_hand_claim b where b.claim_id = sl.claim_id));
