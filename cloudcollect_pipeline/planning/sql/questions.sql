-- What the agency asks about claims of ours and nobody has answered.
select q.question_id, q.claim_id, oc.document, oc.reference as transfer, oc.currency, r.customer
from persons.question q
join our_claim oc on oc.claim_id = q.claim_id
left join claimed_receivable r on r.document_type = oc.document_type and r.number = oc.document_number
where not q.answered
order by q.question_id;
