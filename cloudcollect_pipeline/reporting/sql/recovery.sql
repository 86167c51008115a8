-- Claims by month of transfer: what was handed over, what debtors have paid since and to whom. Amounts in øre.
with paid as (
    select l.claim_id, sum(l.amount) filter (root.received_by = 'AGENCY') as agency,
           sum(l.amount) filter (root.received_by is distinct from 'AGENCY' and root.kind = 'DIRECT_PAYMENT') as direct
    from entry_line l join entry_root er using (entry_id) join entry_now root on root.entry_id = er.root
    where l.bucket = 'principal' and not l.cancelled
    group by l.claim_id
)
select cast(date_trunc('month', timezone('Europe/Oslo', c.received_at)) as date) as month, count(*) as claims,
       cast(sum(c.principal) * 100 as bigint) as transferred, cast(coalesce(sum(p.agency), 0) * 100 as bigint) as to_agency,
       cast(coalesce(sum(p.direct), 0) * 100 as bigint) as to_us, cast(sum(c.principal_open) * 100 as bigint) as still_open
from our_claim c left join paid p using (claim_id)
where c.status not in ('REJECTED', 'MERGED')
group by all
order by month;
