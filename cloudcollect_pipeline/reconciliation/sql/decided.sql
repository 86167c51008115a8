-- The receivables of ours whose claims an entry stands on.
select distinct c.document
from entry_line l join our_claim c on c.claim_id = l.claim_id
where l.entry_id = $entry
order by c.document;
