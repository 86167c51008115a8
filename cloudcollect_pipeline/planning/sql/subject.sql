-- Receivables to judge, as they stand: what is open, picked and old enough, and what a live claim hangs on that may have to
-- be held or let go. Only the receivable's own columns are asked of all, so that ten million documents cost one scan.
create or replace temp table subject as
select c.* from receivable_now c, policy p where {own_rules}
union all
select c.*
from claimed_receivable c
semi join (
    select c.document_type, c.number
    from (
        select r.*, oc.hold, oc.details, disputed.document_number is not null as disputed,
               coalesce(cu.excluded, false) as customer_excluded, coalesce(cu.business, true) as business, cu.country,
               held.subject is not null or held_customer.subject is not null as on_hold,
               -- Only what is paid up can be credited or written off in full; which it is, is judged.
               r.balance = 0 as credited_in_full, r.balance = 0 as written_off_in_full
        from our_claim oc
        join claimed_receivable r on r.document_type = oc.document_type and r.number = oc.document_number
        left join customer_now cu on cu.number = r.customer
        left join (
            select distinct document_type, document_number
            from claim_now where disputed and status not in ('WITHDRAWN', 'REJECTED', 'MERGED')
        ) disputed on disputed.document_type = oc.document_type and disputed.document_number = oc.document_number
        left join hold_now held on held.subject = oc.document
        left join hold_now held_customer on held_customer.subject = 'customer ' || r.customer
        where oc.live
    ) c, policy p
    where not ({stop_rules}) or c.hold <> 'NONE'
       or cast(c.due_date as varchar) > coalesce(c.details ->> '$.due_date', '9999')
) using (document_type, number), policy p
where not ({own_rules});
