-- Settlements with what their lines add up to. `items` are original entry and customer, judged one by one; `repeated`
-- names entries of which more is settled than they carry, this settlement and the published ones before it together.
with line as (
    select sl.*, s.number, er.root, r.customer
    from settlement_line sl
    join settlement_now s using (settlement_id)
    left join entry_root er using (entry_id)
    left join our_claim oc on oc.claim_id = sl.claim_id
    left join claimed_receivable r on r.document_type = oc.document_type and r.number = oc.document_number
),
entry_share as (
    select entry_id, claim_id, sum(amount) as principal from entry_line where bucket = 'principal' group by all
),
running as (
    select settlement_id, entry_id, e.principal,
           sum(sum(l.amount)) over (partition by entry_id, claim_id order by l.booking_date, l.settlement_id) as settled
    from line l join entry_share e using (entry_id, claim_id)
    where l.bucket = 'principal' and l.status = 'PUBLISHED'
    group by l.settlement_id, l.booking_date, entry_id, claim_id, e.principal
),
item as (
    select settlement_id, root, customer from line
    where root is not null and bucket = 'principal' and amount <> 0
    group by all
    -- What was moved away from a claim that is not ours adds up to nothing there: nobody can post it.
    having customer is not null or sum(amount) <> 0
),
repeated as (
    select settlement_id, list(distinct entry_id order by entry_id) as entries
    from running where settled * sign(principal) > abs(principal) group by settlement_id
)
select s.*, coalesce(l.principal_lines, 0) as principal_lines, coalesce(l.interest_lines, 0) as interest_lines,
       coalesce(l.fees_lines, 0) as fees_lines, coalesce(l.commission_lines, 0) as commission_lines, coalesce(l.vat_lines, 0) as vat_lines,
       coalesce(i.items, []) as items, coalesce(l.unknown, []) as unknown, coalesce(l.odd_vat, []) as odd_vat,
       coalesce(repeated.entries, []) as repeated
from settlement_now s
left join (
    select settlement_id, sum(amount) filter (bucket = 'principal') as principal_lines,
           sum(amount) filter (bucket = 'interest') as interest_lines,
           sum(amount) filter (bucket in ('reminder_fee', 'compensation', 'creditor_cost', 'agency_fee')) as fees_lines,
           sum(amount) filter (bucket = 'commission') as commission_lines, sum(vat) as vat_lines,
           -- Merverdiavgiftsloven § 5-1 and §§ 5-2 to 5-11 with Stortinget's yearly rates: 25, 15, 12 per cent, or none.
           list(distinct coalesce(entry_id, claim_id) order by coalesce(entry_id, claim_id)) filter (
               bucket = 'commission' and amount <> 0
               and abs(vat - round(amount * 0.25, 2)) > 0.01 and abs(vat - round(amount * 0.15, 2)) > 0.01
               and abs(vat - round(amount * 0.12, 2)) > 0.01 and vat <> 0) as odd_vat,
           list(distinct coalesce(entry_id, 'claim ' || claim_id) order by coalesce(entry_id, 'claim ' || claim_id)) filter (
               root is null and (entry_id is not null or bucket = 'principal' or claim_id is null) and not exists (select 1 from opening_item o where o.entry_id = line.entry_id)) as unknown
    from line group by settlement_id
) l using (settlement_id)
left join (
    select settlement_id, list({'root': root, 'customer': customer} order by {'root': root, 'customer': customer}) as items
    from item group by settlement_id
) i using (settlement_id)
left join repeated using (settlement_id)
order by s.booking_date, s.settlement_id;
