"""A company's customers and the invoices it keeps sending: seeded, and independent of what the pipeline does.

Beside the everyday flow there are the twists of a real customer ledger: credit notes matched and not, overpayments,
payments that are taken back, debit notes and invoices in foreign currency.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from random import Random

from cloudcollect_pipeline.domain.calendar import is_working_day
from cloudcollect_pipeline.sandbox.debtors import debtor, stream
from cloudcollect_pipeline.sandbox.erp import Customer, Document, DocumentType
from cloudcollect_pipeline.sandbox.life import ISSUE_AT, PAY_AT, Debtors, Habit, instalments
from cloudcollect_pipeline.sandbox.world import World

CUSTOMERS = 240
INVOICES_A_DAY = (8, 15)
"""Fewest and most on a working day."""

_HABITS = {Habit.PROMPT: 71, Habit.LATE: 18, Habit.SLOW: 4, Habit.PARTS: 5, Habit.NEVER: 2}
"""Per cent of the customers."""
_BUSINESS_PERCENT = 45
_FOREIGN = (("EUR", "DE", "Hamburg", "20095"), ("SEK", "SE", "Göteborg", "41103"))
"""Currency, country, city and postal code of the last customers."""


class Population:
    """The customers of one company and their invoices, day by day."""

    def __init__(self, world: World, slug: str, debtors: Debtors) -> None:
        self.world = world
        self.books = world.erp(slug)
        self.debtors = debtors
        self._random = stream(world.seed, f"{slug}/invoices")
        self._who = stream(world.seed, f"{slug}/debtors")
        self._habits: dict[str, Habit] = {}
        self._customers = [self._customer(place) for place in range(CUSTOMERS)]
        world.daily(ISSUE_AT, self._issue)

    def add_customer(self, *, business: bool = True) -> Customer:
        """One more customer, who gets no everyday invoices."""
        number = str(10_001 + len(self.books.customers))
        return self.books.add_customer(**vars(debtor(self._who, number, business=business)))

    def _customer(self, place: int) -> Customer:
        business = self._who.randrange(100) < _BUSINESS_PERCENT
        if place >= CUSTOMERS - len(_FOREIGN):
            currency, country, city, postal_code = _FOREIGN[CUSTOMERS - 1 - place]
            card = replace(debtor(self._who, str(10_001 + place), business=True), city=city, postal_code=postal_code)
            customer = self.books.add_customer(**vars(card), currency=currency, country=country)
        else:
            customer = self.add_customer(business=business)
        (self._habits[customer.number],) = self._who.choices(list(_HABITS), list(_HABITS.values()))
        return customer

    def _issue(self, day: date) -> None:
        if is_working_day(day):
            for _ in range(self._random.randint(*INVOICES_A_DAY)):
                self._invoice(self._random.choice(self._customers), day)

    def _invoice(self, customer: Customer, day: date) -> None:
        random = self._random
        amount = _amount(customer, random)
        due = day + timedelta(days=30 if customer.business else 14)
        kind = DocumentType.DEBIT_NOTE if random.randrange(100) < 2 else DocumentType.INVOICE
        document = self.books.invoice(customer, amount, day, due, kind, currency=customer.currency)
        plan = instalments(self._habits[customer.number], amount, due, random)
        soon, twist = day + timedelta(days=random.randint(2, 10)), random.randrange(1000)
        if twist < 20:
            credited = amount // random.choice((1, 2, 4))
            self._at(soon, lambda: self._credit(document, credited, matched=True))
        elif twist < 25:
            self._at(soon, lambda: self._credit(document, amount // 5, matched=False))
        elif twist < 35:
            self._at(soon, lambda: self._pay_in_error(document, amount // 2))
        too_much = 10_000 if twist >= 990 else 0
        for instalment in plan:
            self._at(instalment.on, partial(self._pay, document, instalment.amount, too_much))

    def _at(self, day: date, action: Callable[[], object]) -> None:
        self.world.on(day, PAY_AT, action)

    def _pay(self, document: Document, amount: int, too_much: int) -> None:
        owed = min(amount, self.debtors.owed(document))
        if owed:
            self.debtors.pay(document, owed + too_much)

    def _credit(self, document: Document, amount: int, *, matched: bool) -> None:
        note = self.books.credit_note(document.customer, amount, currency=document.currency)
        if matched and document.balance:
            self.books.match(note, document, min(amount, document.balance))

    def _pay_in_error(self, document: Document, amount: int) -> None:
        """A payment for somebody else's invoice, taken back two days later."""
        if document.balance >= amount:
            payment = self.books.pay(document, amount, reference=document.kid)
            self._at(self.world.today + timedelta(days=2), lambda: self.books.void(payment))


def _amount(customer: Customer, random: Random) -> int:
    """Øre: from a few hundred kroner to some ten thousand, with øre here and there."""
    largest = 28_000 if customer.business else 6_000
    kroner = 250 + (largest - 250) * random.randrange(1_000) ** 2 // 1_000_000
    return kroner * 100 + random.choice((0, 0, 0, 25, 50, 75, random.randrange(100)))
