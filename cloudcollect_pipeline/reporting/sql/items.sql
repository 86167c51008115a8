-- What stands beside an open item: its case numbers, and when its money was posted.
with cases as (
    select ep.root, ep.customer, string_agg(distinct k.number, ', ' order by k.number) as cases
    from entry_principal ep
    join claim_now c using (claim_id)
    join agency_case_now k using (case_id)
    group by ep.root, ep.customer
),
posted as (
    select source, max(payment_date) filter (status in ('Open', 'Closed')) as posting_date
    from own_posting group by source
)
select cases.root as entry, cases.customer, cases.cases, posted.posting_date
from cases left join posted on posted.source = cases.root || ':' || cases.customer
order by cases.root, cases.customer;
