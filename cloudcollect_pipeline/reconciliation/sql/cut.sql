-- Up to when a night knew things: its last statement, or without one its last reading. NULL: there was no such night.
with made as (
    select max(made_at) as moment from statement where night = $night
),
reading as (
    select max(committed_at) as moment from mirror_version where night = $night
),
cut as (
    select case when reading.moment is not null then coalesce(made.moment, reading.moment) end as moment from made, reading
)
select cut.moment, max(v.version) as version
from cut left join mirror_version v on v.committed_at <= cut.moment and v.night <= $night
group by cut.moment;
