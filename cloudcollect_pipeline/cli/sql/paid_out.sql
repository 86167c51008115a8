-- The settlements that name one entry.
select s.settlement_id, s.number, s.status, s.booking_date, s.payout_date,
       sum(l.amount) filter (l.bucket = 'principal') as principal
from settlement_line l join settlement_now s using (settlement_id)
where l.entry_id = $root
group by all
order by s.booking_date, s.settlement_id;
