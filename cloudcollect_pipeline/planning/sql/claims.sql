-- Claims of ours, with the transfer that made them. A second claim under the same reference is not of its making.
create or replace temp view our_claim as
select c.*, e.amount as transferred, e.details, e.source, e.ordinal,
       c.document_type || ' ' || c.document_number as document,
       c.status not in ('WITHDRAWN', 'REJECTED', 'MERGED') and c.hold <> 'RECALLED' as live
from claim_now c
join effect e on e.reference = c.reference and e.kind = 'transfer' and e.state = 'confirmed'
    and coalesce(e.remote_id, c.claim_id) = c.claim_id;

-- Receivables that a claim names, in any status: a few of all that the ERP lists.
create or replace temp view claimed_receivable as
select r.* from receivable_now r semi join claim_now c on c.document_type = r.document_type and c.document_number = r.number;
