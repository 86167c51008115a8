"""The demo company and its story: what stands in the books before the first night, and what happens between nights.

All of it is put on the world's agenda when the world is made, so that `advance` to each night's moment plays it, in
the same process or over HTTP. `nights` says when the pipeline runs and when it is down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from cloudcollect_pipeline.domain.calendar import transferable_from
from cloudcollect_pipeline.domain.clock import NIGHT_AT
from cloudcollect_pipeline.sandbox.agency import Claim
from cloudcollect_pipeline.sandbox.debtors import stream
from cloudcollect_pipeline.sandbox.erp import Customer, Document, DocumentType
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.faults import FaultKind
from cloudcollect_pipeline.sandbox.life import Debtors
from cloudcollect_pipeline.sandbox.population import Population
from cloudcollect_pipeline.sandbox.world import World, local

COMPANY = "nordlys"
FIRST_NIGHT = date(2026, 2, 3)
"""A Tuesday, so that a settlement falls on the evening before the fifth night and the outage after it."""

DAYS_BEFORE = 128
"""Days of everyday business before the first night: about a thousand invoices."""

GO_LIVE_BEFORE = 120
"""Receivables older than so many days before the first night are not transferred."""

OVERDUE_DAYS = 25
"""Days a crafted invoice is overdue on the first night: past dunning, grace and banking days."""

MEDDLED_DAYS = 5
"""Days before the first night on which something comes in the way of it: after it was dunned."""

TERMS = timedelta(days=14)
GRACE_DAYS, BANKING_DAYS = 14, 1
"""The pipeline's default policy, by which some invoices are timed."""

LIVELY_DAYS = range(5, 29)
"""Days after the first night on which debtors go on paying; most of them lie behind the story's last night."""

LOST_ANSWERS = ((0, 2), (1, 2), (2, 2), (3, 1))
"""(claims let through until then, claims whose answer is lost after them): seven of ten, never three in a row."""


@dataclass(frozen=True)
class Night:
    """One night of the story: `at` is when the pipeline runs, or would have if it were not down (`missed`)."""

    number: int
    date: date
    at: datetime
    title: str
    missed: bool = False


_TITLES = (
    ("the first plan: approved aloud, the rest held back with reasons", False),
    ("the agency stores claims, but the answers are lost", False),
    ("debtors pay the agency and the creditor, a credit note is matched, case numbers come", False),
    ("a dispute, a bounced payment, a payment taken back, a new case number", False),
    ("the agency has settled", False),
    ("down", True),
    ("down", True),
    ("down", True),
    ("one run catches up on four nights", False),
)


def nights(first: date = FIRST_NIGHT) -> tuple[Night, ...]:
    """The nights of the story, by date."""
    return tuple(
        Night(place + 1, day, local(day, NIGHT_AT), title, missed)
        for place, (title, missed) in enumerate(_TITLES)
        for day in (first + timedelta(days=place),)
    )


NIGHTS = nights()


def world(seed: int = 7, first_night: date = FIRST_NIGHT) -> World:
    """The demo world at the midnight before its first night, its past played and its future planned."""
    opening = first_night - timedelta(days=DAYS_BEFORE)
    made = World(local(opening, time(0)), (COMPANY,), seed)
    debtors = Debtors(made, COMPANY, batches=True)
    population = Population(made, COMPANY, debtors)
    made.keep_house()
    Situations(made, population, first_night)
    Story(made, debtors, first_night)
    made.go_live = first_night - timedelta(days=GO_LIVE_BEFORE)
    made.ends = nights(first_night)[-1].date
    made.advance(local(first_night, time(0)))
    return made


class Situations:
    """Receivables that test a first plan, one or more for each reason to hold back; their numbers become `notable`."""

    def __init__(self, world: World, population: Population, first_night: date) -> None:
        self.world = world
        self.books = world.erp(COMPANY)
        self.population = population
        self.due = first_night - timedelta(days=OVERDUE_DAYS)
        self.issued = self.due - TERMS
        world.on(self.issued, time(8), self._issue)
        world.on(first_night - timedelta(days=MEDDLED_DAYS), time(8), self._meddle)
        for days, count in ((1, 10), (2, 4), (3, 3), (4, 3)):
            self._plan_overdue(first_night + timedelta(days=days), count)

    def _issue(self) -> None:
        new = self.population.add_customer
        self._invoice("excluded", 1_245_000)
        self._invoice("excluded_customer", 330_000, new(business=False))
        self._invoice("revoked", 312_050)
        self._invoice("below_minimum", 7_900)
        self._invoice("foreign_currency", 185_000, currency="EUR")
        self._invoice("debit_note", 240_000, kind=DocumentType.DEBIT_NOTE)
        self._invoice("dunning_fee", 14_000, kind=DocumentType.OVERDUE_CHARGE)
        self._invoice("case_elsewhere", 560_000)
        self._invoice("payment_not_released", 420_000)
        self._invoice("unapplied_credit", 330_000)
        self._invoice("unmatched_credit_note", 330_000)
        self._invoice("debtor_incomplete", 265_000, new(business=False))
        self._invoice("paid_in_part_below_minimum", 150_000)
        self._invoice("time_barred", 610_000, issued=self.issued - timedelta(days=3 * 365 + 90))
        self._invoice("before_go_live", 450_000, issued=self.issued - timedelta(days=200))
        # What comes in the way of these is over by the first night: they are transferred, each with its baseline.
        self._invoice("paid_in_part", 480_000)
        self._invoice("credited_in_part", 990_000)
        self._invoice("payment_taken_back", 275_000)
        two = new()
        self._invoice("same_debtor_a", 640_000, two)
        self._invoice("same_debtor_b", 155_550, two)

    def _invoice(
        self,
        name: str,
        amount: int,
        customer: Customer | None = None,
        *,
        kind: DocumentType = DocumentType.INVOICE,
        currency: str = "NOK",
        issued: date | None = None,
    ) -> None:
        customer = customer or self.population.add_customer()
        issued = issued or self.issued
        document = self.books.invoice(customer, amount, issued, issued + TERMS, kind, currency=currency)
        self.world.notable[name] = document.number

    def _meddle(self) -> None:
        books = self.books
        found = {name: books.document(number) for name, number in self.world.notable.items()}
        books.exclude(found["excluded"])
        books.exclude(found["excluded_customer"].customer)
        books.revoke(found["revoked"])
        books.set_case(found["case_elsewhere"], "X-1199", "OPEN")
        named = found["payment_not_released"]
        books.draft_payment(named.customer, 100_000, [Line(named, 100_000)])
        books.receive(found["unapplied_credit"].customer, 50_000)
        books.credit_note(found["unmatched_credit_note"].customer, 120_000)
        books.change_customer(found["debtor_incomplete"].customer, address="", postal_code="", city="")
        books.pay(found["paid_in_part_below_minimum"], 145_000)
        books.pay(found["paid_in_part"], 180_000)
        credited = found["credited_in_part"]
        books.match(books.credit_note(credited.customer, 90_000), credited, 90_000)
        books.void(books.pay(found["payment_taken_back"], 75_000))

    def _plan_overdue(self, night: date, count: int) -> None:
        """Invoices nobody pays that may first be transferred on a night."""
        due = night - timedelta(days=GRACE_DAYS)
        while transferable_from(due, GRACE_DAYS, BANKING_DAYS) > night:
            due -= timedelta(days=1)
        amounts = stream(self.world.seed, f"demo/overdue/{night}")

        def issue() -> None:
            for place in range(count):
                customer = self.population.add_customer(business=place % 2 == 0)
                self.books.invoice(customer, amounts.randrange(60_000, 1_400_000), due - TERMS, due)

        self.world.on(due - TERMS, time(8), issue)


class Story:
    """What happens once claims are at the agency.

    Claims are chosen by document number, so that the order in which a pipeline sent them changes nothing, and each
    only once.
    """

    def __init__(self, world: World, debtors: Debtors, first_night: date) -> None:
        self.world = world
        self.books = world.erp(COMPANY)
        self.debtors = debtors
        self._used: set[str] = set()
        self._paid_bank: list[Document] = []

        def plan(days: int, at: time, action: Callable[[], object]) -> None:
            world.on(first_night + timedelta(days=days), at, action)

        plan(0, time(12), self._debtors_pay_the_bank)
        plan(1, time(3, 59), self._answers_get_lost)
        plan(1, time(12), world.agency_faults.clear)
        plan(1, time(13), self._debtors_pay_both)
        plan(2, time(13), self._second_thoughts)
        for days in LIVELY_DAYS:
            plan(days, time(13), self._life_goes_on)
        plan(6, time(14), self._invoice_is_excluded)
        plan(6, time(15), self._people_intervene)

    def _claims(self, count: int) -> list[Claim]:
        claims = self.world.agency.account(COMPANY).claims.values()
        fresh = [claim for claim in claims if claim.document_number not in self._used and self._is_quiet(claim)]
        chosen = sorted(fresh, key=lambda claim: claim.document_number)[:count]
        self._used.update(claim.document_number for claim in chosen)
        return chosen

    def _is_quiet(self, claim: Claim) -> bool:
        document = self._document(claim)
        return claim.live and claim.principal_open == document.balance == self.debtors.owed(document)

    def _document(self, claim: Claim) -> Document:
        return self.books.document(claim.document_number, claim.document_type)

    def _notable(self, name: str) -> Claim | None:
        number = self.world.notable[name]
        self._used.add(number)
        return self.debtors.claim(self.books.document(number))

    def _pay_bank(self, claim: Claim, part: int = 1) -> None:
        document = self._document(claim)
        self.debtors.pay_bank(document, document.balance // part)
        self._paid_bank.append(document)

    def _pay_agency(self, claim: Claim, part: int = 1) -> None:
        principal = claim.principal_open // part
        # Only businesses are charged interest: what a private debtor may be charged hangs on rates of the day.
        interest = principal // 100 if claim.order.debtor.business else 0
        self.world.agency.receive(claim, principal, interest)

    def _debtors_pay_the_bank(self) -> None:
        """Three settle with the creditor although the agency has the claim: one of them only a third."""
        for part, claim in zip((1, 1, 3), self._claims(3), strict=False):
            self._pay_bank(claim, part)

    def _answers_get_lost(self) -> None:
        for skip, count in LOST_ANSWERS:
            self.world.agency_faults.add(FaultKind.LOST_AFTER, "POST", r"/claims$", skip=skip, count=count)

    def _debtors_pay_both(self) -> None:
        """Nine payments to the agency, one for two claims; two to the bank; a credit note matched and one not."""
        both = [claim for name in ("same_debtor_a", "same_debtor_b") if (claim := self._notable(name))]
        if both:
            self.world.agency.receive_many({claim: claim.principal_open for claim in both})
        for part, claim in zip((1, 1, 2, 1, 3, 1, 1, 2), self._claims(8), strict=False):
            self._pay_agency(claim, part)
        for part, claim in zip((1, 2), self._claims(2), strict=False):
            self._pay_bank(claim, part)
        for matched, claim in zip((True, False), self._claims(2), strict=False):
            document = self._document(claim)
            note = self.books.credit_note(document.customer, document.balance // 4)
            self.world.notable["credit_note_matched" if matched else "credit_note_unmatched"] = note.number
            if matched:
                self.books.match(note, document, note.balance)

    def _second_thoughts(self) -> None:
        """A payment to the agency bounces, one to the bank is taken back; a dispute; a case gets a new number."""
        agency = self.world.agency
        payments = [entry for entry in agency.account(COMPANY).entries.values() if entry.kind == "AGENCY_PAYMENT"]
        for entry in payments[1:2]:
            agency.reverse(entry)
        booked = [document for document in self._paid_bank if document.settled_by]
        for document in booked[:1]:
            self.books.void(document.settled_by[-1].paying)
            self.world.notable["payment_voided"] = document.number
        for claim in self._claims(1):
            agency.dispute(claim)
            self.world.notable["disputed"] = claim.document_number
        for claim in self._claims(1):
            if claim.case is not None:
                agency.rekey(claim.case)
                self.world.notable["case_renumbered"] = claim.document_number

    def _life_goes_on(self) -> None:
        """Payments to both while the pipeline is down."""
        for part, claim in zip((1, 2), self._claims(2), strict=False):
            self._pay_agency(claim, part)
        for claim in self._claims(1):
            self._pay_bank(claim)

    def _invoice_is_excluded(self) -> None:
        """The creditor exempts an invoice that is already at the agency."""
        for claim in self._claims(1):
            self.books.exclude(self._document(claim))
            self.world.notable["excluded_after_transfer"] = claim.document_number

    def _people_intervene(self) -> None:
        """What only a person can answer: half written off, money booked by the agency on a debtor's word, more time."""
        for claim in self._claims(1):
            document = self._document(claim)
            self.books.write_off(document, document.balance // 2)
            self.world.notable["written_off_in_part"] = document.number
        for claim in self._claims(1):
            self.world.agency.book_direct(claim, claim.principal_open // 4)
            self.world.notable["booked_on_a_debtors_word"] = claim.document_number
        for claim in self._claims(1):
            self.books.set_due_date(self._document(claim), self.world.today + timedelta(days=30))
            self.world.notable["given_time"] = claim.document_number
