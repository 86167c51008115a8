-- Entries alike in claims, date and amount, by group, in the order in which they were recorded. `carries`: something is
-- left after what was taken back.
with alike as (
    select list(entry_id order by recorded_at, entry_id) as entries, amount
    from entry_now
    where kind = 'AGENCY_PAYMENT' and not cancelled
    group by value_date, amount, list_sort(lines)
    having count(*) > 1
),
each as (
    select entries[1] as first, amount, unnest(entries) as entry_id, generate_subscripts(entries, 1) as position from alike
),
carried as (
    select er.root, sum(l.amount) as amount
    from entry_root er join entry_line l using (entry_id)
    where er.root in (select entry_id from each) and not l.cancelled
    group by er.root
)
select each.first, each.entry_id, each.amount, coalesce(carried.amount, 0) > 0 as carries
from each left join carried on carried.root = each.entry_id
order by each.first, each.position;
