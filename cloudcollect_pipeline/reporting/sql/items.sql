-- The statement's open items with what stands beside them: case numbers, and when their money was posted.
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
select i.entry, i.customer, i.documents, coalesce(cases.cases, '') as cases, i.principal, i.posted, i.settled, i.in_transit,
       i.posted - i.settled as open, i.value_date, posted.posting_date, i.first_known_night as first_known,
       cast($night as date) - i.value_date as age
from open_item i
left join cases on cases.root = i.entry and cases.customer = i.customer
left join posted on posted.source = i.entry || ':' || i.customer
order by i.place;
