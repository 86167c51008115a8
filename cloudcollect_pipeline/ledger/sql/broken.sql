-- The keys of staged rows that break their contract, as far as they could be read.
select n, {key} as key, {id} as id, {document_type} as document_type, {number} as number,
       {customer} as customer
from {staged}
where n in (select unnest($broken))
order by n;
