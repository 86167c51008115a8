-- Receivables that a payment line names and the ERP does not list.
select distinct l.document_type || ' ' || l.number as payment,
       l.receivable_type || ' ' || l.receivable_number as document
from payment_line l
where l.receivable_type in ('Invoice', 'DebitNote', 'OverdueCharge')
  and not exists (
      select 1 from receivable_now r where r.document_type = l.receivable_type and r.number = l.receivable_number)
order by 1, 2;
