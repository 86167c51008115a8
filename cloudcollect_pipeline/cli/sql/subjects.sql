-- The receivables that are being explained.
create or replace temp table subject as
from receivable_now where document_type || ' ' || number in (select unnest($documents));
