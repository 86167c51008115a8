with chosen as (
    select
        n,
        doc,
        case
            when coalesce(doc.invoiceAddress.addressLine1, '') || coalesce(doc.invoiceAddress.city, '') <> ''
                then doc.invoiceAddress
            else doc.mainAddress
        end as address,
        regexp_replace(doc.corporateId, '[^0-9]', '', 'g') as digits
    from raw
)
select
    n,
    doc.number as number,
    doc.status as status,
    case coalesce(doc.excludeDebtCollection, 'false') when 'true' then true when 'false' then false end as excluded,
    coalesce(length(digits) = 9, false) or coalesce(list_contains($business_classes, doc.customerClass.id), false)
        as business,
    -- nine digits only: a private person's national id may stand in the same field, and must not pass
    case when length(digits) = 9 then digits end as organisation_number,
    nullif(address.country.id, '') as country,
    doc.currencyId as currency,
    nullif(doc.parentRecord.number, '') as parent,
    coalesce(nullif(doc.invoiceContact.name, ''), nullif(doc.mainContact.name, ''), doc.name) as name,
    nullif(
        concat_ws(', ', nullif(address.addressLine1, ''), nullif(address.addressLine2, ''), nullif(address.addressLine3, '')),
        ''
    ) as address,
    nullif(address.postalCode, '') as postal_code,
    nullif(address.city, '') as city,
    coalesce(nullif(doc.invoiceContact.email, ''), nullif(doc.mainContact.email, '')) as email,
    coalesce(nullif(doc.invoiceContact.phone1, ''), nullif(doc.mainContact.phone1, '')) as phone,
    moment(doc.lastModifiedDateTime, '$zone') as modified_at
from chosen
