-- Live claims and the mark of their debtor's data now, beside the mark of what the agency was told last.
with latest as (
    select source, arg_max(json_extract_string(details, '$.debtor'), ordinal) as last_told
    from effect where kind = 'debtor' and state = 'confirmed' group by source
)
select oc.claim_id, oc.reference as transfer, oc.document, oc.document_type, oc.document_number, r.customer, oc.currency,
       coalesce(latest.last_told, json_extract_string(oc.details, '$.debtor')) as told,
       md5(concat_ws(chr(31), oc.reference, coalesce(p.name, ''), coalesce(cu.organisation_number, ''), coalesce(p.address, ''),
                     coalesce(p.postal_code, ''), coalesce(p.city, ''), coalesce(cu.country, 'NO'), coalesce(p.email, ''),
                     coalesce(p.phone, ''))) as mark
from our_claim oc
join claimed_receivable r on r.document_type = oc.document_type and r.number = oc.document_number
join customer_now cu on cu.number = r.customer
join person_now p on p.customer = r.customer
left join latest on latest.source = oc.reference
where oc.live and oc.principal_open > 0 and told is distinct from mark
order by oc.document, oc.claim_id;
