-- Entries that were derived from the balances of these claims, as mirrored.
select line.claim_id, e.entry_id, e.reverses, e.currency, e.value_date, e.recorded_at, e.lines
from (select *, unnest(lines[1:1]) as line from entry_now) e
where line.claim_id in (select unnest($claims)) and starts_with(e.entry_id, line.claim_id || '#')
order by line.claim_id, e.recorded_at, length(e.entry_id), e.entry_id;
