-- Receivables that changed payments name.
select distinct line.document_type, line.number
from (select *, unnest(lines) as line from delta_payment)
where line.document_type in ('Invoice', 'DebitNote', 'OverdueCharge') and line.number is not null
order by 1, 2;
