-- What was invoiced per month up to the night. Amounts in øre.
select cast(date_trunc('month', document_date) as date) as month, cast(sum(amount) * 100 as bigint) as sales
from receivable_now
where status in ('Open', 'Closed') and document_type in ('Invoice', 'DebitNote') and currency = $currency and document_date <= $night
group by all
order by month desc;
