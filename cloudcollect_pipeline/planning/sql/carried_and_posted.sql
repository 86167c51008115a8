-- Per original entry and customer: the principal that it carries, and what of it is posted and released.
select p.root, p.customer, sum(p.carried) as carried, any_value(l.posted) as posted
from entry_principal p
left join (
    select source, sum(amount) as posted from own_posting where status in ('Open', 'Closed') group by source
) l on l.source = p.root || ':' || p.customer
group by p.root, p.customer
order by p.root, p.customer;
