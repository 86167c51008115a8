"""To be replaced by `reporting.morning`: what a message needs, from the published journal alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.reporting.published import NotPublished, Snapshot


@dataclass(frozen=True)
class Waiting:
    """A stored plan that waits for a person."""

    hash: str
    reasons: tuple[str, ...]
    totals: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Need:
    """An open finding."""

    code: str
    amount: int | None
    new: bool


@dataclass(frozen=True)
class Morning:
    """How a night left a company."""

    company: str
    name: str
    account: str
    currency: str
    night: date
    ended_at: datetime | None
    paused: bool
    statement: Mapping[str, int]
    ledger_difference: int
    agency_difference: int
    dispatched: Mapping[str, Mapping[str, Mapping[str, int]]]
    held_back: int
    waiting: Waiting | None
    needs: Sequence[Need]
    missing_nights: Sequence[date]
    uncertain: Sequence[str]
    without_receipt: Sequence[str]

    @property
    def ties(self) -> bool:
        """Both identities hold."""
        return not self.ledger_difference and not self.agency_difference

    @property
    def verdict(self) -> Literal["good", "person", "missing", "off"]:
        """In one word."""
        if not self.ties:
            return "off"
        if self.missing_nights:
            return "missing"
        return "person" if self.needs or self.waiting or self.uncertain else "good"


def read_morning(seen: Snapshot, now: datetime) -> Morning:
    """From what was published."""
    company, journal = seen.settings, seen.journal
    nights = [n for n in journal.nights(60) if n["outcome"] in ("done", "waiting", "failed")]
    if not nights:
        raise NotPublished("never")
    last, summary = nights[0], nights[0]["summary"]
    night = date.fromisoformat(last["night"])
    plan = next(iter(journal.plans(1)), None)
    waits = plan is not None and plan["state"] == "stored" and plan["verdict"] == "approval"
    closing, ledger = summary["closing"] or 0, summary["ledger"] or 0
    return Morning(
        seen.slug,
        company.name,
        company.erp.suspense_account,
        company.currency,
        night,
        datetime.fromisoformat(last["ended_at"]),
        journal.paused(),
        {"closing": closing, "ledger": ledger},
        ledger - closing,
        0,
        summary["dispatched"],
        summary["held_back"],
        Waiting(plan["hash"], tuple(summary["reasons"]), plan["totals"]) if plan and waits else None,
        [Need(f["code"], f["amount"], f["first_night"] == last["night"]) for f in seen.open_findings()],
        [night + timedelta(days=i) for i in range(1, (night_of(now) - night).days + 1)],
        [effect.reference for effect in journal.effects(states=("intent", "uncertain"))],
        [],
    )
