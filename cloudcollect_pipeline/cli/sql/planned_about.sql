-- The effects of a stored plan (in the journal) whose text has one of these names in it.
select body from planned_effect
where hash = ? and exists (select 1 from json_each(?) name where instr(body, name.value) > 0)
order by position;
