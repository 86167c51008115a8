"""Payouts: what the agency's settlements promise, and whether the bank has brought it.

A bank line belongs to a settlement when its text names the settlement's number; then the amount must be the net. What
does not come out so alone is judged together with the settlements that a bank line names beside it and with those that
it replaces: a cancelled one owes nothing. The line itself is booked by the bank's own import against the payout
clearing account, never by us.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.erp.port import Movement
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.reconciliation.movements import read_movements

HERE = "cloudcollect_pipeline.reconciliation.sql"
EARLY = timedelta(days=7)
"""How long before its booking date a payout may have reached the bank."""


@dataclass(frozen=True)
class Payout:
    """What is paid out under a settlement's number; amounts in øre, negative when the creditor pays the agency.

    `together` are the numbers that it is judged with, itself among them: `owed` and `brought` are theirs, and a person
    is told about one of them only.
    """

    settlement: str
    booking_date: date
    due: date
    net: int
    paid: int
    paid_on: date | None
    state: str
    together: tuple[str, ...]
    owed: int
    brought: int
    tells: bool

    def findings(self) -> list[Finding]:
        """What a person must see of it."""
        if not self.tells:
            return []
        subject = f"settlement {self.settlement}"
        others = [number for number in self.together if number != self.settlement]
        with_others = f" together with {', '.join(others[:5])}" if others else ""
        if self.state == "overdue":
            text = f"the payout {display(self.owed)} of {subject}{with_others}, due {self.due}, has not come"
            return [Finding("PAYOUT_OVERDUE", subject, text, self.owed)]
        if self.state == "differs":
            text = f"{subject}{with_others} pays out {display(self.owed)}, the bank has {display(self.brought)}"
            return [Finding("PAYOUT_DIFFERS", subject, text, self.brought - self.owed)]
        return []


def payouts(ledger: Ledger, night: date, patience: int) -> list[Payout]:
    """The payout of every settlement number as of a night; it is overdue `patience` days after it was due."""
    return [
        Payout(
            row["number"],
            row["booking_date"],
            row["due"],
            ore(row["net"]),
            ore(row["paid"]),
            row["last_on"],
            row["state"],
            tuple(row["together"]),
            ore(row["owed_together"]),
            ore(row["paid_together"]),
            row["tells"],
        )
        for row in ledger.rows(sql("payouts", HERE), {"night": night, "patience": patience})
    ]


def awaited_since(ledger: Ledger, night: date) -> date | None:
    """From when the clearing account must be read for payouts that have not come; None when all have."""
    open_ = [p.booking_date for p in payouts(ledger, night, 0) if p.state in ("expected", "overdue", "differs")]
    return min(open_) - EARLY if open_ else None


def keep_payouts(ledger: Ledger, movements: Iterable[Movement], night: date) -> None:
    """Store the lines of the clearing account that name settlements, with all the numbers known by now."""
    read_movements(ledger, movements)
    with ledger.transaction():
        ledger.db.execute(sql("keep_payouts", HERE), {"night": night})
