-- Agency money item by item: what the entry carries, what is posted for it, what is settled of it. Amounts in øre.
with carried as (
    select root, customer, any_value(currency) as currency, min(value_date) as value_date, sum(carried) as principal,
           string_agg(distinct document, ', ' order by document) as documents
    from entry_principal group by root, customer
),
posted as (
    select source, sum(amount) filter (status in ('Open', 'Closed')) as live, sum(amount) filter (status in ('Balanced', 'Hold')) as transit
    from own_posting group by source
),
settled as (
    select er.root, c.customer, sum(sl.amount) as amount
    from settlement_line sl
    join entry_root er using (entry_id)
    join (select oc.claim_id, r.customer from our_claim oc
          join receivable_now r on r.document_type = oc.document_type and r.number = oc.document_number) c on c.claim_id = sl.claim_id
    where sl.bucket = 'principal' and sl.status = 'PUBLISHED'
    group by er.root, c.customer
),
first_known as (
    select entry_id, min(valid_from) as version from entry group by entry_id
)
select carried.root, carried.customer, carried.documents, carried.value_date, mv.night as first_known_night,
       cast(100 * carried.principal as bigint) as principal, cast(100 * coalesce(posted.live, 0) as bigint) as posted,
       cast(100 * coalesce(settled.amount, 0) as bigint) as settled, cast(100 * coalesce(posted.transit, 0) as bigint) as in_transit
from carried
left join posted on posted.source = carried.root || ':' || carried.customer
left join settled on settled.root = carried.root and settled.customer = carried.customer
left join first_known fk on fk.entry_id = carried.root
left join mirror_version mv on mv.version = fk.version
order by carried.value_date, carried.root, carried.customer;
