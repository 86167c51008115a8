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
with aside as (
    select s.*, case when s.document_type in ('Invoice', 'DebitNote', 'OverdueCharge') then [s.document_type]
                     else ['Invoice', 'DebitNote', 'OverdueCharge'] end as possible_types
    from persons.set_aside s
    where not exists (select 1 from dismissed d where d.subject = s.feed || ' ' || s.key)
),
named as (
    select aside.feed, aside.key, unnest(possible_types) as document_type, aside.number
    from aside where aside.number is not null and aside.feed in ('documents', 'claims')
),
owners as (
    select named.feed, named.key, r.customer
    from named join receivable_now r on r.document_type = named.document_type and r.number = named.number
)
select distinct r.document_type || ' ' || r.number as receivable, null::varchar as customer, false as everything
from inconsistent_receivable r
union all
select document_type || ' ' || number, null, false from named
union all
-- The customer as the row says, or as the mirror knows the document's.
select null, coalesce(aside.customer, owners.customer), false
from aside left join owners on owners.feed = aside.feed and owners.key = aside.key
where coalesce(aside.customer, owners.customer) is not null
union all
select null, null, true
from aside left join owners on owners.feed = aside.feed and owners.key = aside.key
where aside.customer is null and owners.customer is null
  and aside.feed in ('documents', 'payments', 'customers', 'claims', 'entries')
union all
select null, null, true from incomplete_feed
union all
select subject, null, false from unread;
