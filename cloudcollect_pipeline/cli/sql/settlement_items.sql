-- The items of one settlement, and what is posted of each.
select l.entry_id, sum(l.amount) filter (l.bucket = 'principal') as principal, any_value(e.entry_id) is not null as known,
       coalesce(max(o.posted), 0) as posted
from settlement_line l
left join entry_now e using (entry_id)
left join (
    select split_part(e.source, ':', 1) as entry_id, sum(p.amount) as posted
    from payment_now p join effect e on e.reference = p.reference and e.kind = 'posting'
    where p.status in ('Open', 'Closed')
    group by all
) o using (entry_id)
where l.settlement_id = $number
group by l.entry_id
order by l.entry_id;
