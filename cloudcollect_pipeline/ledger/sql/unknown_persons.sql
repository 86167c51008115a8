-- Customers that owe something and of whom no name or address is kept.
select c.number as id
from customer_now c
where c.number not in (select customer from persons.person)
  and c.number in (select customer from receivable_now where status = 'Open' and balance > 0)
order by c.number;
