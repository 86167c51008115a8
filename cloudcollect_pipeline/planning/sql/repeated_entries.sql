-- A new entry id that repeats another's claim, date and amount (and is not its reversal).
select later.entry_id, earlier.entry_id as earlier, later.amount
from entry_now later
join entry_now earlier
  on earlier.entry_id <> later.entry_id and earlier.kind = 'AGENCY_PAYMENT' and earlier.value_date = later.value_date
 and earlier.amount = later.amount and earlier.lines = later.lines
 and (earlier.recorded_at, earlier.entry_id) < (later.recorded_at, later.entry_id)
where later.kind = 'AGENCY_PAYMENT' and not later.cancelled and not earlier.cancelled
  and not exists (select 1 from entry_now r where r.reverses = earlier.entry_id)
order by later.entry_id;
