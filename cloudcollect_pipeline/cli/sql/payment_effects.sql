-- Our effects on one payment: the posting that made it, its voids, and what was told to the agency about it.
select * from effect
where kind = 'posting' and reference = $reference
   or kind = 'void' and json_extract_string(details, '$.number') = $number
   or kind = 'reduction' and json_extract_string(details, '$.document_type') = $document_type
      and json_extract_string(details, '$.number') = $number
order by seq, reference;
