-- Receivables on which both sides differ although neither has changed since the plan and no effect of ours is open.
select d.document_type || ' ' || d.number as document, d.class, d.erp_balance, d.agency_open, d.difference
from subledger_diff d
left join receivable r on r.document_type = d.document_type and r.number = d.number and r.valid_to is null
left join claim c on c.claim_id = d.claim_id and c.valid_to is null
where d.class in ('reduction due', 'agency lower', 'missing at ERP')
  and coalesce(r.valid_from, 0) <= $version and coalesce(c.valid_from, 0) <= $version
  and not exists (
      select 1 from effect e
      where e.document = d.document_type || ' ' || d.number and e.night = $night and e.state <> 'confirmed')
order by abs(d.difference) desc, document;
