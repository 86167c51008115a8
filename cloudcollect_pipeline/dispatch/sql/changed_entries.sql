-- Entries just read that the mirror does not have, or has with another content.
select f.entry_id, coalesce(f.reverses, '') as reverses, coalesce(er.root, '') as root
from fresh_entry f
left join entry_root er on er.entry_id = f.reverses
left join entry_now e on e.entry_id = f.entry_id
where e.entry_id is null or (e.amount, e.lines, e.cancelled) is distinct from (f.amount, f.lines, f.cancelled);
