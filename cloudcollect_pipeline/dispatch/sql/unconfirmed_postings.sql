-- Payments with a reference on the suspense account whose posting the journal does not know as confirmed.
select p.number, p.customer, p.reference, p.status, p.currency, p.amount, p.payment_date, e.state
from payment_now p left join effect e on e.reference = p.reference, policy
where p.cash_account = policy.suspense_cash_account and p.document_type = 'Payment'
  and coalesce(p.reference, '') <> ''
  and e.state is distinct from 'confirmed' and e.state is distinct from 'quarantined'
order by p.number;
