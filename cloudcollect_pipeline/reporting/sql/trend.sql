-- Closing balances as stored, one per night, the last thirty. Amounts in øre.
select night, cast(arg_max(body ->> '$.closing', seq) as bigint) as closing, cast(arg_max(body ->> '$.ledger', seq) as bigint) as ledger
from statement where night <= $night
group by night order by night desc limit 30;
