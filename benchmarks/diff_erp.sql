-- The ERP's side with what is compared.
select document_type, number, customer, currency, balance, status from receivable where valid_to is null
