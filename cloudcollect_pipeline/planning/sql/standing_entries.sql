-- Payments on one claim each that are not cancelled, as mirrored.
select e.entry_id, e.lines[1].claim_id as claim_id, e.received_by, e.currency, e.amount, e.value_date, e.recorded_at
from entry_now e
where e.kind in ('AGENCY_PAYMENT', 'DIRECT_PAYMENT') and not e.cancelled
union all
-- Posted by us and not mirrored: the ledger was lost. The newest posting of an entry counts, unless it was voided.
select p.entry_id, p.claim_id, 'AGENCY', p.currency, cast(p.amount as decimal(18, 0)) * 0.01, p.value_date,
       cast(p.value_date as timestamptz)
from (
    select json_extract_string(e.details, '$.entry') as entry_id, t.remote_id as claim_id, e.currency, e.amount,
           cast(json_extract_string(e.details, '$.value_date') as date) as value_date
    from effect e join effect t on t.kind = 'transfer' and t.state = 'confirmed' and t.document = json_keys(e.details, '$.carried')[1]
    where e.kind = 'posting' and e.state in ('intent', 'uncertain', 'created', 'quarantined', 'confirmed')
      and not exists (select 1 from effect v where v.kind = 'void' and v.source = e.reference and v.state = 'confirmed')
    qualify row_number() over (partition by entry_id order by e.ordinal desc, t.ordinal desc) = 1
) p
where p.claim_id is not null and not exists (select 1 from entry_now m where m.entry_id = p.entry_id)
order by 1;
