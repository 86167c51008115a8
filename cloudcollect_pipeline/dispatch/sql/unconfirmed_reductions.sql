-- Entries with a reference on claims of ours whose reduction the journal does not know as confirmed.
select e.entry_id, e.reference, e.currency, sum(l.amount) as amount, e.source_document_type, e.source_document_number,
       e.kind, e.value_date, any_value(c.claim_id) as claim_id, any_value(c.reference) as transfer,
       any_value(c.document) as document, any_value(f.state) as state, any_value(r.customer) as customer
from entry_now e
join entry_line l using (entry_id)
join our_claim c on c.claim_id = l.claim_id
left join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
left join effect f on f.reference = e.reference
where coalesce(e.reference, '') <> ''
  and f.state is distinct from 'confirmed' and f.state is distinct from 'quarantined'
group by all
order by e.entry_id;
