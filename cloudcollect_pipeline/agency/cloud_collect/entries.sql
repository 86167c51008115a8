select
    n,
    doc.id as entry_id,
    doc.kind as kind,
    doc.received_by as received_by,
    money(doc.amount) as amount,
    doc.currency as currency,
    day(doc.value_date) as value_date,
    moment(doc.recorded_at, 'UTC') as recorded_at,
    doc.reverses as reverses,
    doc.reference as reference,
    doc.source.type as source_document_type,
    doc.source.number as source_document_number,
    case doc.cancelled when 'true' then true when 'false' then false end as cancelled,
    list_transform(
        doc.lines,
        lambda line: {'claim_id': line.claim_id, 'bucket': line.bucket, 'amount': money(line.amount)}
    ) as lines,
    moment(doc.updated_at, 'UTC') as updated_at
from raw
