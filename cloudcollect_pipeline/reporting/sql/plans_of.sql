-- The newest plan of a night.
select hash, made_at, version, verdict, state from plan where night = :night order by seq desc limit 1;
