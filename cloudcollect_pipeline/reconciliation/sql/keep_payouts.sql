-- Bank lines that name settlements; our own vouchers are none. The longest number comes first, since another may be a
-- part of it by chance; any further one must stand as a word of its own beside those. They are kept one a line.
with line as (
    select m.batch, m.line, m.module, m.posting_date, m.amount, m.text,
           list(distinct s.number order by length(s.number) desc, s.number) as numbers
    from read_movement m
    join settlement_now s on contains(m.text, s.number) and s.number <> ''
    where not exists (
        select 1 from effect e where e.kind = 'settlement' and e.remote_id = m.document and m.module = 'GL')
    group by all
)
insert into payout_movement by name
select batch, line, module, posting_date, amount, $night as first_known_night,
       array_to_string(list_filter(numbers, lambda number, place: place = 1 or regexp_matches(
           list_reduce(numbers[:place - 1], lambda rest, longer: replace(rest, longer, chr(10)), text),
           '(^|[^\pL\pN])' || regexp_escape(number) || '($|[^\pL\pN])')), chr(10)) as settlement
from line
on conflict do update set settlement = excluded.settlement;
