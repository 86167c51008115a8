-- Receivables to judge: what is open, picked and old enough, and what a live claim hangs on. Only the receivable's own
-- columns are asked here, so that ten million documents cost one scan.
create or replace temp table subject as
select c.document_type, c.number, c.customer from receivable_now c, policy p where {own_rules}
union
select r.document_type, r.number, r.customer
from our_claim oc join receivable_now r on r.document_type = oc.document_type and r.number = oc.document_number
where oc.live;
