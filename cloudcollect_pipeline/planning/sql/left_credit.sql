-- Postings of agency money that settle less than they are worth.
select p.reference, p.number, p.customer, p.balance
from payment_now p join effect e on e.reference = p.reference and e.kind = 'posting'
where p.document_type = 'Payment' and p.status = 'Open' and p.balance > 0
order by p.reference;
