-- Landed lines that could not be read at all: known by their number alone.
insert into {into} (n)
select line from (select unnest($lines) as line) where line not in (select n from {into});
