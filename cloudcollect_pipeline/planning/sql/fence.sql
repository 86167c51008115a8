-- Made once per plan. What may not be built on tonight: a receivable, a customer, or, when a row could not even be identified, everything.
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
