-- What a number, a document's name, a case number (also a former one), or an id of the agency's may mean.
select 'receivable' as kind, document_type, number
from receivable_now
where number = $number and ($document_type is null or lower(document_type) = $document_type)
union
select 'receivable', document_type, document_number from claim_now where claim_id = $text
union
select 'case', null, case_id from agency_case where $text in (case_id, number)
union
select 'payment', document_type, number
from payment_now
where number = $number and ($document_type is null or lower(document_type) = $document_type) and document_type <> 'VoidPayment'
union
select 'entry', null, entry_id from entry_now where entry_id = $text
union
select 'settlement', null, settlement_id from settlement_now where $text in (settlement_id, number)
order by 1, 2, 3;
