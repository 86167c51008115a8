-- Documents by these numbers that the feed itself brought.
select document_type, number from delta_document
where number in (select unnest($numbers)) and document_type is not null
order by 1, 2;
