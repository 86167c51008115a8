-- Mirrored payments that a person may still delete.
select document_type, number from payment_now where status in ('Hold', 'Balanced') order by 1, 2;
