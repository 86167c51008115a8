"""Payouts: what the agency's settlements promise, and whether the bank has brought it.

A bank line belongs to a settlement when its text names the settlement's number; then the amount must be the net. The
line itself is booked by the bank's own import against the payout clearing account, never by us.
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
    """A settlement's payout; amounts in øre, negative when the creditor pays the agency."""

    settlement: str
    booking_date: date
    due: date
    net: int
    paid: int
    paid_on: date | None
    state: str

    def findings(self) -> list[Finding]:
        """What a person must see of it."""
        subject = f"settlement {self.settlement}"
        if self.state == "overdue":
            text = f"the payout {display(self.net)} of settlement {self.settlement}, due {self.due}, has not come"
            return [Finding("PAYOUT_OVERDUE", subject, text, self.net)]
        if self.state == "differs":
            text = f"settlement {self.settlement} pays out {display(self.net)}, the bank has {display(self.paid)}"
            return [Finding("PAYOUT_DIFFERS", subject, text, self.paid - self.net)]
        return []


def payouts(ledger: Ledger, night: date, patience: int) -> list[Payout]:
    """Every settlement's payout as of a night; it is overdue `patience` days after it was due."""
    return [
        Payout(
            row["number"],
            row["booking_date"],
            row["due"],
            ore(row["net"]),
            ore(row["paid"]),
            row["last_on"],
            row["state"],
        )
        for row in ledger.rows(sql("payouts", HERE), {"night": night, "patience": patience})
    ]


def awaited_since(ledger: Ledger, night: date) -> date | None:
    """From when the clearing account must be read for payouts that have not come; None when all have."""
    open_ = [p.booking_date for p in payouts(ledger, night, 0) if p.state in ("expected", "overdue", "differs")]
    return min(open_) - EARLY if open_ else None


def keep_payouts(ledger: Ledger, movements: Iterable[Movement], night: date) -> None:
    """Store the lines of the clearing account that name a settlement."""
    read_movements(ledger, movements)
    with ledger.transaction():
        ledger.db.execute(sql("keep_payouts", HERE), {"night": night})
