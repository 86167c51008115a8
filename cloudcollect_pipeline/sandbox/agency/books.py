"""The agency's books: claims, cases, entries and settlements of any number of creditors.

The truth on this side of the mirror. Amounts are integer øre; a positive entry lowers what the debtor owes. Days are
dates in Europe/Oslo, moments UTC. Nothing here knows HTTP, and nothing here knows the pipeline.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import NamedTuple

import msgspec

from cloudcollect_pipeline.domain.calendar import adjusted_due_date
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.sandbox.agency import records
from cloudcollect_pipeline.sandbox.agency.feeds import Feed, Key
from cloudcollect_pipeline.sandbox.agency.records import Capabilities, Refusal

REDUCTION_KINDS = ("DIRECT_PAYMENT", "CREDIT", "WRITE_OFF", "RAISE")
STAGES = ("REMINDER", "DEMAND", "LEGAL", "ENFORCEMENT", "MONITORING")
ENDED = ("WITHDRAWN", "REJECTED")
"""Statuses after which the same document may be handed over again."""
FEES = ("reminder_fee", "compensation", "creditor_cost", "agency_fee")


@dataclass
class Settings:
    """How this agency works. Rates in basis points (2500 = 25 %), amounts in øre, waits in days unless said."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    read_lag: timedelta = timedelta(0)
    """How long a change stays invisible in feeds and references."""
    opens_after: timedelta = timedelta(0)
    """From receipt until the case is opened, at the first tick after it."""
    reminder_after_due: int = 14
    demand_after_reminder: int = 14
    """Full days: the demand goes out the day after them."""
    later_stages: Mapping[str, int] = field(
        default_factory=lambda: {"LEGAL": 60, "ENFORCEMENT": 180, "MONITORING": 365}
    )
    """Days from the demand to each later stage."""
    demand_fee: int = 35_000
    fee_bucket: str = "agency_fee"
    commission_rate: int = 500
    """Of principal received by the agency."""
    vat_rate: int = 2500
    """Of commission and of fees the agency keeps."""
    creditor_deducts_vat: bool = True
    """Where not, the debtor pays the VAT on the agency's fees on top of them, and the creditor that on commission."""
    pass_on_interest: bool = True
    pass_on_fees: bool = False
    payout_after: int = 2
    require_address: bool = True
    allow_duplicates: bool = False
    """Whether a document with a claim that has not ended may be handed over once more."""
    portal: str = "https://agency.example/cases/"


class Debtor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who owes, by the creditor's customer number. Personal data."""

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


@dataclass(frozen=True)
class Document:
    """Something attached to a claim; its content is not kept. `size` in bytes."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ClaimOrder:
    """A receivable as the creditor hands it over."""

    reference: str
    document_type: str
    document_number: str
    kid: str | None
    document_date: date
    due_date: date
    original_amount: int
    principal: int
    currency: str
    reminders_sent: int
    last_reminder: date | None
    debtor: Debtor
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True)
class ReductionOrder:
    """A fact on the creditor's side as reported; `source` is type and number of the ERP document behind it."""

    reference: str
    kind: str
    amount: int
    currency: str
    value_date: date
    source: tuple[str, str]


@dataclass(eq=False, repr=False, slots=True)
class Case:
    """One debtor of one creditor. The number may change, the id never does."""

    id: str
    creditor: str
    debtor: str
    number: str
    url: str
    updated_at: datetime
    status: str = "REMINDER"
    """The furthest stage of its live claims, or CLOSED."""
    previous_numbers: list[str] = field(default_factory=list[str])
    claims: list["Claim"] = field(default_factory=list["Claim"])


@dataclass(eq=False, repr=False, slots=True)
class Claim:
    """One receivable handed over."""

    id: str
    creditor: str
    order: ClaimOrder
    principal_open: int
    received_at: datetime
    updated_at: datetime
    case: Case | None = None
    status: str = "SUBMITTED"
    stage: str = "REMINDER"
    hold: str = "NONE"
    disputed: bool = False
    rejected: bool = False
    fees_open: int = 0
    """Charged to the debtor and not yet paid; interest and overpayments are not tracked."""
    reminded_on: date | None = None
    demanded_on: date | None = None
    questions_open: int = 0
    waiting: bool = False
    """Whether its next step was due while it could not move."""
    paused_at: datetime | None = None
    """When the agency paused it for reasons of its own, as long as it does."""

    @property
    def reference(self) -> str:
        """The creditor's reference."""
        return self.order.reference

    @property
    def document_type(self) -> str:
        """Type of the ERP document."""
        return self.order.document_type

    @property
    def document_number(self) -> str:
        """Number of the ERP document."""
        return self.order.document_number

    @property
    def currency(self) -> str:
        """ISO code."""
        return self.order.currency

    @property
    def principal(self) -> int:
        """As handed over, or raised by hand since."""
        return self.order.principal

    @property
    def live(self) -> bool:
        """Whether there is something to collect and somebody may."""
        return self.status in ("SUBMITTED", "NEEDS_INFO", "ACTIVE")

    @property
    def moves(self) -> bool:
        """Whether the agency works on it."""
        return self.status == "ACTIVE" and self.hold == "NONE" and not self.disputed

    @property
    def payee(self) -> str:
        """Whom the debtor is told to pay: the CREDITOR as long as only reminded, then the AGENCY."""
        return "CREDITOR" if self.stage == "REMINDER" else "AGENCY"


class Line(NamedTuple):
    """The share of an entry on one claim and bucket."""

    claim: Claim
    bucket: str
    amount: int


@dataclass(eq=False, repr=False, slots=True)
class Entry:
    """One money fact. Only `cancelled` and its settlement ever change."""

    id: str
    creditor: str
    kind: str
    received_by: str | None
    currency: str
    value_date: date
    recorded_at: datetime
    updated_at: datetime
    lines: tuple[Line, ...]
    reverses: "Entry | None" = None
    reference: str | None = None
    source: tuple[str, str] | None = None
    cancelled: bool = False
    settlement: "Settlement | None" = None
    carried: dict[tuple[Claim, str], int] = field(default_factory=dict[tuple[Claim, str], int])
    """What an agency payment still carries after its reversals and reallocations."""

    @property
    def amount(self) -> int:
        """Sum of the lines."""
        return sum(line.amount for line in self.lines)

    @property
    def principal(self) -> int:
        """Sum of the principal lines."""
        return sum(line.amount for line in self.lines if line.bucket == "principal")


class SettlementLine(NamedTuple):
    """One settled item; `vat` is the part of the settlement's VAT that it causes."""

    entry: Entry
    claim: Claim
    bucket: str
    amount: int
    vat: int


@dataclass(eq=False, repr=False, slots=True)
class Settlement:
    """A payout statement: net = principal + interest + fees - commission - expenses - vat - offset."""

    id: str
    creditor: str
    number: str
    currency: str
    booking_date: date
    payout_date: date
    lines: tuple[SettlementLine, ...]
    entries: tuple[Entry, ...]
    expenses: int
    offset: int
    replaces: str | None
    updated_at: datetime
    status: str = "PUBLISHED"

    def _sum(self, *buckets: str) -> int:
        return sum(line.amount for line in self.lines if line.bucket in buckets)

    @property
    def principal(self) -> int:
        """Principal received for the creditor."""
        return self._sum("principal")

    @property
    def interest(self) -> int:
        """Interest passed on."""
        return self._sum("interest")

    @property
    def fees(self) -> int:
        """Fees passed on."""
        return self._sum(*FEES)

    @property
    def commission(self) -> int:
        """The agency's commission without VAT."""
        return self._sum("commission")

    @property
    def vat(self) -> int:
        """VAT on commission and on fees kept."""
        return sum(line.vat for line in self.lines)

    @property
    def net(self) -> int:
        """What is paid out; negative when the creditor owes."""
        return self.principal + self.interest + self.fees - self.commission - self.expenses - self.vat - self.offset


@dataclass(eq=False, repr=False, slots=True)
class Question:
    """Something the agency wants to know about a claim."""

    id: str
    claim: Claim
    text: str
    asked_at: datetime
    answer: str | None = None
    answered_at: datetime | None = None


class Account:
    """Everything the agency holds for one creditor. For reading; `Agency` writes."""

    def __init__(self, creditor: str) -> None:
        self.creditor = creditor
        self.claims: dict[str, Claim] = {}
        self.cases: dict[str, Case] = {}
        self.entries: dict[str, Entry] = {}
        self.settlements: dict[str, Settlement] = {}
        self.questions: dict[str, Question] = {}
        self.references: dict[str, Claim | Entry] = {}
        self.unsettled: dict[str, Entry] = {}
        self.feeds = {name: Feed() for name in ("claims", "cases", "entries", "settlements", "balances")}
        self.received: defaultdict[Claim, Counter[str]] = defaultdict(Counter)
        """What the agency has received per claim and bucket, for an agency that tells balances."""
        self.by_document: defaultdict[str, list[Claim]] = defaultdict(list)
        self.by_debtor: dict[str, Case] = {}
        self.reported: Counter[Claim] = Counter()
        self.to_replace: list[str] = []


class Agency:
    """The agency. Creditors are known by any text; an account opens when first asked for."""

    def __init__(self, clock: Clock, settings: Settings | None = None) -> None:
        self.clock = clock
        self.settings = settings or Settings()
        self._accounts: dict[str, Account] = {}
        self._ids: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
        self._agenda: list[tuple[date, int, Claim]] = []
        self._agenda_order = count()
        self._opening: deque[Claim] = deque()
        self._refusals: deque[Refusal] = deque()
        self._last = clock.now()

    # Looking

    def account(self, creditor: str) -> Account:
        """The creditor's account."""
        account = self._accounts.get(creditor)
        if account is None:
            account = self._accounts[creditor] = Account(creditor)
        return account

    @property
    def creditors(self) -> tuple[str, ...]:
        """All accounts opened so far."""
        return tuple(self._accounts)

    def claim_for(self, creditor: str, document_number: str, episode: int | None = None) -> Claim | None:
        """The newest claim on an ERP document, or its `episode`-th (from 1), rejected ones counted."""
        claims = self.account(creditor).by_document.get(document_number, [])
        if episode is not None:
            return claims[episode - 1] if 0 < episode <= len(claims) else None
        return claims[-1] if claims else None

    def claims_with_reference(self, reference: str) -> list[Claim]:
        """All claims under a reference, over all creditors."""
        held = (account.references.get(reference) for account in self._accounts.values())
        return [record for record in held if isinstance(record, Claim)]

    def entries_with_reference(self, reference: str) -> list[Entry]:
        """All reductions under a reference, over all creditors."""
        held = (account.references.get(reference) for account in self._accounts.values())
        return [record for record in held if isinstance(record, Entry)]

    def unsettled_principal(self, creditor: str) -> int:
        """Principal received for the creditor and not yet settled, reversals deducted, in øre."""
        return sum(entry.principal for entry in self.account(creditor).unsettled.values())

    def counts(self, creditor: str) -> Counter[str]:
        """How many claims, cases and settlements there are, and entries per kind."""
        account = self.account(creditor)
        numbers = Counter(entry.kind for entry in account.entries.values())
        numbers.update(claims=len(account.claims), cases=len(account.cases), settlements=len(account.settlements))
        return numbers

    # What the creditor does

    def create_claim(self, creditor: str, order: ClaimOrder) -> tuple[Claim, bool]:
        """Take a claim in; False when the same one is already held. Raises `Refusal`."""
        account = self.account(creditor)
        held = account.references.get(order.reference)
        if held is not None:
            if isinstance(held, Claim) and _same_claim(held.order, order):
                return held, False
            raise Refusal("reference_in_use", "the reference is held with other content", 409)
        self._consider(account, order)
        now = self._stamp()
        claim = Claim(self._id("clm"), creditor, order, order.principal, now, now)
        account.claims[claim.id] = claim
        account.references[order.reference] = claim
        account.by_document[order.document_number].append(claim)
        self._opening.append(claim)
        self._changed(claim)
        return claim, True

    def create_reduction(self, creditor: str, claim_id: str, order: ReductionOrder) -> tuple[Entry, bool]:
        """Book a reported fact; False when the same one is already held. Raises `Refusal`."""
        account = self.account(creditor)
        claim = self._claim(account, claim_id)
        held = account.references.get(order.reference)
        if held is not None:
            if isinstance(held, Entry) and _same_reduction(held, claim, order):
                return held, False
            raise Refusal("reference_in_use", "the reference is held with other content", 409)
        self._consider_reduction(account, claim, order)
        if order.kind != "RAISE":
            account.reported[claim] += order.amount
        entry = self._book(
            creditor,
            order.kind,
            "CREDITOR" if order.kind == "DIRECT_PAYMENT" else None,
            [Line(claim, "principal", order.amount)],
            order.value_date,
            reference=order.reference,
            source=order.source,
        )
        account.references[order.reference] = entry
        return entry, True

    def set_hold(self, creditor: str, claim_id: str, hold: str) -> Claim:
        """NONE, PAUSED or RECALLED. Raises `Refusal`."""
        claim = self._claim(self.account(creditor), claim_id)
        if claim.hold == hold:
            return claim
        if claim.status in ENDED:
            raise Refusal("claim_ended", "the claim has ended")
        offers = self.settings.capabilities
        if not {"NONE": True, "PAUSED": offers.pause, "RECALLED": offers.recall}[hold]:
            raise Refusal("not_supported", f"{hold} is not offered")
        claim.hold, claim.paused_at = hold, None
        self._changed(claim)
        return claim

    def update_debtor(self, creditor: str, claim_id: str, debtor: Debtor) -> Claim:
        """Replace what is known of a claim's debtor; the same again changes nothing. Raises `Refusal`."""
        if not self.settings.capabilities.update_debtor:
            raise Refusal("not_supported", "debtors cannot be told anew")
        claim = self._claim(self.account(creditor), claim_id)
        if not claim.live:
            raise Refusal("claim_ended", "the claim has ended")
        if claim.order.debtor != debtor:
            claim.order = replace(claim.order, debtor=debtor)
            self._changed(claim)
        return claim

    def answer(self, creditor: str, question_id: str, text: str) -> Question:
        """Answer a question once. Raises `Refusal`."""
        question = self.account(creditor).questions.get(question_id)
        if question is None:
            raise Refusal("not_found", "no such question", 404)
        if question.answer is None:
            question.answer = text
            question.answered_at = self._stamp()
            question.claim.questions_open -= 1
            self._changed(question.claim)
        elif question.answer != text:
            raise Refusal("already_answered", "the question has another answer", 409)
        return question

    # What the debtor does

    def receive(
        self,
        claim: Claim,
        principal: int,
        interest: int = 0,
        fees: int = 0,
        on: date | None = None,
        force: bool = False,
    ) -> Entry:
        """The debtor pays the agency. Principal above what is open becomes an overpayment unless forced."""
        return self._receive([(claim, principal, interest, fees)], on, force)

    def receive_many(self, shares: Mapping[Claim, int], on: date | None = None, force: bool = False) -> Entry:
        """One payment spread over several claims of a debtor: principal per claim."""
        if len({(claim.creditor, claim.order.debtor.number, claim.currency) for claim in shares}) != 1:
            raise ValueError("a payment belongs to one debtor, creditor and currency")
        return self._receive([(claim, principal, 0, 0) for claim, principal in shares.items()], on, force)

    # What the agency does

    def refuse_next(self, code: str = "not_accepted", message: str = "the claim is not accepted") -> None:
        """Refuse the next new claim."""
        self._refusals.append(Refusal(code, message))

    def reject(self, claim: Claim) -> None:
        """Reject a claim after having taken it in."""
        claim.rejected = True
        self._changed(claim)

    def reverse(self, entry: Entry, amount: int | None = None) -> Entry:
        """Book a REVERSAL, negative, of what a payment still carries, or of `amount` of it, principal first."""
        carried = [(claim, bucket, left) for (claim, bucket), left in entry.carried.items() if left > 0]
        carried.sort(key=lambda share: share[1] != "principal")
        left_to_take = sum(left for _, _, left in carried) if amount is None else amount
        lines: list[Line] = []
        for claim, bucket, left in carried:
            taken = min(left, left_to_take)
            if taken > 0:
                lines.append(Line(claim, bucket, -taken))
                left_to_take -= taken
        if left_to_take or not lines:
            raise Refusal("exceeds_entry", "the entry does not carry that much")
        return self._correct(entry, "REVERSAL", lines)

    def reallocate(self, entry: Entry, from_claim: Claim, to_claim: Claim, amount: int) -> Entry:
        """Move principal of a payment to another claim: a REALLOCATION whose lines add up to zero."""
        if not 0 < amount <= entry.carried.get((from_claim, "principal"), 0):
            raise Refusal("exceeds_entry", "the entry does not carry that much on the claim")
        if amount > to_claim.principal_open:
            raise Refusal("exceeds_open", "the other claim does not owe that much")
        if (from_claim.creditor, from_claim.currency) != (to_claim.creditor, to_claim.currency):
            raise ValueError("a payment stays with its creditor and currency")
        lines = [Line(from_claim, "principal", -amount), Line(to_claim, "principal", amount)]
        return self._correct(entry, "REALLOCATION", lines)

    def receive_unallocated(self, claim: Claim, amount: int, on: date | None = None) -> Entry:
        """Receive money that names a claim and is not yet allocated to what it pays."""
        entry = self._book(claim.creditor, "AGENCY_PAYMENT", "AGENCY", [Line(claim, "unallocated", amount)], on)
        entry.carried = {(claim, "unallocated"): amount}
        return entry

    def allocate(self, entry: Entry, claim: Claim, amount: int) -> Entry:
        """Allocate money received before to a claim's principal: a REALLOCATION whose lines add up to zero."""
        held = next(((c, left) for (c, bucket), left in entry.carried.items() if bucket == "unallocated"), None)
        if held is None or not 0 < amount <= min(held[1], claim.principal_open):
            raise Refusal("exceeds_entry", "the entry has not that much to allocate, or the claim does not owe it")
        lines = [Line(held[0], "unallocated", -amount), Line(claim, "principal", amount)]
        return self._correct(entry, "REALLOCATION", lines)

    def book_direct(self, claim: Claim, amount: int, on: date | None = None) -> Entry:
        """Book what the debtor says to have paid the creditor: without our reference."""
        if not 0 < amount <= claim.principal_open:
            raise Refusal("exceeds_open", "the claim does not owe that much")
        return self._book(claim.creditor, "DIRECT_PAYMENT", "CREDITOR", [Line(claim, "principal", amount)], on)

    def cancel_reduction(self, entry: Entry) -> Entry:
        """Cancel something the creditor reported."""
        if entry.reference is None:
            raise ValueError("only what the creditor reported is a reduction")
        if entry.kind != "RAISE" and not entry.cancelled:
            self.account(entry.creditor).reported[entry.lines[0].claim] -= entry.amount
        return self._cancel(entry)

    def cancel_direct(self, entry: Entry) -> Entry:
        """Cancel a direct payment the agency booked itself."""
        if entry.kind != "DIRECT_PAYMENT" or entry.reference is not None:
            raise ValueError("only a direct payment booked by the agency")
        return self._cancel(entry)

    def charge(self, claim: Claim, amount: int, bucket: str | None = None, on: date | None = None) -> Entry:
        """Charge the debtor a fee: an entry with a negative amount that leaves the principal alone."""
        if amount <= 0:
            raise ValueError("a charge is positive")
        line = Line(claim, bucket or self.settings.fee_bucket, -amount)
        return self._book(claim.creditor, "CHARGE", None, [line], on)

    def raise_by_hand(self, claim: Claim, amount: int) -> None:
        """A person at the agency raises what was handed over, where that cannot be reported."""
        claim.order = replace(claim.order, principal=claim.order.principal + amount)
        claim.principal_open += amount
        self._changed(claim)

    def dispute(self, claim: Claim, flag: bool = True) -> None:
        """The debtor disputes the claim, or no longer does."""
        if claim.disputed != flag:
            claim.disputed = flag
            self._changed(claim)

    def pause(self, claim: Claim, flag: bool = True) -> None:
        """The agency stops a claim for reasons of its own, or lets it go on."""
        self.set_hold(claim.creditor, claim.id, "PAUSED" if flag else "NONE")
        claim.paused_at = self.clock.now() if flag else None

    def question(self, claim: Claim, text: str) -> Question:
        """Ask the creditor; the claim needs information until answered."""
        question = Question(self._id("que"), claim, text, self._stamp())
        self.account(claim.creditor).questions[question.id] = question
        claim.questions_open += 1
        self._changed(claim)
        return question

    def rekey(self, case: Case) -> str:
        """Give a case a new number; the id stays."""
        case.previous_numbers.append(case.number)
        case.number = self._number("case")
        case.url = self.settings.portal + case.number
        self._publish_case(case)
        return case.number

    def merge(self, case: Case, into: Case) -> None:
        """Continue a case in another one of its creditor: its claims and its debtor move there, and it is closed."""
        if case is into or case.creditor != into.creditor:
            raise ValueError("a case is merged into another one of its creditor")
        account = self.account(case.creditor)
        account.by_debtor.update({debtor: into for debtor, held in account.by_debtor.items() if held is case})
        into.previous_numbers += [*case.previous_numbers, case.number]
        moved, case.claims = case.claims, []
        into.claims += moved
        for claim in moved:
            claim.case = into
            self._changed(claim)
        for each in (case, into):
            each.status = _case_status(each)
            self._publish_case(each)

    def settle(
        self,
        creditor: str,
        on: date | None = None,
        currency: str = "NOK",
        expenses: int = 0,
        offset: int = 0,
        slip: int = 0,
    ) -> Settlement | None:
        """Publish a settlement of everything not yet settled; None when there is nothing.

        A `slip` is a mistake of the agency's: so much more (or less) is settled of the first item than it carries.
        """
        account = self.account(creditor)
        entries = sorted(
            (entry for entry in account.unsettled.values() if entry.currency == currency), key=lambda entry: entry.id
        )
        if not entries:
            return None
        day = on or self._today()
        lines = [line for entry in entries for line in self._settled(entry)]
        if slip:
            lines[0] = lines[0]._replace(amount=lines[0].amount + slip)
        settlement = Settlement(
            id=self._id("stm"),
            creditor=creditor,
            number=self._number("settlement"),
            currency=currency,
            booking_date=day,
            payout_date=day + timedelta(days=self.settings.payout_after),
            lines=tuple(lines),
            entries=tuple(entries),
            expenses=expenses,
            offset=offset,
            replaces=account.to_replace.pop() if account.to_replace else None,
            updated_at=self._stamp(),
        )
        for entry in entries:
            entry.settlement = settlement
            del account.unsettled[entry.id]
        account.settlements[settlement.id] = settlement
        self._publish_settlement(settlement)
        return settlement

    def cancel_settlement(self, settlement: Settlement) -> None:
        """Cancel a settlement; its items are unsettled again and the next settlement replaces it."""
        if settlement.status != "PUBLISHED":
            raise ValueError("already cancelled")
        account = self.account(settlement.creditor)
        settlement.status = "CANCELLED"
        for entry in settlement.entries:
            entry.settlement = None
            account.unsettled[entry.id] = entry
        account.to_replace.append(settlement.id)
        self._publish_settlement(settlement)

    def tick(self, now: datetime | None = None) -> None:
        """Do what is due at `now`: open cases, send reminders, move claims to their next stage."""
        moment = now or self.clock.now()
        while self._opening and self._opening[0].received_at + self.settings.opens_after <= moment:
            self._open(self._opening.popleft())
        today = night_of(moment)
        while self._agenda and self._agenda[0][0] <= today:
            due, _, claim = heapq.heappop(self._agenda)
            if claim.moves:
                self._advance(claim, due)
            else:
                claim.waiting = True

    # Considering

    def _consider(self, account: Account, order: ClaimOrder) -> None:
        settings = self.settings
        if not settings.allow_duplicates and any(
            claim.document_type == order.document_type and claim.status not in ENDED
            for claim in account.by_document.get(order.document_number, ())
        ):
            raise Refusal("already_registered", "a claim on this document is already held", 409)
        if self._refusals:
            raise self._refusals.popleft()
        if order.currency not in settings.capabilities.currencies:
            raise Refusal("wrong_currency", "the currency is not handled")
        if order.principal <= 0:
            raise Refusal("invalid_amount", "the principal must be positive")
        if order.documents and not settings.capabilities.documents:
            raise Refusal("not_supported", "documents are not offered")
        debtor = order.debtor
        if settings.require_address and not all(
            (debtor.name, debtor.address, debtor.postal_code, debtor.city, debtor.country)
        ):
            raise Refusal("debtor_address_missing", "name, address, postal code, city and country are needed")

    def _consider_reduction(self, account: Account, claim: Claim, order: ReductionOrder) -> None:
        offers = self.settings.capabilities
        if claim.status in ENDED:
            raise Refusal("claim_ended", "the claim has ended")
        if order.currency != claim.currency:
            raise Refusal("wrong_currency", "the claim is in another currency")
        if order.amount == 0 or (order.kind == "RAISE" and order.amount > 0):
            raise Refusal("invalid_amount", "not zero, and a raise is negative")
        offered = {
            "DIRECT_PAYMENT": offers.report_payment,
            "CREDIT": offers.report_credit,
            "WRITE_OFF": offers.report_credit,
            "RAISE": offers.raise_claim,
        }[order.kind]
        takes_back = order.kind != "RAISE" and order.amount < 0
        if not offered or (takes_back and not offers.take_back):
            raise Refusal("not_supported", "this is not offered")
        if order.amount > max(0, claim.principal_open):
            raise Refusal("exceeds_open", "more than the open principal")
        if takes_back and account.reported[claim] + order.amount < 0:
            raise Refusal("exceeds_reported", "more than was reported on the claim; only a raise can do that")

    # Booking

    def _receive(self, shares: Iterable[tuple[Claim, int, int, int]], on: date | None, force: bool) -> Entry:
        lines: list[Line] = []
        for claim, principal, interest, fees in shares:
            if min(principal, interest, fees) < 0:
                raise ValueError("a payment is positive")
            due = principal if force else min(principal, max(0, claim.principal_open))
            lines += (
                Line(claim, bucket, amount)
                for bucket, amount in (
                    ("principal", due),
                    ("interest", interest),
                    (self.settings.fee_bucket, fees),
                    ("overpayment", principal - due),
                )
                if amount
            )
        if not lines:
            raise ValueError("a payment is positive")
        entry = self._book(lines[0].claim.creditor, "AGENCY_PAYMENT", "AGENCY", lines, on)
        entry.carried = {(line.claim, line.bucket): line.amount for line in lines}
        return entry

    def _correct(self, entry: Entry, kind: str, lines: list[Line]) -> Entry:
        for claim, bucket, amount in lines:
            entry.carried[claim, bucket] = entry.carried.get((claim, bucket), 0) + amount
        return self._book(entry.creditor, kind, "AGENCY", lines, None, reverses=entry)

    def _cancel(self, entry: Entry) -> Entry:
        if not entry.cancelled:
            entry.cancelled = True
            self._weigh(entry.lines, -1)
            self._publish_entry(entry)
        return entry

    def _book(
        self,
        creditor: str,
        kind: str,
        received_by: str | None,
        lines: list[Line],
        on: date | None,
        *,
        reverses: Entry | None = None,
        reference: str | None = None,
        source: tuple[str, str] | None = None,
    ) -> Entry:
        now = self._stamp()
        entry = Entry(
            id=self._id("ent"),
            creditor=creditor,
            kind=kind,
            received_by=received_by,
            currency=lines[0].claim.currency,
            value_date=on or self._today(),
            recorded_at=now,
            updated_at=now,
            lines=tuple(lines),
            reverses=reverses,
            reference=reference,
            source=source,
        )
        account = self.account(creditor)
        account.entries[entry.id] = entry
        if received_by == "AGENCY":
            account.unsettled[entry.id] = entry
        self._publish_entry(entry)
        self._weigh(entry.lines, 1)
        return entry

    def _weigh(self, lines: Iterable[Line], sign: int) -> None:
        touched: dict[Claim, None] = {}
        for claim, bucket, amount in lines:
            touched[claim] = None
            if bucket == "principal":
                claim.principal_open -= sign * amount
            elif bucket in FEES:
                claim.fees_open -= sign * amount
        for claim in touched:
            self._changed(claim)

    def _settled(self, entry: Entry) -> Iterable[SettlementLine]:
        settings = self.settings
        for claim, bucket, amount in entry.lines:
            if bucket == "principal":
                yield SettlementLine(entry, claim, bucket, amount, 0)
                if commission := _share(amount, settings.commission_rate):
                    vat = _share(commission, settings.vat_rate)
                    yield SettlementLine(entry, claim, "commission", commission, vat)
            elif (bucket == "interest" and settings.pass_on_interest) or (bucket in FEES and settings.pass_on_fees):
                yield SettlementLine(entry, claim, bucket, amount, 0)
            elif settings.creditor_deducts_vat and bucket in FEES and (vat := _share(amount, settings.vat_rate)):
                # The creditor bears the VAT on a fee the debtor paid to the agency.
                yield SettlementLine(entry, claim, bucket, 0, vat)

    # The life of a claim

    def _open(self, claim: Claim) -> None:
        if claim.status in ENDED:
            return
        account = self.account(claim.creditor)
        debtor = claim.order.debtor.number
        case = account.by_debtor.get(debtor)
        if case is None:
            number = self._number("case")
            case = Case(self._id("cas"), claim.creditor, debtor, number, self.settings.portal + number, self._last)
            account.cases[case.id] = account.by_debtor[debtor] = case
            self._publish_case(case)
        claim.case = case
        case.claims.append(claim)
        self._changed(claim)
        reminder = adjusted_due_date(claim.order.due_date) + timedelta(days=self.settings.reminder_after_due)
        self._schedule(claim, max(night_of(claim.received_at), reminder))

    def _advance(self, claim: Claim, due: date) -> None:
        if claim.reminded_on is None:
            claim.reminded_on = due
            self._schedule(claim, due + timedelta(days=self.settings.demand_after_reminder + 1))
            return
        claim.stage = _following(claim.stage) or claim.stage
        self._changed(claim)
        if claim.demanded_on is None:
            claim.demanded_on = due
            if fee := self.settings.demand_fee:
                vat = 0 if self.settings.creditor_deducts_vat else _share(fee, self.settings.vat_rate)
                self.charge(claim, fee + vat, on=due)
        wait = self.settings.later_stages.get(_following(claim.stage) or "")
        if wait is not None:
            self._schedule(claim, claim.demanded_on + timedelta(days=wait))

    def _schedule(self, claim: Claim, day: date) -> None:
        heapq.heappush(self._agenda, (day, next(self._agenda_order), claim))

    # Publishing

    def _changed(self, claim: Claim) -> None:
        claim.status = _status(claim)
        claim.updated_at = self._stamp()
        feed = self.account(claim.creditor).feeds["claims"]
        feed.put(Key(claim.updated_at, claim.id), records.claim(claim))
        if claim.waiting and claim.moves:
            claim.waiting = False
            self._schedule(claim, self._today())
        if claim.case is not None and claim.case.status != (status := _case_status(claim.case)):
            claim.case.status = status
            self._publish_case(claim.case)

    def _publish_case(self, case: Case) -> None:
        case.updated_at = self._stamp()
        self.account(case.creditor).feeds["cases"].put(Key(case.updated_at, case.id), records.case(case))

    def _publish_entry(self, entry: Entry) -> None:
        entry.updated_at = self._stamp()
        account, allocation = self.account(entry.creditor), self.settings.capabilities.allocation
        if allocation == "balances" and entry.received_by == "AGENCY":
            for line in entry.lines:
                account.received[line.claim][line.bucket] += line.amount
            for claim in dict.fromkeys(line.claim for line in entry.lines):
                told = records.balance(claim, account.received[claim], entry.value_date, entry.updated_at)
                account.feeds["balances"].put(Key(entry.updated_at, claim.id), told)
            return
        split = allocation != "gross" or entry.received_by != "AGENCY"
        account.feeds["entries"].put(Key(entry.updated_at, entry.id), records.entry(entry, split))

    def _publish_settlement(self, settlement: Settlement) -> None:
        settlement.updated_at = self._stamp()
        feed = self.account(settlement.creditor).feeds["settlements"]
        named = self.settings.capabilities.allocation != "balances"
        feed.put(Key(settlement.updated_at, settlement.id), records.settlement(settlement, named))

    def _claim(self, account: Account, claim_id: str) -> Claim:
        claim = account.claims.get(claim_id)
        if claim is None:
            raise Refusal("not_found", "no such claim", 404)
        return claim

    def _stamp(self) -> datetime:
        # Feeds are ordered by moment, so a clock set back must not take them back.
        self._last = max(self._last, self.clock.now())
        return self._last

    def _today(self) -> date:
        return night_of(self._stamp())

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids[prefix]):08d}"

    def _number(self, kind: str) -> str:
        return str(100_000 + next(self._ids[kind]))


def _status(claim: Claim) -> str:
    if claim.rejected:
        return "REJECTED"
    if claim.hold == "RECALLED":
        return "WITHDRAWN"
    if claim.principal_open <= 0:
        return "CLOSED"
    if claim.questions_open:
        return "NEEDS_INFO"
    return "ACTIVE" if claim.case else "SUBMITTED"


def _case_status(case: Case) -> str:
    live = (STAGES.index(claim.stage) for claim in case.claims if claim.live)
    furthest = max(live, default=None)
    return "CLOSED" if furthest is None else STAGES[furthest]


def _following(stage: str) -> str | None:
    place = STAGES.index(stage) + 1
    return STAGES[place] if place < len(STAGES) else None


def _same_claim(held: ClaimOrder, sent: ClaimOrder) -> bool:
    return _claim_content(held) == _claim_content(sent)


def _claim_content(order: ClaimOrder) -> tuple[object, ...]:
    # Texts and dates are not content: a corrected address may be sent again under its reference.
    return order.document_type, order.document_number, order.debtor.number, order.currency, order.principal


def _same_reduction(held: Entry, claim: Claim, sent: ReductionOrder) -> bool:
    return (held.lines[0].claim, held.kind, held.amount, held.currency, held.source) == (
        claim,
        sent.kind,
        sent.amount,
        sent.currency,
        sent.source,
    )


def _share(amount: int, rate: int) -> int:
    """Basis points of an amount, half øre away from zero."""
    size = (abs(amount) * rate + 5_000) // 10_000
    return size if amount >= 0 else -size
