-- Receivables that changed payments name and that were not read themselves.
select distinct line.document_type, line.number
from delta_payment, unnest(lines) as unnested(line)
where line.document_type in ('Invoice', 'DebitNote', 'OverdueCharge') and line.number is not null
  and (line.document_type, line.number) not in (select document_type, number from delta_document)
order by 1, 2;
