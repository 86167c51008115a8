-- Live claims with the rules their receivables fail tonight.
select oc.claim_id, oc.reference as transfer, oc.document, oc.hold, oc.principal_open, oc.details, v.customer, v.due_date, v.currency, v.failed
from our_claim oc join verdict v on v.document = oc.document
where oc.live and oc.principal_open > 0
order by oc.document, oc.claim_id;
