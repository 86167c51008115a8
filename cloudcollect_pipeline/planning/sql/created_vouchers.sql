-- Vouchers of ours that are not released, with what their settlement is now.
select e.*, s.status as now
from effect e
left join settlement_now s on e.source in (s.settlement_id || ':PUBLISHED', s.settlement_id || ':CANCELLED')
where e.kind = 'settlement' and e.state = 'created'
order by e.reference;
