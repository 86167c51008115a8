"""The books as the vendor's DTOs: one function per kind of record, field names as in the vendor's description.

Fields that a receivables client has no use for are left out. Money fields called `…InCurrency` are kroner, the
others the document's own currency, as the vendor has it.
"""

import base64
import struct

from cloudcollect_pipeline.sandbox.erp.books import RATES
from cloudcollect_pipeline.sandbox.erp.documents import (
    RECEIVABLES,
    Application,
    Customer,
    Document,
    DocumentType,
    ErpSettings,
)
from cloudcollect_pipeline.sandbox.erp.ledger import Account, Batch, GlLine, PaymentMethod, Period
from cloudcollect_pipeline.sandbox.erp.wire import NULL, array, day, flag, moment, money, record, text

APPLICATIONS, DUNNING, ADDRESS = "expandApplications", "expandDunningInformation", "expandInvoiceAddress"
ALL_EXPANDED = frozenset({APPLICATIONS, DUNNING, ADDRESS})


def time_stamp(revision: int) -> str:
    """The version of a record: base64, the same in the body and in the ETag."""
    return base64.b64encode(struct.pack(">Q", revision)).decode()


def receivable(
    document: Document, settings: ErpSettings, expand: frozenset[str], left_out: frozenset[str] = frozenset()
) -> str:
    """CustomerInvoiceDto, CustomerDebitNoteDto, CustomerOverdueChargeDto or CustomerCreditNoteDto."""
    vat = document.amount * settings.vat_percent // (100 + settings.vat_percent)
    if document.type is DocumentType.OVERDUE_CHARGE:
        vat = 0
    dunned = DUNNING in expand
    customer = document.customer
    fields = {
        "creditTerms": record({"id": text("14"), "description": text("14 dager")}),
        "documentDueDate": day(document.due),
        "cashDiscountDate": day(document.due),
        "externalReference": NULL,
        "exchangeRate": _rate(document.currency),
        "dunningLetterDate": day(document.dunning_date) if dunned else NULL,
        "dunningLetterLevel": str(document.dunning_level) if dunned else NULL,
        "roundingDiff": money(0),
        "hold": flag(document.status == "Hold"),
        "detailTotal": money(document.amount - vat),
        "vatTaxableTotal": money(document.amount - vat if vat else 0),
        "vatExemptTotal": money(0 if vat else document.amount),
        "paymentReference": text(document.kid),
        "invoiceAddress": _address(customer) if ADDRESS in expand else NULL,
        "invoiceContact": record(
            {
                "businessName": text(customer.name),
                "attention": NULL,
                "email": text(customer.email),
                "phone1": text(customer.phone),
                "overrideContact": flag(False),
            }
        ),
        "applications": _applications(document, settings) if APPLICATIONS in expand else NULL,
        "revoked": flag(document.revoked),
        "customer": record({"number": text(customer.number), "name": text(customer.name)}),
        "documentType": text(document.type),
        "referenceNumber": text(document.number),
        "postPeriod": text(document.period),
        "financialPeriod": text(document.period),
        "documentDate": day(document.on),
        "origInvoiceDate": day(document.on),
        "status": text(document.status),
        "currencyId": text(document.currency),
        "amount": money(document.amount),
        "amountInCurrency": _kroner(document.amount, document.currency),
        "balance": money(document.balance),
        "balanceInCurrency": _kroner(document.balance, document.currency),
        "cashDiscount": money(0),
        "customerRefNumber": NULL,
        "invoiceText": text(document.text),
        "lastModifiedDateTime": moment(document.modified_at, settings.zone),
        "createdDateTime": moment(document.created_at, settings.zone),
        "note": NULL,
        "vatTotal": money(vat),
        "location": record({"countryId": text(customer.country), "id": text("MAIN"), "name": text("Main")}),
        "branchNumber": record({"number": text("1"), "name": text("1")}),
        "errorInfo": text(document.error or None),
        "timeStamp": text(time_stamp(document.revision)),
    }
    if document.type is DocumentType.INVOICE:
        fields["excludeDebtCollection"] = flag(document.excluded)
        fields["debtCollection"] = record(
            {
                "caseNumber": text(document.case_number or None),
                "caseType": text(document.case_type or None),
                "caseStatus": text(document.case_status or None),
                "caseUrl": text(document.case_url or None),
            }
        )
    return record({name: value for name, value in fields.items() if name not in left_out})


def _applications(document: Document, settings: ErpSettings) -> str:
    if document.type in RECEIVABLES:
        return array(_adjustment(row, row.paying, settings) for row in document.settled_by)
    return array(_adjustment(row, row.document, settings) for row in document.settles)


def _adjustment(row: Application, other: Document, settings: ErpSettings) -> str:
    is_credit_note = other.type is DocumentType.CREDIT_NOTE
    return record(
        {
            "docType": text(settings.credit_note_word if is_credit_note else other.type),
            "customerCD": text(other.customer.number),
            "refNbr": text(other.number),
            "amountPaid": money(row.amount),
            "cashDiscountTaken": money(row.discount),
            "balance": money(row.document.balance),
            "pendingPPD": flag(False),
            "released": flag(row.released),
            "hold": flag(row.paying.status == "Hold"),
            "voided": flag(row.voided),
            "ppdCrMemoRefNbr": NULL,
            "paymentRef": text(row.paying.reference or None),
            "status": text(other.status),
            "applicationDate": day(row.on),
            "applicationPeriod": text(f"{row.on:%Y%m}"),
            "invoiceText": text(other.text),
        }
    )


def payment(document: Document, settings: ErpSettings) -> str:
    """PaymentDto, also of a credit note or write-off."""
    rows = list(document.settles)
    if document.type is DocumentType.VOID_PAYMENT and settings.triple_void_lines:
        rows = [
            each
            for row in rows
            for each in (
                Application(row.paying, row.document, -row.amount, row.on),
                row,
                Application(row.paying, row.document, -row.amount, row.on),
            )
        ]
    applied = sum(row.amount for row in document.settles)
    customer = document.customer
    method = document.payment_method
    return record(
        {
            "type": text(document.type),
            "refNbr": text(document.number),
            "status": text(document.status),
            "hold": flag(document.status == "Hold"),
            "applicationDate": day(document.on),
            "applicationPeriod": text(document.period),
            "paymentRef": text(document.reference),
            "customer": record({"number": text(customer.number), "name": text(customer.name)}),
            "location": record({"id": text("MAIN"), "name": text("Main")}),
            "paymentMethod": NULL if method is None else record({"id": text(method), "description": text(method)}),
            "cashAccount": text(document.cash_account),
            "currency": text(document.currency),
            "paymentAmount": money(document.amount),
            "invoiceText": text(document.text),
            "appliedToDocuments": money(applied),
            "appliedToOrders": money(0),
            "availableBalance": money(document.balance),
            "writeOffAmount": money(sum(row.write_off for row in document.settles)),
            "financeCharges": money(0),
            "deductedCharges": money(0),
            "branch": text("1"),
            "lastModifiedDateTime": moment(document.modified_at, settings.zone),
            "paymentLines": array(_payment_line(row) for row in rows),
            "ordersToApply": "[]",
            "paymentAmountInCurrency": _kroner(document.amount, document.currency),
            "availableBalanceInCurrency": _kroner(document.balance, document.currency),
            "errorInfo": text(document.error or None),
            "timeStamp": text(time_stamp(document.revision)),
        }
    )


def _payment_line(row: Application) -> str:
    settled = row.document
    return record(
        {
            "documentType": text(settled.type),
            "refNbr": text(settled.number),
            "amountPaid": money(row.amount),
            "cashDiscountTaken": money(row.discount),
            "balanceWriteOff": money(row.write_off),
            "writeOffReasonCode": record({"id": text("BALWOFF"), "description": NULL}) if row.write_off else NULL,
            "date": day(settled.on),
            "dueDate": day(settled.due),
            "cashDiscountDate": day(settled.due),
            "balance": money(settled.balance),
            "cashDiscountBalance": money(0),
            "description": text(settled.text),
            "currency": text(settled.currency),
            "postPeriod": text(settled.period),
            "customerOrder": NULL,
            "crossRate": "1.0000",
        }
    )


def customer(card: Customer, settings: ErpSettings) -> str:
    """CustomerDto."""
    contact = record(
        {
            "name": text(card.name),
            "attention": NULL,
            "email": text(card.email),
            "web": NULL,
            "phone1": text(card.phone),
            "phone2": NULL,
            "fax": NULL,
        }
    )
    parent = card.parent
    return record(
        {
            "internalId": str(card.internal_id),
            "number": text(card.number),
            "name": text(card.name),
            "status": text(card.status),
            "mainAddress": _address(card),
            "mainContact": contact,
            "parentRecord": NULL
            if parent is None
            else record({"number": text(parent.number), "name": text(parent.name)}),
            "customerClass": record({"id": text(card.customer_class), "description": text(card.customer_class)}),
            "creditTerms": record({"id": text("14"), "description": text("14 dager")}),
            "currencyId": text(card.currency),
            "invoiceAddress": _address(card),
            "invoiceContact": contact,
            "deliveryAddress": _address(card),
            "vatRegistrationId": text(card.organisation_number and f"NO{card.organisation_number}MVA"),
            "corporateId": text(card.organisation_number),
            "attributes": "[]",
            "lastModifiedDateTime": moment(card.modified_at, settings.zone),
            "createdDateTime": moment(card.created_at, settings.zone),
            "excludeDebtCollection": flag(card.excluded),
            "errorInfo": NULL,
            "timeStamp": text(time_stamp(card.version)),
        }
    )


def _address(card: Customer) -> str:
    return record(
        {
            "addressLine1": text(card.address),
            "addressLine2": NULL,
            "addressLine3": NULL,
            "postalCode": text(card.postal_code),
            "city": text(card.city),
            "country": record({"id": text(card.country), "name": text(card.country)}),
            "county": NULL,
        }
    )


def gl_transaction(line: GlLine, account: Account, settings: ErpSettings) -> str:
    """GeneralLedgerTransactionDetailsDto."""
    batch = line.batch
    debit, credit = money(max(line.amount, 0)), money(max(-line.amount, 0))
    return record(
        {
            "lineNumber": str(line.line),
            "module": text(batch.module),
            "batchNumber": text(batch.number),
            "tranDate": day(batch.on),
            "period": text(batch.period),
            "description": text(line.text),
            "refNumber": text(line.reference),
            "branch": record({"number": text("1"), "name": NULL}),
            "account": record(
                {"number": text(account.number), "description": text(account.name), "type": text(account.kind)}
            ),
            "ledger": record({"id": text("1"), "description": text("Hovedbok")}),
            "subaccount": text("0"),
            "begBalance": NULL,
            "debitAmount": debit,
            "creditAmount": credit,
            "endingBalance": NULL,
            "currency": text(batch.currency),
            "currDebitAmount": debit,
            "currCreditAmount": credit,
            "lastModifiedDateTime": moment(batch.modified_at, settings.zone),
            "errorInfo": NULL,
        }
    )


def journal_transaction(batch: Batch, lines: list[GlLine], settings: ErpSettings) -> str:
    """JournalTransactionDto with some of its lines: a page may cut a batch."""
    module = f"Module{batch.module}"
    total = money(sum(line.amount for line in batch.lines if line.amount > 0))
    return record(
        {
            "module": text(module),
            "batchNumber": text(batch.number),
            "status": text(batch.status),
            "hold": flag(batch.status == "Hold"),
            "transactionDate": day(batch.on),
            "postPeriod": text(f"{batch.on:%m%Y}"),
            "financialPeriod": text(batch.period),
            "ledger": text("1"),
            "ledgerDescription": text("Hovedbok"),
            "currencyId": text(batch.currency),
            "exchangeRate": _rate(batch.currency),
            "autoReversing": flag(False),
            "reversingEntry": flag(False),
            "description": text(batch.text),
            "originalBatchNumber": NULL,
            "debitTotal": total,
            "debitTotalInCurrency": total,
            "creditTotal": total,
            "creditTotalInCurrency": total,
            "controlTotal": total,
            "controlTotalInCurrency": total,
            "createVatTransaction": flag(False),
            "skipVatAmountValidation": flag(False),
            "lastModifiedDateTime": moment(batch.modified_at, settings.zone),
            "branch": text("1"),
            "journalTransactionLines": array(_journal_line(line, module) for line in lines),
            "errorInfo": text(batch.error or None),
            "timeStamp": text(time_stamp(batch.revision)),
        }
    )


def _journal_line(line: GlLine, module: str) -> str:
    debit, credit = money(max(line.amount, 0)), money(max(-line.amount, 0))
    return record(
        {
            "lineNumber": str(line.line),
            "accountNumber": text(line.account),
            "description": NULL,
            "referenceNumber": text(line.reference),
            "debitAmount": debit,
            "debitAmountInCurrency": debit,
            "creditAmount": credit,
            "creditAmountInCurrency": credit,
            "transactionDescription": text(line.text),
            "vatCode": NULL if line.vat_code is None else record({"id": text(line.vat_code), "description": NULL}),
            "branch": text("1"),
            "module": text(module),
        }
    )


def period(month: Period) -> str:
    """FinancialPeriodDto."""
    return record(
        {
            "year": str(month.start.year),
            "period": text(month.id),
            "startDate": day(month.start),
            "endDate": day(month.end),
            "description": text(f"{month.start:%m-%Y}"),
            "active": flag(True),
            "closedInSupplierLedger": flag("AR" in month.closed),
            "closedInCustomerLedger": flag("AR" in month.closed),
            "closedInInventoryManagement": flag(False),
            "closedInGeneralLedger": flag("GL" in month.closed),
            "closedInCashManagement": flag("CA" in month.closed),
            "closedInFixedAssets": flag(False),
        }
    )


def account(entry: Account, place: int, is_cash: bool) -> str:
    """AccountDto."""
    return record(
        {
            "accountID": str(place),
            "accountCD": text(entry.number),
            "type": text(entry.kind),
            "active": flag(entry.active),
            "description": text(entry.name),
            "useDefaultSub": flag(True),
            "postOption": text("Detail"),
            "currency": NULL,
            "taxCategory": NULL,
            "cashAccount": flag(is_cash),
            "controlAccountModule": text("AR") if entry.control else NULL,
            "allowManualEntry": flag(not entry.control),
            "errorInfo": NULL,
        }
    )


def cash_account(number: str, behind: Account) -> str:
    """CashAccountDto."""
    return record(
        {
            "entryTypes": "[]",
            "currency": text("NOK"),
            "number": text(number),
            "description": text(behind.name),
            "account": record(
                {"type": text(behind.kind), "number": text(behind.number), "description": text(behind.name)}
            ),
        }
    )


def payment_method(method: PaymentMethod) -> str:
    """PaymentMethodDto, which does not say which cash accounts are allowed."""
    return record(
        {
            "paymentMethodID": text(method.id),
            "active": flag(method.active),
            "meansOfPayment": text("CashOrCheck"),
            "description": text(method.name),
            "useInAP": flag(False),
            "details": "[]",
        }
    )


def pdf(document: Document) -> bytes:
    """A one-page PDF that bears the document's type and number."""
    content = f"BT /F1 18 Tf 72 720 Td ({document.type} {document.number}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = b"%PDF-1.4\n"
    offsets: list[int] = []
    for place, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (place, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        count,
        table,
        count,
        len(out),
    )


def _rate(currency: str) -> str:
    rate = RATES.get(currency, RATES["NOK"])
    return f"{rate // 10_000}.{rate % 10_000:04d}"


def _kroner(amount: int, currency: str) -> str:
    return money(amount if currency == "NOK" else amount * RATES[currency] // RATES["NOK"])
