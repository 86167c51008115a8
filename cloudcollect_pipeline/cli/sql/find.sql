-- What a number, a document's name, a case number (also a former one), or an id of the agency's may mean; a word before
-- it (invoice, payment, case, settlement, claim, entry) says which.
with meant as (
    select $number as number, $word as word
    union
    select $text, null
)
select 'receivable' as kind, r.document_type, r.number
from receivable_now r join meant m on m.number = r.number and (m.word is null or m.word = lower(r.document_type))
union
select 'receivable', c.document_type, c.document_number
from claim_now c join meant m on m.number = c.claim_id and (m.word is null or m.word = 'claim')
union
select 'case', null, k.case_id
from agency_case k join meant m on m.number in (k.case_id, k.number) and (m.word is null or m.word = 'case')
union
select 'payment', p.document_type, p.number
from payment_now p join meant m on m.number = p.number and (m.word is null or m.word = lower(p.document_type))
where p.document_type <> 'VoidPayment'
union
select 'entry', null, e.entry_id
from entry_now e join meant m on m.number = e.entry_id and (m.word is null or m.word = 'entry')
union
select 'settlement', null, s.settlement_id
from settlement_now s join meant m on m.number in (s.settlement_id, s.number) and (m.word is null or m.word = 'settlement')
order by 1, 2, 3;
