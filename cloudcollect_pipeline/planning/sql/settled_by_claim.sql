-- Principal that a settlement pays out on a claim without naming entries is that of the claim's oldest entries, what it
-- takes back that of its oldest reversals. What goes beyond them names no entry.
create or replace temp view settlement_line as
with shown as (
    select s.settlement_id, s.status, s.booking_date, line.entry_id, line.claim_id, line.bucket, line.amount, line.vat,
           line.entry_id is null and line.bucket = 'principal' and s.status = 'PUBLISHED' as spread
    from (select *, unnest(lines) as line from settlement_now) s
),
to_spread as (
    select settlement_id, status, booking_date, claim_id, sign(sum(amount)) as sign, abs(sum(amount)) as amount,
           sum(abs(sum(amount))) over (partition by claim_id, sign(sum(amount)) order by booking_date, settlement_id) as upto
    from shown where spread group by settlement_id, status, booking_date, claim_id, sign(amount)
),
entry_share as (
    select entry_id, claim_id, sign(sum(amount)) as sign, abs(sum(amount)) as amount,
           sum(abs(sum(amount))) over (partition by claim_id, sign(sum(amount)) order by recorded_at, length(entry_id), entry_id) as upto
    from entry_line where bucket = 'principal' and received_by = 'AGENCY' and not cancelled
    group by entry_id, claim_id, recorded_at
),
found as (
    select l.settlement_id, l.status, l.booking_date, e.entry_id, l.claim_id, l.sign,
           least(l.upto, e.upto) - greatest(l.upto - l.amount, e.upto - e.amount) as amount
    from to_spread l join entry_share e using (claim_id, sign)
    where least(l.upto, e.upto) > greatest(l.upto - l.amount, e.upto - e.amount)
)
select settlement_id, status, booking_date, entry_id, claim_id, bucket, amount, vat from shown where not spread
union all
select settlement_id, status, booking_date, entry_id, claim_id, 'principal', cast(sign * amount as decimal(18, 2)), 0 from found
union all
select l.settlement_id, l.status, l.booking_date, null, l.claim_id, 'principal',
       cast(l.sign * (l.amount - coalesce(f.amount, 0)) as decimal(18, 2)), 0
from to_spread l
left join (select settlement_id, claim_id, sign, sum(amount) as amount from found group by all) f using (settlement_id, claim_id, sign)
where l.amount > coalesce(f.amount, 0);
