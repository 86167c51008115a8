"""What the night needs of an accounting system.

Reads return raw records (JSON bytes exactly as received, one document each) of a `Feed`, so that landing can keep
them and one mapping serves both the nightly delta and the guard's fresh read. Writes make one attempt and return a
`Receipt`, or raise `NotSent`, `Refused` or `Uncertain`. All amounts are øre, all dates local dates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from cloudcollect_pipeline.domain.feed import Feed


@dataclass(frozen=True)
class ErpCapabilities:
    """What this ERP can and cannot do; a missing capability becomes a finding, never a silent skip."""

    case_fields: bool = True
    unfiltered_payments_include_credit_notes: bool = False
    page_size: int = 500


@dataclass(frozen=True, order=True)
class DocumentKey:
    """Type and number of an ERP document."""

    document_type: str
    number: str

    @classmethod
    def named(cls, document: str) -> "DocumentKey":
        """The key of a document as it is written everywhere, such as `Invoice 100001`."""
        document_type, _, number = document.partition(" ")
        return cls(document_type, number)


@dataclass(frozen=True)
class Receipt:
    """The counterparty's id of what was written. `left` says what a person must still do by hand, if anything."""

    id: str
    left: str = ""


@dataclass(frozen=True)
class PaymentLine:
    """The share of a payment that settles one document, in øre."""

    document_type: str
    number: str
    amount: int


@dataclass(frozen=True)
class PostedPayment:
    """A customer payment as the ERP holds it. `reference` is the payment's own reference text (ours or not)."""

    document_type: str
    number: str
    reference: str
    status: str
    customer: str
    cash_account: str
    currency: str
    amount: int
    payment_date: date
    lines: tuple[PaymentLine, ...]


@dataclass(frozen=True)
class NewPayment:
    """A customer payment to create, unreleased, on the suspense account."""

    reference: str
    customer: str
    currency: str
    amount: int
    payment_date: date
    text: str
    lines: tuple[PaymentLine, ...]


@dataclass(frozen=True)
class VoucherLine:
    """One line of a voucher, øre; positive debit, negative credit."""

    account: str
    amount: int
    text: str
    vat_code: str | None = None


@dataclass(frozen=True)
class NewVoucher:
    """A general-ledger voucher to create, unreleased. Lines add up to zero."""

    reference: str
    voucher_date: date
    currency: str
    text: str
    lines: tuple[VoucherLine, ...]


@dataclass(frozen=True)
class PostedVoucher:
    """A voucher as the ERP holds it; `reference` is ours if we wrote it."""

    number: str
    reference: str
    status: str
    currency: str
    lines: tuple[VoucherLine, ...]


@dataclass(frozen=True)
class CaseFields:
    """The agency's case as shown on an ERP invoice."""

    number: str
    status: str
    url: str


@dataclass(frozen=True)
class Movement:
    """One general-ledger line on an account; `amount` in øre, debit positive.

    `module` is the sub-ledger it came from ("AR" for customer payments, "GL" for vouchers, or the vendor's own).
    `document` is the source document's number (payment number or voucher number).
    """

    account: str
    module: str
    batch: str
    line: int
    posting_date: date
    document: str
    text: str
    amount: int


@dataclass(frozen=True)
class Period:
    """A financial period and whether customer payments may be posted in it."""

    period: str
    start: date
    end: date
    open: bool


@dataclass(frozen=True)
class LedgerAccount:
    """A general-ledger account as it is set up. `control` accounts may refuse what is entered by hand."""

    number: str
    active: bool
    cash: bool
    control: bool


@dataclass(frozen=True)
class CashAccount:
    """A cash account and the general-ledger account behind it (empty where the ERP does not say)."""

    number: str
    account: str
    currency: str


@dataclass(frozen=True)
class PaymentMethod:
    """A payment method. On which cash accounts it is allowed, the ERP does not tell."""

    id: str
    active: bool


class ErpWrites(Protocol):
    """The writes to an accounting system, and the look-ups that make them safe: all that dispatch needs of it."""

    def posted_payments(self, since: date) -> Iterator[PostedPayment]:
        """Payments on the suspense account, for the look-up by reference.

        All those dated since a day, and every Balanced or Hold one of any date.
        """
        ...

    def payment(self, document_type: str, number: str) -> PostedPayment | None:
        """One payment read again."""
        ...

    def create_payment(self, payment: NewPayment) -> Receipt:
        """Create it on the suspense cash account, unreleased. One attempt."""
        ...

    def release_payment(self, document_type: str, number: str) -> None:
        """Ask for release; the outcome is read from the payment's status. One attempt."""
        ...

    def void_payment(self, number: str) -> None:
        """Void a released payment; creates a VoidPayment that must itself be released. One attempt."""
        ...

    def set_case_fields(self, key: DocumentKey, fields: CaseFields, judged_by: bytes | None = None) -> None:
        """Set the agency's case on an invoice. One attempt.

        `judged_by` is the raw record that the decision rests on: where the ERP can tell that it has changed since,
        nothing is written and `NotSent` raised.
        """
        ...

    def posted_vouchers(self, since: date) -> Iterator[PostedVoucher]:
        """Vouchers modified since a day, for the look-up by reference."""
        ...

    def voucher(self, number: str) -> PostedVoucher | None:
        """One voucher read again."""
        ...

    def create_voucher(self, voucher: NewVoucher) -> Receipt:
        """Create it unreleased. One attempt."""
        ...

    def release_voucher(self, number: str) -> None:
        """Ask for release. One attempt."""
        ...

    def periods(self) -> list[Period]:
        """Financial periods by start date."""
        ...

    def pdf(self, key: DocumentKey) -> bytes:
        """The printed document."""
        ...


class Erp(ErpWrites, Protocol):
    """An accounting system that owns the customer ledger of one company."""

    tenant: str
    capabilities: ErpCapabilities
    feeds: Mapping[str, Feed]
    """Keys: documents, payments, customers."""

    @property
    def clock_skew(self) -> timedelta | None:
        """How far its clock is ahead of ours, as last measured; None where it was not."""
        ...

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """Raw records changed since a moment (None: all), page by page; rows may repeat.

        Raises Transient, Permanent or Unreadable.
        """
        ...

    def documents(self, keys: Sequence[DocumentKey]) -> list[bytes]:
        """Fresh raw records of the feed `documents`; a missing document is left out."""
        ...

    def customers(self, numbers: Sequence[str]) -> list[bytes]:
        """Fresh raw records of the feed `customers`; a missing customer is left out."""
        ...

    def payments_of(self, customers: Sequence[str]) -> list[bytes]:
        """Fresh raw records of the feed `payments`.

        Every payment and credit note of these customers that is not Closed or Voided.
        """
        ...

    def payments(self, keys: Sequence[DocumentKey]) -> list[bytes]:
        """Fresh raw records of the feed `payments`; a missing document is left out."""
        ...

    def movements(self, account: str, since: date, until: date) -> Iterator[Movement]:
        """Released general-ledger lines of an account by posting date, both days included."""
        ...

    def accounts(self) -> list[LedgerAccount]:
        """The chart of accounts."""
        ...

    def cash_accounts(self) -> list[CashAccount]:
        """All cash accounts."""
        ...

    def payment_methods(self) -> list[PaymentMethod]:
        """All payment methods."""
        ...

    def paid_by(self, since: date) -> set[tuple[str, str]]:
        """Pairs of payment method and cash account on some payments dated since a day. One page: none is no proof."""
        ...
