-- Whose it is: the customers that a receivable, a case, a payment, an entry or a settlement is about.
create or replace temp table about as
select customer from receivable_now where $kind = 'receivable' and document_type = $document_type and number = $number
union
select customer from payment_now where $kind = 'payment' and document_type = $document_type and number = $number
union
-- A parent's payment is about the children whose receivables it settles too.
select r.customer
from payment_line l join receivable_now r on r.document_type = l.receivable_type and r.number = l.receivable_number
where $kind = 'payment' and l.document_type = $document_type and l.number = $number
union
select r.customer
from receivable_now r
semi join (
    select * from claim_now where $kind = 'case' and case_id = $number
    union all
    select c.*
    from claim_now c
    semi join (
        select unnest(lines).claim_id as claim_id from entry_now where $kind = 'entry' and $number in (entry_id, reverses)
        union all
        select unnest(lines).claim_id from settlement_now where $kind = 'settlement' and settlement_id = $number
    ) l using (claim_id)
) c on c.document_type = r.document_type and c.document_number = r.number;
