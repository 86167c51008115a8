select
    n,
    doc.id as settlement_id,
    doc.number as number,
    doc.status as status,
    doc.replaces as replaces,
    doc.currency as currency,
    day(doc.booking_date) as booking_date,
    day(doc.payout_date) as payout_date,
    money(doc.totals.principal) as principal,
    money(doc.totals.interest) as interest,
    money(doc.totals.fees) as fees,
    money(doc.totals.commission) as commission,
    money(doc.totals.expenses) as expenses,
    money(doc.totals.vat) as vat,
    money(doc.totals."offset") as offset_amount,
    money(doc.totals.net) as net,
    list_transform(
        doc.lines,
        lambda line: {
            'entry_id': line.entry_id,
            'claim_id': line.claim_id,
            'bucket': line.bucket,
            'amount': money(line.amount),
            'vat': money(line.vat)
        }
    ) as lines,
    moment(doc.updated_at, 'UTC') as updated_at
from raw
