"""What the two sides show when they are read: values taken from the books at one moment, never the books' own objects.

Amounts are øre; a document is named `type number`, in the pipeline's words.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from cloudcollect_pipeline.agency.port import Debtor
from cloudcollect_pipeline.sandbox.agency import books as agency
from cloudcollect_pipeline.sandbox.agency.books import FEES
from cloudcollect_pipeline.sandbox.erp import documents as erp
from cloudcollect_pipeline.sandbox.erp.documents import DocumentType
from cloudcollect_pipeline.sandbox.erp.ledger import Batch

PAYING = (
    DocumentType.PAYMENT,
    DocumentType.PREPAYMENT,
    DocumentType.CREDIT_NOTE,
    DocumentType.WRITE_OFF,
    DocumentType.VOID_PAYMENT,
)
"""What the feed of payments shows."""
WORDS = {kind: str(kind) for kind in DocumentType} | {DocumentType.WRITE_OFF: "WriteOff"}


class Receivable(NamedTuple):
    """An invoice or debit note."""

    name: str
    document_type: str
    number: str
    customer: str
    amount: int
    balance: int
    status: str
    on: date
    due: date
    currency: str
    excluded: bool
    level: int
    dunned_on: date | None
    kid: str
    case_number: str
    case_status: str
    case_url: str
    revision: int


class Payment(NamedTuple):
    """A payment, a void of one, prepayment, credit note or write-off. `lines` receivable -> (paid, written off)."""

    name: str
    document_type: str
    number: str
    customer: str
    reference: str
    status: str
    cash_account: str
    currency: str
    amount: int
    balance: int
    on: date
    lines: Mapping[str, tuple[int, int]]


class Customer(NamedTuple):
    """A customer card."""

    name: str
    excluded: bool
    debtor: Debtor


class Claim(NamedTuple):
    """The agency's record of one receivable."""

    name: str
    reference: str
    document: str
    case: str | None
    status: str
    hold: str
    disputed: bool
    currency: str
    principal: int
    principal_open: int

    @property
    def live(self) -> bool:
        """Whether the agency still has it."""
        return self.status not in ("WITHDRAWN", "REJECTED", "MERGED") and self.hold != "RECALLED"


class Case(NamedTuple):
    """Its grouping."""

    name: str
    number: str
    status: str
    url: str


class Entry(NamedTuple):
    """A money fact. `lines` are (claim, bucket, amount)."""

    name: str
    kind: str
    received_by: str | None
    currency: str
    amount: int
    value_date: date
    reverses: str | None
    reference: str
    source: str | None
    cancelled: bool
    lines: tuple[tuple[str, str, int], ...]


class Settlement(NamedTuple):
    """A payout statement. `totals` by term; `lines` are (entry, claim, bucket, amount, VAT)."""

    name: str
    number: str
    status: str
    currency: str
    booking_date: date
    totals: Mapping[str, int]
    lines: tuple[tuple[str, str, str, int, int], ...]


Record = Receivable | Payment | Customer | Claim | Case | Entry | Settlement


def receivable(document: erp.Document) -> Receivable:
    """As a read by number shows it."""
    kind = WORDS[document.type]
    return Receivable(
        f"{kind} {document.number}",
        kind,
        document.number,
        document.customer.number,
        document.amount,
        document.balance,
        document.status.value,
        document.on,
        document.due or document.on,
        document.currency,
        document.excluded or document.revoked,
        document.dunning_level,
        document.dunning_date,
        document.kid,
        document.case_number,
        document.case_status,
        document.case_url,
        document.revision,
    )


def payment(document: erp.Document) -> Payment:
    """As a list shows it; lines of one receivable are added up."""
    kind = WORDS[document.type]
    lines: dict[str, tuple[int, int]] = {}
    for row in document.settles:
        target = f"{WORDS[row.document.type]} {row.document.number}"
        paid, written = lines.setdefault(target, (0, 0))
        if row.voided:
            continue  # it settles nothing any more, and is still named
        amount = row.amount + row.discount
        if document.type is DocumentType.WRITE_OFF:
            lines[target] = paid, written + amount + row.write_off
        else:
            lines[target] = paid + amount, written + row.write_off
    return Payment(
        f"{kind} {document.number}",
        kind,
        document.number,
        document.customer.number,
        document.reference,
        document.status.value,
        document.cash_account or "",
        document.currency,
        document.amount,
        document.balance,
        document.on,
        lines,
    )


def customer(card: erp.Customer) -> Customer:
    """As a read by number shows it."""
    return Customer(
        card.number,
        card.excluded,
        Debtor(
            card.number,
            card.name,
            card.business,
            card.organisation_number,
            card.address,
            card.postal_code,
            card.city,
            card.country,
            card.email or None,
            card.phone or None,
        ),
    )


def claim(record: agency.Claim) -> Claim:
    """As the agency lists it."""
    return Claim(
        record.id,
        record.reference,
        f"{record.document_type} {record.document_number}",
        record.case.id if record.case else None,
        record.status,
        record.hold,
        record.disputed,
        record.currency,
        record.principal,
        record.principal_open,
    )


def case(record: agency.Case) -> Case:
    """As the agency lists it."""
    return Case(record.id, record.number, record.status, record.url)


def entry(record: agency.Entry) -> Entry:
    """As the agency lists it."""
    return Entry(
        record.id,
        record.kind,
        record.received_by,
        record.currency,
        record.amount,
        record.value_date,
        record.reverses.id if record.reverses else None,
        record.reference or "",
        f"{record.source[0]} {record.source[1]}" if record.source else None,
        record.cancelled,
        tuple((line.claim.id, line.bucket, line.amount) for line in record.lines),
    )


def settlement(record: agency.Settlement) -> Settlement:
    """As the agency lists it."""
    return Settlement(
        record.id,
        record.number,
        record.status,
        record.currency,
        record.booking_date,
        {
            "principal": record.principal,
            "interest": record.interest,
            "fees": record.fees,
            "commission": record.commission,
            "expenses": record.expenses,
            "vat": record.vat,
            "offset_amount": record.offset,
            "net": record.net,
        },
        tuple((line.entry.id, line.claim.id, line.bucket, line.amount, line.vat) for line in record.lines),
    )


def voucher_reference(batch: Batch) -> str:
    """The reference that a voucher's lines bear."""
    return batch.lines[0].reference if batch.lines else ""


def kroner(amount: int) -> Decimal:
    """Øre as the ledger's rows have it."""
    return Decimal(amount) / 100


def settlement_row(
    settlement: Settlement, items: Iterable[tuple[str, str]], repeated: Iterable[str], unknown: Iterable[str]
) -> dict[str, Any]:
    """A settlement as the planner's query gives it; its VAT is the sandbox's, which fits a Norwegian rate."""
    sums = dict.fromkeys(("principal", "interest", "fees", "commission", "vat"), 0)
    for _, _, bucket, amount, vat in settlement.lines:
        sums["fees" if bucket in FEES else bucket] += amount
        sums["vat"] += vat
    return {
        "settlement_id": settlement.name,
        "number": settlement.number,
        "status": settlement.status,
        "currency": settlement.currency,
        "booking_date": settlement.booking_date,
        **{term: kroner(amount) for term, amount in settlement.totals.items()},
        **{f"{term}_lines": kroner(amount) for term, amount in sums.items()},
        "items": [{"root": root, "customer": customer} for root, customer in sorted(set(items))],
        "unknown": sorted(set(unknown)),
        "odd_vat": [],
        "repeated": sorted(set(repeated)),
    }
