-- Live claims with the stop rules they hit tonight.
select oc.claim_id, oc.reference as transfer, oc.document, oc.hold, oc.principal_open, oc.details, c.customer, c.due_date, c.currency,
       list_filter([{failed_codes}], lambda code: code is not null) as failed
from our_claim oc
join candidate c on c.document_type = oc.document_type and c.number = oc.document_number, policy p
where oc.live and oc.principal_open > 0
order by oc.document, oc.claim_id;
