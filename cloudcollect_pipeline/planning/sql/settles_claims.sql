-- Whether a settlement names claims and no entries.
select exists (
    select 1 from (select *, unnest(lines) as line from settlement) s
    where line.entry_id is null and line.bucket = 'principal'
);
