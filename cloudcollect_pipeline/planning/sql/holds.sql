-- Live claims with the rules their receivables fail tonight; closed ones where the settings may want more than that. What
-- is not held, fails no rule that could hold it and is due when it was is left out: there is nothing to do about it.
select oc.claim_id, oc.reference as transfer, oc.document, oc.hold, oc.principal_open, oc.details, v.customer, v.due_date, v.currency, v.failed
from our_claim oc join verdict v on v.document = oc.document
where oc.live and (oc.principal_open > 0 or list_has_any(v.failed, ['NOT_CREDITED', 'NOT_WRITTEN_OFF']))
  and (oc.hold <> 'NONE'
       or list_has_any(v.failed, ['NOT_DISPUTED', 'NOT_EXCLUDED', 'CUSTOMER_NOT_EXCLUDED', 'ROUTED_HERE', 'NOT_WRITTEN_OFF', 'NOT_CREDITED'])
       or cast(v.due_date as varchar) > coalesce(oc.details ->> '$.due_date', '9999'))
order by oc.document, oc.claim_id;
