-- What was written to the agency, and the case numbers to the ERP, on the night.
select e.kind, e.document, e.party as customer, e.amount, e.state, e.reference, e.remote_id as receipt,
       (select string_agg(distinct k.number, ', ' order by k.number)
        from claim_now c join agency_case_now k using (case_id)
        where c.reference in (e.reference, e.source) or c.claim_id = e.account
           or (e.kind = 'case_reference' and c.document_type || ' ' || c.document_number = e.document)) as cases
from effect e
where e.night = $night and e.kind in ('transfer', 'reduction', 'hold', 'debtor', 'answer', 'case_reference')
order by e.kind, e.document, e.reference;
