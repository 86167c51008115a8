-- Bank lines that name a settlement, the longest number first where one is part of another; our own vouchers are none.
insert into payout_movement by name
select m.batch, m.line, m.module, m.posting_date, m.amount, s.number as settlement, $night as first_known_night
from read_movement m
join settlement_now s on contains(m.text, s.number)
where not exists (
    select 1 from effect e where e.kind = 'settlement' and e.remote_id = m.document and m.module = 'GL')
qualify row_number() over (partition by m.batch, m.line, m.module order by length(s.number) desc, s.number) = 1
on conflict do nothing;
