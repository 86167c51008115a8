"""Books: everything a report of one company and night says, as plain values. Amounts are øre, debit positive."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cloudcollect_pipeline import __version__
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.finding import SEVERITIES, severity
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.reconciliation.as_of import AsOf, lay_as_of
from cloudcollect_pipeline.reconciliation.payouts import Payout, payouts
from cloudcollect_pipeline.reconciliation.statement import Statement, make_statement
from cloudcollect_pipeline.settings import CompanySettings

HERE = "cloudcollect_pipeline.reporting.sql"
AGES = ("not_due", "to_30", "to_60", "to_90", "over_90", "no_receivable")
"""Where a receivable stands by the days since its due date; the last takes money that stands on none."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Agency money of one entry and customer that is open in the account; age in days since the value date."""

    entry: str
    customer: str
    documents: str
    cases: str
    principal: int
    posted: int
    settled: int
    in_transit: int
    open: int
    value_date: date
    posting_date: date | None
    first_known: date | None
    age: int


@dataclass(frozen=True)
class Timing:
    """Not in the closing balance yet: `created` and not released, or dated `later`, as posting or as `voucher`."""

    kind: str
    number: str
    subject: str
    customer: str
    dated: date | None
    amount: int


@dataclass(frozen=True)
class Foreign:
    """A movement on the account that is not ours."""

    batch: str
    line: int
    module: str
    document: str
    posting_date: date
    amount: int


@dataclass(frozen=True)
class Settlement:
    """A payout statement: its terms, the principal it takes out of the account, and what vouchers of ours booked.

    net = principal + interest + fees − commission − expenses − VAT − offset. `payout` says where it stands: received,
    expected, overdue, differs, nothing, not_booked.
    """

    number: str
    status: str
    booking_date: date | None
    payout_date: date | None
    vouchers: str
    booked_on: date | None
    paid_on: date | None
    payout: str
    principal: int
    interest: int
    fees: int
    commission: int
    expenses: int
    vat: int
    offset: int
    net: int
    due: int
    booked: int
    paid: int


@dataclass(frozen=True, slots=True)
class Sent:
    """An effect of the night: a claim, a reduction, a hold or a case number. `receipt` is the other side's id."""

    kind: str
    document: str
    customer: str
    cases: str
    amount: int
    state: str
    reference: str
    receipt: str


@dataclass(frozen=True)
class Received:
    """An entry of the agency that was first known on the night."""

    entry: str
    kind: str
    received_by: str
    customer: str
    documents: str
    principal: int
    other: int
    value_date: date
    cancelled: bool


@dataclass(frozen=True)
class OpenFinding:
    """A finding that a person had not dealt with; age in days."""

    code: str
    severity: str
    subject: str
    text: str
    amount: int | None
    since: date
    age: int


@dataclass(frozen=True)
class Difference:
    """One customer's receivables with one cause of difference between both subledgers."""

    customer: str
    cause: str
    receivables: int
    erp: int
    agency: int
    difference: int


@dataclass(frozen=True)
class Aged:
    """One column of the ageing: open in the ERP, of which at the agency; and paid to the agency, not paid out."""

    age: str
    total: int
    at_agency: int
    awaiting: int


@dataclass(frozen=True)
class Month:
    """The account in one month of posting: our own figures and the general ledger's movement."""

    month: date
    posted: int
    reversed: int
    settled: int
    foreign: int
    ledger: int

    @property
    def movement(self) -> int:
        """What our own figures say the month did to the account."""
        return self.posted - self.reversed - self.settled + self.foreign


@dataclass(frozen=True)
class Recovery:
    """Claims handed over in one month and what has been paid on them since."""

    month: date
    claims: int
    transferred: int
    to_agency: int
    to_us: int
    still_open: int

    @property
    def rate(self) -> Decimal:
        """Share recovered, four decimals."""
        recovered = self.to_agency + self.to_us
        return _share(recovered, self.transferred) if self.transferred else Decimal(0)


@dataclass(frozen=True)
class Settling:
    """Entries paid out by the settlements of one month, and how many days that took."""

    month: date
    entries: int
    amount: int
    median_days: int
    most_days: int


@dataclass(frozen=True)
class Run:
    """A run of a night; moments UTC."""

    night: date
    started: datetime
    ended: datetime | None
    outcome: str
    plan: str


@dataclass(frozen=True)
class Version:
    """A mirror version of the night."""

    version: int
    side: str
    committed: datetime


@dataclass(frozen=True)
class Balance:
    """A night's closing balance and general ledger, as stored that night."""

    night: date
    closing: int
    ledger: int


@dataclass(frozen=True)
class Beside:
    """What the identities count and no open item shows; and how much of the opening balance stands as items."""

    carried: int
    posted: int
    due: int
    listed_at_go_live: int


@dataclass(frozen=True)
class Books:
    """One company's books as of a night. `names` are persons, by customer number; as many as could be read."""

    company: str
    name: str
    currency: str
    as_of: AsOf
    statement: Statement
    beside: Beside
    items: tuple[OpenItem, ...]
    timing: tuple[Timing, ...]
    foreign: tuple[Foreign, ...]
    settlements: tuple[Settlement, ...]
    sent: tuple[Sent, ...]
    received: tuple[Received, ...]
    findings: tuple[OpenFinding, ...]
    differences: tuple[Difference, ...]
    ageing: tuple[Aged, ...]
    months: tuple[Month, ...]
    recovery: tuple[Recovery, ...]
    settling: tuple[Settling, ...]
    dso: Decimal | None
    trend: tuple[Balance, ...]
    runs: tuple[Run, ...]
    versions: tuple[Version, ...]
    plan: str
    seal: str
    names: Mapping[str, str]
    package: str = __version__

    @property
    def night(self) -> date:
        """The night these are the books of."""
        return self.statement.night

    @property
    def verdict(self) -> str:
        """`off` (an identity does not hold), `changed` (not what was stored that night), `person` or `clean`."""
        if not self.statement.ties:
            return "off"
        if not self.as_stored:
            return "changed"
        return "person" if any(f.severity != "warning" for f in self.findings) else "clean"

    @property
    def as_stored(self) -> bool:
        """Whether the statement is the one that was stored that night, as far as one was."""
        stored = [balance for balance in self.trend if balance.night == self.night]
        return all((b.closing, b.ledger) == (self.statement.closing, self.statement.ledger) for b in stored)

    @property
    def dated_later(self) -> int:
        """Postings that are released and dated after the night, net of voids, øre."""
        return sum(t.amount for t in self.timing if t.kind == "later")


def read_books(
    ledger: Ledger,
    journal: Journal,
    slug: str,
    settings: CompanySettings,
    night: date,
    names: Mapping[str, str] | None = None,
) -> Books:
    """Lay the ledger as of a night and read its books. Planning's views stand; raises `NoSuchNight`."""
    cut = lay_as_of(ledger, journal, night)
    statement = make_statement(ledger, night, cut.moment, settings)

    def rows(name: str, **parameters: Any) -> list[dict[str, Any]]:
        return ledger.rows(sql(name, HERE), parameters)

    brought = {p.settlement: p for p in payouts(ledger, night, settings.policy.payout_days)}
    runs = tuple(_run(row) for row in journal.rows(sql("night_runs", HERE), {"night": night.isoformat()}))
    plans = journal.rows(sql("plans_of", HERE), {"night": night.isoformat()})
    (last,) = journal.rows(sql("last_entry", HERE), {"night": night.isoformat()})
    ageing = aged(rows("ageing", night=night, currency=settings.currency))
    sales = [(row["month"], row["sales"]) for row in rows("sales", night=night, currency=settings.currency)]
    return Books(
        slug,
        settings.name,
        settings.currency,
        cut,
        statement,
        Beside(**rows("beside_items")[0]),
        _items(statement, ledger.stream(sql("items", HERE))),
        tuple(
            Timing(r["kind"], r["number"], r["subject"], r["customer"] or "", _day(r["dated"]), r["amount"])
            for r in rows("timing", night=night)
        ),
        tuple(Foreign(**movement) for movement in statement.foreign_movements),
        tuple(_settlement(row, brought) for row in rows("settlements", night=night)),
        tuple(
            Sent(
                r["kind"],
                r["document"],
                r["customer"],
                r["cases"] or "",
                r["amount"],
                r["state"],
                r["reference"],
                r["receipt"] or "",
            )
            for r in rows("sent", night=night)
        ),
        tuple(
            Received(
                r["entry"],
                r["kind"],
                r["received_by"] or "",
                r["customer"] or "",
                r["documents"] or "",
                r["principal"],
                r["other"],
                r["value_date"],
                r["cancelled"],
            )
            for r in rows("received", night=night)
        ),
        _findings(journal, night),
        tuple(Difference(**row) for row in rows("differences")),
        ageing,
        tuple(
            Month(r["month"], r["posted"], r["reversed"], r["settled"], r["foreign_"], r["ledger"])
            for r in rows("account_by_month", night=night, go_live=settings.go_live)
        ),
        tuple(Recovery(**row) for row in rows("recovery")),
        tuple(Settling(**row) for row in rows("days_to_settle")),
        countback(sum(aged.total for aged in ageing), sales, night),
        tuple(Balance(**row) for row in reversed(rows("trend", night=night))),
        runs,
        tuple(
            Version(r["version"], r["side"], r["committed_at"].astimezone(UTC))
            for r in ledger.rows(
                "select * from mirror_version where night = $night and version <= $version order by version",
                {"night": night, "version": cut.version},
            )
        ),
        str(plans[0]["hash"]) if plans else "",
        journal.seal_of(last["seq"]),
        dict(names or {}),
    )


def countback(balance: int, sales: Sequence[tuple[date, int]], night: date) -> Decimal | None:
    """Days of sales outstanding by countback: how many days back sales (øre per month, newest first) make the balance.

    The month of the night counts up to it. None where all sales that are known do not make the balance.
    """
    if balance <= 0:
        return Decimal(0)
    by_month = dict(sales)
    left, days, last = balance, 0, night
    while last.replace(day=1) >= min(by_month, default=date.max):
        first = last.replace(day=1)
        sold, length = by_month.get(first, 0), (last - first).days + 1
        if sold >= left:
            return (days + Decimal(length) * left / sold).quantize(Decimal("0.1"), ROUND_HALF_UP)
        left, days, last = left - max(sold, 0), days + length, first - timedelta(days=1)
    return None


def age_of(days: int | None) -> str:
    """The ageing column of a receivable by the days since its due date; None: money on no receivable."""
    if days is None:
        return "no_receivable"
    if days <= 0:
        return "not_due"
    return next((age for age, most in (("to_30", 30), ("to_60", 60), ("to_90", 90)) if days <= most), "over_90")


def _items(statement: Statement, beside: Iterable[tuple[str, date | None]]) -> tuple[OpenItem, ...]:
    return tuple(
        OpenItem(
            item.entry,
            item.customer,
            item.documents,
            cases,
            item.principal,
            item.posted,
            item.settled,
            item.in_transit,
            item.open,
            item.value_date,
            posting_date,
            item.first_known_night,
            (statement.night - item.value_date).days,
        )
        for item, (cases, posting_date) in zip(statement.items, beside, strict=True)
    )


def _settlement(row: Mapping[str, Any], brought: Mapping[str, Payout]) -> Settlement:
    payout = brought.get(row["number"])
    terms = ("principal", "interest", "fees", "commission", "expenses", "vat", "offset_amount", "net", "due")
    amounts = [ore(row[term]) if row[term] is not None else 0 for term in terms] + [int(row["booked"])]
    amounts.append(payout.paid if payout else 0)
    return Settlement(
        row["number"],
        row["status"] or "",
        row["booking_date"],
        row["payout_date"],
        row["vouchers"] or "",
        row["booked_on"],
        payout.paid_on if payout else None,
        payout.state.replace(" ", "_") if payout else "",
        *amounts,
    )


def aged(rows: Sequence[Mapping[str, Any]]) -> tuple[Aged, ...]:
    """The columns of the ageing from rows of `ageing.sql`, each in its column."""
    sums = {age: [0, 0, 0] for age in AGES}
    for row in rows:
        for place, name in enumerate(("total", "at_agency", "awaiting")):
            sums[age_of(row["days"])][place] += row[name]
    return tuple(Aged(age, *amounts) for age, amounts in sums.items())


def _findings(journal: Journal, night: date) -> tuple[OpenFinding, ...]:
    """What was seen and not dealt with by the end of the night, from what the log says of findings."""
    table = journal.findings(all_states=True)
    keys = {f"finding {row['id']}": f"{row['code']} {row['subject']}" for row in table}
    latest = {f"{r['code']} {r['subject']}": r for r in table if r["last_night"] == night.isoformat()}
    known: dict[str, dict[str, Any]] = {}
    seen: dict[str, dict[str, Any]] = {}
    for event in journal.rows(sql("finding_events", HERE), {"night": night.isoformat()}):
        match event["kind"]:
            case "found":
                seen[event["subject"]] = known[event["subject"]] = json.loads(event["data"])
            case "due_again":
                seen[event["subject"]] = known[event["subject"]]
            case "gone":
                seen.pop(event["subject"], None)
            case _:
                seen.pop(keys.get(event["subject"], ""), None)
    found = []
    for name, data in seen.items():
        code, _, subject = name.partition(" ")
        told = latest.get(name, data)
        since = date.fromisoformat(data["night"])
        age = (night - since).days
        found.append(OpenFinding(code, severity(code), subject, told["text"], told["amount"], since, age))
    return tuple(sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.since, f.code, f.subject)))


def _run(row: Mapping[str, Any]) -> Run:
    ended = row["ended_at"]
    return Run(
        date.fromisoformat(row["night"]),
        datetime.fromisoformat(row["started_at"]),
        datetime.fromisoformat(ended) if ended else None,
        row["outcome"],
        json.loads(row["summary"]).get("plan") or "",
    )


def _day(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
