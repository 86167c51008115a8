"""What the night needs of a debt-collection agency.

Reads return raw records of a `Feed`, exactly as on the ERP side. Writes make one attempt and return a `Receipt`, or
raise `NotSent`, `Refused` or `Uncertain`. Entry amounts are signed øre: positive lowers what the debtor owes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol, runtime_checkable

from cloudcollect_pipeline.domain.debtor import debtor_mark
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.erp.port import Receipt

Allocation = Literal["lines", "balances", "gross"]
"""How an agency tells what it received: per payment with its split, as a claim's balance, or per payment unsplit."""


@dataclass(frozen=True)
class AgencyCapabilities:
    """What this agency can and cannot do; a missing capability becomes a finding, never a silent skip."""

    report_payment: bool = True
    report_credit: bool = True
    take_back: bool = True
    raise_claim: bool = True
    pause: bool = True
    recall: bool = True
    documents: bool = True
    documents_follow: bool = False
    """Whether documents are uploaded after their claim, so that a lost answer may leave them behind."""
    settlements: bool = True
    look_up_by_reference: bool = True
    update_debtor: bool = False
    questions: bool = False
    allocation: Allocation = "lines"
    currencies: tuple[str, ...] = ("NOK",)


@dataclass(frozen=True)
class Debtor:
    """Who owes. Personal data: only ever handed to the agency, never logged."""

    number: str
    name: str
    business: bool
    organisation_number: str | None
    address: str
    postal_code: str
    city: str
    country: str
    email: str | None
    phone: str | None

    def __repr__(self) -> str:
        return f"Debtor({self.number}, ***)"

    def mark(self, transfer: str) -> str:
        """Tells whether what the agency knows of the debtor is still so; `transfer` is the claim's reference."""
        return debtor_mark(
            transfer,
            (
                self.name,
                self.organisation_number,
                self.address,
                self.postal_code,
                self.city,
                self.country,
                self.email,
                self.phone,
            ),
        )


@dataclass(frozen=True)
class Question:
    """What the agency wants to know about a claim. Its text may be personal: never logged."""

    id: str
    claim_id: str
    text: str
    answered: bool

    def __repr__(self) -> str:
        return f"Question({self.id}, ***)"


@dataclass(frozen=True)
class NewClaim:
    """A receivable handed over. `principal` is its balance in the same fresh read the baseline is taken from."""

    reference: str
    document_type: str
    number: str
    kid: str | None
    document_date: date
    due_date: date
    original_amount: int
    principal: int
    currency: str
    reminders_sent: int
    last_reminder: date | None
    debtor: Debtor
    pdf: bytes | None


@dataclass(frozen=True)
class NewReduction:
    """A creditor-side fact: positive lowers the claim's principal, negative takes back or raises it.

    `kind`: DIRECT_PAYMENT, CREDIT, WRITE_OFF or RAISE. `document_type` and `number` name the ERP's paying document.
    """

    reference: str
    claim_id: str
    kind: str
    amount: int
    currency: str
    value_date: date
    document_type: str
    number: str


@dataclass(frozen=True)
class Held:
    """What the agency holds under one of our references. `kind` is claim or reduction; `amount` the principal."""

    reference: str
    kind: str
    id: str
    document: str
    currency: str
    amount: int


@dataclass(frozen=True)
class Balance:
    """What an agency has received on a claim so far: bucket -> øre. `value_date` is that of the last change."""

    claim_id: str
    currency: str
    received: Mapping[str, int]
    value_date: date
    updated_at: datetime


@dataclass(frozen=True)
class DerivedEntry:
    """A money fact derived from a balance: bucket -> øre. `reverses` names the derived entry that it takes back."""

    entry_id: str
    claim_id: str
    currency: str
    value_date: date
    recorded_at: datetime
    lines: Mapping[str, int]
    reverses: str | None = None


@dataclass(frozen=True)
class KnownEntry:
    """A payment that the ledger knows and that is not cancelled, on one claim or on none. `amount` in øre."""

    entry_id: str
    claim_id: str | None
    received_by: str
    currency: str
    amount: int
    value_date: date
    recorded_at: datetime


@runtime_checkable
class TellsBalances(Protocol):
    """An agency whose `allocation` is balances."""

    def balances(self, since: datetime | None, claims: Sequence[str] = ()) -> list[Balance]:
        """Balances changed since a moment, or those of some claims."""
        ...

    def entry_record(self, entry: DerivedEntry) -> bytes:
        """A derived entry as a raw record of the feed `entries`."""
        ...


class AgencyWrites(Protocol):
    """The writes to an agency, and the look-up that makes them safe: all that dispatch needs of it."""

    def find(self, references: Sequence[str]) -> dict[str, Held]:
        """What the agency holds under these references; an unknown reference is left out."""
        ...

    def create_claim(self, claim: NewClaim) -> Receipt:
        """Hand a receivable over. One attempt."""
        ...

    def create_reduction(self, reduction: NewReduction) -> Receipt:
        """Report a creditor-side fact. One attempt."""
        ...

    def set_hold(self, claim_id: str, hold: str, reason: str) -> None:
        """Pause, resume or recall a claim. One attempt."""
        ...

    def update_debtor(self, claim_id: str, debtor: Debtor) -> None:
        """Tell a claim's debtor anew, all of it. Telling the same twice changes nothing. One attempt."""
        ...

    def answer(self, question_id: str, text: str) -> None:
        """Answer a question; the same answer twice changes nothing. One attempt."""
        ...


class Agency(AgencyWrites, Protocol):
    """A debt-collection agency as seen by one creditor."""

    id: str
    """Fixed for ever: part of every reference."""
    capabilities: AgencyCapabilities
    feeds: Mapping[str, Feed]
    """Keys: claims, cases, entries, settlements."""

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """Raw records updated since a moment (None: all), page by page; rows may repeat."""
        ...

    def claims(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw records of the feed `claims`; a missing claim is left out."""
        ...

    def entries(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw records of the feed `entries`; a missing entry is left out."""
        ...

    def settlements(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw records of the feed `settlements`; a missing settlement is left out."""
        ...

    def questions(self) -> list[Question]:
        """The agency's questions on our claims, by id."""
        ...
