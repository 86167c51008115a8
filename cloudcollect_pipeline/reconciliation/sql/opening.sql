-- What stood in the account at go-live, and what settlements have paid out of it since.
select o.entry_id, o.customer, o.value_date, o.amount, coalesce(sum(sl.amount), 0) as settled
from opening_item o
left join due_line sl on sl.entry_id = o.entry_id
group by all
order by o.value_date, o.entry_id, o.customer;
