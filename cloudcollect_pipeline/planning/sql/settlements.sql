-- Settlements with what their lines add up to.
select s.*, coalesce(l.principal_lines, 0) as principal_lines, coalesce(l.roots, []) as items, coalesce(l.unknown, []) as unknown
from settlement_now s
left join (
    select sl.settlement_id, sum(sl.amount) filter (sl.bucket = 'principal') as principal_lines,
           list(distinct er.root order by er.root)
               filter (er.root is not null and sl.bucket = 'principal' and sl.amount <> 0) as roots,
           list(distinct sl.entry_id order by sl.entry_id) filter (er.root is null) as unknown
    from settlement_line sl left join entry_root er using (entry_id)
    group by sl.settlement_id
) l using (settlement_id)
order by s.booking_date, s.settlement_id;
