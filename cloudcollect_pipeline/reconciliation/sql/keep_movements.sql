-- Movements with what each one is; a line known before keeps its first night.
insert into suspense_movement by name
select batch, line, module, document, posting_date, amount, movement, posting_source as subject, reference,
       posting_date as value_date, $night as first_known_night
from explained_movement
on conflict do update
set movement = excluded.movement, subject = excluded.subject, reference = excluded.reference;
