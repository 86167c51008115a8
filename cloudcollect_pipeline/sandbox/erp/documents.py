"""What the customer ledger is made of: customers, documents and the applications between them.

All amounts are øre of the document's currency, all moments aware UTC in whole milliseconds.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cloudcollect_pipeline.domain.calendar import OSLO


class BooksError(Exception):
    """The books refuse: the message is what the ERP would tell its user."""


class DocumentType(StrEnum):
    """The vendor's words on the wire; the pipeline's own words OverdueCharge and WriteOff are understood too."""

    INVOICE = "Invoice"
    DEBIT_NOTE = "DebitNote"
    OVERDUE_CHARGE = "FinCharge"
    CREDIT_NOTE = "CreditNote"
    PAYMENT = "Payment"
    PREPAYMENT = "Prepayment"
    VOID_PAYMENT = "VoidPayment"
    REFUND = "Refund"
    WRITE_OFF = "SmallBalanceWo"

    @classmethod
    def _missing_(cls, value: object) -> "DocumentType | None":
        return {"OverdueCharge": cls.OVERDUE_CHARGE, "WriteOff": cls.WRITE_OFF}.get(str(value))


RECEIVABLES = frozenset({DocumentType.INVOICE, DocumentType.DEBIT_NOTE, DocumentType.OVERDUE_CHARGE})
"""What a customer owes on."""

RECEIPTS = frozenset({DocumentType.PAYMENT, DocumentType.PREPAYMENT})
"""Money that came in."""


class Status(StrEnum):
    """Released and unpaid is Open, nothing left is Closed, unreleased is Balanced or Hold."""

    HOLD = "Hold"
    BALANCED = "Balanced"
    OPEN = "Open"
    CLOSED = "Closed"
    VOIDED = "Voided"


class VoidRows(StrEnum):
    """How an invoice shows that a payment applied to it was voided: public text does not settle which is true."""

    MARKED = "marked"
    """The payment's row and its mirror row are both flagged voided."""
    NEGATIVE = "negative"
    """The payment's row stays as it is, and a negative row of the VoidPayment stands beside it."""


@dataclass
class ErpSettings:
    """How this ERP behaves where the vendor's public text leaves it open; the defaults are the unkind reading."""

    zone: ZoneInfo = OSLO
    """Clock of lastModifiedDateTime, in values and in filters."""
    clock_ahead: timedelta = timedelta(0)
    """How far its clock is ahead of the world's."""
    max_page_size: int = 500
    order_by_modified: bool = False
    """Lists are ordered by modification, so that rows move between pages while a client reads."""
    invoice_touched_by_application: bool = False
    """Whether an application moves the lastModifiedDateTime of the document it settles."""
    left_out_by_number: frozenset[str] = frozenset()
    """Fields that a read of one receivable by number does not show, though a list can be asked for them."""
    document_touched_by_edit: bool = True
    """Whether what a person changes on a receivable moves its lastModifiedDateTime."""
    document_touched_by_dunning: bool = True
    """Whether a dunning letter moves the lastModifiedDateTime of what it lists."""
    business_error_status: int = 400
    release_reads: int = 1
    """The read, counted from a release or later, that first shows the document released; 0 releases at once."""
    release_seconds: int = 60
    """World time after which a queued release is carried out even if nobody reads."""
    void_rows: VoidRows = VoidRows.MARKED
    triple_void_lines: bool = False
    """A VoidPayment lists each document three times: plus, minus, plus."""
    invoice_filter_sees_unreleased: bool = False
    """Whether invoiceRefNbr also finds payments that are not released."""
    unfiltered_payments: frozenset[DocumentType] = frozenset()
    """Types beside those of money that the payment list holds when none is asked for."""
    dunning_filter_from: bool = False
    """The filter on the dunning level keeps higher ones too."""
    void_releases: bool = False
    """Voiding a payment releases its VoidPayment."""
    frozen_statuses: frozenset[Status] = frozenset()
    """Statuses in which a PUT on an invoice is refused."""
    check_payment_method: bool = True
    credit_note_word: str = "CreditNote"
    """docType of a credit note in an invoice's applications."""
    background_seconds: int = 20
    """World time that a call in the background takes."""
    rate_limit: int = 15_000
    """Calls in an hour of world time."""
    enforce_rate_limit: bool = False
    vat_percent: int = 25
    dunning_levels: int = 3


@dataclass(eq=False, slots=True, repr=False)
class Customer:
    """One customer; `version` counts every visible change."""

    internal_id: int
    number: str
    name: str
    business: bool
    organisation_number: str | None
    address: str
    postal_code: str
    city: str
    country: str
    email: str
    phone: str
    customer_class: str
    parent: "Customer | None"
    currency: str
    created_at: datetime
    modified_at: datetime
    status: str = "Active"
    excluded: bool = False
    version: int = 1
    documents: "list[Document]" = field(default_factory=list["Document"])

    def __repr__(self) -> str:
        return f"<Customer {self.number}>"


@dataclass(eq=False, slots=True, repr=False)
class Document:
    """One document of the customer ledger; a VoidPayment bears the number of the payment it voids.

    `balance` is what is owed on a receivable and what is unapplied of anything else. `version` counts changes of
    anything its answer shows, `revision` changes of the document itself.
    """

    type: DocumentType
    number: str
    customer: Customer
    amount: int
    balance: int
    currency: str
    on: date
    due: date | None
    status: Status
    created_at: datetime
    modified_at: datetime
    kid: str = ""
    text: str = ""
    reference: str = ""
    cash_account: str | None = None
    payment_method: str | None = None
    dunning_level: int = 0
    dunning_date: date | None = None
    excluded: bool = False
    revoked: bool = False
    case_number: str = ""
    case_status: str = ""
    case_type: str = ""
    case_url: str = ""
    error: str = ""
    version: int = 1
    revision: int = 1
    settles: "list[Application]" = field(default_factory=list["Application"])
    settled_by: "list[Application]" = field(default_factory=list["Application"])

    @property
    def released(self) -> bool:
        """Whether the document counts in the ledger."""
        return self.status not in (Status.HOLD, Status.BALANCED)

    @property
    def period(self) -> str:
        """Financial period as `YYYYMM`."""
        return f"{self.on:%Y%m}"

    def __repr__(self) -> str:
        return f"<{self.type} {self.number} {self.status}>"


@dataclass(eq=False, slots=True, repr=False)
class Application:
    """One row of history: `paying` settles `amount` of `document`, negative where an earlier row is taken back."""

    paying: Document
    document: Document
    amount: int
    on: date
    discount: int = 0
    write_off: int = 0
    released: bool = False
    voided: bool = False

    @property
    def net(self) -> int:
        """What it takes off the document's balance."""
        return self.amount + self.discount + self.write_off

    def __repr__(self) -> str:
        return f"<{self.paying.number} settles {self.net} of {self.document.number}>"
