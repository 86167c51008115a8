select
    n,
    doc.id as case_id,
    doc.reference as number,
    concat_ws(', ', doc.lifecycle, coalesce(doc.closeCode, doc.currentEngagementPhase)) as status,
    cast(null as varchar) as url,
    moment(coalesce(doc.dateUpdated, doc.dateCreated), 'UTC') as updated_at
from raw
