-- Live claims of ours whose receivable the ERP does not list.
select claim_id, document
from our_claim c
where live
  and not exists (
      select 1 from claimed_receivable r where r.document_type = c.document_type and r.number = c.document_number)
order by claim_id;
