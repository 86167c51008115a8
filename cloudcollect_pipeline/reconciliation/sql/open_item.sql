-- What is open in the account item by item: what stood in it at go-live, then agency money by entry and customer: what
-- the entry carries, what is posted for it, what is settled of it. Amounts in øre.
create or replace temp table open_item as
with carried as (
    select root, customer, min(value_date) as value_date, sum(carried) as principal,
           array_to_string(list_sort(list_distinct(list(document))), ', ') as documents
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
),
item as (
    select false as at_go_live, carried.root as entry, carried.customer, carried.documents, carried.value_date,
           mv.night as first_known_night, carried.principal, coalesce(posted.live, 0) as posted,
           coalesce(settled.amount, 0) as settled, coalesce(posted.transit, 0) as in_transit
    from carried
    left join posted on posted.source = carried.root || ':' || carried.customer
    left join settled on settled.root = carried.root and settled.customer = carried.customer
    left join first_known fk on fk.entry_id = carried.root
    left join mirror_version mv on mv.version = fk.version
    union all
    select true, o.entry_id, o.customer, 'at go-live', o.value_date, null, o.amount, o.amount, coalesce(sum(sl.amount), 0), 0
    from opening_item o
    left join due_line sl on sl.entry_id = o.entry_id
    group by o.entry_id, o.customer, o.value_date, o.amount
)
select row_number() over (order by at_go_live desc, value_date, entry, customer) as place, entry, coalesce(customer, '?') as customer,
       documents, value_date, first_known_night, cast(100 * principal as bigint) as principal, cast(100 * posted as bigint) as posted,
       cast(100 * settled as bigint) as settled, cast(100 * in_transit as bigint) as in_transit
from item
where posted <> settled or in_transit <> 0 or principal <> posted;
