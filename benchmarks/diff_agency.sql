-- The agency's side with what is compared, under the same names, in an order of its own.
select document_type, document_number as number, case_id as customer, currency, principal_open as balance, status
from claim where valid_to is null order by hash(claim_id)
