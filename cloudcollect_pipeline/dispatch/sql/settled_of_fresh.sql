-- What settles the receivables that were just read, per paying document.
select receivable_type || ' ' || receivable_number as receivable, document_type || ' ' || number as document,
       paid + write_off as net
from application
where receivable_type || ' ' || receivable_number in (select document_type || ' ' || number from fresh_receivable)
order by 1, 2;
