select
    n,
    doc.id as claim_id,
    doc.reference as reference,
    doc.document.type as document_type,
    doc.document.number as document_number,
    doc.case_id as case_id,
    doc.status as status,
    doc.stage as stage,
    doc.hold as hold,
    case doc.disputed when 'true' then true when 'false' then false end as disputed,
    doc.currency as currency,
    money(doc.principal) as principal,
    money(doc.principal_open) as principal_open,
    moment(doc.received_at, 'UTC') as received_at,
    moment(doc.updated_at, 'UTC') as updated_at
from raw
