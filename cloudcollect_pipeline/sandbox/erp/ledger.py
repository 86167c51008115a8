"""The general ledger: chart of accounts, cash accounts, periods, and batches that balance."""

import calendar
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

from cloudcollect_pipeline.sandbox.erp.documents import BooksError, Status

CUSTOMER_LEDGER = "1500"
SALES = "3000"
OUTPUT_VAT = "2700"
FEE_INCOME = "3900"
WRITTEN_OFF = "7770"

MODULES = ("AR", "GL", "CA")
"""Customer ledger, general ledger and cash management: each closes a period of its own."""

PERIOD_YEARS = 3
"""Years of periods on either side of the clock."""


@dataclass
class Account:
    """One account; `kind` is Asset, Liability, Income or Expense. A control account refuses manual entries."""

    number: str
    name: str
    kind: str
    active: bool = True
    control: bool = False


@dataclass(frozen=True)
class PaymentMethod:
    """A payment method and the cash accounts that it may be used with."""

    id: str
    name: str
    cash_accounts: tuple[str, ...]
    active: bool = True


def default_chart() -> dict[str, Account]:
    """The accounts of a small Norwegian company."""
    accounts = (
        Account(CUSTOMER_LEDGER, "Kundefordringer", "Asset", control=True),
        Account("1510", "Fordring på inkassobyrå", "Asset"),
        Account("1515", "Oppgjør fra inkassobyrå", "Asset"),
        Account("1920", "Bank", "Asset"),
        Account(OUTPUT_VAT, "Utgående merverdiavgift", "Liability"),
        Account("2710", "Inngående merverdiavgift", "Liability"),
        Account(SALES, "Salgsinntekt", "Income"),
        Account(FEE_INCOME, "Gebyrinntekt", "Income"),
        Account(WRITTEN_OFF, "Øredifferanser", "Expense"),
        Account("7790", "Inkassosalær", "Expense"),
        Account("7798", "Inkassoutlegg", "Expense"),
        Account("8050", "Renteinntekt", "Income"),
    )
    return {account.number: account for account in accounts}


def default_cash_accounts() -> dict[str, str]:
    """Cash account -> general-ledger account; the suspense account is one of them."""
    return {"1920": "1920", "1510": "1510"}


def default_payment_methods() -> dict[str, PaymentMethod]:
    """One for the bank and one for the agency; both may use either cash account."""
    methods = (PaymentMethod("1", "Bank", ("1920", "1510")), PaymentMethod("4", "Inkasso", ("1510", "1920")))
    return {method.id: method for method in methods}


@dataclass(eq=False, slots=True, repr=False)
class GlLine:
    """One line of a batch; `amount` in øre, debit positive. `reference` is the document's number or a caller's text."""

    batch: "Batch"
    line: int
    account: str
    amount: int
    text: str
    reference: str
    vat_code: str | None = None

    def __repr__(self) -> str:
        return f"<{self.batch.number}/{self.line} {self.account} {self.amount}>"


@dataclass(eq=False, slots=True, repr=False)
class Batch:
    """A balanced batch. One of module GL is a voucher; one of module AR was made by the customer ledger."""

    module: str
    number: str
    on: date
    text: str
    status: Status | str
    created_at: datetime
    modified_at: datetime
    currency: str = "NOK"
    error: str = ""
    revision: int = 1
    lines: list[GlLine] = field(default_factory=list[GlLine])

    @property
    def posted(self) -> bool:
        """Whether it counts in the general ledger."""
        return self.status == POSTED

    @property
    def period(self) -> str:
        """Financial period as `YYYYMM`."""
        return f"{self.on:%Y%m}"

    def __repr__(self) -> str:
        return f"<{self.module} {self.number} {self.status}>"


POSTED = "Posted"


@dataclass(frozen=True)
class Entry:
    """A line to be written; `amount` in øre, debit positive."""

    account: str
    amount: int
    text: str = ""
    reference: str = ""
    vat_code: str | None = None


@dataclass(frozen=True)
class Period:
    """A calendar month and the modules in which it is closed."""

    id: str
    start: date
    end: date
    closed: frozenset[str]


@cache
def _months(year: int) -> tuple[tuple[str, date, date], ...]:
    """The periods of a year: name, first and last day."""
    starts = [date(year, month, 1) for month in range(1, 13)]
    return tuple((f"{d:%Y%m}", d, d.replace(day=calendar.monthrange(year, d.month)[1])) for d in starts)


class GeneralLedger:
    """Batches by number in the order of creation, posted lines by account, balances to the øre."""

    def __init__(self) -> None:
        self.accounts = default_chart()
        self.cash_accounts = default_cash_accounts()
        self.payment_methods = default_payment_methods()
        self.batches: dict[str, Batch] = {}
        self.journal: list[GlLine] = []
        self._recent: dict[str, Batch] = {}
        self._by_account: dict[str, list[GlLine]] = {}
        self._balances: dict[str, int] = {}
        self._closed: dict[str, set[str]] = {}
        self._series: dict[str, int] = {}

    def account(self, number: str) -> Account:
        """An active account, or `BooksError`."""
        found = self.accounts.get(number)
        if found is None:
            raise BooksError(f"AccountCD '{number}' cannot be found in the system.")
        if not found.active:
            raise BooksError(f"Account '{number}' is inactive.")
        return found

    def cash_account(self, number: str) -> str:
        """The active general-ledger account behind a cash account, or `BooksError`."""
        behind = self.cash_accounts.get(number)
        if behind is None:
            raise BooksError(f"CashAccountCD '{number}' cannot be found in the system.")
        return self.account(behind).number

    def balance(self, account: str) -> int:
        """Øre, debit positive."""
        return self._balances.get(account, 0)

    def lines_of(self, account: str) -> Sequence[GlLine]:
        """Posted lines of one account in the order of posting."""
        return self._by_account.get(account, ())

    def require_open(self, on: date, modules: Iterable[str]) -> None:
        """`BooksError` unless the period of a day is open in these modules."""
        closed = self._closed.get(f"{on:%Y%m}")
        if closed and not closed.isdisjoint(modules):
            raise BooksError(f"Financial Period '{on:%m-%Y}' is closed.")

    def close(self, period: str, modules: Iterable[str] = MODULES) -> None:
        """Close `YYYYMM` in these modules."""
        if any(not batch.posted and batch.period == period for batch in self.batches.values()):
            raise BooksError(f"Financial Period '{period}' has unposted batches.")
        self._closed.setdefault(period, set()).update(modules)

    def reopen(self, period: str) -> None:
        """Open `YYYYMM` again in every module."""
        self._closed.pop(period, None)

    def periods(self, today: date) -> list[Period]:
        """Calendar months around a day, in order."""
        years = range(today.year - PERIOD_YEARS, today.year + PERIOD_YEARS + 1)
        return [
            Period(period, start, end, frozenset(self._closed.get(period, ())))
            for year in years
            for period, start, end in _months(year)
        ]

    def write(self, module: str, on: date, text: str, entries: Iterable[Entry], now: datetime) -> Batch:
        """A new unposted batch; lines of zero are left out."""
        wanted = [entry for entry in entries if entry.amount]
        if sum(entry.amount for entry in wanted):
            raise BooksError("The batch is not balanced.")
        for entry in wanted:
            self.account(entry.account)
        self._series[module] = self._series.get(module, 0) + 1
        batch = Batch(module, f"{module}{self._series[module]:06d}", on, text, Status.BALANCED, now, now)
        batch.lines = [
            GlLine(batch, place, entry.account, entry.amount, entry.text, entry.reference, entry.vat_code)
            for place, entry in enumerate(wanted, 1)
        ]
        self.batches[batch.number] = self._recent[batch.number] = batch
        return batch

    def post(self, batch: Batch, now: datetime) -> None:
        """Make it count."""
        for line in batch.lines:
            self.account(line.account)
        assert sum(line.amount for line in batch.lines) == 0  # noqa: S101 (a sandbox may check itself)
        for line in batch.lines:
            self._by_account.setdefault(line.account, []).append(line)
            self._balances[line.account] = self.balance(line.account) + line.amount
        self.journal += batch.lines
        batch.status = POSTED
        self.changed(batch, now)

    def changed_since(self, moment: datetime | None) -> Iterator[Batch]:
        """Batches whose lastModified is at or after a moment (None: all), the latest first."""
        for batch in reversed(self._recent.values()):
            if moment is not None and batch.modified_at < moment:
                break
            yield batch

    def delete(self, batch: Batch) -> None:
        """A person deletes an unposted voucher."""
        if batch.posted:
            raise BooksError(f"Batch '{batch.number}' has been posted.")
        del self.batches[batch.number], self._recent[batch.number]

    def changed(self, batch: Batch, now: datetime) -> None:
        """Move its lastModified and keep the batches findable by it."""
        batch.revision += 1
        batch.modified_at = now
        self._recent[batch.number] = self._recent.pop(batch.number)
