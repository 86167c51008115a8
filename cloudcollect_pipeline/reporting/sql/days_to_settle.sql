-- From the day a debtor paid the agency to the settlement that pays it out, by month of settlement. Amounts in øre.
select cast(date_trunc('month', l.booking_date) as date) as month, count(distinct l.entry_id) as entries,
       cast(sum(l.amount) * 100 as bigint) as amount, quantile_disc(l.booking_date - e.value_date, 0.5) as median_days,
       max(l.booking_date - e.value_date) as most_days
from settlement_line l join entry_now e using (entry_id)
where l.bucket = 'principal' and l.status = 'PUBLISHED' and l.amount > 0
group by all
order by month;
