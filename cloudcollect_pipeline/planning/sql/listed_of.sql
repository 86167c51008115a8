-- Creditor-side entries on the claims of the customers being planned; a reversal counts for what it reverses. A credit
-- or a write-off is received by nobody.
select l.claim_id, l.entry_id, e.kind, e.cancelled, sum(l.amount) as amount, e.reference,
       coalesce(e.source_document_type, root.source_document_type) as source_document_type,
       coalesce(e.source_document_number, root.source_document_number) as source_document_number,
       coalesce(f.reference, rf.reference) is not null as ours
from entry_line l
join entry_now e using (entry_id)
join entry_root er using (entry_id)
join entry_now root on root.entry_id = er.root
join our_claim c on c.claim_id = l.claim_id
join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
left join effect f on f.reference = e.reference and f.kind = 'reduction'
left join effect rf on rf.reference = root.reference and rf.kind = 'reduction'
where coalesce(root.received_by, 'CREDITOR') = 'CREDITOR' and root.kind <> 'CHARGE' and l.bucket = 'principal'
  and r.customer in (select customer from planned_customer)
group by all
order by l.claim_id, l.entry_id;
