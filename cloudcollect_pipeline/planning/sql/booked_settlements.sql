-- Settlements whose voucher stands, with what was booked.
select source, arg_max(details, ordinal) as details
from effect where kind = 'settlement' and state = 'confirmed'
group by source order by source;
