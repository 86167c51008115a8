-- What stands beside each of the statement's open items, in their order: case numbers, and when the money was posted.
with cases as (
    select ep.root, ep.customer, array_to_string(list_sort(list_distinct(list(k.number))), ', ') as cases
    from entry_principal ep
    join claim_now c using (claim_id)
    join agency_case_now k using (case_id)
    group by ep.root, ep.customer
),
posted as (
    select source, max(payment_date) filter (status in ('Open', 'Closed')) as posting_date
    from own_posting group by source
)
select coalesce(cases.cases, '') as cases, posted.posting_date
from open_item i
left join cases on cases.root = i.entry and cases.customer = i.customer
left join posted on posted.source = i.entry || ':' || i.customer
order by i.place;
