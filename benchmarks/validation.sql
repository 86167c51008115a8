-- Receivables as the adapter's mapping stages them; one in so many breaks its contract, each time in another way.
select n, case when bad = 1 then 'Faktura' else 'Invoice' end as document_type, cast(100000 + n as varchar) as number,
       case when bad = 2 then ' ' else 'C' || lpad(cast(n % 20000 as varchar), 6, '0') end as customer,
       case when bad is distinct from 3 then 'Open' end as status, date '2026-01-05' as document_date,
       case when bad is distinct from 4 then date '2026-01-19' end as due_date,
       case when bad = 5 then 'kroner' else 'NOK' end as currency,
       cast(case when bad = 6 then -1 else 1000 + (n * 7919) % 900000 end as decimal(18, 2)) / 100 as amount,
       cast(case when bad = 7 then 10000000 else 1000 + (n * 7919) % 900000 end as decimal(18, 2)) / 100 as balance,
       cast(n as varchar) as kid, 1 as dunning_level, date '2026-02-09' as dunning_date, false as excluded, false as revoked,
       timestamptz '2026-02-09 06:00:00+01' as modified_at
from (select range + 1 as n, case when range % {bad_every} = 7 then range // {bad_every} % 7 + 1 end as bad from range({rows}))
