-- Claims that no transfer of ours made and that have not ended. What was issued before go-live is handed over by hand, and is not ours to mirror.
select c.claim_id, c.document_type, c.document_number
from claim_now c
left join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number, policy
where not exists (
    select 1 from effect e
    where e.reference = c.reference and e.kind = 'transfer' and coalesce(e.remote_id, c.claim_id) = c.claim_id)
  and coalesce(r.document_date >= policy.go_live, true)
  and c.status not in ('WITHDRAWN', 'REJECTED', 'MERGED')
order by c.claim_id;
