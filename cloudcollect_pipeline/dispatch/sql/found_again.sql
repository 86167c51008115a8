-- Effects that both sides turned out to hold, by kind, after an entry of the log.
select kind, count(*) as count, sum(amount) as sum
from effect
where seq > :after and state in ('created', 'confirmed')
group by kind
order by kind;
