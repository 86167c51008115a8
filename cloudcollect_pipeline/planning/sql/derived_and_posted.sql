-- What stands posted for entries derived from the balances of these claims, by the journal: øre, nothing once voided.
select claim_id, entry_id, arg_max(case when voided then 0 else amount end, ordinal) as amount, min(value_date) as value_date
from (
    select c.claim_id, json_extract_string(e.details, '$.entry') as entry_id, e.ordinal, e.amount,
           cast(json_extract_string(e.details, '$.value_date') as date) as value_date,
           exists (select 1 from effect v where v.kind = 'void' and v.source = e.reference and v.state = 'confirmed') as voided
    from effect e
    join (select unnest($claims) as claim_id) c on starts_with(e.source, c.claim_id || '#')
    where e.kind = 'posting' and e.state in ('intent', 'uncertain', 'created', 'quarantined', 'confirmed')
)
group by claim_id, entry_id
order by claim_id, entry_id;
