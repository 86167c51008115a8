-- Original entries of which published settlements, the last of them `number`, pay out less than they now carry. Only where
-- settlements name entries: money that is spread over a claim's oldest entries may well end within one.
with named as (
    select s.number, s.booking_date, s.settlement_id, line.entry_id, line.claim_id, line.amount
    from (select *, unnest(lines) as line from settlement_now) s
    where s.status = 'PUBLISHED' and line.bucket = 'principal' and line.entry_id is not null
),
paid as (
    select er.root, sum(n.amount) as paid, last(n.number order by n.booking_date, n.settlement_id) as number
    from named n join entry_root er using (entry_id) join our_claim c using (claim_id)
    group by er.root
),
carried as (
    select root, sum(carried) as carried from entry_principal group by root
)
select root, number, carried, paid from paid join carried using (root) where carried > paid order by root;
