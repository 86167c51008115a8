-- Our effects on one entry: its postings and their voids.
select * from effect
where kind in ('posting', 'void') and json_extract_string(details, '$.entry') = $root or starts_with(source, $root || ':')
   or reference = $reference
order by seq, reference;
