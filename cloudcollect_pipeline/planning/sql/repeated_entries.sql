-- A new entry id that repeats another's claims, date and amount, as long as the other one still carries something.
with pairs as (
    select later.entry_id, earlier.entry_id as earlier, later.amount
    from entry_now later
    join entry_now earlier
      on earlier.entry_id <> later.entry_id and earlier.kind = 'AGENCY_PAYMENT' and earlier.value_date = later.value_date
     and earlier.amount = later.amount and list_sort(earlier.lines) = list_sort(later.lines)
     and (earlier.recorded_at, earlier.entry_id) < (later.recorded_at, later.entry_id)
    where later.kind = 'AGENCY_PAYMENT' and not later.cancelled and not earlier.cancelled
),
carried as (
    select er.root, sum(l.amount) as amount
    from entry_root er join entry_line l using (entry_id)
    where er.root in (select earlier from pairs) and not l.cancelled
    group by er.root
)
select pairs.entry_id, min(pairs.earlier) as earlier, any_value(pairs.amount) as amount
from pairs join carried on carried.root = pairs.earlier
where carried.amount > 0
group by pairs.entry_id
order by pairs.entry_id;
