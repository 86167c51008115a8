-- Receivables that changed payments name and that were not read themselves.
select distinct line.document_type, line.number
from delta_payment, unnest(lines) as unnested(line)
where line.document_type in ('Invoice', 'DebitNote', 'OverdueCharge') and line.number is not null
  and not exists (select 1 from delta_document d where d.document_type = line.document_type and d.number = line.number)
order by 1, 2;
