-- Receivables of ours whose claims carry entries that a person decided to leave as they are.
select distinct c.document
from entry_line l join our_claim c on c.claim_id = l.claim_id
where l.entry_id in (select unnest(cast($entries as varchar[])))
order by c.document;
