-- What a person must still do for transfers that stand, by the newest one of each receivable.
select e.document, json_extract_string(e.details, '$.left') as what
from effect e
where e.kind = 'transfer' and e.state = 'confirmed' and coalesce(json_extract_string(e.details, '$.left'), '') <> ''
  and not exists (select 1 from effect n where n.kind = 'transfer' and n.source = e.source and n.ordinal > e.ordinal)
order by e.document;
