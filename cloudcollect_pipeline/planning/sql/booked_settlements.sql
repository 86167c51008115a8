-- Vouchers booked for settlements and for their cancellation, with what was booked last and how often.
select source, arg_max(details, ordinal) as details, count(*) as times
from effect where kind = 'settlement' and state = 'confirmed'
group by source order by source;
