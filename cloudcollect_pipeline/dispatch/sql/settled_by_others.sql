-- What documents that are not our own postings settle of a receivable, the oldest first.
select a.document_type || ' ' || a.number as document, a.paid + a.write_off as net
from application a, policy
where a.receivable_type = $type and a.receivable_number = $number
  and coalesce(a.cash_account, '') <> policy.suspense_cash_account
order by a.payment_date, document;
