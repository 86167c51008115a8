-- Records just read that break their contract, and that nobody has dismissed: nothing may be judged by them.
select {key} as key from {table}
where ({breaks}) and $feed || ' ' || {key} not in (select subject from dismissed)
order by n;
