-- What settles one receivable, and what has been voided since.
with paid as (
    select document_type, number, reference, payment_date, paid, write_off, false as voided
    from application
    where receivable_type = $document_type and receivable_number = $number
    union all
    select document_type, number, any_value(reference), min(payment_date), max(paid), max(write_off), true
    from payment_line
    where receivable_type = $document_type and receivable_number = $number and status = 'Voided'
    group by document_type, number
)
select paid.*, e.reference is not null as ours
from paid left join effect e on e.reference = paid.reference and e.kind = 'posting'
where paid.paid <> 0 or paid.write_off <> 0
order by paid.payment_date, paid.document_type, paid.number;
