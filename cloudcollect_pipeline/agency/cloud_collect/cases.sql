select
    n,
    doc.id as case_id,
    doc.number as number,
    doc.status as status,
    doc.url as url,
    moment(doc.updated_at, 'UTC') as updated_at
from raw
