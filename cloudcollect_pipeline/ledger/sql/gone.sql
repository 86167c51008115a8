-- Documents that the other side no longer has: known until this version.
update payment as known set valid_to = $version
where known.valid_to is null
  and (known.document_type, known.number) in (select (unnest($types), unnest($numbers)));
