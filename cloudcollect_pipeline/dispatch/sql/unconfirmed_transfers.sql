-- Claims the agency lists whose transfer the journal does not know as confirmed.
select c.claim_id, c.reference, c.document_type, c.document_number, c.currency, c.principal,
       r.customer, r.amount, r.due_date, e.state
from claim_now c
left join effect e on e.reference = c.reference and e.kind = 'transfer'
left join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
where e.state is distinct from 'confirmed' and e.state is distinct from 'quarantined'
order by c.status in ('WITHDRAWN', 'REJECTED', 'MERGED') or c.hold = 'RECALLED', c.claim_id;
