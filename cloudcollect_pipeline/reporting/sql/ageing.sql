-- The customer ledger by days overdue: all of it, of which at the agency, and beside it what debtors have paid to the
-- agency and it has not paid out. Amounts in øre; `days` is NULL where money stands on no receivable.
with at_agency as (
    select distinct document_type, document_number as number from our_claim where live
),
open_now as (
    select due_date, balance as total, case when a.number is not null then balance else 0 end as at_agency, 0 as awaiting
    from receivable_now r left join at_agency a using (document_type, number)
    where r.status = 'Open' and r.balance <> 0 and r.currency = $currency
),
-- Unnested in the selection: a join with the lines of each row would cost twenty times as much.
posting_line as (
    select unnest(lines) as line from own_posting where status in ('Open', 'Closed')
),
posted as (
    select line.document_type, line.number, sum(line.amount) as amount
    from posting_line
    group by all
    union all
    select null, null, (select coalesce(sum(amount), 0) from own_posting where status in ('Open', 'Closed'))
         - (select coalesce(sum(line.amount), 0) from posting_line)
    union all
    select c.document_type, c.document_number, -sum(l.amount)
    from due_line l left join claim_now c using (claim_id)
    where not exists (select 1 from opening_item o where o.entry_id = l.entry_id)
    group by all
    union all
    select null, null, (select coalesce(sum(amount), 0) from opening_item)
         - (select coalesce(sum(l.amount), 0) from due_line l join opening_item o on o.entry_id = l.entry_id)
),
awaiting as (
    select r.due_date, 0, 0, sum(p.amount)
    from posted p left join receivable_now r using (document_type, number)
    group by r.due_date
)
select cast($night as date) - due_date as days, cast(100 * sum(total) as bigint) as total,
       cast(100 * sum(at_agency) as bigint) as at_agency, cast(100 * sum(awaiting) as bigint) as awaiting
from (from open_now union all from awaiting)
group by all
order by days;
