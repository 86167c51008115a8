-- Receivables whose settlements do not add up to amount minus balance (rules §4).
create or replace temp table inconsistent_receivable as
with settled as (
    select receivable_type, receivable_number, sum(paid + write_off) as net from application group by all
)
select r.document_type, r.number, r.customer, r.amount - r.balance as expected, coalesce(s.net, 0) as found
from receivable_now r
left join settled s on s.receivable_type = r.document_type and s.receivable_number = r.number
where r.status in ('Open', 'Closed') and coalesce(s.net, 0) <> r.amount - r.balance;

-- What may not be built on tonight: a receivable, a customer, or, when a row could not even be identified, everything.
create or replace temp table fence as
select distinct r.document_type || ' ' || r.number as receivable, null::varchar as customer, false as everything
from inconsistent_receivable r
union all
select case when s.number is not null and s.document_type is not null then s.document_type || ' ' || s.number end,
       s.customer,
       s.number is null and s.customer is null and s.feed in ('documents', 'payments', 'customers', 'claims', 'entries')
from persons.set_aside s
where not exists (select 1 from dismissed d where d.subject = s.feed || ' ' || s.key)
union all
select null, null, true from incomplete_feed;
