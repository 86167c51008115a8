"""The shapes of Visma.net: what is sent, and the few records that are read into values.

Writes wrap every scalar as `{"value": x}` but for the void action; money is a JSON number made of exact decimal text.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from cloudcollect_pipeline.domain.errors import Unreadable
from cloudcollect_pipeline.domain.money import NotMoney, kroner, ore
from cloudcollect_pipeline.domain.reference import is_reference
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    CashAccount,
    LedgerAccount,
    Movement,
    NewPayment,
    NewVoucher,
    PaymentLine,
    PaymentMethod,
    Period,
    PostedPayment,
    PostedVoucher,
    VoucherLine,
)
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings
from cloudcollect_pipeline.web import NotJson, decoded, scrubbed, segment

TYPES = {"FinCharge": "OverdueCharge", "SmallBalanceWo": "WriteOff", "SmallCreditWo": "WriteOff"}
"""Their document types that have another name here; any other keeps its own."""

STATUSES: dict[str, str] = {
    **dict.fromkeys(("PendingPrint", "PendingEmail", "Scheduled", "CreditHold", "CcHold"), "Hold"),
    "Reserved": "Open",
}
"""Their payment statuses that have another name here. Reserved is released and put on hold afterwards; the others are
not released."""

VOUCHER_STATUSES = {
    **dict.fromkeys(("Unposted", "Posted", "Completed", "Released"), "Closed"),
    **dict.fromkeys(("Scheduled", "PartiallyReleased"), "Hold"),
}
"""Released batches count as Closed, also those not yet posted to the balances."""

_THEIR_TYPES = {"OverdueCharge": "FinCharge", "WriteOff": "SmallBalanceWo"}
_IN_BASE64 = re.compile(r"b64\(([A-Za-z0-9_=-]+)\)")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._ -]*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_INVOICE_TEXT = 50
_DESCRIPTION = 60
_NULL = msgspec.Raw(b"null")
T = TypeVar("T")
_encoder = msgspec.json.Encoder(decimal_format="number")


def their_type(document_type: str) -> str:
    """Our name of a document type -> theirs."""
    return _THEIR_TYPES.get(document_type, document_type)


def key_segment(key: str) -> str:
    """A document key as path segment; one with reserved or unusual characters goes as `b64(<base64url>)`."""
    if _PLAIN.fullmatch(key):
        return segment(key)
    return f"b64({base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')})"


def id_from_location(location: str) -> str | None:
    """The id of a created record: the last segment of the Location header, whatever its host. None if there is none."""
    try:
        parts = [unquote(part) for part in urlsplit(location).path.split("/")]
    except ValueError:  # not even an address
        return None
    # an id follows the name of its collection, which follows the version
    if len(parts) < 3 or not parts[-1].strip() or not parts[-2]:
        return None
    encoded = _IN_BASE64.fullmatch(parts[-1])
    if encoded is None:
        return parts[-1]
    try:
        text = encoded[1].rstrip("=")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None


def payment_body(payment: NewPayment, settings: VismaNetSettings) -> bytes:
    """The body that creates an unreleased payment. The period is left to the ERP, which derives it from the date."""
    fields = {
        "type": "Payment",
        "hold": False,
        "applicationDate": _midnight(payment.payment_date),
        "paymentRef": payment.reference,
        "customer": payment.customer,
        "paymentMethod": settings.payment_method,
        "cashAccount": settings.suspense_cash_account,
        "currency": payment.currency,
        "paymentAmount": kroner(payment.amount),
        "invoiceText": payment.text[:_INVOICE_TEXT],
        "branch": settings.branch,
    }
    lines = [
        {
            "operation": "Insert",
            **_wrapped(documentType=their_type(line.document_type), refNbr=line.number, amountPaid=kroner(line.amount)),
        }
        for line in payment.lines
    ]
    return _encoder.encode({**_wrapped(**fields), "paymentLines": lines})


def release_payment_body(document_type: str) -> bytes:
    """The body of the release action: wrapped."""
    return _encoder.encode(_wrapped(type=their_type(document_type)))


def void_payment_body() -> bytes:
    """The body of the void action: not wrapped, unlike every other write."""
    return _encoder.encode({"type": "Payment", "returnVoidPayment": True})


def case_body(fields: CaseFields, case_type: str) -> bytes:
    """The body that sets the agency's case on an invoice and leaves everything else as it is."""
    return _encoder.encode(
        _wrapped(
            debtCollectionCaseNbr=fields.number,
            debtCollectionCaseStatus=fields.status,
            debtCollectionCaseType=case_type,
            debtCollectionCaseUrl=fields.url,
        )
    )


class _Versioned(msgspec.Struct, rename="camel"):
    time_stamp: str | None = None


def entity_tag(raw: bytes) -> str | None:
    """The version of a record as If-Match wants it, None if it tells none; `timeStamp` is the ETag of single reads."""
    try:
        version = msgspec.json.decode(raw, type=_Versioned).time_stamp or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return f'"{version}"' if _BASE64.fullmatch(version) else None


def voucher_body(voucher: NewVoucher, settings: VismaNetSettings) -> bytes:
    """The body that creates an unreleased batch; our reference stands on every line and first in the description."""
    if sum(line.amount for line in voucher.lines) != 0:
        raise ValueError(f"the lines of voucher {voucher.reference} do not add up to zero")
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(voucher.lines, start=1):
        amount = kroner(abs(line.amount))
        fields = {
            "lineNumber": number,
            "accountNumber": line.account,
            "referenceNumber": voucher.reference,
            "transactionDescription": line.text[:_DESCRIPTION],
            "debitAmountInCurrency": amount if line.amount >= 0 else None,
            "creditAmountInCurrency": amount if line.amount < 0 else None,
            "vatCodeId": line.vat_code,
            "branch": settings.branch,
        }
        lines.append({"operation": "Insert", **_wrapped(**fields)})
    vat = any(line.vat_code for line in voucher.lines)
    fields = {
        "hold": False,
        "transactionDate": _midnight(voucher.voucher_date),
        "ledger": settings.ledger,
        "currencyId": voucher.currency,
        "description": f"{voucher.reference} {voucher.text}"[:_DESCRIPTION],
        "controlTotalInCurrency": kroner(sum(line.amount for line in voucher.lines if line.amount > 0)),
        # VAT amounts are lines of their own, in the agency's figures: the ERP must record, not recompute them
        "createVatTransaction": True if vat else None,
        "skipVatAmountValidation": True if vat else None,
        "branch": settings.branch,
    }
    return _encoder.encode({**_wrapped(**fields), "journalTransactionLines": lines})


def _wrapped(**fields: Any) -> dict[str, dict[str, Any]]:
    return {name: {"value": value} for name, value in fields.items() if value is not None}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


class _Party(msgspec.Struct):
    number: str | None = None


class _PaymentLine(msgspec.Struct, rename="camel"):
    document_type: str
    ref_nbr: str
    amount_paid: Decimal


class _Payment(msgspec.Struct, rename="camel"):
    type: str
    ref_nbr: str
    status: str
    application_date: str
    payment_amount: Decimal
    currency: str
    payment_ref: str | None = None
    customer: _Party | None = None
    cash_account: str | None = None
    payment_lines: list[_PaymentLine] | None = None


def posted_payment(raw: bytes, where: str) -> PostedPayment:
    """One PaymentDto. Its rows are a history (voids and re-applications add rows): they are added up by document.

    Of a VoidPayment the sign is unconfirmed: one seen in the wild lists plus, minus, plus.
    """
    payment = _read(raw, _Payment, where)
    name = f"{where} {payment.type} {payment.ref_nbr}"
    net: dict[tuple[str, str], int] = {}
    for line in payment.payment_lines or ():
        key = (TYPES.get(line.document_type, line.document_type), line.ref_nbr)
        net[key] = net.get(key, 0) + _ore(line.amount_paid, name)
    return PostedPayment(
        document_type=TYPES.get(payment.type, payment.type),
        number=payment.ref_nbr,
        reference=payment.payment_ref or "",
        status=STATUSES.get(payment.status, payment.status),
        customer=(payment.customer and payment.customer.number) or "",
        cash_account=payment.cash_account or "",
        currency=payment.currency,
        amount=_ore(payment.payment_amount, name),
        payment_date=_day(payment.application_date, name),
        lines=tuple(PaymentLine(kind, number, amount) for (kind, number), amount in net.items() if amount),
    )


class _Whose(msgspec.Struct, rename="camel"):
    payment_ref: str | None = None
    cash_account: str | None = None


def is_strangers(raw: bytes, suspense_cash_account: str) -> bool:
    """Whether a payment, readable or not, stands on another account and bears no reference that could be ours."""
    try:
        told = decoded(raw, _Whose)
    except NotJson:
        return False
    return told.cash_account not in (None, "", suspense_cash_account) and not is_reference(told.payment_ref or "")


class Document(msgspec.Struct, rename="camel"):
    """What is read of a receivable: where its list shows it, and whether it shows what its list can be asked for."""

    reference_number: str
    document_type: str = ""
    customer: _Party | None = None
    document_date: str | None = None
    applications: msgspec.Raw = _NULL
    dunning_letter_level: msgspec.Raw = _NULL
    revoked: msgspec.Raw = _NULL
    exclude_debt_collection: msgspec.Raw = _NULL
    debt_collection: msgspec.Raw = _NULL

    @property
    def whole(self) -> bool:
        """Nothing is missing. What is null counts as missing: none at all may be told either way."""
        told = [self.applications, self.dunning_letter_level, self.revoked]
        if self.document_type == "Invoice":  # the others have no such fields
            told += [self.exclude_debt_collection, self.debt_collection]
        return _NULL not in told


def document(raw: bytes, where: str) -> Document:
    """A CustomerInvoiceDto, CustomerDebitNoteDto or CustomerOverdueChargeDto."""
    return _read(raw, Document, where)


class _State(msgspec.Struct):
    status: str | None = None


def is_settled(raw: bytes, where: str) -> bool:
    """Whether a payment can no longer change on its own: Closed or Voided."""
    return _read(raw, _State, where).status in ("Closed", "Voided")


class _Code(msgspec.Struct):
    id: str | None = None


class _VoucherLine(msgspec.Struct, rename="camel"):
    account_number: str | None = None
    reference_number: str | None = None
    debit_amount: Decimal | None = None
    credit_amount: Decimal | None = None
    transaction_description: str | None = None
    description: str | None = None
    vat_code: _Code | None = None


class _Voucher(msgspec.Struct, rename="camel"):
    batch_number: str
    status: str | None = None
    currency_id: str | None = None
    description: str | None = None
    journal_transaction_lines: list[_VoucherLine] | None = None


def posted_vouchers(raws: Iterable[bytes], where: str) -> list[PostedVoucher]:
    """JournalTransactionDtos. A list may cut one batch in two over a page boundary: equal numbers are put together.

    The reference is what all lines agree on. When they do not, a person has edited one of them: the first word of the
    description, where we also wrote it, decides. The list holds everybody's vouchers: one that lacks something, or
    whose amounts cannot be read, comes without it, and is not the same as any of ours.
    """
    batches: dict[str, _Voucher] = {}
    for raw in raws:
        part = _read(raw, _Voucher, where)
        whole = batches.setdefault(part.batch_number, part)
        if whole is not part:
            whole.journal_transaction_lines = [
                *(whole.journal_transaction_lines or ()),
                *(part.journal_transaction_lines or ()),
            ]
    return [_posted_voucher(batch, f"{where} {batch.batch_number}") for batch in batches.values()]


def _posted_voucher(batch: _Voucher, name: str) -> PostedVoucher:
    lines = batch.journal_transaction_lines or []
    references = {line.reference_number for line in lines if line.reference_number}
    return PostedVoucher(
        number=batch.batch_number,
        reference=references.pop() if len(references) == 1 else (batch.description or "").partition(" ")[0],
        status=VOUCHER_STATUSES.get(batch.status or "", batch.status or ""),
        currency=batch.currency_id or "",
        lines=_voucher_lines(lines, name),
    )


def _voucher_lines(lines: Iterable[_VoucherLine], name: str) -> tuple[VoucherLine, ...]:
    try:
        return tuple(
            VoucherLine(
                line.account_number or "",
                _ore(line.debit_amount, name) - _ore(line.credit_amount, name),
                line.transaction_description or "",
                line.vat_code.id if line.vat_code else None,
            )
            for line in lines
        )
    except Unreadable:
        return ()


class _Movement(msgspec.Struct, rename="camel"):
    line_number: int
    module: str
    batch_number: str
    tran_date: str
    account: _Party
    description: str | None = None
    ref_number: str | None = None
    debit_amount: Decimal | None = None
    credit_amount: Decimal | None = None


def movement(raw: bytes, where: str) -> Movement:
    """One GeneralLedgerTransactionDetailsDto. The document is the batch of a voucher, else the Ref. number."""
    line = _read(raw, _Movement, where)
    name = f"{where} batch {line.batch_number} line {line.line_number}"
    module = line.module.removeprefix("Module")
    return Movement(
        account=line.account.number or "",
        module=module,
        batch=line.batch_number,
        line=line.line_number,
        posting_date=_day(line.tran_date, name),
        document=line.batch_number if module == "GL" else line.ref_number or "",
        text=line.description or "",
        amount=_ore(line.debit_amount, name) - _ore(line.credit_amount, name),
    )


class _Period(msgspec.Struct, rename="camel"):
    year: int
    period: str
    start_date: str
    end_date: str
    active: bool | None = None
    closed_in_customer_ledger: bool | None = None
    closed_in_general_ledger: bool | None = None
    closed_in_cash_management: bool | None = None

    @property
    def open(self) -> bool:
        closed = (self.closed_in_customer_ledger, self.closed_in_general_ledger, self.closed_in_cash_management)
        return self.active is True and all(flag is False for flag in closed)


def periods(raws: Sequence[bytes], where: str) -> list[Period]:
    """FinancialPeriodDtos by start date; a period whose flags are missing counts as closed.

    Unconfirmed whether `endDate` is the last day or the day after: it is cut to the day before the next start.
    """
    read = sorted((_read(raw, _Period, where) for raw in raws), key=lambda period: (period.start_date, period.end_date))
    starts = [_day(period.start_date, where) for period in read]
    result: list[Period] = []
    for place, (period, start) in enumerate(zip(read, starts, strict=True)):
        end = _day(period.end_date, where)
        later = next((other for other in starts[place + 1 :] if other > start), None)
        result.append(
            Period(
                period=_period_name(period),
                start=start,
                end=min(end, later - timedelta(days=1)) if later else end,
                open=period.open,
            )
        )
    return result


class _Account(msgspec.Struct, rename="camel"):
    account_code: str = msgspec.field(name="accountCD")
    active: bool | None = None
    cash_account: bool | None = None
    allow_manual_entry: bool | None = None


def account(raw: bytes, where: str) -> LedgerAccount:
    """An AccountDto; one that does not say that it is active counts as inactive."""
    read = _read(raw, _Account, where)
    number, control = read.account_code.strip(), read.allow_manual_entry is False
    return LedgerAccount(number, read.active is True, read.cash_account is True, control)


class _Behind(msgspec.Struct):
    number: str | None = None


class _CashAccount(msgspec.Struct):
    number: str
    currency: str | None = None
    account: _Behind | None = None


def cash_account(raw: bytes, where: str) -> CashAccount:
    """A CashAccountDto; the general-ledger account behind it has been told since 2026 only."""
    read = _read(raw, _CashAccount, where)
    behind = read.account.number if read.account else None
    return CashAccount(read.number.strip(), (behind or "").strip(), read.currency or "")


class _PaymentMethod(msgspec.Struct):
    id: str = msgspec.field(name="paymentMethodID")
    active: bool | None = None


def payment_method(raw: bytes, where: str) -> PaymentMethod:
    """A PaymentMethodDto."""
    read = _read(raw, _PaymentMethod, where)
    return PaymentMethod(read.id.strip(), read.active is True)


class _Paid(msgspec.Struct, rename="camel"):
    payment_method: _Code | None = None
    cash_account: str | None = None


def paid_by(raw: bytes, where: str) -> tuple[str, str]:
    """Payment method and cash account of a PaymentDto; empty where it has none."""
    read = _read(raw, _Paid, where)
    return (read.payment_method.id if read.payment_method else None) or "", read.cash_account or ""


def _period_name(period: _Period) -> str:
    """`YYYYPP`; unconfirmed which way round number and year come, so the year decides."""
    digits = "".join(character for character in period.period if character.isdigit())
    year = str(period.year)
    if len(digits) == 6 and digits.endswith(year) and not digits.startswith(year):
        return year + digits[:2]
    return digits if len(digits) == 6 else year + digits.zfill(2)[-2:]


class _Result(msgspec.Struct, rename="camel"):
    action_result: str | None = None
    error_info: str | None = None


def action_failed(body: bytes, where: str) -> str | None:
    """The error text of an action that answered 200 and yet failed; None if it did or will do what was asked."""
    if not body.strip():
        return None
    result = _read(body, _Result, where)
    return (scrubbed(result.error_info or "") or "no reason given") if result.action_result == "Failed" else None


def _read(raw: bytes, kind: type[T], where: str) -> T:
    try:
        return decoded(raw, kind)
    except NotJson:
        raise Unreadable(f"{where}: a record is not what the contract promises") from None


def _ore(amount: Decimal | None, name: str) -> int:
    try:
        return ore(amount or Decimal(0))
    except NotMoney:
        raise Unreadable(f"{name}: an amount is not in kroner and øre") from None


def _day(text: str, name: str) -> date:
    try:
        if not _DATE.match(text):  # Python also reads weeks, such as 2026-W01-1
            raise ValueError
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Unreadable(f"{name}: a date is not a date") from None
