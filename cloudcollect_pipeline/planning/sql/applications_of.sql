select r.customer, r.document_type || ' ' || r.number as receivable, a.document_type || ' ' || a.number as document,
       a.paid, a.write_off, a.payment_date, e.source as posting_source
from receivable_now r
join application a on a.receivable_type = r.document_type and a.receivable_number = r.number
left join effect e on e.reference = a.reference and e.kind = 'posting'
where r.customer in (select customer from planned_customer)
order by receivable, document;
