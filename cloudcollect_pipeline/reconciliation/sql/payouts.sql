-- What each settlement should pay out, and what the bank has brought: `state` is received, expected, overdue, differs,
-- nothing (a net of nothing, or cancelled before it was paid) or not booked.
with paid as (
    select settlement, -sum(amount) as amount, max(posting_date) as last_on from payout_movement group by settlement
),
voucher as (
    select source, arg_max(remote_id, ordinal) as remote_id, arg_max(state, ordinal) as state
    from effect where kind = 'settlement' group by source
)
select s.settlement_id, s.number, s.status, s.booking_date, coalesce(s.payout_date, s.booking_date) as due, s.net,
       coalesce(p.amount, 0) as paid, p.last_on, v.remote_id as voucher,
       case
           when coalesce(p.amount, 0) = s.net and s.status = 'PUBLISHED' and s.net <> 0 then 'received'
           when coalesce(p.amount, 0) = 0 and (s.net = 0 or s.status = 'CANCELLED') then 'nothing'
           when coalesce(p.amount, 0) <> 0 then 'differs'
           when v.state is distinct from 'confirmed' then 'not booked'
           when coalesce(s.payout_date, s.booking_date) + to_days($patience) < $night then 'overdue'
           else 'expected'
       end as state
from settlement_now s
left join paid p on p.settlement = s.number
left join voucher v on v.source = s.settlement_id || ':PUBLISHED'
order by s.booking_date, s.number;
