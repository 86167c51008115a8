-- A record set aside, as far as its finding names it: the raw record and its reasons stay where persons are.
insert or ignore into persons.set_aside
    (side, feed, key, document_type, number, customer, reasons, raw, spool, n, first_night)
with named as (
    select regexp_extract($subject, '^(\S+) (.*)$', 1) as feed, regexp_extract($subject, '^(\S+) (.*)$', 2) as key
)
select '', feed, key,
       case when feed = 'documents' then nullif(split_part(key, ' ', 1), '') end,
       case when feed = 'documents' then nullif(split_part(key, ' ', 2), '') end,
       case when feed = 'customers' then key
            when feed = 'documents' then (
                select any_value(customer) from receivable_now
                where document_type = split_part(key, ' ', 1) and number = split_part(key, ' ', 2)
            ) end,
       '', '', '', 0, cast($night as date)
from named
where feed in ('documents', 'customers');
