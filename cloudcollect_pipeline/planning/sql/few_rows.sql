-- What each source should list, by what we wrote or know there, and what of it the mirror has.
select 'agency claims' as source, count(*) as expected, count(c.claim_id) as listed
from effect e left join claim_now c on c.reference = e.reference
where e.kind = 'transfer' and e.state = 'confirmed'
union all
select 'erp documents', count(*), count(r.number)
from our_claim c
left join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
union all
select 'erp payments', count(*), count(p.number)
from effect e left join payment_now p on p.document_type = 'Payment' and p.reference = e.reference
where e.kind = 'posting' and e.state = 'confirmed'
order by source;
