-- Payments by recipient: the collection partner and the platform hold money for us, the creditor is we. How a payment
-- is split is not told, so what the agency holds is unallocated; what the debtor paid us lowers the principal.
with told as (
    select n, doc,
           case doc.recipient when 'CollectionPartner' then 'AGENCY' when 'Platform' then 'AGENCY' when 'Creditor' then 'CREDITOR' end
               as received_by
    from raw
)
select
    n,
    doc.id as entry_id,
    case received_by when 'AGENCY' then 'AGENCY_PAYMENT' when 'CREDITOR' then 'DIRECT_PAYMENT' end as kind,
    received_by,
    money(doc.grossAmount) as amount,
    doc.currency as currency,
    day(doc.date) as value_date,
    moment(doc.dateCreated, 'UTC') as recorded_at,
    cast(null as varchar) as reverses,
    cast(null as varchar) as reference,
    cast(null as varchar) as source_document_type,
    cast(null as varchar) as source_document_number,
    -- Our own mark: what left the list carries it (see `Debitura.unlisted`).
    coalesce(doc.deleted, 'false') = 'true' as cancelled,
    [{
        'claim_id': doc.invoice.invoiceId,
        'bucket': case received_by when 'CREDITOR' then 'principal' else 'unallocated' end,
        'amount': money(doc.grossAmount)
    }] as lines,
    moment(coalesce(doc.dateUpdated, doc.dateCreated), 'UTC') as updated_at
from told
