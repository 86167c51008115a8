-- The last entry of the journal before the next night began.
select coalesce(max(seq), 0) as seq from event
where seq < coalesce((select min(seq) from night where night > :night), 9223372036854775807);
