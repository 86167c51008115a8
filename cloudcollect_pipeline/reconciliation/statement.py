"""The statement of the suspense account: two identities, exact to the øre, and every open item behind them.

First, by ERP posting date: opening + posted − reversed − settled + foreign = general ledger. What is posted, reversed
and settled comes from our own effects, the general ledger from the ERP's lines, so that they can disagree.
Second, by agency date: closing + what entries carry beyond what is posted + what is booked beyond what is due
− foreign = the agency's unsettled principal, which comes from its claims' own balances and its settlements' lines.
"""

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.erp.port import Movement
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.reconciliation.movements import read_movements
from cloudcollect_pipeline.reconciliation.payouts import Payout, payouts
from cloudcollect_pipeline.settings import CompanySettings

HERE = "cloudcollect_pipeline.reconciliation.sql"


@dataclass(frozen=True, slots=True)
class Item:
    """Agency money of one entry and customer that is open in the suspense account; amounts in øre."""

    entry: str
    customer: str
    documents: str
    value_date: date
    first_known_night: date | None
    principal: int
    posted: int
    settled: int
    in_transit: int

    @property
    def open(self) -> int:
        """Posted and not settled."""
        return self.posted - self.settled


@dataclass(frozen=True)
class Statement:
    """One night's statement; amounts in øre, debit positive.

    `in_transit` (created, not released) and `dated_later` (released, dated after the night) are timing: neither is in
    the closing balance yet.
    """

    night: date
    made_at: datetime
    account: str
    opening: int
    posted: int
    reversed: int
    settled: int
    foreign: int
    ledger: int
    carried_not_posted: int
    booked_not_due: int
    in_transit: int
    dated_later: int
    agency_unsettled: int
    items: tuple[Item, ...] = ()
    foreign_movements: tuple[dict[str, Any], ...] = ()
    unexplained: tuple[str, ...] = ()
    differences: dict[str, dict[str, int]] = field(default_factory=dict)
    payouts: tuple[Payout, ...] = ()
    """Those that have not come as promised."""
    settle_days: int = 90
    """Days after which money at the agency should have been settled."""

    @property
    def closing(self) -> int:
        """What our own effects say the account holds."""
        return self.opening + self.posted - self.reversed - self.settled + self.foreign

    @property
    def ledger_difference(self) -> int:
        """General ledger minus closing: zero or an alarm."""
        return self.ledger - self.closing

    @property
    def agency_difference(self) -> int:
        """The second identity's residue: zero or an alarm."""
        explained = self.closing + self.carried_not_posted + self.booked_not_due - self.foreign
        return self.agency_unsettled - explained

    @property
    def ties(self) -> bool:
        """Whether both identities hold to the øre."""
        return self.ledger_difference == 0 and self.agency_difference == 0

    def as_json(self) -> dict[str, Any]:
        """Plain values, amounts in øre."""
        body = asdict(self)
        body |= {
            "closing": self.closing,
            "ledger_difference": self.ledger_difference,
            "agency_difference": self.agency_difference,
            "ties": self.ties,
        }
        plain: dict[str, Any] = json.loads(json.dumps(body, default=str))
        return plain

    def findings(self) -> list[Finding]:
        """What a person must see."""
        found = [
            Finding(
                "FOREIGN_MOVEMENT",
                f"batch {m['batch']} line {m['line']}",
                f"{display(m['amount'])} on {m['posting_date']} from document {m['document']}",
                m["amount"],
            )
            for m in _not_reversed(self.foreign_movements)
        ]
        for payout in self.payouts:
            found += payout.findings()
        for item in self.items:
            age = (self.night - item.value_date).days
            if item.open > 0 and age > self.settle_days:
                text = f"{display(item.open)} of entry {item.entry} has been at the agency for {age} days"
                found.append(Finding("ENTRY_NOT_SETTLED", f"{item.entry} {item.customer}", text, item.open))
        if not self.ties:
            found.append(
                Finding(
                    "STATEMENT_DOES_NOT_TIE",
                    f"account {self.account}",
                    f"general ledger differs by {display(self.ledger_difference)}, "
                    f"agency by {display(self.agency_difference)}"
                    + (f": {'; '.join(self.unexplained[:5])}" if self.unexplained else ""),
                    self.ledger_difference or self.agency_difference,
                )
            )
        return found


def _not_reversed(foreign: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Movements that still ask for a look: neither voided in their own document nor reversed by another movement.

    What a person reverses by hand does not say what it reverses, so the amount tells: the oldest movement of an amount
    goes with the oldest of the opposite amount, each with one only.
    """
    left: dict[tuple[str, str], int] = defaultdict(int)
    for m in foreign:
        left[m["module"], m["document"]] += m["amount"]
    standing: dict[int, dict[str, Any]] = {}
    places: dict[int, deque[int]] = defaultdict(deque)
    for place, m in enumerate(foreign):
        if not left[m["module"], m["document"]]:
            continue
        if places[-m["amount"]]:
            del standing[places[-m["amount"]].popleft()]
        else:
            standing[place] = m
            places[m["amount"]].append(place)
    return list(standing.values())


def keep_movements(ledger: Ledger, movements: Iterable[Movement], night: date) -> None:
    """Store general-ledger lines as read, with what each one is; a line known before keeps its first night."""
    read_movements(ledger, movements)
    ledger.db.execute(sql("movements", HERE))
    with ledger.transaction():
        ledger.db.execute(sql("keep_movements", HERE), {"night": night})


def make_statement(ledger: Ledger, night: date, at: datetime, settings: CompanySettings) -> Statement:
    """Work both identities out from effects, movements kept and the agency's entries. Planning's views stand.

    Every sum is made by the database; the items stay there as the table `open_item`.
    """
    go_live, policy = settings.go_live, settings.policy
    opening = ore(settings.accounts.opening_balance)
    (account,) = ledger.rows(sql("account", HERE), {"night": night, "go_live": go_live})
    transit = ledger.value("select coalesce(sum(amount), 0) from own_posting where status in ('Balanced', 'Hold')")
    due = ore(ledger.value("select coalesce(sum(amount), 0) from due_line"))
    carried = ore(ledger.value(sql("carried", HERE)))
    collected = ore(ledger.value(sql("collected", HERE)))
    ledger.db.execute(sql("open_item", HERE))
    return Statement(
        night,
        at,
        settings.erp.suspense_account,
        opening,
        account["posted"],
        account["reversed"],
        account["settled"],
        account["foreign_"],
        opening + account["ledger"] + account["foreign_"],
        carried_not_posted=carried - (account["posted"] - account["reversed"]),
        booked_not_due=account["settled"] - due,
        in_transit=ore(transit),
        dated_later=account["dated_later"],
        agency_unsettled=opening + collected - due,
        items=tuple(Item(*item) for item in ledger.stream("select * exclude (place) from open_item order by place")),
        foreign_movements=tuple(ledger.rows(sql("foreign_movements", HERE), {"go_live": go_live})),
        unexplained=tuple(
            f"document {d['document']}: ours {display(d['ours'])}, general ledger {display(d['ledger'])}"
            for d in account["unexplained"]
        ),
        differences={
            row["class"]: {"count": row["n"], "amount": ore(row["amount"])}
            for row in ledger.rows(
                "select class, sum(receivables) as n, sum(difference) as amount from subledger_diff "
                "group by all order by class"
            )
        },
        payouts=tuple(p for p in payouts(ledger, night, policy.payout_days) if p.state not in ("received", "nothing")),
        settle_days=policy.settle_days,
    )


def keep_statement(ledger: Ledger, statement: Statement) -> None:
    """Store a statement; a second one of the same night stands beside the first."""
    seq = int(ledger.value("select coalesce(max(seq), 0) + 1 from statement"))
    ledger.db.execute(
        "insert into statement values (?, ?, ?, ?, ?)",
        [statement.night, statement.made_at, seq, json.dumps(statement.as_json()), statement.ties],
    )
