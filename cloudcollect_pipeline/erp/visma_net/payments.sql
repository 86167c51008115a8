select
    n,
    case when doc.type in ('SmallBalanceWo', 'SmallCreditWo') then 'WriteOff' else doc.type end as document_type,
    doc.refNbr as number,
    doc.customer.number as customer,
    case
        when doc.status in ('PendingPrint', 'PendingEmail', 'Scheduled', 'CreditHold', 'CcHold') then 'Hold'
        -- Released, and put on hold afterwards: what it has settled is settled, and its rest is a credit.
        when doc.status = 'Reserved' then 'Open'
        else doc.status
    end as status,
    doc.cashAccount as cash_account,
    doc.paymentRef as reference,
    doc.currency as currency,
    money(doc.paymentAmount) as amount,
    money(doc.availableBalance) as balance,
    day(doc.applicationDate) as payment_date,
    list_transform(coalesce(doc.paymentLines, []), lambda line: {
        'document_type': case
            when line.documentType = 'FinCharge' then 'OverdueCharge'
            when line.documentType in ('SmallBalanceWo', 'SmallCreditWo') then 'WriteOff'
            else line.documentType
        end,
        'number': line.refNbr,
        'amount': money(line.amountPaid),
        'discount': money(coalesce(line.cashDiscountTaken, '0')),
        'write_off': money(coalesce(line.balanceWriteOff, '0'))
    }) as lines,
    moment(doc.lastModifiedDateTime, '$zone') as modified_at
from raw
