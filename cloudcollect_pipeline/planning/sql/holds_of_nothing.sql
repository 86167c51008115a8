-- Subjects on the hold list that name nothing the ERP has: a hold with a slip of the pen keeps nobody back.
select subject
from (select subject, split_part(subject, ' ', 1) as kind, substr(subject, strpos(subject, ' ') + 1) as number from hold_now) held
where not exists (select 1 from receivable_now r where r.document_type = held.kind and r.number = held.number)
  and not (kind = 'customer' and exists (select 1 from customer_now c where c.number = held.number))
order by subject;
