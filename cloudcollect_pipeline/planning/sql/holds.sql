-- Live claims with the rules their receivables fail tonight; closed ones where the settings may want more than that.
select oc.claim_id, oc.reference as transfer, oc.document, oc.hold, oc.principal_open, oc.details, v.customer, v.due_date, v.currency, v.failed
from our_claim oc join verdict v on v.document = oc.document
where oc.live and (oc.principal_open > 0 or list_has_any(v.failed, ['NOT_CREDITED', 'NOT_WRITTEN_OFF']))
order by oc.document, oc.claim_id;
