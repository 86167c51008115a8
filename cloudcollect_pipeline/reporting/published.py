"""Reading what a night has published: works while a run is on, writes nothing, and knows no persons.

The snapshot is the ledger without persons and a copy of the journal. Whether a debtor's address is complete cannot be
told from it, so the rule DEBTOR_COMPLETE is not known here.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.settings import CompanySettings, Settings

if TYPE_CHECKING:  # a command that asks the journal alone does not wait for DuckDB
    from cloudcollect_pipeline.planning.plan import HeldBack
    from cloudcollect_pipeline.reporting.published_ledger import PublishedLedger

UNKNOWN_HERE = frozenset({"DEBTOR_COMPLETE"})
"""Rules whose facts are not published."""


class NotPublished(Exception):
    """A company has never been run: there is nothing to read."""


class Snapshot:
    """One company as its last night left it."""

    def __init__(self, slug: str, settings: CompanySettings, folder: Path) -> None:
        self.slug, self.settings = slug, settings
        self.folder = folder / "published"
        try:
            self.made_at = datetime.fromtimestamp((self.folder / "journal.sqlite").stat().st_mtime, UTC)
            self.journal = Journal(self.folder, slug, settings.erp.tenant_id, self.made_at, read_only=True)
            nights = self.journal.nights(1)
        except FileNotFoundError:
            raise self._never() from None
        self.night = date.fromisoformat(nights[0]["night"]) if nights else self.made_at.date()

    def _never(self) -> NotPublished:
        return NotPublished(
            f"{self.slug} has not been run yet: nothing is published in {self.folder}; `cloudcollect run`"
        )

    def close(self) -> None:
        """Close the files."""
        self.journal.close()
        if "ledger" in vars(self):
            self.ledger.close()

    @cached_property
    def ledger(self) -> "PublishedLedger":
        """The ledger with planning's views, as of the last night."""
        ledger = self.mirrors()
        self.prepare(ledger)
        return ledger

    def mirrors(self) -> "PublishedLedger":
        """The ledger as it was published, with what was set aside; planning's views are still to come."""
        from cloudcollect_pipeline.reporting.published_ledger import PublishedLedger

        path = self.folder / "ledger.duckdb"
        if not path.exists():
            raise self._never()
        ledger = PublishedLedger(path)
        # Ignored or resolved, it fences all the same until it is dismissed.
        broken = (found["subject"] for found in self.journal.findings() if found["code"] == "CONTRACT_BROKEN")
        ledger.set_aside(broken, self.night)
        return ledger

    def prepare(self, ledger: "PublishedLedger") -> None:
        """Lay planning's views over the mirrors."""
        ledger.plan_over(self.settings, self.journal, self.night)

    def open_findings(self) -> list[dict[str, Any]]:
        """Findings still seen that nobody has dealt with."""
        return [finding for finding in self.journal.findings() if finding["state"] == "open"]

    def newest_plan(self) -> dict[str, Any] | None:
        """The newest stored plan with its effects and why a person must look at it."""
        plans = self.journal.plans(1)
        if not plans:
            return None
        plan = plans[0]
        reasons: list[str] = next(
            (n["summary"]["reasons"] for n in self.journal.nights(200) if n["summary"].get("plan") == plan["hash"]), []
        )
        effects = [json.loads(body) for body in self.journal.planned(plan["hash"])]
        return {**plan, "reasons": reasons, "effects": effects}

    def waiting_plan(self, now: datetime) -> dict[str, Any] | None:
        """The newest plan, while it waits for a person and the gate would still take an approval."""
        plan = next(iter(self.journal.plans(1)), None)
        if plan is None or plan["state"] != "stored" or plan["verdict"] != "approval":
            return None
        from cloudcollect_pipeline.dispatch.gate import PLAN_LIFE

        return plan if now <= datetime.fromisoformat(plan["made_at"]) + PLAN_LIFE else None

    def held_back(self) -> "list[HeldBack]":
        """Receivables that dunning picked and that are old enough, with the rules that keep them back."""
        return self.ledger.held_back(UNKNOWN_HERE)


@contextmanager
def snapshot(settings: Settings, slug: str) -> Iterator[Snapshot]:
    """What a company's last night published. Raises `NotPublished`; `sqlite3.Error` where it cannot be read."""
    opened = Snapshot(slug, settings.companies[slug], settings.data_dir / slug)
    try:
        yield opened
    finally:
        opened.close()


def counts(held_back: "list[HeldBack]") -> dict[str, int]:
    """Rule -> how many it holds back, the most frequent first."""
    return dict(
        sorted(Counter(code for held in held_back for code in held.failed).items(), key=lambda i: (-i[1], i[0]))
    )
