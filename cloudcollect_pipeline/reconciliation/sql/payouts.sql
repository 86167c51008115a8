-- What should be paid out under each settlement number, and what the bank has brought: `state` is received, expected,
-- overdue, differs, nothing (a net of nothing, or cancelled before it was paid) or not booked. What has not come as
-- promised is judged together with what a bank line names beside it and with what it replaces: `together` are these
-- numbers, `owed_together` and `paid_together` their sums, and `tells` is the one of them that a person is told about.
with recursive statement as (
    select number, coalesce(sum(net) filter (status = 'PUBLISHED'), 0) as owed,
           last({'id': settlement_id, 'booking_date': booking_date, 'due': coalesce(payout_date, booking_date)}
                order by status = 'PUBLISHED', booking_date, settlement_id) as newest
    from settlement_now group by number
),
line as (
    select m.batch, m.line, m.module, m.posting_date, m.amount,
           list(number order by length(number) desc, number) as numbers
    from (select *, unnest(string_split(settlement, chr(10))) as number from payout_movement) m
    join statement using (number)
    group by all
),
alone as (
    select number, s.owed, s.newest, coalesce(-sum(l.amount), 0) as paid, max(l.posting_date) as last_on
    from statement s left join line l on l.numbers[1] = s.number
    group by all
),
link as (
    select numbers[1] as one, unnest(numbers[2:]) as other from line
    union
    select s.number, r.number from settlement_now s join settlement_now r on r.settlement_id = s.replaces
),
both_ways as (
    select one, other from link union select other, one from link
),
open_ as (
    select * from alone where owed <> paid or owed = 0
),
reached as (
    select number, number as member from open_
    union
    select r.number, b.other from reached r join both_ways b on b.one = r.member join open_ o on o.number = b.other
),
judged as (
    select r.number, sum(o.owed) as owed, sum(o.paid) as paid,
           list(o.number order by o.number) filter (o.owed <> o.paid) as numbers,
           last(o.number order by o.owed <> o.paid, o.owed <> 0, o.newest.booking_date, o.number) as tells
    from reached r join open_ o on o.number = r.member
    group by r.number
),
voucher as (
    select source, arg_max(state, ordinal) as state from effect where kind = 'settlement' group by source
)
select a.number, a.newest.booking_date as booking_date, a.newest.due as due, a.owed as net, a.paid, a.last_on,
       coalesce(j.numbers, []) as together, coalesce(j.owed, a.owed) as owed_together,
       coalesce(j.paid, a.paid) as paid_together, coalesce(j.tells = a.number, false) as tells,
       case
           when a.owed = 0 and a.paid = 0 then 'nothing'
           when coalesce(j.owed = j.paid, true) then 'received'
           when j.paid <> 0 then 'differs'
           when v.state is distinct from 'confirmed' then 'not booked'
           when a.newest.due + to_days($patience) < $night then 'overdue'
           else 'expected'
       end as state
from alone a
left join judged j using (number)
left join voucher v on v.source = a.newest.id || ':PUBLISHED'
order by a.newest.booking_date, a.number;
