"""To be replaced by `reporting.morning`: what a message needs, from the published journal alone."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.settings import Settings

Totals = Mapping[str, Mapping[str, int]]
"""Kind of effect -> count, and sum in øre."""


class NotPublished(Exception):
    """A company has not been run yet."""


@dataclass(frozen=True)
class Waiting:
    """A stored plan that waits for a person."""

    hash: str
    totals: Totals
    reasons: Sequence[str]


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
    night: date
    ended_at: datetime
    verdict: str
    account: str
    closing: int | None
    ledger: int | None
    agency_difference: int | None
    dispatched: Mapping[str, Totals]
    held_back: int
    waiting: Waiting | None
    needs: Sequence[Need]
    missing_nights: Sequence[date]
    made_up_for: Sequence[date]
    unknown: int


def read_morning(settings: Settings, slug: str, now: datetime) -> Morning:
    """From what was published."""
    company, folder = settings.companies[slug], settings.data_dir / slug / "published"
    try:
        made_at = datetime.fromtimestamp((folder / "journal.sqlite").stat().st_mtime, UTC)
        journal = Journal(folder, slug, company.erp.tenant_id, made_at, read_only=True)
    except (FileNotFoundError, sqlite3.OperationalError):
        raise NotPublished from None
    with closing(journal):
        nights = [n for n in journal.nights(60) if n["outcome"] in ("done", "waiting", "failed")]
        if not nights:
            raise NotPublished
        last, summary = nights[0], nights[0]["summary"]
        night = date.fromisoformat(last["night"])
        plan = next(iter(journal.plans(1)), None)
        waits = plan is not None and plan["state"] == "stored" and plan["verdict"] == "approval"
        needs = [
            Need(f["code"], f["amount"], f["first_night"] == last["night"])
            for f in journal.findings()
            if f["state"] == "open"
        ]
        missing = [night + timedelta(days=i) for i in range(1, (night_of(now) - night).days + 1)]
        off = summary.get("ties") is False
        return Morning(
            slug,
            company.name,
            night,
            datetime.fromisoformat(last["ended_at"]),
            "off" if off else "missing" if missing else "person" if waits or needs else "good",
            company.erp.suspense_account,
            summary.get("closing"),
            summary.get("ledger"),
            None,
            summary.get("dispatched", {}),
            summary.get("held_back", 0),
            Waiting(plan["hash"], plan["totals"], summary.get("reasons", [])) if plan and waits else None,
            needs,
            missing,
            [],
            len(journal.effects(states=("intent", "uncertain"))),
        )
