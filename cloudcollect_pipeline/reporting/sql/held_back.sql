-- Receivables that are ripe for collection and kept back all the same.
select document, customer, cast(balance * 100 as bigint) as ore, failed
from verdict
where len(failed) > 0 and not list_has_any(failed, ['OPEN', 'PICKED', 'OLD_ENOUGH', 'NO_LIVE_CLAIM'])
order by document;
