"""The lists of a report: what stands in which column. The workbook and the page both show these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from cloudcollect_pipeline.reporting.books import Books
from cloudcollect_pipeline.reporting.words import Words

Kind = Literal["text", "money", "day", "moment", "count", "share"]

RATE = "IF({transferred}=0,0,ROUND(({to_agency}+{to_us})/{transferred},4))"


@dataclass(frozen=True)
class Column:
    """One column. A `total` is summed over the list; `formula` works a cell out from others of its row, by name."""

    name: str
    kind: Kind = "text"
    width: int = 14
    total: bool = False
    formula: str = ""


@dataclass(frozen=True)
class Table:
    """A list: money in øre, `cells` gives the values of a row in the order of the columns."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Any]
    cells: Callable[[Any], tuple[Any, ...]]

    @cached_property
    def totals(self) -> Mapping[str, int]:
        """The sum of each column that has one, øre."""
        places = [(place, column.name) for place, column in enumerate(self.columns) if column.total]
        sums = {name: 0 for _, name in places}
        for row in self.rows:
            cells = self.cells(row)
            for place, name in places:
                sums[name] += cells[place]
        return sums


def money(name: str, formula: str = "") -> Column:
    """A column of amounts that are summed."""
    return Column(name, "money", 15, total=True, formula=formula)


def tables(books: Books, words: Words) -> dict[str, Table]:
    """Every list of the report by name, in the order in which they are read."""

    def name(customer: str) -> str:
        return books.names.get(customer, "")

    def word(group: str, value: str) -> str:
        return words.get(f"{group}.{value}", value)

    document, customer = Column("document", width=24), (Column("customer", width=12), Column("name", width=28))
    lists = [
        Table(
            "findings",
            (
                Column("severity", width=11),
                Column("code", width=28),
                Column("subject", width=30),
                Column("meaning", width=60),
                Column("amount", "money", 15),
                Column("since", "day", 12),
                Column("age", "count", 9),
                Column("fix", width=80),
                Column("logged", width=70),
            ),
            books.findings,
            lambda f: (
                word("severity", f.severity),
                f.code,
                f.subject,
                word("reason", f.code),
                f.amount,
                f.since,
                f.age,
                word("fix", f.code),
                f.text,
            ),
        ),
        Table(
            "items",
            (
                Column("cases", width=16),
                Column("documents", width=28),
                *customer,
                money("principal"),
                money("posted"),
                money("settled"),
                money("open"),
                money("in_transit"),
                Column("value_date", "day", 12),
                Column("posting_date", "day", 12),
                Column("first_known", "day", 12),
                Column("age", "count", 9),
                Column("entry", width=16),
            ),
            books.items,
            lambda i: (
                i.cases,
                i.documents,
                i.customer,
                name(i.customer),
                i.principal,
                i.posted,
                i.settled,
                i.open,
                i.in_transit,
                i.value_date,
                i.posting_date,
                i.first_known,
                i.age,
                i.entry,
            ),
        ),
        Table(
            "timing",
            (
                Column("timing", width=26),
                Column("number", width=16),
                Column("subject", width=28),
                *customer,
                Column("dated", "day", 12),
                money("created"),
                money("later"),
                money("voucher_later"),
            ),
            books.timing,
            lambda t: (
                word("timing", t.kind),
                t.number,
                t.subject,
                t.customer,
                name(t.customer),
                t.dated,
                *(t.amount if t.kind == kind else 0 for kind in ("created", "later", "voucher")),
            ),
        ),
        Table(
            "foreign",
            (
                Column("batch", width=16),
                Column("line", "count", 8),
                Column("module", width=10),
                Column("document", width=20),
                Column("posting_date", "day", 12),
                money("amount"),
            ),
            books.foreign,
            lambda f: (f.batch, f.line, f.module, f.document, f.posting_date, f.amount),
        ),
        Table(
            "account",
            (
                Column("month", "day", 12),
                money("posted"),
                money("reversed"),
                money("settled"),
                money("foreign"),
                money("movement", "{posted}-{reversed}-{settled}+{foreign}"),
                money("ledger"),
                money("difference", "ROUND({ledger}-{movement},2)"),
            ),
            books.months,
            lambda m: (
                m.month,
                m.posted,
                m.reversed,
                m.settled,
                m.foreign,
                m.movement,
                m.ledger,
                m.ledger - m.movement,
            ),
        ),
        Table(
            "settlements",
            (
                Column("number", width=16),
                Column("status", width=14),
                Column("booking_date", "day", 12),
                Column("payout_date", "day", 12),
                Column("vouchers", width=18),
                Column("booked_on", "day", 12),
                money("principal"),
                money("interest"),
                money("fees"),
                money("commission"),
                money("expenses"),
                money("vat"),
                money("offset"),
                money("net"),
                money(
                    "net_check",
                    "ROUND({net}-({principal}+{interest}+{fees}-{commission}-{expenses}-{vat}-{offset}),2)",
                ),
                money("due"),
                money("booked"),
                money("paid"),
                Column("paid_on", "day", 12),
                Column("payout", width=16),
            ),
            books.settlements,
            lambda s: (
                s.number,
                word("status", s.status),
                s.booking_date,
                s.payout_date,
                s.vouchers,
                s.booked_on,
                s.principal,
                s.interest,
                s.fees,
                s.commission,
                s.expenses,
                s.vat,
                s.offset,
                s.net,
                s.net - (s.principal + s.interest + s.fees - s.commission - s.expenses - s.vat - s.offset),
                s.due,
                s.booked,
                s.paid,
                s.paid_on,
                word("payout", s.payout) if s.payout else "",
            ),
        ),
        Table(
            "sent",
            (
                Column("effect", width=16),
                document,
                *customer,
                Column("cases", width=16),
                money("amount"),
                Column("state", width=22),
                Column("reference", width=18),
                Column("receipt", width=18),
            ),
            books.sent,
            lambda s: (
                word("effect", s.kind),
                s.document,
                s.customer,
                name(s.customer),
                s.cases,
                s.amount,
                word("state", s.state),
                s.reference,
                s.receipt,
            ),
        ),
        Table(
            "received",
            (
                Column("entry", width=16),
                Column("kind", width=22),
                Column("received_by", width=14),
                *customer,
                Column("documents", width=28),
                money("principal"),
                money("other"),
                Column("value_date", "day", 12),
                Column("cancelled", width=12),
            ),
            books.received,
            lambda r: (
                r.entry,
                word("entry", r.kind),
                word("receiver", r.received_by) if r.received_by else "",
                r.customer,
                name(r.customer),
                r.documents,
                r.principal,
                r.other,
                r.value_date,
                words["answer.yes"] if r.cancelled else "",
            ),
        ),
        Table(
            "differences",
            (
                *customer,
                Column("cause", width=28),
                Column("receivables", "count", 12),
                money("erp"),
                money("agency"),
                money("difference"),
            ),
            books.differences,
            lambda d: (
                d.customer,
                name(d.customer),
                word("cause", d.cause.replace(" ", "_")),
                d.receivables,
                d.erp,
                d.agency,
                d.difference,
            ),
        ),
        Table(
            "ageing",
            (Column("overdue", width=26), money("total"), money("at_agency"), money("awaiting")),
            books.ageing,
            lambda a: (word("age", a.age), a.total, a.at_agency, a.awaiting),
        ),
        Table(
            "recovery",
            (
                Column("month", "day", 12),
                Column("claims", "count", 10),
                money("transferred"),
                money("to_agency"),
                money("to_us"),
                money("still_open"),
                Column(
                    "rate", "share", 12, formula="IF({transferred}=0,0,ROUND(({to_agency}+{to_us})/{transferred},4))"
                ),
            ),
            books.recovery,
            lambda r: (r.month, r.claims, r.transferred, r.to_agency, r.to_us, r.still_open, r.rate),
        ),
        Table(
            "settling",
            (
                Column("month", "day", 12),
                Column("entries", "count", 10),
                money("amount"),
                Column("median_days", "count", 14),
                Column("most_days", "count", 14),
            ),
            books.settling,
            lambda s: (s.month, s.entries, s.amount, s.median_days, s.most_days),
        ),
        Table(
            "trend",
            (Column("night", "day", 12), Column("closing", "money", 15), Column("ledger", "money", 15)),
            books.trend,
            lambda b: (b.night, b.closing, b.ledger),
        ),
        Table(
            "runs",
            (
                Column("night", "day", 12),
                Column("started", "moment", 20),
                Column("ended", "moment", 20),
                Column("outcome", width=14),
                Column("plan", width=66),
            ),
            books.runs,
            lambda r: (r.night, r.started, r.ended, word("outcome", r.outcome), r.plan),
        ),
        Table(
            "versions",
            (Column("version", "count", 10), Column("side", width=12), Column("committed", "moment", 20)),
            books.versions,
            lambda v: (v.version, word("side", v.side), v.committed),
        ),
    ]
    return {table.name: table for table in lists}
