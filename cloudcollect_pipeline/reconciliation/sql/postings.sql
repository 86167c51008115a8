-- Our released postings and when they, and their voids, count in the general ledger.
select o.reference, o.number, o.status, o.amount, o.payment_date, v.payment_date as voided_on
from own_posting o
left join payment_now v on v.document_type = 'VoidPayment' and v.number = o.number
where o.status not in ('Balanced', 'Hold')
order by o.reference;
