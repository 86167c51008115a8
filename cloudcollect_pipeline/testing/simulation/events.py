"""What happens at the two counterparties: people, debtors, the agency and the bank, each by the world's own books.

An event picks its subjects with its own dice among what is there; where nothing fits it does nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import partial
from random import Random
from typing import TypeVar

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.sandbox.agency.books import Account, Claim, Entry
from cloudcollect_pipeline.sandbox.agency.records import Refusal
from cloudcollect_pipeline.sandbox.erp import DocumentType, ErpCompany, Status
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.erp.documents import BooksError, Document
from cloudcollect_pipeline.sandbox.erp.ledger import Entry as VoucherEntry
from cloudcollect_pipeline.sandbox.world import World, local

T = TypeVar("T")

RECEIVABLES = (DocumentType.INVOICE, DocumentType.DEBIT_NOTE)
PLACES = (("Storgata 1", "0155", "Oslo"), ("Havnegata 7", "7010", "Trondheim"), ("Torget 3", "5014", "Bergen"))
SUSPENSE = "1510"
BANK = "1920"


class Stage:
    """The one company of a simulated life, as its events see it."""

    def __init__(self, world: World) -> None:
        self.world = world
        [self.slug] = world.companies
        self.held: dict[str, date | None] = {}
        """What people keep back: `Invoice 1` or `customer 1` -> its last day, None: until they let it go."""

    def until(self, at: time) -> None:
        """Let time pass until the clocks of Norway next say so."""
        now = self.world.now.astimezone(OSLO)
        moment = local(now.date(), at)
        self.world.advance(moment if moment > now else local(now.date() + timedelta(days=1), at))

    @property
    def erp(self) -> ErpCompany:
        """The company's books."""
        return self.world.erp(self.slug)

    @property
    def account(self) -> Account:
        """The company's account at the agency."""
        return self.world.agency.account(self.slug)

    def receivables(self, *, owing: bool = True) -> list[Document]:
        """Released invoices and debit notes, in order."""
        return [
            document
            for document in self.erp.documents(*RECEIVABLES)
            if document.released and (document.balance > 0 or not owing)
        ]

    def invoices(self) -> list[Document]:
        """Those of them that can be kept from dunning: a debit note has no such flag."""
        return [document for document in self.receivables() if document.type is DocumentType.INVOICE]

    def claims(self) -> list[Claim]:
        """Claims that the agency may collect."""
        return [claim for claim in self.account.claims.values() if claim.live and claim.case is not None]

    def collected(self) -> list[Entry]:
        """Agency payments that still carry something."""
        return [e for e in self.account.entries.values() if e.kind == "AGENCY_PAYMENT" and any(e.carried.values())]

    def money(self, *, ours: bool) -> list[Document]:
        """Released payments by account: `ours` are those on the suspense account."""
        return [
            document
            for document in self.erp.documents(DocumentType.PAYMENT)
            if document.status in (Status.OPEN, Status.CLOSED) and (document.cash_account == SUSPENSE) == ours
        ]


Happening = Callable[[Stage, Random], object]


@dataclass(frozen=True)
class Event:
    """What happens, and how often beside the others."""

    happens: Happening
    weight: float


EVENTS: dict[str, Event] = {}


def event(weight: float) -> Callable[[Happening], Happening]:
    """An event under its function's name, in words."""

    def added(happens: Happening) -> Happening:
        EVENTS[happens.__name__.replace("_", " ").strip()] = Event(happens, weight)
        return happens

    return added


def happen(stage: Stage, name: str, dice: int) -> bool:
    """Let an event happen; False where the books did not allow it or nothing fitted."""
    try:
        return EVENTS[name].happens(stage, Random(dice)) is not None
    except (BooksError, Refusal):
        return False


def one_of(dice: Random, those: Sequence[T]) -> T | None:
    """One of them, or None where there are none."""
    return dice.choice(those) if those else None


def part_of(dice: Random, amount: int) -> int:
    """All of an amount, or a part of it in whole hundreds of øre where it has several."""
    return amount if amount < 200 or dice.random() < 0.4 else 100 * dice.randint(1, amount // 100 - 1)


def keep_hold_list(stage: Stage, journal: Journal) -> bool:
    """Bring a journal's hold list to what people want held back: it may have been lost with the journal.

    Returns whether a hold ended the day before, which is news.
    """
    known = {hold["subject"]: hold["until"] for hold in journal.holds()}
    wanted = {subject: last and last.isoformat() for subject, last in stage.held.items()}
    for subject in sorted(known.keys() - wanted.keys()):
        journal.end_hold(subject, "simulation", stage.world.now)
    for subject, last in stage.held.items():
        if subject not in known or known[subject] != wanted[subject]:
            journal.set_hold(subject, "as agreed", last, "simulation", stage.world.now)
    return stage.world.today - timedelta(days=1) in stage.held.values()


# -- the creditor ----------------------------------------------------------------------------------------------------


def add_customer(stage: Stage, dice: Random) -> str:
    """A customer with a whole address."""
    address, postal_code, city = dice.choice(PLACES)
    return stage.erp.add_customer(
        name=f"Debtor {dice.randrange(10_000)}",
        business=dice.random() < 0.3,
        address=address,
        postal_code=postal_code,
        city=city,
    ).number


@event(6)
def invoice(stage: Stage, dice: Random) -> object:
    """An invoice, often old enough already; one in five to somebody new."""
    customers = list(stage.erp.customers.values())
    customer = one_of(dice, customers[-6:]) if dice.random() < 0.8 else None
    due = stage.world.today - timedelta(days=dice.choice((-10, 5, 15, 20, 30, 45)))
    kind = DocumentType.DEBIT_NOTE if dice.random() < 0.1 else DocumentType.INVOICE
    number = customer.number if customer else add_customer(stage, dice)
    return stage.erp.invoice(number, 100 * dice.randint(1, 90), due - timedelta(days=14), due, kind)


@event(0.15)
def invoice_a_crowd(stage: Stage, dice: Random) -> object:
    """An import of old invoices: more at once than anybody sends in a night."""
    due = stage.world.today - timedelta(days=40)
    customer = add_customer(stage, dice)
    return [stage.erp.invoice(customer, 100 * dice.randint(1, 90), due - timedelta(days=14), due) for _ in range(12)]


@event(5)
def pay(stage: Stage, dice: Random) -> object:
    """The debtor pays the creditor, in full or in part."""
    target = one_of(dice, stage.receivables())
    return target and stage.erp.pay(target, part_of(dice, target.balance))


@event(1)
def pay_too_much(stage: Stage, dice: Random) -> object:
    """The rest stays unapplied."""
    target = one_of(dice, stage.receivables())
    return target and stage.erp.pay(target, target.balance + 100 * dice.randint(1, 20))


@event(1)
def pay_and_apply_later(stage: Stage, dice: Random) -> object:
    """Money without an application, or the application of such money."""
    loose = [d for d in stage.money(ours=False) if d.balance > 0]
    target = one_of(dice, stage.receivables())
    if target is None:
        return None
    own = [d for d in loose if d.customer is target.customer]
    if own:
        return stage.erp.apply(own[0], target, min(own[0].balance, target.balance))
    return stage.erp.receive(target.customer, 100 * dice.randint(1, 30))


@event(1.5)
def credit(stage: Stage, dice: Random) -> object:
    """A credit note, matched at once in three of four."""
    target = one_of(dice, stage.receivables())
    if target is None:
        return None
    amount = part_of(dice, target.balance)
    note = stage.erp.credit_note(target.customer, amount)
    return stage.erp.match(note, target, amount) if dice.random() < 0.75 else note


@event(0.7)
def match_or_unmatch(stage: Stage, dice: Random) -> object:
    """A loose credit note finds its invoice, or a match is taken back."""
    notes = list(stage.erp.documents(DocumentType.CREDIT_NOTE))
    note = one_of(dice, notes)
    if note is None:
        return None
    matched = [row.document for row in note.settles if row.amount > 0]
    if note.balance == 0 and matched:
        return stage.erp.unmatch(note, matched[0])
    targets = [d for d in stage.receivables() if d.customer is note.customer]
    target = one_of(dice, targets)
    return target and stage.erp.match(note, target, min(note.balance, target.balance))


@event(0.7)
def write_off(stage: Stage, dice: Random) -> object:
    """Small or all of it."""
    target = one_of(dice, stage.receivables())
    return target and stage.erp.write_off(target, min(target.balance, dice.choice((50, 100, target.balance))))


@event(1)
def void_a_payment(stage: Stage, dice: Random) -> object:
    """A payment to the creditor bounces."""
    payment = one_of(dice, stage.money(ours=False))
    return payment and stage.erp.void(payment)


@event(1)
def move_a_payment(stage: Stage, dice: Random) -> object:
    """A payment is taken from one invoice and, where there is another, applied to that."""
    payment = one_of(dice, [d for d in stage.money(ours=False) if any(row.amount > 0 for row in d.settles)])
    if payment is None:
        return None
    source = next(row.document for row in payment.settles if row.amount > 0)
    stage.erp.unapply(payment, source)
    other = one_of(dice, [d for d in stage.receivables() if d.customer is payment.customer and d is not source])
    return payment if other is None else stage.erp.apply(payment, other, min(payment.balance, other.balance))


@event(0.8)
def exclude_or_include(stage: Stage, dice: Random) -> object:
    """An invoice or a customer is kept from dunning, or no longer."""
    if dice.random() < 0.3:
        customer = one_of(dice, list(stage.erp.customers.values()))
        if customer is None:
            return None
        stage.erp.exclude(customer, not customer.excluded)
        return customer
    document = one_of(dice, stage.invoices())
    if document is None:
        return None
    stage.erp.exclude(document, not document.excluded)
    return document


@event(0.6)
def hold_back_or_let_go(stage: Stage, dice: Random) -> object:
    """A person puts a receivable or a customer on the hold list, or takes the first one off."""
    if stage.held and dice.random() < 0.5:
        return stage.held.pop(min(stage.held), None) or True
    document = one_of(dice, stage.receivables())
    if document is None:
        return None
    subject = f"customer {document.customer.number}" if dice.random() < 0.3 else f"{document.type} {document.number}"
    days = dice.choice((0, 3, 10, None))
    stage.held[subject] = None if days is None else stage.world.today + timedelta(days=days)
    return subject


@event(0.2)
def revoke_or_not(stage: Stage, dice: Random) -> object:
    """Dunning of an invoice is revoked, or no longer."""
    document = one_of(dice, stage.invoices())
    if document is None:
        return None
    stage.erp.revoke(document, not document.revoked)
    return document


@event(0.4)
def move_the_due_date(stage: Stage, dice: Random) -> object:
    """The debtor gets time, or a date is corrected."""
    document = one_of(dice, stage.receivables())
    if document is None:
        return None
    stage.erp.set_due_date(document, stage.world.today + timedelta(days=dice.choice((-25, -3, 10))))
    return document


@event(0.5)
def change_the_address(stage: Stage, dice: Random) -> object:
    """A customer moves."""
    customer = one_of(dice, list(stage.erp.customers.values()))
    if customer is None:
        return None
    address, postal_code, city = dice.choice(PLACES)
    stage.erp.change_customer(customer, address=address, postal_code=postal_code, city=city)
    return customer


@event(0.3)
def a_stranger_on_the_suspense_account(stage: Stage, dice: Random) -> object:
    """A payment booked there by hand, or such a one voided."""
    strangers = [d for d in stage.money(ours=True) if not d.reference]
    if strangers:
        return stage.erp.void(strangers[0])
    target = one_of(dice, stage.receivables())
    return target and stage.erp.pay(target, part_of(dice, target.balance), cash_account=SUSPENSE)


@event(0.4)
def void_our_posting(stage: Stage, dice: Random) -> object:
    """A person voids a payment that the pipeline posted."""
    posting = one_of(dice, [d for d in stage.money(ours=True) if d.reference])
    return posting and stage.erp.void(posting)


@event(0.4)
def move_our_posting(stage: Stage, dice: Random) -> object:
    """A person applies a posting of the pipeline elsewhere."""
    posting = one_of(dice, [d for d in stage.money(ours=True) if d.reference and d.settles])
    if posting is None:
        return None
    source = posting.settles[0].document
    stage.erp.unapply(posting, source, min(100, posting.amount))
    other = one_of(dice, [d for d in stage.receivables() if d.customer is posting.customer and d is not source])
    return posting if other is None else stage.erp.apply(posting, other, min(posting.balance, other.balance))


@event(0.5)
def clear_up_our_draft(stage: Stage, dice: Random) -> object:
    """A person finds a payment of the pipeline that is not released, and releases or deletes it."""
    drafts = [d for d in stage.erp.documents(DocumentType.PAYMENT) if d.status is Status.BALANCED and d.reference]
    draft = one_of(dice, drafts)
    if draft is None:
        return None
    (stage.erp.delete if dice.random() < 0.5 else stage.erp.release)(draft)
    return draft


@event(0.3)
def fail_the_next_release(stage: Stage, dice: Random) -> object:
    """What is released next stays as it was, with an error: once, or for some nights, on which somebody may look."""
    for _ in range(dice.choice((1, 3, 9))):
        stage.erp.fail_next_release()
    if dice.random() < 0.5:
        _look_for_drafts(stage, dice.getrandbits(32), 7)
    return True


def _look_for_drafts(stage: Stage, dice: int, days: int) -> None:
    """Every evening, far from any run, until there is one or a week has passed: drafts are rare, and gone in a day."""

    def look() -> None:
        if not happen(stage, "clear up our draft", dice) and days:
            _look_for_drafts(stage, dice, days - 1)

    stage.world.schedule(local(stage.world.today + timedelta(days=1), time(20)), look)


@event(0.4)
def pay_by_draft(stage: Stage, dice: Random) -> object:
    """A payment is entered and not released yet, or such a one is released or deleted."""
    drafts = [d for d in stage.erp.documents(DocumentType.PAYMENT) if d.status is Status.BALANCED and not d.reference]
    if drafts:
        (stage.erp.delete if dice.random() < 0.3 else stage.erp.release)(drafts[0])
        return drafts[0]
    target = one_of(dice, stage.receivables())
    if target is None:
        return None
    return stage.erp.draft_payment(
        target.customer, target.balance, [Line(target.number, part_of(dice, target.balance))] * dice.randint(0, 1)
    )


@event(0.3)
def pay_back(stage: Stage, dice: Random) -> object:
    """A customer's credit is paid back, in full or in part."""
    credits_ = [*stage.money(ours=False), *stage.erp.documents(DocumentType.CREDIT_NOTE)]
    loose = one_of(dice, [d for d in credits_ if d.status is Status.OPEN and d.balance > 0])
    return loose and stage.erp.refund(loose, part_of(dice, loose.balance))


@event(0.3)
def change_the_case_by_hand(stage: Stage, dice: Random) -> object:
    """A person clears the case number of an invoice, or its status."""
    document = one_of(dice, [d for d in stage.receivables(owing=False) if d.case_number])
    if document is None:
        return None
    number = "" if dice.random() < 0.5 else None
    stage.erp.set_case(document, number=number, status="Manuell")
    return document


@event(0.2)
def close_last_month(stage: Stage, dice: Random) -> object:
    """The period before this one is closed."""
    period = f"{stage.world.today.replace(day=1) - timedelta(days=1):%Y%m}"
    stage.erp.close_period(period)
    return period


@event(0.2)
def a_movement_by_hand(stage: Stage, dice: Random) -> object:
    """A voucher of a person on the suspense account."""
    amount = 100 * dice.randint(1, 9)
    lines = (VoucherEntry(SUSPENSE, amount, "Manuell"), VoucherEntry(BANK, -amount, "Manuell"))
    return stage.erp.voucher(None, "Manuell", lines)


# -- the agency and its debtors --------------------------------------------------------------------------------------


@event(6)
def pay_the_agency(stage: Stage, dice: Random) -> object:
    """In full or in part, with interest now and then."""
    claim = one_of(dice, [c for c in stage.claims() if c.principal_open > 0])
    interest = 100 * dice.randint(1, 3) if dice.random() < 0.3 else 0
    return claim and stage.world.agency.receive(claim, part_of(dice, claim.principal_open), interest)


@event(0.7)
def pay_the_agency_for_several(stage: Stage, dice: Random) -> object:
    """One payment over two claims of a debtor."""
    claim = one_of(dice, [c for c in stage.claims() if c.principal_open > 0])
    if claim is None:
        return None
    debtor = claim.order.debtor.number
    others = [c for c in stage.claims() if c.order.debtor.number == debtor and c.principal_open > 0]
    return stage.world.agency.receive_many({each: part_of(dice, each.principal_open) for each in others[:2]})


@event(1)
def take_money_back(stage: Stage, dice: Random) -> object:
    """A payment to the agency bounces, in part or whole, settled or not."""
    entry = one_of(dice, stage.collected())
    if entry is None:
        return None
    carried = sum(amount for amount in entry.carried.values() if amount > 0)
    return stage.world.agency.reverse(entry, part_of(dice, carried))


@event(0.5)
def reallocate(stage: Stage, dice: Random) -> object:
    """The agency moves money to another claim of the same debtor."""
    entry = one_of(dice, stage.collected())
    if entry is None:
        return None
    source = next((c for (c, bucket), left in entry.carried.items() if bucket == "principal" and left > 0), None)
    if source is None:
        return None
    debtor = source.order.debtor.number
    other = one_of(
        dice,
        [c for c in stage.claims() if c is not source and c.order.debtor.number == debtor and c.principal_open > 0],
    )
    if other is None:
        return None
    amount = min(other.principal_open, entry.carried[source, "principal"])
    return stage.world.agency.reallocate(entry, source, other, part_of(dice, amount))


@event(0.3)
def pay_the_agency_for_nothing_known(stage: Stage, dice: Random) -> object:
    """Money that is not allocated yet, or the allocation of such money."""
    loose = [
        e for e in stage.account.entries.values() if any(b == "unallocated" and n for (_, b), n in e.carried.items())
    ]
    claim = one_of(dice, [c for c in stage.claims() if c.principal_open > 0])
    if claim is None:
        return None
    if loose:
        left = sum(amount for (_, bucket), amount in loose[0].carried.items() if bucket == "unallocated")
        return stage.world.agency.allocate(loose[0], claim, min(left, claim.principal_open))
    return stage.world.agency.receive_unallocated(claim, part_of(dice, claim.principal_open))


@event(0.4)
def a_notice_of_direct_payment(stage: Stage, dice: Random) -> object:
    """The agency books what the debtor says to have paid the creditor."""
    claim = one_of(dice, [c for c in stage.claims() if c.principal_open > 0])
    return claim and stage.world.agency.book_direct(claim, part_of(dice, claim.principal_open))


@event(0.4)
def cancel_what_was_reported(stage: Stage, dice: Random) -> object:
    """The agency cancels a reduction of ours, or a direct payment of its own."""
    those = [
        entry
        for entry in stage.account.entries.values()
        if not entry.cancelled and entry.kind in ("DIRECT_PAYMENT", "CREDIT", "WRITE_OFF") and entry.amount > 0
    ]
    entry = one_of(dice, those)
    if entry is None:
        return None
    return stage.world.agency.cancel_reduction(entry) if entry.reference else stage.world.agency.cancel_direct(entry)


@event(0.6)
def charge(stage: Stage, dice: Random) -> object:
    """A fee to the debtor."""
    claim = one_of(dice, stage.claims())
    return claim and stage.world.agency.charge(claim, 100 * dice.randint(1, 7))


@event(0.7)
def dispute_or_not(stage: Stage, dice: Random) -> object:
    """The debtor disputes a claim at the agency, or no longer."""
    claim = one_of(dice, stage.claims())
    if claim is None:
        return None
    stage.world.agency.dispute(claim, not claim.disputed)
    return claim


@event(0.5)
def the_agency_pauses_or_goes_on(stage: Stage, dice: Random) -> object:
    """The agency stops a claim for reasons of its own, or lets it go on."""
    claim = one_of(dice, [claim for claim in stage.claims() if claim.hold == "NONE" or claim.paused_at])
    if claim is None:
        return None
    stage.world.agency.pause(claim, claim.hold == "NONE")
    return claim


@event(0.3)
def ask(stage: Stage, dice: Random) -> object:
    """The agency wants to know something."""
    claim = one_of(dice, stage.claims())
    return claim and stage.world.agency.question(claim, "Which contract is it?")


@event(0.3)
def reject(stage: Stage, dice: Random) -> object:
    """The agency gives a claim back."""
    claim = one_of(dice, stage.claims())
    if claim is None:
        return None
    stage.world.agency.reject(claim)
    return claim


@event(0.3)
def refuse_the_next_claim(stage: Stage, dice: Random) -> object:
    """The agency will not take the next claim."""
    stage.world.agency.refuse_next()
    return True


@event(0.3)
def a_new_case_number(stage: Stage, dice: Random) -> object:
    """The number of a case changes, its id does not."""
    case = one_of(dice, list(stage.account.cases.values()))
    return case and stage.world.agency.rekey(case)


@event(0.2)
def merge_two_cases(stage: Stage, dice: Random) -> object:
    """The agency goes on with a case in another one."""
    cases = [case for case in stage.account.cases.values() if case.claims]
    if len(cases) < 2:
        return None
    case, into = dice.sample(cases, k=2)
    stage.world.agency.merge(case, into)
    return into


@event(0.8)
def settle(stage: Stage, dice: Random) -> object:
    """A settlement out of turn, or one cancelled."""
    published = [s for s in stage.account.settlements.values() if s.status == "PUBLISHED"]
    if published and dice.random() < 0.4:
        stage.world.agency.cancel_settlement(published[-1])
        return published[-1]
    settlement = stage.world.agency.settle(stage.slug)
    if settlement is not None and settlement.net and dice.random() < 0.8:
        paid_out = partial(stage.world.pay_out, stage.slug, settlement)
        stage.world.schedule(stage.world.now + timedelta(days=2), paid_out)
    return settlement
