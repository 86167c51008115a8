-- By which keys a customer's records are known, now or ever before.
with document as (
    select document_type, number from receivable where customer = $customer
    union
    select document_type, number from payment where customer = $customer
),
handed_over as (
    select c.claim_id, c.case_id from claim c
    join document d on d.document_type = c.document_type and d.number = c.document_number
)
select 'customer' as kind, number as key from customer where number = $customer
union
select 'document', number from document
union
select 'claim', claim_id from handed_over
union
select 'case', case_id from handed_over where case_id is not null
order by all;
