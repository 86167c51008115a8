-- What the two identities count and no item shows: principal on claims that are not ours, postings whose entry carries
-- nothing on claims of ours, and settlement lines of neither. Amounts in øre.
with item as (
    select distinct root, customer from entry_principal
)
select
    (select coalesce(sum(cast(l.amount * 100 as bigint)), 0)
     from entry_line l join entry_root er using (entry_id) join entry_now root on root.entry_id = er.root
     where root.received_by = 'AGENCY' and l.bucket = 'principal' and not l.cancelled
       and not exists (select 1 from our_claim c where c.claim_id = l.claim_id)
       and not exists (select 1 from by_hand_claim b where b.claim_id = l.claim_id)) as carried,
    (select coalesce(sum(cast(o.amount * 100 as bigint)), 0)
     from own_posting o
     where o.status in ('Open', 'Closed') and not exists (select 1 from item i where i.root || ':' || i.customer = o.source)) as posted,
    (select coalesce(sum(cast(l.amount * 100 as bigint)), 0)
     from due_line l
     left join entry_root er using (entry_id)
     left join our_claim c on c.claim_id = l.claim_id
     left join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
     where not exists (select 1 from item i where i.root = er.root and i.customer = r.customer)
       and not exists (select 1 from opening_item o where o.entry_id = l.entry_id)) as due,
    (select coalesce(sum(cast(o.amount * 100 as bigint)), 0) from opening_item o) as listed_at_go_live;
