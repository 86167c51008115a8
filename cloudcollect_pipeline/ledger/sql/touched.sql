-- Receivables that changed payments name.
select distinct line.document_type, line.number
from delta_payment, unnest(lines) as unnested(line)
where line.document_type in ('Invoice', 'DebitNote', 'OverdueCharge') and line.number is not null
order by 1, 2;
