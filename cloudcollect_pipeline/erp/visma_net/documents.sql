select
    n,
    case doc.documentType when 'FinCharge' then 'OverdueCharge' else doc.documentType end as document_type,
    doc.referenceNumber as number,
    doc.customer.number as customer,
    case
        when doc.status in ('PendingPrint', 'PendingEmail', 'Reserved', 'Scheduled', 'CreditHold', 'CcHold') then 'Hold'
        else doc.status
    end as status,
    day(doc.documentDate) as document_date,
    day(doc.documentDueDate) as due_date,
    doc.currencyId as currency,
    money(doc.amount) as amount,
    money(doc.balance) as balance,
    nullif(doc.paymentReference, '') as kid,
    try_cast(doc.dunningLetterLevel as integer) as dunning_level,
    day(doc.dunningLetterDate) as dunning_date,
    case coalesce(doc.excludeDebtCollection, 'false') when 'true' then true when 'false' then false end as excluded,
    case coalesce(doc.revoked, 'false') when 'true' then true when 'false' then false end as revoked,
    nullif(doc.debtCollection.caseNumber, '') as case_number,
    nullif(doc.debtCollection.caseStatus, '') as case_status,
    nullif(doc.debtCollection.caseUrl, '') as case_url,
    list_transform(coalesce(doc.applications, []), lambda a: {
        'document_type': case
            when a.docType = 'FinCharge' then 'OverdueCharge'
            when a.docType in ('SmallBalanceWo', 'SmallCreditWo') then 'WriteOff'
            -- plain strings there, spelling unconfirmed: the platform beneath says memo
            when a.docType in ('Credit Note', 'Credit Memo', 'CreditMemo') then 'CreditNote'
            when a.docType in ('Void Payment', 'Voided Payment') then 'VoidPayment'
            else a.docType
        end,
        'number': a.refNbr,
        'amount': money(a.amountPaid),
        'discount': money(coalesce(a.cashDiscountTaken, '0')),
        'reference': nullif(a.paymentRef, ''),
        'application_date': day(a.applicationDate),
        'released': case a.released when 'true' then true when 'false' then false end,
        'voided': case a.voided when 'true' then true when 'false' then false end
    }) as applications,
    moment(doc.lastModifiedDateTime, '$zone') as modified_at
from raw
