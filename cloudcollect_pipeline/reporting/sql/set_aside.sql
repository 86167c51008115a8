-- A record set aside, as far as its finding names it: the raw record and its reasons stay where persons are.
insert or ignore into persons.set_aside
with named as (
    select regexp_extract($subject, '^(\S+) (.*)$', 1) as feed, regexp_extract($subject, '^(\S+) (.*)$', 2) as key
)
select '', feed, key,
       case when feed = 'documents' then nullif(split_part(key, ' ', 1), '') end,
       case when feed = 'documents' then nullif(split_part(key, ' ', 2), '') end,
       case when feed = 'customers' then key end,
       '', '', '', 0, cast($night as date)
from named
where feed in ('documents', 'customers');
