"""How debtors behave: when they pay, in which parts, and to whom.

Whom a debtor pays is decided at the moment of paying: as long as the receivable is not transferred, or the agency
only reminds, the creditor's bank account; afterwards the agency.
"""

from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from random import Random

from cloudcollect_pipeline.domain.calendar import is_working_day
from cloudcollect_pipeline.sandbox.agency import Claim
from cloudcollect_pipeline.sandbox.agency.books import ENDED
from cloudcollect_pipeline.sandbox.erp import Document
from cloudcollect_pipeline.sandbox.world import World

ISSUE_AT = time(9)
PART_AT = time(11)
PAY_AT = time(12)
BANK_AT = time(18)

INTEREST_PERCENT = 12
"""A year, on principal paid late to the agency."""


class Habit(StrEnum):
    """How a debtor treats invoices."""

    PROMPT = "prompt"
    LATE = "late"
    SLOW = "slow"
    PARTS = "parts"
    NEVER = "never"


@dataclass(frozen=True)
class Instalment:
    """`amount` in øre, paid on a day."""

    on: date
    amount: int


def instalments(habit: Habit, amount: int, due: date, random: Random) -> tuple[Instalment, ...]:
    """What a debtor of a habit is going to pay on an invoice."""
    match habit:
        case Habit.PROMPT:
            return (Instalment(due - timedelta(days=random.randint(0, 6)), amount),)
        case Habit.LATE:
            return (Instalment(due + timedelta(days=random.randint(1, 13)), amount),)
        case Habit.SLOW:
            return (Instalment(due + timedelta(days=random.randint(18, 50)), amount),)
        case Habit.PARTS:
            first = Instalment(due + timedelta(days=random.randint(2, 8)), part_of(amount))
            return first, Instalment(due + timedelta(days=random.randint(16, 45)), amount - first.amount)
        case Habit.NEVER:
            return ()


def part_of(amount: int) -> int:
    """The first part of an amount paid in two: 40 %."""
    return amount * 2 // 5


class Debtors:
    """The debtors of one company. With `batches` the bank reports their payments on the evening of working days."""

    def __init__(self, world: World, slug: str, *, batches: bool) -> None:
        self.world = world
        self.slug = slug
        self.books = world.erp(slug)
        self._batches = batches
        self._under_way: list[tuple[Document, int]] = []
        if batches:
            world.daily(BANK_AT, self._bank)

    def claim(self, document: Document) -> Claim | None:
        """The live claim on a document."""
        claim = self.world.agency.claim_for(self.slug, document.number)
        return claim if claim is not None and claim.live and claim.document_type == document.type else None

    def owed(self, document: Document) -> int:
        """What the debtor knows to owe still: less where one side has not heard of the other's money yet."""
        claim = self.world.agency.claim_for(self.slug, document.number)
        open_at_agency = document.balance if claim is None or claim.status in ENDED else claim.principal_open
        under_way = sum(amount for each, amount in self._under_way if each is document)
        return max(0, min(document.balance, open_at_agency) - under_way)

    def pay(self, document: Document, amount: int) -> None:
        """Pay principal to whoever is to be paid now; the agency gets interest and fees with the last of it."""
        claim = self.claim(document)
        if claim is not None and claim.payee == "AGENCY":
            last = amount >= claim.principal_open
            charged = last and claim.order.debtor.business  # a private debtor's hangs on rates of the day
            interest = _interest(document, amount, self.world.today) if charged else 0
            self.world.agency.receive(claim, amount, interest, claim.fees_open if last else 0)
        elif self._batches:
            self.pay_bank(document, amount)
        else:
            self._book(document, amount)

    def pay_bank(self, document: Document, amount: int) -> None:
        """Pay the creditor's bank account, which tells the ERP with its next batch."""
        self._under_way.append((document, amount))

    def _bank(self, day: date) -> None:
        if is_working_day(day):
            arrived, self._under_way = self._under_way, []
            for document, amount in arrived:
                self._book(document, amount)

    def _book(self, document: Document, amount: int) -> None:
        self.books.pay(document, amount, reference=document.kid)


def _interest(document: Document, amount: int, today: date) -> int:
    days = (today - document.due).days if document.due else 0
    return amount * INTEREST_PERCENT * max(0, days) // 36_500
