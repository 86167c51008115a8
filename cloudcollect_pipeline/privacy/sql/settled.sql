-- Persons that nothing is open with, and the night on which anything of theirs last changed.
with changed as (
    select customer, max(valid_from) as version from receivable group by customer
    union all
    select customer, max(valid_from) from payment group by customer
    union all
    select r.customer, max(c.valid_from)
    from claim c join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
    group by r.customer
    union all
    select number, min(valid_from) from customer group by number
),
latest as (select customer, max(version) as version from changed group by customer)
select p.customer, m.night as since
from persons.person p
join latest l on l.customer = p.customer
join mirror_version m on m.version = l.version
where p.customer not in (select customer from ground where customer is not null)
order by p.customer;
