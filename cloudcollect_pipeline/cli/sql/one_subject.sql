-- The one receivable that is being explained.
create or replace temp table subject as
from receivable_now where document_type = $document_type and number = $number;
