-- What was known of one payment, and since when.
select p.status, p.amount, p.balance, p.payment_date, p.cash_account, v.committed_at as known_at
from payment p join mirror_version v on v.version = p.valid_from
where p.document_type = $document_type and p.number = $number
order by p.valid_from;
