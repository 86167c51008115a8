-- Tonight's delta: every so manieth receivable, paid down by an øre.
create or replace temp table staged_receivable as
select * exclude (valid_from, valid_to) replace (balance - 0.01 as balance), 1 as n
from receivable
where valid_to is null and cast(number as bigint) % $share = $turn;
