"""A real receivables history as the life of a world.

Each invoice is issued on its date, dunned the night after its due date, disputed at the agency from its due date if
it was, and settled on its date with whoever is to be paid then; some are paid in two parts.

The CSV has one invoice a row, with American dates (month/day/year): `customerID, invoiceNumber, InvoiceDate, DueDate,
InvoiceAmount, Disputed, SettledDate`; other columns are left alone. What is wrong with it is told by line.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import partial
from pathlib import Path

from cloudcollect_pipeline.domain import money
from cloudcollect_pipeline.sandbox.agency import Settings as AgencySettings
from cloudcollect_pipeline.sandbox.debtors import debtor, stream
from cloudcollect_pipeline.sandbox.erp import Document, DocumentType, ErpCompany
from cloudcollect_pipeline.sandbox.erp.books import DUNNING_DAYS
from cloudcollect_pipeline.sandbox.life import ISSUE_AT, PART_AT, PAY_AT, Debtors, part_of
from cloudcollect_pipeline.sandbox.world import World, local

COLUMNS = ("customerID", "invoiceNumber", "InvoiceDate", "DueDate", "InvoiceAmount", "Disputed", "SettledDate")
START = date(2024, 1, 1)
"""A Monday in a leap year, as the first week of the history of 2012 to 2014 was."""

PART_SHARE = 1 / 3
PART_DAYS = 10
"""The first part is paid at most so many days before the rest."""

DEMAND_AFTER_REMINDER = 3
"""Days: shorter than the law's, so that a history in which all is paid within six weeks has payments to the agency."""

DISPUTE_AT = time(10)
SETTLE_DISPUTE_AT = time(10, 30)
_SHOWN = 20


class HistoryError(ValueError):
    """The file is no receivables history; the message names each line and what is wrong with it."""


@dataclass(frozen=True)
class PastInvoice:
    """One invoice as it went; `amount` in øre (hundredths of the file's currency), settled in full on `settled`."""

    number: str
    customer: str
    issued: date
    due: date
    settled: date
    amount: int
    disputed: bool


def read_history(path: Path) -> tuple[PastInvoice, ...]:
    """All invoices of a file by date of issue. Raises `HistoryError`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise HistoryError(f"{path}: line 1: no column {', '.join(missing)}")
        return _invoices(path, ((reader.line_num, row) for row in reader))


def shifted(history: Iterable[PastInvoice], monday: date) -> tuple[PastInvoice, ...]:
    """The same history moved by whole weeks, so that its first week begins on `monday` and weekdays stay."""
    if monday.weekday():
        raise ValueError(f"a history starts on a Monday; {monday} is none")
    invoices = tuple(history)
    first = min(invoice.issued for invoice in invoices)
    move = monday - (first - timedelta(days=first.weekday()))
    return tuple(
        replace(invoice, issued=invoice.issued + move, due=invoice.due + move, settled=invoice.settled + move)
        for invoice in invoices
    )


def world(
    history: Sequence[PastInvoice], seed: int, *, disputes: bool = True, parts: bool = True, company: str = "nordlys"
) -> World:
    """The world at the start of the history's first week; `ends` is the day of its last settlement."""
    history = sorted(history, key=_order)
    first = history[0].issued
    monday = first - timedelta(days=first.weekday())
    made = World(
        local(monday, time(0)),
        (company,),
        seed,
        agency_settings=AgencySettings(demand_after_reminder=DEMAND_AFTER_REMINDER),
        books=_books(iter([invoice.number for invoice in history])),
    )
    made.policy = {"min_amount": 0, "grace_days": 0, "banking_days": 0}
    made.ends = max(invoice.settled for invoice in history)
    books = made.erp(company)
    who = stream(seed, "history/debtors")
    for number in sorted({invoice.customer for invoice in history}):
        books.add_customer(**vars(debtor(who, number, business=who.random() < 0.5)))
    life = _Life(made, company, disputes)
    shares = stream(seed, "history/parts")
    for invoice in history:
        in_parts, days = shares.random() < PART_SHARE, shares.randint(1, PART_DAYS)
        made.on(invoice.issued, ISSUE_AT, partial(life.issue, invoice, days if parts and in_parts else None))
    made.keep_house()
    return made


def _books(invoice_numbers: Iterator[str]) -> type[ErpCompany]:
    class Books(ErpCompany):
        """Books that take over the history's invoice numbers and dun from the day after the due date."""

        def _next_number(self, kind: DocumentType) -> str:
            return next(invoice_numbers) if kind is DocumentType.INVOICE else super()._next_number(kind)

        def run_dunning(self, on: date | None = None, fee: int = 0) -> list[Document]:
            """Raise the level by one for every 14 days begun after the due date."""
            on = on or self.today()
            raised = super().run_dunning(on + timedelta(days=DUNNING_DAYS - 1), fee)
            for document in raised:
                document.dunning_date = on
            return raised

    return Books


def _order(invoice: PastInvoice) -> tuple[date, str]:
    return invoice.issued, invoice.number


class _Life:
    """What happens to the invoices."""

    def __init__(self, world: World, company: str, disputes: bool) -> None:
        self.world = world
        self.books = world.erp(company)
        self.debtors = Debtors(world, company, batches=False)
        self.disputes = disputes

    def issue(self, invoice: PastInvoice, part_days: int | None) -> None:
        """Issue an invoice and plan the rest of its life; `part_days` before it is settled a first part is paid."""
        kid = None if invoice.number.isdigit() else ""
        document = self.books.invoice(invoice.customer, invoice.amount, invoice.issued, invoice.due, kid=kid)
        first = 0 if part_days is None else part_of(invoice.amount)
        if part_days is not None and first:
            day = max(invoice.issued, invoice.settled - timedelta(days=part_days))
            self.world.on(day, PART_AT, lambda: self.debtors.pay(document, first))
        self.world.on(invoice.settled, PAY_AT, lambda: self.debtors.pay(document, invoice.amount - first))
        if self.disputes and invoice.disputed and invoice.due < invoice.settled:
            self.world.on(invoice.due, DISPUTE_AT, lambda: self._dispute(document, invoice.due, invoice.settled))

    def _dispute(self, document: Document, day: date, until: date) -> None:
        claim = self.debtors.claim(document)
        if claim is not None:
            self.world.agency.dispute(claim)
            self.world.on(until, SETTLE_DISPUTE_AT, lambda: self.world.agency.dispute(claim, False))
        elif day < until:
            tomorrow = day + timedelta(days=1)
            self.world.on(tomorrow, DISPUTE_AT, lambda: self._dispute(document, tomorrow, until))


def _invoices(path: Path, rows: Iterable[tuple[int, Mapping[str, str | None]]]) -> tuple[PastInvoice, ...]:
    invoices: dict[str, PastInvoice] = {}
    problems: list[str] = []
    for line, row in rows:
        try:
            invoice = _invoice(row)
            if invoice.number in invoices:
                raise HistoryError(f"invoice {invoice.number} stands there a second time")
            invoices[invoice.number] = invoice
        except HistoryError as problem:
            problems.append(f"line {line}: {problem}")
    if not invoices and not problems:
        problems.append("line 2: no invoice")
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise HistoryError("\n".join([str(path), *problems[:_SHOWN], *more]))
    return tuple(sorted(invoices.values(), key=_order))


def _invoice(row: Mapping[str, str | None]) -> PastInvoice:
    invoice = PastInvoice(
        number=_text(row, "invoiceNumber"),
        customer=_text(row, "customerID"),
        issued=_day(row, "InvoiceDate"),
        due=_day(row, "DueDate"),
        settled=_day(row, "SettledDate"),
        amount=_amount(row, "InvoiceAmount"),
        disputed=_yes(row, "Disputed"),
    )
    if invoice.due < invoice.issued:
        raise HistoryError(f"invoice {invoice.number} is due before it is issued")
    if invoice.settled < invoice.issued:
        raise HistoryError(f"invoice {invoice.number} is settled before it is issued")
    return invoice


def _text(row: Mapping[str, str | None], column: str) -> str:
    text = (row[column] or "").strip()
    if not text:
        raise HistoryError(f"{column} is empty")
    return text


def _day(row: Mapping[str, str | None], column: str) -> date:
    text = _text(row, column)
    try:
        month, day, year = (int(part) for part in text.split("/"))
        return date(year, month, day)
    except ValueError:
        raise HistoryError(f"{column} must be a date like 12/31/2013, not {text!r}") from None


def _amount(row: Mapping[str, str | None], column: str) -> int:
    text = _text(row, column)
    try:
        amount = money.ore(text)
    except money.NotMoney as problem:
        raise HistoryError(f"{column} {text!r}: {problem}") from None
    if amount <= 0:
        raise HistoryError(f"{column} must be above zero, not {text!r}")
    return amount


def _yes(row: Mapping[str, str | None], column: str) -> bool:
    text = _text(row, column)
    if text not in ("Yes", "No"):
        raise HistoryError(f"{column} must be Yes or No, not {text!r}")
    return text == "Yes"
