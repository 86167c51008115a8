-- Per original entry and customer: the principal that it carries, and what of it is posted and released. A posting is
-- its customer's; where that one has no claim in the entry any more (the ERP gave it another number), it is that of the
-- customer whom the ERP shows it for, else that of the entry's first.
with share as (
    select root, customer, sum(carried) as carried from entry_principal group by root, customer
),
posted as (
    select e.document as root, coalesce(made.customer, shown.customer, first.customer) as customer,
           sum(o.amount) as posted
    from own_posting o
    join effect e on e.reference = o.reference
    left join share made on made.root = e.document and made.customer = e.party
    left join share shown on shown.root = e.document and shown.customer = o.customer
    left join (select root, min(customer) as customer from share group by root) first on first.root = e.document
    where o.status in ('Open', 'Closed')
    group by all
)
select root, customer, s.carried, p.posted
from share s left join posted p using (root, customer)
order by root, customer;
