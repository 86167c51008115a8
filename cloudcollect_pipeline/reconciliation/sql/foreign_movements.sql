-- Movements on the account that are not ours. Amounts in øre.
select batch, line, module, document, posting_date, cast(100 * amount as bigint) as amount
from suspense_movement
where movement = 'foreign' and posting_date >= $go_live
order by posting_date, batch, line;
