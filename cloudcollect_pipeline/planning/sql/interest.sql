-- Interest that private debtors have paid the agency, per claim of ours, up to its last payment.
select oc.claim_id, oc.document, oc.transferred, r.due_date, sum(l.amount) as interest, max(root.value_date) as last_on
from entry_line l
join entry_root er using (entry_id)
join entry_now root on root.entry_id = er.root
join our_claim oc on oc.claim_id = l.claim_id
join claimed_receivable r on r.document_type = oc.document_type and r.number = oc.document_number
join customer_now cu on cu.number = r.customer
where l.bucket = 'interest' and root.received_by = 'AGENCY' and not l.cancelled and not cu.business
group by oc.claim_id, oc.document, oc.transferred, r.due_date
having sum(l.amount) > 0
order by oc.document, oc.claim_id;
