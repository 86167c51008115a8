-- Whether a settlement names claims and no entries.
select exists (
    select 1 from settlement s, unnest(s.lines) as unnested(line)
    where line.entry_id is null and line.bucket = 'principal'
);
