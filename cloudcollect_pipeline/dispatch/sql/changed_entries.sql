-- Entries with news since the plan: mirrored after the version it was made of, or just read and not as mirrored.
select f.entry_id, coalesce(f.reverses, '') as reverses, coalesce(er.root, '') as root
from fresh_entry f
left join entry_root er on er.entry_id = f.reverses
left join entry_now e on e.entry_id = f.entry_id
where e.entry_id is null or (e.amount, e.lines, e.cancelled) is distinct from (f.amount, f.lines, f.cancelled)
union
select e.entry_id, coalesce(e.reverses, ''), er.root
from entry e join entry_root er using (entry_id)
where e.valid_from > $version
order by 1, 2, 3;
