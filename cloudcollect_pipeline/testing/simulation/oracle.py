"""The oracle: what truly happened, from the counterparties' own books alone, and what must hold of it.

It never asks the pipeline; of its journal it reads what is on record: intents, and the sums of past plans. Codes as in
S1 (no effect twice) to C10 stand for the invariants that `INVARIANTS` words.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.domain.reference import reference
from cloudcollect_pipeline.planning.plan import Plan
from cloudcollect_pipeline.sandbox.agency.books import ENDED, Claim, Entry, Settlement
from cloudcollect_pipeline.sandbox.erp import Document, DocumentType, Status
from cloudcollect_pipeline.sandbox.erp.documents import Customer
from cloudcollect_pipeline.sandbox.http import Request
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.settings import CapSettings, PolicySettings
from cloudcollect_pipeline.testing.simulation.events import RECEIVABLES, SUSPENSE, Stage

INVARIANTS: Mapping[str, str] = {
    "S1": "a payment or voucher stands in the ERP at most once under one reference",
    "S2": "what is posted is what the agency's entry carries, for its customer; a voucher is what its settlement says",
    "S3": "one claim per receivable at a time, one record per reference at the agency",
    "S4": "what is handed over is owed, picked, old enough, at its balance, not excluded, disputed or held back, "
    "and told as the ERP has it",
    "S5": "every write has a durable intent of its own before it, and was looked up in the same run",
    "S6": "no reference is sent twice within twelve hours",
    "S7": "a settlement is booked after all its items",
    "S8": "what the agency received is never reported to it: no claim is reduced below what is still owed, or raised "
    "above it, and each reduction is told as what it is",
    "S10": "nothing is written when a person or a guard has said so, and of what needs approval only what was approved",
    "S11": "only one run may write, and a second one asks nothing",
    "S12": "the journal is chained and gapless, and never another history without saying so",
    "S15": "a night keeps within its budget of requests",
    "L1": "debits equal credits in every batch",
    "L2": "both identities of the statement hold with the books' own figures, at rest and until something goes wrong",
    "L3": "an item is in one settlement at a time",
    "L4": "each balance is what the history behind it adds up to",
    "L5": "every difference between the two sides is named",
    "C1": "three quiet nights after the last answer settle everything that is not parked with a person",
    "C2": "no fact is lost: what is ripe is sent, its case shown, what was paid posted and booked, or named why not",
    "C3": "what is parked has a cause: three tries without an answer, or other content, or one like it, is there",
    "C4": "a quiet night plans nothing, and the same night once more sends nothing",
    "C10": "a claim that must stop is held or asked about, no other one is, and a pause of the agency's own stands",
}
"""What each code says. S13 and S14 are watched outside the simulator, S9 by the ERP's books, which refuse it."""

RULES = frozenset(
    {
        "OPEN",
        "PICKED",
        "OLD_ENOUGH",
        "NOT_EXCLUDED",
        "CUSTOMER_NOT_EXCLUDED",
        "NOT_DISPUTED",
        "NO_UNAPPLIED_CREDIT",
        "NO_UNRELEASED",
        "NO_CASE",
        "NO_FOREIGN_PAYMENT",
        "DOCUMENT_TYPE",
        "NO_LIVE_CLAIM",
    }
)
"""The rules that the oracle knows too."""
UNRIPE = frozenset({"OPEN", "PICKED", "OLD_ENOUGH", "NO_LIVE_CLAIM"})
"""What fails one of these is no candidate, and not listed as held back."""
COMING_OF_AGE = range(15, 25)
"""Days after the due date on which free days may still keep a receivable back."""
LEAVES = frozenset({"ignore", "keep", "leave"})
"""Answers by which a person lets a difference stand; all others ask for something to be done."""
HOLDS = ("NONE", "ASK", "PAUSED", "RECALLED")
"""What may be wanted of a claim, the stronger later; ASK: a person has not said yet, and it is left as it is."""
POLICY: Mapping[str, str] = {
    **dict.fromkeys(("leave", "report", "keep"), "NONE"),
    "ask": "ASK",
    "pause": "PAUSED",
    "recall": "RECALLED",
}
"""A setting, or an answer, and the hold that it asks for."""
PARKED = frozenset({"EFFECT_QUARANTINED", "EFFECT_REFUSED", "EFFECT_NOT_LISTED", "CLAIM_UNKNOWN"})
EXPLAIN_POSTINGS = PARKED | {
    "ENTRY_REPEATED",
    "ENTRY_UNALLOCATED",
    "POSTING_NOT_RELEASED",
    "POSTING_VOIDED_BY_HAND",
    "EFFECT_BLOCKED",
    "FOREIGN_SUSPENSE_PAYMENT",
}
EXPLAIN_BALANCES = EXPLAIN_POSTINGS | {
    "CREDITOR_ENTRY_UNKNOWN",
    "REDUCTION_CANCELLED",
    "REDUCTION_OVER_CEILING",
    "WRITE_OFF_ABOVE_TOLERANCE",
}
EXPLAIN_ALLOCATIONS = frozenset({"OWN_POSTING_SHORT", "OWN_POSTING_MOVED"})
"""What explains a difference only where somebody else had a hand in what our postings settle."""
EXPLAIN_UNSENT = PARKED | {"NEW_EPISODE"}
EXPLAIN_UNBOOKED = frozenset(
    {
        "EFFECT_QUARANTINED",
        "EFFECT_REFUSED",
        "POSTING_NOT_RELEASED",
        "SETTLEMENT_WAITS",
        "SETTLEMENT_REPEATS",
        "SETTLEMENT_UNKNOWN_ITEM",
        "SETTLEMENT_CHANGED",
    }
)
EXPLAIN_UNPLANNED = PARKED | {"EFFECT_UNCERTAIN"}
EXPLAIN_UNASKED = PARKED | {"CLAIM_SHOULD_STOP"}
EXPLAIN_UNSHOWN = PARKED | {"CASE_FIELDS_REFUSED"}
EXPLAIN_HELD = PARKED | {"PAUSE_OF_UNKNOWN_ORIGIN"}
"""Findings that say why something is not as it should be, and not only that it is not, as BALANCES_DIFFER does."""
NO_DOCUMENT = "? ?"
SMALL = 100
"""Øre that may be written off without asking anybody, by the settings of these lives."""
REMEMBERED = timedelta(minutes=45)
"""A stale read may be half an hour old, a guard's read a minute, and a group takes its time."""
USUAL = 20
"""Runs that say what is usual."""
PAYOUT, INPUT_VAT, COMMISSION, EXPENSES, INTEREST, FEES = "1515", "2710", "7790", "7798", "8050", "3900"
"""Where a settlement is booked beside the suspense account, by the settings of these lives."""
SETTLE = timedelta(hours=12)
MISSET = timedelta(hours=1)
"""How far the machine's clock is wrong at most."""
UNKNOWN_FOR = timedelta(days=4)
"""How long the outcome of a write may be unknown, and a night on which lists tell nothing new."""
TRIES, LOOKS = 3, 2
"""Writes without an answer under one reference before it is parked, and how often the last one was looked for."""
MOST_REQUESTS = 400
MOST_ORDINALS = 12


@dataclass(frozen=True)
class Violation:
    """Something that must hold did not."""

    seed: int
    night: int
    step: int
    invariant: str
    text: str

    def __str__(self) -> str:
        return f"seed {self.seed}, night {self.night}, request {self.step}: {self.invariant} {self.text}"


@dataclass(frozen=True)
class Write:
    """A write as it reaches a counterparty: `reference` where it bears one, amounts in øre, documents as names.

    `subject` is what it changes: a claim, a question, an invoice, or the number of a payment or voucher. `lines` are
    what a payment settles by document, or a voucher books by account; `on` is the day that a payment is booked on.
    `kind` is that of a reduction, `says` what else a new claim says of its document and debtor, by field.
    """

    operation: str
    reference: str = ""
    document: str = ""
    customer: str = ""
    amount: int = 0
    subject: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    hold: str = ""
    on: date | None = None
    kind: str = ""
    says: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Wanted:
    """The holds that may be wanted of a claim: more than one where the oracle cannot tell. `asked`: what to ask for."""

    holds: frozenset[str] = frozenset({"NONE"})
    asked: frozenset[str] = frozenset()

    @property
    def must(self) -> bool:
        """Whether it may not simply go on."""
        return "NONE" not in self.holds

    def as_fact(self) -> int:
        """The holds as a number that can be remembered beside amounts."""
        return sum(1 << HOLDS.index(hold) for hold in self.holds)


@dataclass
class Oracle:
    """Watches one life. `found` holds the violations in order."""

    world: World
    folder: Path
    seed: int
    night: int = 0
    step: int = 0
    writes: int = 0
    """How many were sent."""
    may_write: bool = True
    found: list[Violation] = field(default_factory=list)
    caps: CapSettings = field(default_factory=CapSettings)
    """How much of a kind may go in one run that nobody approved."""
    policy: PolicySettings = field(default_factory=PolicySettings)
    """What must happen to a claim once its receivable must stop."""
    unattended: bool = False
    """Whether every plan is approved as it stands, so that nobody can tell what a person has seen."""
    aged: bool = False
    """Whether something came of age, to be handed over or for its case's next stage: news on the quietest night."""
    forgotten: set[str] = field(default_factory=set)
    """Claims on hold and settlements when journal, head and mirrors were put back at once: no plan can miss them."""
    episodes: set[str] = field(default_factory=set)
    """Receivables that a person lets be handed over again, as `Invoice 1 episode 2`."""
    unseen: set[str] = field(default_factory=set)
    """Customers whom a read by number left out in this run: what is mirrored of them is enough for a pause."""
    anything_approved: bool = False
    """Whether a person has approved a plan that the journal may know of."""
    _counts: Counter[str] = field(default_factory=Counter)
    _sums: Counter[str] = field(default_factory=Counter)
    """How many of each kind were sent in this run, and øre."""
    _asked: set[str] = field(default_factory=set)
    _approved: Mapping[str, int] | None = None
    _head: tuple[int, str] = (0, "")
    _seals: frozenset[str] = frozenset()
    _forgot_at: datetime | None = None
    """When all files were put back at once."""
    _past: list[tuple[datetime, dict[str, int]]] = field(default_factory=list)
    _sent: dict[str, datetime] = field(default_factory=dict)
    _left: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Of documents that postings of this run were to settle, what those may have left."""
    _looks: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """When each reference, or all payments or vouchers, were looked for."""
    _parked: set[tuple[str, int]] = field(default_factory=set)
    """Effects in quarantine that were judged: reference, and the journal's entry."""

    def __post_init__(self) -> None:
        self.stage = Stage(self.world)
        self.company = self.world.companies[self.stage.slug]

    def violated(self, invariant: str, text: str) -> None:
        """Note a violation."""
        self.found.append(Violation(self.seed, self.night, self.step, invariant, text))

    # -- what may be sent ----------------------------------------------------------------------------------------

    def _usual(self, kind: str) -> tuple[int, int]:
        """How many of a kind, and øre, may go in a run that nobody approved, by what the journal's own nights sent."""
        query = "select totals from plan where state = 'dispatched' order by seq desc limit ?"
        with self._journal() as journal:
            nights = [json.loads(totals).get(kind, {}) for (totals,) in journal.execute(query, (USUAL,))]
        count, amount = (median([n.get(what, 0) for n in nights] or [0]) for what in ("count", "sum"))
        return int(self.caps.factor * count), int(self.caps.factor * amount)

    def facts(self) -> dict[str, int]:
        """What may be handed over or posted this moment: name of the fact -> øre."""
        told = {f"transfer {d.type} {d.number}": d.balance for d in self.stage.receivables() if self._ripe(d)}
        told |= {f"posting {source}": left for _, source, left in self._carried()}
        told |= {f"owed {d.type} {d.number}": d.balance for d in self.stage.receivables()}
        for claim, room, lift in self._rooms():
            told |= {f"room {claim.id}": room, f"lift {claim.id}": lift}
            told[f"hold {claim.id}"] = self._wanted(claim).as_fact()
        return told

    def _wanted(self, claim: Claim) -> Wanted:
        """Which hold a claim should have, by both sides' books, the settings and what people have answered."""
        document = self.stage.erp.find(DocumentType(claim.document_type), claim.document_number)
        if document is None:
            return Wanted()
        # A later due date pauses until it is past too, which the free days decide, and a lost journal knows none.
        later = document.due is not None and document.due > claim.order.due_date
        later = later and document.due is not None and (self._tonight - document.due).days < COMING_OF_AGE.stop
        possible, asked = {"NONE"}, set[str]()
        for why, says, certain in self._reasons(document, claim):
            subject = f"{document.type} {document.number} {why}"
            hold = POLICY[(self._answer_to(subject, document) or says) if says == "ask" else says]
            stronger = {max(wanted, hold, key=HOLDS.index) for wanted in possible}
            possible = stronger if certain else possible | stronger
            if hold == "ASK":
                asked.add(subject)
        if later:
            possible |= {max(wanted, "PAUSED", key=HOLDS.index) for wanted in possible}
        return Wanted(frozenset(possible), frozenset(asked))

    def _reasons(self, document: Document, claim: Claim) -> Iterator[tuple[str, str, bool]]:
        """Why a claim should stop, as a person is asked, what the settings say then, and whether that is certain.

        Of what was credited or written off before the claim was made the books do not tell it from what was after.
        """
        policy, claims = self.policy, [each for each in self._claims(document) if not _over(each)]
        # One that was recalled may be disputed still, and with it the debt.
        if self._held_back(document) or any(c.disputed and c.status not in ENDED for c in self._claims(document)):
            yield "disputed", policy.disputed_after_transfer, True
        if document.excluded or document.revoked or document.customer.excluded:
            yield "excluded", policy.excluded_after_transfer, True
        if document.balance or claim.principal_open > 0:
            return  # what is credited or written off is first of all reported, and closes the claim
        rows = [row for row in document.settled_by if row.released and not row.voided]
        principal = sum(each.principal for each in claims)
        before = document.amount - principal
        off = {DocumentType.WRITE_OFF}
        written_off = sum(row.net if row.paying.type in off else row.write_off for row in rows)
        if written_off >= principal:
            yield "written off in full", policy.written_off_after_transfer, written_off - before >= principal
        credited = sum(row.net - row.write_off for row in rows if row.paying.type is DocumentType.CREDIT_NOTE)
        if credited >= principal:
            yield "credited in full", policy.credited_after_transfer, credited - before >= principal

    def _answer_to(self, subject: str, document: Document) -> str:
        """What a person answered last to this very reason, as the journal's log has it; "" once it is used up.

        Asked to be stopped, a claim is so once: any intent of a hold on its document uses that up, and nothing else.
        The one that is on its way acts on it still.
        """
        name = f"{document.type} {document.number}"
        last = "select seq, json_extract(data, '$.action') from event where kind = 'decided' and subject = ?"
        used = (
            "select 1 from event e where kind = 'intent' and seq > ? and json_extract(data, '$.kind') = 'hold' "
            "and json_extract(data, '$.content.document') = ? "
            "and not exists (select 1 from effect f where f.seq = e.seq and f.state = 'intent')"
        )
        with self._journal() as journal:
            row = journal.execute(f"{last} order by seq desc limit 1", (f"CLAIM_SHOULD_STOP {subject}",)).fetchone()
            if row is None:
                return ""
            standing = row[1] in LEAVES or journal.execute(used, (row[0], name)).fetchone() is None
        return row[1] if standing else ""

    def _rooms(self) -> Iterator[tuple[Claim, int, int]]:
        """By how much each live claim may be reduced: what the agency has open beyond what is still owed, in øre.

        And to how much it may be raised, below zero: there a posting that settles too much is about to settle less.

        What its own money has yet to pay in the ERP is owed there and not open here: it makes no room smaller. That is
        money not posted, and what a posting lacks because the agency has moved its money since. Such a posting is made
        anew, or stands where a lost journal cannot tell what it was meant for: what it settles too much is left alone.
        So is what a person has moved to another document.
        """
        waiting: Counter[Claim] = Counter()
        too_much: Counter[Claim] = Counter()
        gives_way: Counter[Claim] = Counter()
        unapplied: Counter[Claim] = Counter()
        for entry, source, left in self._carried():
            standing = self._standing(source)
            equal = left == sum(document.amount for document in standing)
            as_it_is = equal and not self._moved_since(entry, standing)
            loose = sum(document.balance for document in standing) if as_it_is else 0
            if as_it_is:
                too_much.update(self._moved_by_hand(entry, source, standing))
            if as_it_is and not loose:
                continue
            for (claim, bucket), carried in entry.carried.items():
                if bucket == "principal" and source == f"{entry.id}:{claim.order.debtor.number}":
                    settled = sum(
                        row.amount
                        for document in standing
                        for row in document.settles
                        if row.document.number == claim.document_number
                    )
                    if as_it_is:
                        unapplied[claim] += min(loose, max(0, carried - settled))
                        continue
                    waiting[claim] += max(0, carried - settled) if equal else carried - settled
                    too_much[claim] += max(0, settled - carried) if equal else 0
                    gives_way[claim] += 0 if equal else max(0, settled - carried)
        for claim in self.stage.account.claims.values():
            document = self.stage.erp.find(DocumentType(claim.document_type), claim.document_number)
            if document is not None and not _over(claim):
                # What a posting that gives way has settled is paid by what found nothing to settle because of it.
                owed = document.balance - waiting[claim] - min(gives_way[claim], unapplied[claim])
                yield (
                    claim,
                    claim.principal_open - max(0, owed),
                    claim.principal_open - max(0, owed + too_much[claim]),
                )

    def _moved_by_hand(self, entry: Entry, source: str, postings: Iterable[Document]) -> Counter[Claim]:
        """What a person lets postings of an entry settle on claims that it is not carried on, and by how much.

        The agency is not told of it as long as the entry is short elsewhere by as much: the person is, to move it back.
        What was settled there before a claim was handed over was no part of that.
        """
        customer = source.rpartition(":")[2]
        rows = [row for posting in postings for row in posting.settles]
        carried = Counter(
            {
                claim: left
                for (claim, bucket), left in entry.carried.items()
                if bucket == "principal" and claim.order.debtor.number == customer
            }
        )

        def settled(claim: Claim, since: date) -> int:
            number = claim.document_number
            return sum(row.amount for row in rows if row.document.number == number and row.on >= since)

        short = sum(max(0, left - settled(claim, date.min)) for claim, left in carried.items())
        claims = {claim for row in rows for claim in self._claims(row.document) if not _over(claim)}
        since = {claim: claim.received_at.astimezone(OSLO).date() for claim in claims} if short else {}
        surplus = {claim: min(short, settled(claim, day) - carried[claim]) for claim, day in since.items()}
        return Counter({claim: more for claim, more in surplus.items() if more > 0})

    def _moved_since(self, entry: Entry, postings: Iterable[Document]) -> bool:
        """Whether money of an entry went to another claim after it was read for its posting."""
        read_at = min((posting.created_at - REMEMBERED for posting in postings), default=self.world.now)
        corrections = self.stage.account.entries.values()
        return any(each.reverses is entry and each.recorded_at > read_at for each in corrections)

    def _ripe(self, document: Document) -> bool:
        return next(self.stops(document), None) is None

    def _carried(self) -> Iterator[tuple[Entry, str, int]]:
        """What the agency's payments carry in principal: the entry, the source of its posting, and øre."""
        for entry in self.stage.account.entries.values():
            if entry.kind != "AGENCY_PAYMENT":
                continue
            per_customer: Counter[str] = Counter()
            for (claim, bucket), left in entry.carried.items():
                per_customer[claim.order.debtor.number] += left if bucket == "principal" else 0
            for customer, left in per_customer.items():
                yield entry, f"{entry.id}:{customer}", left

    def stops(self, document: Document, *, whatever_is_under_way: bool = False) -> Iterator[str]:
        """Which rules keep a receivable from being handed over, of those that any reader of the books can check.

        A posting of ours that is not released is a credit where it is more than it settles; a plan takes any for one.
        """
        customer, claims = document.customer, self._claims(document)
        past = [claim for claim in claims if _over(claim)]
        if document.status is not Status.OPEN or document.balance <= 0:
            yield "OPEN"
        if len(past) < len(claims):
            yield "NO_LIVE_CLAIM"
        if (
            document.dunning_level < 1
            or not document.dunning_date
            or not document.due
            or document.dunning_date <= document.due
        ):
            yield "PICKED"
        if document.due is None or (self._tonight - document.due).days <= 14:
            yield "OLD_ENOUGH"
        if document.excluded or document.revoked:
            yield "NOT_EXCLUDED"
        if customer.excluded:
            yield "CUSTOMER_NOT_EXCLUDED"
        if self._held_back(document) or any(c.disputed and c.status not in ENDED for c in claims):
            yield "NOT_DISPUTED"
        if document.type is DocumentType.DEBIT_NOTE:
            yield "DOCUMENT_TYPE"
        if document.case_number and document.case_number not in {c.case.number for c in past if c.case}:
            yield "NO_CASE"
        if any(
            (d.balance > 0 and d.type in _CREDITS and d.status in (Status.OPEN, Status.HOLD, Status.BALANCED))
            or (whatever_is_under_way and _ours(d))
            for d in customer.documents
        ):
            yield "NO_UNAPPLIED_CREDIT"
        if any(row.paying.status in (Status.HOLD, Status.BALANCED) for row in document.settled_by):
            yield "NO_UNRELEASED"
        if next(self._strangers(customer), None):
            yield "NO_FOREIGN_PAYMENT"

    def _held_back(self, document: Document) -> bool:
        """Whether a person holds it or its customer back, and the journal still knows: with it, the list is lost."""
        names = (f"{document.type} {document.number}", f"customer {document.customer.number}")
        lasts = [(name, self.stage.held[name]) for name in names if name in self.stage.held]
        wanted = [(name, last and last.isoformat()) for name, last in lasts if last is None or last >= self._tonight]
        if not wanted:
            return False
        with self._journal() as journal:
            known = set(map(tuple, journal.execute("select subject, until from hold").fetchall()))
        return not known.isdisjoint(wanted)

    @property
    def _tonight(self) -> date:
        return self.world.now.astimezone(OSLO).date()

    def _strangers(self, customer: Customer) -> Iterator[Document]:
        """Payments of a customer on the suspense account that stand for no entry of the agency's."""
        for document in customer.documents:
            if (
                document.type in (DocumentType.PAYMENT, DocumentType.PREPAYMENT)
                and document.cash_account == SUSPENSE
                and document.status is not Status.VOIDED
                and not any(document.reference in self.names("posting", source) for _, source, _ in self._carried())
            ):
                yield document

    def cases(self) -> dict[str, str]:
        """The stage of every case, which the agency's calendar moves."""
        return {case.id: case.status for case in self.stage.account.cases.values()}

    def verdicts(self) -> dict[str, list[str]]:
        """Receivables that owe anything, and the rules that keep each from being handed over at this moment.

        Those that have just come of age are left out: which day they are handed over on, the free days decide.
        """
        return {
            f"{document.type} {document.number}": [*self.stops(document, whatever_is_under_way=True)]
            for document in self.stage.receivables()
            if document.due is None or (self._tonight - document.due).days not in COMING_OF_AGE
        }

    def wanted_holds(self) -> dict[str, Wanted]:
        """Claims that can be held: which hold each should have. One that is closed, only where it may be recalled."""
        told: dict[str, Wanted] = {}
        for claim in self.stage.account.claims.values():
            document = self.stage.erp.find(DocumentType(claim.document_type), claim.document_number)
            if document is None or _over(claim):
                continue
            closed = claim.principal_open <= 0
            certain = {why for why, _, sure in self._reasons(document, claim) if sure}
            if closed and not certain - {"disputed", "excluded"}:
                continue
            wanted = self._wanted(claim)
            if not (closed and "PAUSED" in wanted.holds):  # there is nothing to pause
                told[claim.id] = wanted
        return told

    def judged_holds(self, mine: Mapping[str, Wanted], effects: Iterable[Effect], findings: Iterable[Finding]) -> None:
        """Hold the holds of a plan made of untroubled reads against what should stop at that moment."""
        planned = {e.details["claim_id"]: e.details["hold"] for e in effects if e.kind == "hold"}
        said = [*findings]
        told = "".join(
            _spaced(f"{finding.subject} {finding.text}") for finding in said if finding.code in EXPLAIN_UNPLANNED
        )
        asked = {finding.subject for finding in said if finding.code == "CLAIM_SHOULD_STOP"}
        for name, wanted in mine.items():
            claim = self.stage.account.claims[name]
            hold = planned.get(name, claim.hold)
            if name in planned and hold not in wanted.holds:
                self.violated("C10", f"{name} is to be {hold} for no reason: {sorted(wanted.holds)}")
            if "ASK" in wanted.holds:
                if wanted.must and hold == "NONE" and asked.isdisjoint(wanted.asked):
                    self.violated("C10", f"{name} should stop, and nobody is asked: {sorted(wanted.asked)}")
                continue
            words = (f"{claim.document_type} {claim.document_number}", name, claim.reference)
            if wanted.must and hold not in wanted.holds and not any(_spaced(word) in told for word in words):
                self.violated("C10", f"{name} must be held, and nothing is planned or said")

    def judged(self, mine: Mapping[str, list[str]], plan: Plan) -> None:
        """Hold a plan made of untroubled reads against verdicts of that moment, rule by rule that both know."""
        planned = {effect.source for effect in plan.effects if effect.kind == "transfer"}
        held = {each.document: set(each.failed) & RULES for each in plan.held_back}
        told = {word for finding in plan.findings for word in f"{finding.subject} {finding.text}".split()}
        for name, stops in mine.items():
            if name in planned and stops:
                self.violated("S4", f"{name} is planned: {stops}")
            elif name in held and held[name] != set(stops):
                self.violated("S4", f"{name} is held back by {sorted(held[name])}, and should be by {stops}")
            elif (
                name not in planned
                and name not in held
                and not UNRIPE & set(stops)
                and name.partition(" ")[2] not in told
            ):
                self.violated("S4", f"{name} is ripe, and neither planned nor held back: {stops}")

    def _claims(self, document: Document) -> list[Claim]:
        return [c for c in self.stage.account.by_document.get(document.number, ()) if c.document_type == document.type]

    def moved(self) -> None:
        """Something is about to happen that the pipeline cannot have seen: remember how it was."""
        now = self.world.now
        self._past = [(at, told) for at, told in self._past if now - at <= REMEMBERED]
        self._past.append((now, self.facts()))

    def _true(self, fact: str, amount: int) -> bool:
        """Whether a fact stands so now, or stood so when the pipeline can last have read it."""
        self.moved()
        return any(told.get(fact) == amount for _, told in self._past)

    # -- at every request --------------------------------------------------------------------------------------------

    def begin(self, *, approved: Mapping[str, int] | None = None) -> None:
        """A run begins; what an earlier one asked or sent is not its own.

        `approved`: what a person approved, as `amounts` names it; None: nobody was asked.
        """
        self._asked.clear()
        self.unseen.clear()
        self._left.clear()
        self._counts.clear()
        self._sums.clear()
        self._approved = approved
        self.anything_approved = self.anything_approved or approved is not None

    def asked(self, side: str, request: Request, whole: bool = True) -> None:
        """Something was read, whole or not: what was looked up by it."""
        path = request.path.strip("/").split("/")
        names: list[str] = []
        if side == "agency" and path[-1] == "references":
            names = [value for _, value in request.query]
        elif path[-1].lower() == "customerpayment" and request.get("docDate"):
            names = ["payment"]
        elif path[-1].lower() == "journaltransaction":
            names = ["voucher"]
        elif path[-1].lower() == "financialperiod":
            names = ["periods"]
        self.looked_up(names, () if whole else names)

    def looked_up(self, names: Collection[str], left_out: Collection[str] = ()) -> None:
        """References, or all payments, vouchers or periods, were asked for in this run.

        `left_out` are those of them of which the answer may have lacked what is there.
        """
        self._asked.update(name for name in names if name not in left_out)
        for name in names:
            self._looks[name].append(self.world.now)

    def sent(self, operation: str, request: Request) -> None:
        """Judge a request on its way."""
        told: dict[str, Any] = json.loads(request.body, parse_float=Decimal) if request.body else {}
        self.write(_write(operation, request.path.strip("/").split("/"), told))

    def write(self, write: Write) -> None:
        """Judge a write on its way."""
        operation, name = write.operation, write.reference
        self.writes += 1
        if not self.may_write:
            self.violated("S10", f"{operation} was sent")
        if not self._announced(write):
            self.violated("S5", f"{operation} {name or write.subject} has no intent in the journal")
        if name and not {name, operation} & self._asked:
            self.violated("S5", f"{operation} {name} was not looked up in this run")
        if name:
            before = self._sent.get(name)
            if before is not None and self.world.now - before < SETTLE - MISSET:
                self.violated("S6", f"{operation} {name} was sent again after {self.world.now - before}")
            self._sent[name] = self.world.now
        if not self.unattended:
            self._allowed(write)
        self._headed(write)
        match operation:
            case "transfer":
                self._transfer(write)
            case "payment":
                self._posting(write)
            case "voucher":
                self._voucher(write)
            case "reduction":
                self._reduction(write)
            case "hold":
                self._hold(write)
            case "release of a payment" | "release of a void":
                self.moved()  # a list that lags shows what it settled, or settles no more, as it was

    def _allowed(self, write: Write) -> None:
        """S10: a person has approved a first plan, and whatever is more than usual; then that goes and nothing else."""
        if not self.anything_approved:
            self.violated("S10", f"{write.operation} was sent before anybody approved a plan")
        elif self._approved is None:
            self._within_caps(write)
        elif write.reference:
            if self._approved.get(write.reference) != write.amount:
                self.violated("S10", f"{write.operation} {write.reference} of {write.amount} is not what was approved")
        elif self._approved.keys().isdisjoint({_done(write), *self._released(write)}):
            self.violated("S10", f"{_done(write)} is not what was approved")

    def _within_caps(self, write: Write) -> None:
        """No more of a kind than always passes, or than three times what is usual; a release is no second effect."""
        if write.operation in RELEASES:
            return
        kind, amount = _KINDS[write.operation][0], abs(write.amount)
        if kind == "void":
            payment = self.stage.erp.find(DocumentType.PAYMENT, write.subject)
            amount = payment.amount if payment else 0
        self._counts[kind] += 1
        self._sums[kind] += amount
        count, total = self._counts[kind], self._sums[kind]
        floors = self.caps.floor_count, ore(self.caps.floor_sum)
        if count > floors[0] or total > floors[1]:
            usual = self._usual(kind)
            if count > max(floors[0], usual[0]) or total > max(floors[1], usual[1]):
                self.violated("S10", f"{count} of kind {kind} and {total} in all, in a run that nobody approved")
        if amount > ore(self.caps.single_amount):
            self.violated("S10", f"{write.operation} of {amount} in a run that nobody approved")

    def _released(self, write: Write) -> set[str]:
        """The references under which the journal knows a document that is to be released: its number came later."""
        if write.operation not in RELEASES:
            return set()
        kinds, mine, wanted = self._sought(write)
        query = f"select reference from effect where kind in ({kinds}) and {mine}"
        with self._journal() as journal:
            return {name for (name,) in journal.execute(query, [*_KINDS[write.operation], wanted])}

    def _headed(self, write: Write) -> None:
        """S12: the head beside the journal knows what is acted on; others may commit meanwhile."""
        seq, _, seal = self._head_beside().decode("ascii", "replace").strip().partition(" ")
        kinds, mine, wanted = self._sought(write)
        with self._journal() as journal:
            query = f"select coalesce(max(seq), 0) from effect where kind in ({kinds}) and {mine}"
            (intent,) = journal.execute(query, [*_KINDS[write.operation], wanted]).fetchone()
            known = journal.execute("select seq, hash from event where seq = ?", (int(seq or 0),)).fetchone()
        if known is None or known[1] != seal or known[0] < intent:
            self.violated("S12", f"entry {intent} is acted on, and the head does not know it")
        else:
            self._head = known[0], known[1]

    def _sought(self, write: Write) -> tuple[str, str, str]:
        """Where the effect of a write stands in the journal: marks for its kinds, a condition and its value."""
        marks = ", ".join("?" * len(_KINDS[write.operation]))
        return (marks, "reference = ?", write.reference) if write.reference else (marks, _IS_ABOUT, write.subject)

    def _head_beside(self) -> bytes:
        return (self.folder / "journal.head").read_bytes()

    def _transfer(self, write: Write) -> None:
        kind, _, number = write.document.partition(" ")
        subject = self.stage.erp.find(DocumentType(kind), number)
        if not self._true(f"transfer {write.document}", write.amount):
            why = [*self.stops(subject)] if subject else ["UNKNOWN"]
            owed = subject.balance if subject else 0
            self.violated("S4", f"{number} of {write.amount} was sent: {why}, balance {owed}")
        truth = _said_of(subject) if subject else {}
        if wrong := sorted(name for name, value in truth.items() if write.says.get(name) != value):
            self.violated("S4", f"{number} was handed over with another {', '.join(wrong)} than the ERP has")
        if subject and any(not _over(claim) for claim in self._claims(subject)):
            self.violated("S3", f"{number} was handed over while it had a claim")
        if subject and subject.due and (self._tonight - subject.due).days in COMING_OF_AGE:
            self.aged = True
        times = len(self._claims(subject)) if subject else 0
        if times and f"{write.document} episode {times + 1}" not in self.episodes:
            self.violated("S4", f"{number} was handed over once more, and nobody has said so")

    @contextmanager
    def _journal(self) -> Iterator[sqlite3.Connection]:
        """The journal as whoever reads its file sees it."""
        journal = sqlite3.connect(f"file:{self.folder / 'journal.sqlite'}?mode=ro", uri=True)
        try:
            yield journal
        finally:
            journal.close()

    def _announced(self, write: Write) -> bool:
        """Whether the journal says that just this is about to be done: under its reference, or to its subject."""
        kinds, mine, wanted = self._sought(write)
        query = (
            "select amount, party, document from effect "
            f"where state in ('intent', 'created') and kind in ({kinds}) and {mine} order by reference"
        )
        with self._journal() as journal:
            announced = journal.execute(query, [*_KINDS[write.operation], wanted]).fetchall()
        if not write.reference:
            return bool(announced)
        return any(
            amount == write.amount
            and write.customer in ("", party)
            and (write.operation != "transfer" or write.document == document)
            for amount, party, document in announced
        )

    def _posting(self, write: Write) -> None:
        name, customer, amount = write.reference, write.customer, write.amount
        for entry in self.stage.account.entries.values():
            if entry.kind == "AGENCY_PAYMENT" and name in self.names("posting", f"{entry.id}:{customer}"):
                if not self._true(f"posting {entry.id}:{customer}", amount):
                    self.violated("S2", f"{amount} was posted for entry {entry.id} of customer {customer}")
                else:
                    self._settling(write, entry)
                if "periods" in self._asked and write.on != self._booked_on(entry):
                    self.violated("S2", f"entry {entry.id} of {entry.value_date} was posted on {write.on}")
                for other in self._standing(f"{entry.id}:{customer}"):
                    self.violated("S1", f"{name} was posted while {other.number} stood for entry {entry.id}")
                return
        self.violated("S2", f"posting {name} of {amount} stands for no entry of customer {customer}")

    def _settling(self, write: Write, entry: Entry) -> None:
        """S2 by document: a posting settles what its entry carries there, as far as it is owed; the rest is a credit.

        What earlier postings of the run were to settle may be taken for settled already, whatever became of them.
        """
        lines, lately = dict(write.lines), [*self._lately(entry, write.customer)]
        owed = {name: self._owed(name) for name in {*lines}.union(*lately)}

        def settled(carried: Mapping[str, int]) -> bool:
            return sum(carried.values()) == write.amount and all(
                lines.get(name, 0) in {max(0, min(carried.get(name, 0), left)) for left in owed[name]} for name in owed
            )

        if len(lines) < len(write.lines) or not any(map(settled, lately)):
            self.violated("S2", f"the posting for entry {entry.id} settles {lines}: {owed} is owed there")
        for name, amount in lines.items():
            self._left[name] |= {left - amount for left in owed[name]}

    def _owed(self, document: str) -> set[int]:
        """What a document owes, or owed when the pipeline can last have read it; nothing where it is not open."""
        return {told.get(f"owed {document}", 0) for _, told in self._past} | self._left[document]

    def _lately(self, entry: Entry, customer: str) -> Iterator[Counter[str]]:
        """What an entry carries for a customer by document: now, and before each of its latest corrections."""
        carried: Counter[str] = Counter()
        for (claim, bucket), left in entry.carried.items():
            if bucket == "principal" and claim.order.debtor.number == customer:
                carried[f"{claim.document_type} {claim.document_number}"] += left
        yield carried
        since = self.world.now - REMEMBERED
        for correction in reversed(self.stage.account.entries.values()):
            if correction.recorded_at < since:
                return
            if correction.reverses is not entry:
                continue
            carried = carried.copy()
            for claim, bucket, amount in correction.lines:
                if bucket == "principal" and claim.order.debtor.number == customer:
                    carried[f"{claim.document_type} {claim.document_number}"] -= amount
            yield carried

    def _booked_on(self, entry: Entry) -> date:
        """The day of an entry in the ERP: its value date, or the first day after it whose period is open."""
        day = entry.value_date
        periods = self.stage.erp.ledger.periods(day)
        return next(max(day, period.start) for period in periods if period.end >= day and not period.closed)

    def _voucher(self, write: Write) -> None:
        vouchers, name = self._vouchers(), write.reference
        for settlement in self.stage.account.settlements.values():
            for status, sign in (("PUBLISHED", 1), ("CANCELLED", -1)):
                if name in self.names("settlement", f"{settlement.id}:{status}"):
                    lines = {account: sign * amount for account, amount in _booked_as(settlement).items()}
                    if settlement.status != status or Counter(dict(write.lines)) != Counter(lines):
                        self.violated(
                            "S2", f"{write.lines} is booked for {settlement.id}, {settlement.status}: {lines}"
                        )
                    if self._booked(settlement, vouchers) != (sign < 0):
                        self.violated("S1", f"{name} is booked, and settlement {settlement.id} is so already")
                    if sign > 0:
                        self._after_its_items(settlement)
                    return
        self.violated("S2", f"voucher {name} stands for no settlement")

    def _booked(self, settlement: Settlement, vouchers: Mapping[str, int]) -> int:
        """How often a settlement is booked, less how often that was taken back."""
        booked, taken_back = (
            sum(vouchers.get(name, 0) for name in self.names("settlement", f"{settlement.id}:{status}"))
            for status in ("PUBLISHED", "CANCELLED")
        )
        return booked - taken_back

    def _after_its_items(self, settlement: Settlement) -> None:
        for entry in settlement.entries:
            root = entry
            while root.reverses is not None:
                root = root.reverses
            for claim in {line.claim for line in entry.lines if line.bucket == "principal"}:
                source = f"{root.id}:{claim.order.debtor.number}"
                if not entry.carried.get((claim, "principal")):
                    continue  # what was taken back before anybody posted it has nothing to wait for
                if entry is root and not self._posted(source):
                    self.violated("S7", f"settlement {settlement.id} is booked while entry {root.id} is not posted")

    def _posted(self, source: str) -> bool:
        """Whether what an entry carries stands in the ERP; more may, until a posting gives way to what is left."""
        self.moved()
        posted = sum(document.amount for document in self._standing(source))
        return any(told.get(f"posting {source}", 0) <= posted for _, told in self._past)

    def _postings(self, source: str) -> list[Document]:
        return [
            document
            for name in self.names("posting", source)
            for document in self.stage.erp.payments_with_reference(name)
            if document.type is DocumentType.PAYMENT
        ]

    def _standing(self, source: str) -> list[Document]:
        return [document for document in self._postings(source) if document.status in (Status.OPEN, Status.CLOSED)]

    def _reduction(self, write: Write) -> None:
        """S8 by claim: a reduction is told as what it is, and leaves open what is owed.

        Money that came by the agency is open there no more, so to report it would leave no room.

        Nor is a claim lifted above what the ERP asks for.
        """
        self.moved()
        fact, lift = f"room {write.subject}", f"lift {write.subject}"
        rooms = [told[fact] for _, told in self._past if fact in told]
        lifts = [told[lift] for _, told in self._past if lift in told]
        if not rooms:
            self.violated("S8", f"{write.document} is reported on {write.subject}, which has ended")
        elif write.amount > max(0, *rooms):
            self.violated("S8", f"{write.amount} of {write.document} is reported on {write.subject}: room for {rooms}")
        elif write.amount < min(0, *lifts) - self._left_out(self.stage.account.claims[write.subject]):
            self.violated("S8", f"{write.amount} of {write.document} lifts {write.subject}: room for {lifts}")
        kind = _REPORTED_AS.get(write.document.partition(" ")[0])
        if kind and write.kind != kind and (write.kind != "RAISE" or write.amount > 0):
            self.violated("S8", f"{write.document} is reported as {write.kind}")
        for _, told in self._past:
            for known in {fact, lift} & told.keys():
                told[known] -= write.amount  # two reductions of one run share the room that was read

    def _left_out(self, claim: Claim) -> int:
        """By how much a claim may be lifted above the ERP's balance: what the agency is not told.

        A larger write-off is not told until a person accepts it, and taken back where a lost journal forgets that they
        did.
        """
        document = self.stage.erp.find(DocumentType(claim.document_type), claim.document_number)
        rows = document.settled_by if document else ()
        return sum(row.net for row in rows if row.paying.type is DocumentType.WRITE_OFF and row.net > SMALL)

    def answered(self, subject: str, answer: str) -> None:
        """A person has answered a finding."""
        if answer == "approve":
            self.episodes.add(subject)

    def may_be_answered(self, code: str, subject: str) -> bool:
        """Whether a person who knows the agency would answer: a pause of its own is let be."""
        number = subject.rpartition(" ")[2]
        own = any(claim.paused_at for claim in self.stage.account.by_document[number])
        return not (code == "PAUSE_OF_UNKNOWN_ORIGIN" and own)

    def _hold(self, write: Write) -> None:
        """C10: a claim is held for a reason, goes on when there is none, and a pause of the agency's own stands.

        The agency tells that a claim is paused, not by whom: where the outcome of a hold of ours is unknown, or all
        files have been put back to when one was announced, its own pause may be taken for it.
        """
        claim = self.stage.account.claims[write.subject]
        self.moved()
        wanted = {told.get(f"hold {claim.id}", Wanted().as_fact()) for _, told in self._past}
        wanted.add(self._wanted(claim).as_fact())  # of a claim that has ended meanwhile nothing is remembered
        allowed = any(each >> HOLDS.index(write.hold) & 1 for each in wanted)
        if not allowed and not (write.hold == "PAUSED" and (self._listed_again(claim) or self._unseen(claim))):
            what = (
                "must be held, and is told to go on" if write.hold == "NONE" else f"is to be {write.hold} for no reason"
            )
            self.violated("C10", f"{claim.id} {what}")
        if write.hold != "NONE" or claim.hold != "PAUSED" or claim.paused_at is None:
            return
        unknown = self._announced_a_pause(claim, claim.paused_at)
        forgotten = self._forgot_at is not None and claim.received_at < self._forgot_at
        if not (unknown or forgotten):
            self.violated("C10", f"the agency has paused {claim.id} for reasons of its own, and is told to go on")

    def _unseen(self, claim: Claim) -> bool:
        """Whether its customer was left out when asked for, so that an exclusion that is over still counts."""
        document = self.stage.erp.find(DocumentType(claim.document_type), claim.document_number)
        return document is not None and document.customer.number in self.unseen

    def _listed_again(self, claim: Claim) -> bool:
        """Whether the journal's hold list names it, though a person took that away: an older copy was put back."""
        document = f"{claim.document_type} {claim.document_number}"
        names = (document, f"customer {claim.order.debtor.number}")
        query = "select 1 from hold where subject in (?, ?) and (until is null or until >= ?)"
        with self._journal() as journal:
            return journal.execute(query, (*names, self._tonight.isoformat())).fetchone() is not None

    def _announced_a_pause(self, claim: Claim, before: datetime) -> bool:
        """Whether the journal announced a pause of ours since some days before a moment, sent or not."""
        query = (
            "select intent_at from effect "
            "where kind = 'hold' and account = ? and json_extract(details, '$.hold') = 'PAUSED'"
        )
        with self._journal() as journal:
            announced = [datetime.fromisoformat(at) for (at,) in journal.execute(query, (claim.id,)) if at]
        return any(before < at + UNKNOWN_FOR for at in announced)

    def names(self, kind: str, source: str) -> tuple[str, ...]:
        """The references that a fact can bear."""
        return _names(self.company.tenant_id, self.company.agency_id, kind, source)

    # -- the journal, read as a file ----------------------------------------------------------------------------

    def look_at_journal(self) -> None:
        """S12: chained and gapless by our own reckoning, and never another history without saying so."""
        with self._journal() as journal:
            rows = journal.execute("select seq, at, kind, subject, data, hash from event order by seq").fetchall()
        before, seals = "", {0: ""}
        for number, (seq, *told, seal) in enumerate(rows, start=1):
            expected = hashlib.sha256("\x1f".join((before, str(seq), *told)).encode()).hexdigest()
            if seq != number or seal != expected:
                self.violated("S12", f"entry {number} of the journal is not sealed with the one before it")
                return
            before = seals[seq] = seal
        seq, seal = self._head
        said = any(kind in ("restored", "opened") for *_, kind, _, _, own in rows if own not in self._seals)
        if seals.get(seq) != seal and not said:
            self.violated("S12", f"the journal has another history than at entry {seq} and does not say so")
        self._head, self._seals = (len(rows), before), frozenset(seals.values())

    def look_at_parked(self) -> None:
        """C3: what has come into quarantine since the last look is there for a cause, whatever its note says."""
        query = "select kind, reference, party, document, amount, seq from effect where state = 'quarantined'"
        with self._journal() as journal:
            for kind, name, party, document, amount, seq in journal.execute(query).fetchall():
                if (name, seq) in self._parked:
                    continue
                self._parked.add((name, seq))
                query = "select kind, at, data from event where subject = ? and seq <= ? order by seq"
                log = [tuple(entry) for entry in journal.execute(query, (name, seq))]
                held = [*self._held_under(kind, name)]
                if held:
                    told = [json.loads(data)["content"] for what, _, data in log if what == "intent"][-1:]
                    wanted = {(party, document, amount), *((c["party"], c["document"], c["amount"]) for c in told)}
                    caused = any(not _same(kind, each, one) for each in held for one in wanted)
                else:
                    caused = self._unanswered(kind, name, log) or (
                        kind == "posting" and self._stranger_like(journal, name, party, amount, seq)
                    )
                if not caused:
                    self.violated("C3", f"{kind} {name} of {amount} is parked for no cause; there is {held}")

    def _held_under(self, kind: str, name: str) -> Iterator[tuple[str, str, int]]:
        """What the counterparties hold under a reference: customer, document and øre, where each is content there."""
        account = self.stage.account
        if kind == "transfer":
            for claim in account.claims.values():
                if claim.reference == name:
                    yield "", f"{claim.document_type} {claim.document_number}", claim.principal
        elif kind == "reduction":
            yield from (("", "", entry.amount) for entry in account.entries.values() if entry.reference == name)
        elif kind == "posting":
            for payment in self.stage.erp.payments_with_reference(name):
                if payment.type is DocumentType.PAYMENT:
                    yield payment.customer.number, "", payment.amount
        elif kind == "settlement":
            for batch in self.stage.erp.ledger.batches.values():
                lines = [line for line in batch.lines if batch.module == "GL" and line.reference == name]
                if lines:
                    yield "", "", -sum(line.amount for line in lines if line.account == SUSPENSE)

    def _unanswered(self, kind: str, name: str, log: Sequence[tuple[str, str, str]]) -> bool:
        """Whether so many tries had no answer, and the last of them was looked for in vain often enough.

        What is proven not done was no try. Looks count that are twelve hours apart, and no more than ten where both
        sides' clocks may be wrong.
        """
        tries = 0
        last = self.world.now
        for what, at, _ in log:
            if what == "intent":
                tries, last = tries + 1, datetime.fromisoformat(at)
            elif what in ("later", "rejected"):
                tries = 0
        looks = 0
        for looked_at in self._looks[{"posting": "payment", "settlement": "voucher"}.get(kind, name)]:
            if looked_at - last >= SETTLE - 2 * MISSET:
                looks, last = looks + 1, looked_at
        return tries >= TRIES and looks >= LOOKS

    def _stranger_like(self, journal: sqlite3.Connection, name: str, customer: str, amount: int, seq: int) -> bool:
        """Whether the customer has paid as much on the suspense account under a reference that the journal knew not."""
        strangers = {
            document.reference
            for document in self.stage.erp.customers[customer].documents
            if document.type is DocumentType.PAYMENT
            and document.cash_account == SUSPENSE
            and document.status is not Status.VOIDED
            and (document.amount, document.reference != name) == (amount, True)
        }
        query = "select 1 from event where subject = ? and seq < ? limit 1"
        return any(not each or journal.execute(query, (each, seq)).fetchone() is None for each in strangers)

    def forget_journal(self) -> None:
        """All files were put back at once: nobody can tell."""
        self._head, self._seals = (0, ""), frozenset()
        self._forgot_at = self.world.now
        account = self.stage.account
        self.forgotten |= {claim.id for claim in account.claims.values() if claim.hold == "PAUSED"}
        self.forgotten |= set(account.settlements)

    # -- after every night ---------------------------------------------------------------------------------------

    def sent_since(self, moment: datetime) -> frozenset[str]:
        """The references sent since a moment."""
        return frozenset(name for name, at in self._sent.items() if at >= moment)

    def look(self) -> None:
        """What must hold of the books at any time."""
        truth = self.world.truth()[self.stage.slug]
        payments = Counter(d.reference for d in self.stage.erp.documents(DocumentType.PAYMENT) if d.reference)
        for name, times in [*payments.items(), *truth.vouchers.items()]:
            if name and times > 1:
                self.violated("S1", f"{name} stands {times} times")
        for _, source, _ in self._carried():
            live = [document.number for document in self._standing(source)]
            if len(live) > 1:
                self.violated("S1", f"{source} is posted {len(live)} times: {live}")
        for document, times in truth.live_claims.items():
            if times > 1:
                self.violated("S3", f"{document} has {times} claims")
        account = self.stage.account
        held = Counter(claim.reference for claim in account.claims.values())
        held.update(entry.reference for entry in account.entries.values() if entry.reference)
        for name, times in held.items():
            if times > 1:
                self.violated("S3", f"{name} is held {times} times")
        self._ledgers()

    def _ledgers(self) -> None:
        """L1, L3, L4: every balance again from the history behind it. All of it is the model's: it judges the model."""
        erp, account = self.stage.erp, self.stage.account
        for batch in erp.ledger.batches.values():
            if sum(line.amount for line in batch.lines):
                self.violated("L1", f"batch {batch.number} does not balance")
        for document in erp.documents(*RECEIVABLES):
            settled = sum(row.net for row in document.settled_by if row.released and not row.voided)
            if document.released and document.balance != document.amount - settled:
                self.violated("L4", f"{document.number}: {document.balance} open, {settled} settled")
        paid: defaultdict[Claim, int] = defaultdict(int)
        unsettled = 0
        for entry in account.entries.values():
            for line in entry.lines:
                if line.bucket == "principal" and not entry.cancelled:
                    paid[line.claim] += line.amount
            if entry.received_by == "AGENCY" and entry.settlement is None:
                unsettled += entry.principal
        for claim in account.claims.values():
            if claim.principal_open != claim.principal - paid[claim]:
                self.violated("L4", f"{claim.id}: {claim.principal_open} open, {paid[claim]} paid")
        if unsettled != self.world.agency.unsettled_principal(self.stage.slug):
            self.violated("L4", "the agency's unsettled principal is not that of its entries")
        times: Counter[str] = Counter(
            entry.id for s in account.settlements.values() if s.status == "PUBLISHED" for entry in s.entries
        )
        for entry_id, often in times.items():
            if often > 1:
                self.violated("L3", f"{entry_id} is in {often} settlements")

    # -- when all is quiet ---------------------------------------------------------------------------------------

    def conclude(self, findings: Iterable[tuple[str, str, str]], decisions: Mapping[tuple[str, str], str]) -> None:
        """What is not as it should be must be named by a finding that explains it, or be what a person chose to leave.

        `findings` are (code, subject, text). An answer that means "do it" explains nothing: it has been done by now,
        and what is asked once more about a claim that should have been stopped by it explains nothing either.
        """
        left = [(code, subject, "") for (code, subject), answer in decisions.items() if answer in LEAVES]
        told: defaultdict[str, list[str]] = defaultdict(list)
        for code, *said in (*findings, *left):
            if code == "CLAIM_SHOULD_STOP" and decisions.get((code, said[0]), "leave") not in LEAVES:
                continue
            told[code].append(_spaced(" ".join(said)))
        for difference in self._differences():
            words = [_spaced(word) for word in difference.words]
            named = (text for code in difference.explained_by for text in told[code])
            if not any(word in text for text in named for word in words):
                self.violated(difference.invariant, difference.text)

    def _differences(self) -> Iterator["Difference"]:
        yield from self._unequal()
        yield from self._unposted()
        yield from self._unsent()
        yield from self._unbooked()
        yield from self._unheld()
        yield from self._unshown()

    def _unequal(self) -> Iterator["Difference"]:
        for document, balances in self.world.truth()[self.stage.slug].unequal.items():
            kind, _, number = document.partition(" ")
            claims = [
                claim
                for claim in self.stage.account.by_document[number]
                if claim.document_type == kind and claim.status not in ENDED
            ]
            entries = [
                each
                for entry in self.stage.account.entries.values()
                if any(line.claim in claims for line in entry.lines)
                for each in (entry, entry.reverses)
                if each is not None
            ]
            postings = [
                name
                for entry in entries
                for claim in claims
                for name in self.names("posting", f"{entry.id}:{claim.order.debtor.number}")
            ]
            words = (
                document,
                *(entry.id for entry in entries),
                *postings,
                *(claim.id for claim in claims),
                *(claim.reference for claim in claims),
            )
            text = f"{document}: {balances.erp} in the ERP, {balances.agency} at the agency"
            meddled = any(entry.kind == "REALLOCATION" for entry in entries) or self._meddled(document, {*postings})
            yield Difference("L5", words, text, EXPLAIN_BALANCES | (EXPLAIN_ALLOCATIONS if meddled else frozenset()))

    def _meddled(self, document: str, postings: Set[str]) -> bool:
        """Whether our postings may settle a document otherwise than their entries say.

        Something else settled it once, a person moved one of them, or one was made while an earlier one, which has
        given way since, still stood there and left it no room.
        """
        kind, _, number = document.partition(" ")
        found = self.stage.erp.find(DocumentType(kind), number)
        if found is not None and any(row.paying.reference not in postings for row in found.settled_by):
            return True
        ours = [
            posting
            for name in postings
            for posting in self.stage.erp.payments_with_reference(name)
            if posting.type is DocumentType.PAYMENT
        ]
        gave_way = [posting.modified_at for posting in ours if posting.status is Status.VOIDED]
        return any(
            any(row.amount < 0 for row in posting.settles)
            or (posting.status is not Status.VOIDED and any(posting.created_at < at for at in gave_way))
            for posting in ours
        )

    def _unposted(self) -> Iterator["Difference"]:
        for entry, source, carried in self._carried():
            live = self._standing(source)
            posted = sum(document.amount for document in live)
            if posted != carried:
                customer = source.rpartition(":")[2]
                claims = sorted({c.reference for c, _ in entry.carried if c.order.debtor.number == customer})
                numbers = (document.number for document in live)
                words = (entry.id, customer, *claims, *self.names("posting", source), *numbers)
                yield Difference("C2", words, f"entry {source} carries {carried}, {posted} is posted", EXPLAIN_POSTINGS)

    def _unsent(self) -> Iterator["Difference"]:
        for name, stops in self.verdicts().items():
            if not stops:
                words = (name, *self.names("transfer", name))
                yield Difference("C2", words, f"{name} is ripe, and was not handed over", EXPLAIN_UNSENT)

    def _unbooked(self) -> Iterator["Difference"]:
        vouchers = self._vouchers()
        for settlement in self.stage.account.settlements.values():
            times = self._booked(settlement, vouchers)
            if self._statement_tells(settlement, times):
                continue
            if times != (settlement.status == "PUBLISHED" and bool(_booked_as(settlement))):
                names = (self.names("settlement", f"{settlement.id}:{status}") for status in ("PUBLISHED", "CANCELLED"))
                words = (f"settlement {settlement.number}", *chain.from_iterable(names))
                text = f"settlement {settlement.number}, {settlement.status}, is booked {times} times"
                yield Difference("C2", words, text, EXPLAIN_UNBOOKED)

    def _statement_tells(self, settlement: Settlement, times: int) -> bool:
        return settlement.id in self.forgotten and settlement.status == "CANCELLED" and times == 1

    def statement_differs(self) -> bool:
        """Whether the statement cannot tie: a settlement was booked, forgotten by everyone, and cancelled."""
        vouchers = self._vouchers()
        settlements = self.stage.account.settlements.values()
        return any(self._statement_tells(each, self._booked(each, vouchers)) for each in settlements)

    def _vouchers(self) -> Counter[str]:
        """Reference -> how many vouchers in the general ledger bear it."""
        return Counter(
            name
            for batch in self.stage.erp.ledger.batches.values()
            if batch.module == "GL" and batch.posted
            for name in {line.reference for line in batch.lines}
        )

    def _unheld(self) -> Iterator["Difference"]:
        for name, wanted in self.wanted_holds().items():
            claim = self.stage.account.claims[name]
            words = (f"{claim.document_type} {claim.document_number}", claim.id, claim.reference)
            if wanted.must and (claim.hold == "NONE" if "ASK" in wanted.holds else claim.hold not in wanted.holds):
                explained = EXPLAIN_UNASKED if "ASK" in wanted.holds else PARKED
                yield Difference("C10", words, f"{words[0]} must stop, and its claim goes on", explained)
            if (
                wanted.holds == {"NONE"}
                and claim.principal_open > 0
                and claim.hold == "PAUSED"
                and not claim.paused_at
                and claim.id not in self.forgotten
            ):
                yield Difference("C10", words, f"{words[0]} need not stop, and its claim is held", EXPLAIN_HELD)

    def _unshown(self) -> Iterator["Difference"]:
        """Invoices that owe something and do not show the case that their newest claim is in."""
        for document in self.stage.erp.documents(DocumentType.INVOICE):
            claims = self._claims(document)
            cases = [claim.case for claim in claims if claim.case and not _over(claim)]
            if document.status is Status.OPEN and cases and document.case_number != cases[-1].number:
                words = (f"Invoice {document.number}", *(word for c in claims for word in (c.id, c.reference)))
                text = f"invoice {document.number} shows case {document.case_number!r}, not {cases[-1].number}"
                yield Difference("C2", words, text, EXPLAIN_UNSHOWN)


@dataclass(frozen=True)
class Difference:
    """Something that is not as it should be: a finding of one of these codes must name one of these words."""

    invariant: str
    words: tuple[str, ...]
    text: str
    explained_by: frozenset[str]


def _booked_as(settlement: Settlement) -> dict[str, int]:
    """The voucher of a settlement by account, debit positive; one of nothing but zeros needs none."""
    lines = {
        SUSPENSE: -settlement.principal,
        PAYOUT: settlement.net + settlement.offset,
        INPUT_VAT: settlement.vat,
        COMMISSION: settlement.commission,
        EXPENSES: settlement.expenses,
        INTEREST: -settlement.interest,
        FEES: -settlement.fees,
    }
    return {account: amount for account, amount in lines.items() if amount}


def _same(kind: str, held: tuple[str, str, int], wanted: tuple[str, str, int]) -> bool:
    """Whether what is held is what was wanted, in all that is content there."""
    return all(mine == theirs for mine, theirs in zip(held, wanted, strict=True) if mine != "")


_BETWEEN_WORDS = re.compile(r"[^\w:/-]+")


def _spaced(text: str) -> str:
    """A text in which a word can be looked for between blanks."""
    return f" {_BETWEEN_WORDS.sub(' ', text)} "


def amounts(effects: Iterable[Effect]) -> dict[str, int]:
    """What a person approves with a plan: reference -> øre; what is done without one by what it does to what."""
    told: dict[str, int] = {}
    for effect in effects:
        told[effect.reference] = effect.content.amount
        told |= dict.fromkeys(_done_by(effect), 0)
    return told


def _done_by(effect: Effect) -> tuple[str, ...]:
    """What an effect does without a reference, as `_done` says it."""
    told = effect.details
    match effect.kind:
        case Kind.HOLD:
            return (f"hold {told['claim_id']} {told['hold']}",)
        case Kind.CASE_REFERENCE:
            return (f"case number {effect.source}",)
        case Kind.VOID:
            return (f"void {told['number']}", f"release of a void {told['number']}")
        case Kind.DEBTOR:
            return (f"debtor {effect.content.account}",)
        case Kind.ANSWER:
            return (f"answer {told['question']}",)
    return ()


def _done(write: Write) -> str:
    """What a write does to what, where it bears no reference."""
    return f"{write.operation} {write.subject} {write.hold}".rstrip()


@lru_cache(4096)
def _names(tenant: str, agency: str, kind: str, source: str) -> tuple[str, ...]:
    return tuple(reference(tenant, agency, kind, source, n) for n in range(1, MOST_ORDINALS))


def _over(claim: Claim) -> bool:
    """Whether a claim has ended, so that its receivable may be handed over again."""
    return claim.status in ENDED or claim.hold == "RECALLED"


def _ours(document: Document) -> bool:
    """Whether it is a payment that we made and that is not released."""
    return document.cash_account == SUSPENSE and bool(document.reference) and document.status is Status.BALANCED


_REPORTED_AS = {
    "Payment": "DIRECT_PAYMENT",
    "Prepayment": "DIRECT_PAYMENT",
    "CreditNote": "CREDIT",
    "WriteOff": "WRITE_OFF",
}
"""What a document that settles a receivable is to the agency; what raises a claim may be a RAISE instead."""
_CREDITS = (DocumentType.PAYMENT, DocumentType.PREPAYMENT, DocumentType.CREDIT_NOTE)
_IS_ABOUT = "? in (account, source, remote_id, json_extract(details, '$.number'))"
"""Whether an effect is about something: a claim, a question, an invoice, or the number of a payment or voucher."""
_KINDS: Mapping[str, tuple[str, ...]] = {
    "transfer": ("transfer",),
    "reduction": ("reduction",),
    "hold": ("hold",),
    "debtor": ("debtor",),
    "answer": ("answer",),
    "case number": ("case_reference",),
    "payment": ("posting",),
    "release of a payment": ("posting", "void"),
    "void": ("void",),
    "release of a void": ("void",),
    "voucher": ("settlement",),
    "release of a voucher": ("settlement",),
}
RELEASES = frozenset(operation for operation in _KINDS if operation.startswith("release"))


def _write(operation: str, path: Sequence[str], told: Mapping[str, Any]) -> Write:
    """A request as a write."""
    match operation:
        case "transfer":
            document = told["document"]
            name = f"{document['type']} {document['number']}"
            says = {
                "currency": told["currency"],
                "reminders_sent": told["reminders_sent"],
                "last_reminder": told["last_reminder"],
                **{name: document[name] for name in ("kid", "date", "due_date")},
                "original_amount": ore(document["original_amount"]),
                **told["debtor"],
            }
            return Write(operation, told["reference"], name, amount=ore(told["principal"]), says=said(says))
        case "reduction":
            source = told["source"]
            name = f"{source['type']} {source['number']}"
            amount = ore(told["amount"])
            return Write(operation, told["reference"], name, amount=amount, subject=path[2], kind=told["kind"])
        case "payment":
            settles = tuple(
                (
                    f"{DocumentType(row['documentType']['value'])} {row['refNbr']['value']}",
                    ore(row["amountPaid"]["value"]),
                )
                for row in told["paymentLines"]
            )
            return Write(
                operation,
                told["paymentRef"]["value"],
                customer=told["customer"]["value"],
                amount=ore(told["paymentAmount"]["value"]),
                lines=settles,
                on=date.fromisoformat(told["applicationDate"]["value"][:10]),
            )
        case "voucher":
            lines = next(value for value in told.values() if isinstance(value, list))
            amounts = tuple((line["accountNumber"]["value"], _signed(line)) for line in lines)
            return Write(
                operation, lines[0]["referenceNumber"]["value"], amount=-dict(amounts).get(SUSPENSE, 0), lines=amounts
            )
        case "hold":
            return Write(operation, subject=path[2], hold=told["hold"])
        case "case number":
            kind = "Invoice" if path[1].lower() == "customerinvoice" else "DebitNote"
            return Write(operation, subject=f"{kind} {path[2]}")
    return Write(operation, subject=path[2])


def said(fields: Mapping[str, object]) -> dict[str, str]:
    """What a claim says, by field, so that it can be compared: nothing is "", whatever word there was for it."""
    return {name: "" if value is None else str(value) for name, value in fields.items()}


def _said_of(document: Document) -> dict[str, str]:
    """What a new claim must say of a document and of who owes it, by the ERP's own books; its principal apart.

    Whether they are a business is left out: the ERP tells it by a class that the settings of these lives do not name.
    Nothing that happens between a read and a write of these lives changes any of it, so that it need not be remembered.
    """
    customer = document.customer
    return said(
        {
            "currency": document.currency,
            "reminders_sent": document.dunning_level,
            "last_reminder": document.dunning_date,
            "kid": document.kid,
            "date": document.on,
            "due_date": document.due,
            "original_amount": document.amount,
            "number": customer.number,
            "name": customer.name,
            "organisation_number": customer.organisation_number,
            "address": customer.address,
            "postal_code": customer.postal_code,
            "city": customer.city,
            "country": customer.country,
            "email": customer.email,
            "phone": customer.phone,
        }
    )


def _signed(line: Mapping[str, Any]) -> int:
    """The amount of a voucher's line, debit positive."""
    debit = line.get("debitAmountInCurrency")
    return ore(debit["value"]) if debit else -ore(line["creditAmountInCurrency"]["value"])
