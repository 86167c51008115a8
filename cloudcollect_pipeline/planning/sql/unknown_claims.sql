-- Claims that no transfer of ours made.
select claim_id, document_type, document_number
from claim_now c
where not exists (select 1 from effect e where e.reference = c.reference and e.kind = 'transfer')
order by claim_id;
