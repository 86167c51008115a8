-- Entries that are alike in claims, date and amount, each with every twin that still carries something. `first`: the
-- twin was recorded before it.
with pairs as (
    select one.entry_id, other.entry_id as twin, one.amount,
           (other.recorded_at, other.entry_id) < (one.recorded_at, one.entry_id) as first
    from entry_now one
    join entry_now other
      on other.entry_id <> one.entry_id and other.kind = 'AGENCY_PAYMENT' and other.value_date = one.value_date
     and other.amount = one.amount and list_sort(other.lines) = list_sort(one.lines)
    where one.kind = 'AGENCY_PAYMENT' and not one.cancelled and not other.cancelled
),
carried as (
    select er.root, sum(l.amount) as amount
    from entry_root er join entry_line l using (entry_id)
    where er.root in (select twin from pairs) and not l.cancelled
    group by er.root
)
select pairs.entry_id, pairs.twin, pairs.amount, pairs.first
from pairs join carried on carried.root = pairs.twin
where carried.amount > 0
order by pairs.entry_id, pairs.twin;
