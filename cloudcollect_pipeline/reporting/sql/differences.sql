-- Both subledgers per customer and cause of the difference. Amounts in øre.
select coalesce(customer, '') as customer, class as cause, cast(sum(receivables) as bigint) as receivables,
       cast(100 * coalesce(sum(erp_balance), 0) as bigint) as erp, cast(100 * coalesce(sum(agency_open), 0) as bigint) as agency,
       cast(100 * sum(difference) as bigint) as difference
from subledger_diff
group by all
order by abs(cast(100 * sum(difference) as bigint)) desc, customer, cause;
