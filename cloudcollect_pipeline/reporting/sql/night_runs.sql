-- The newest runs up to a night.
select night, started_at, ended_at, outcome, summary, seq from night where night <= :night order by seq desc limit 30;
