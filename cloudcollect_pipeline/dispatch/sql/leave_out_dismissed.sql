-- What a person dismissed is no more to the guard than to the plan.
delete from {table}
where ({breaks}) and $feed || ' ' || {key} in (select subject from dismissed);
