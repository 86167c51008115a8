"""Reading what a night has published: works while a run is on, writes nothing, and knows no persons.

The snapshot is the ledger without persons and a copy of the journal. Whether a debtor's address is complete cannot be
told from it, so the rule DEBTOR_COMPLETE is not known here.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.cli.exits import Stop
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.ledger.ledger import Ledger, LedgerError, memory_for, sql, threads_for
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import HeldBack, judge_all, prepare, raise_fence
from cloudcollect_pipeline.settings import CompanySettings, Settings

QUERIES = "cloudcollect_pipeline.cli.sql"
UNKNOWN_HERE = frozenset({"DEBTOR_COMPLETE"})
"""Rules whose facts are not published."""


class PublishedLedger(Ledger):
    """A published ledger, opened for reading. Persons stand empty, in memory; what views need is temporary.

    What does not fit into the memory allowed is spilled to a folder of this reader's own: several may read at once,
    and they need not be allowed to write beside the ledger. The memory is what the writer is given: not all that a
    statement does can be spilled, so a tighter limit would refuse ledgers that the night can write.
    """

    def __init__(self, path: Path, *, memory: str | None = None) -> None:
        self.path = path
        self._made = set()
        self._spill = TemporaryDirectory(prefix="cloudcollect-", ignore_cleanup_errors=True)
        self.db = duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": memory or memory_for(),
                "threads": str(threads_for(path)),
                "temp_directory": self._spill.name,
            }
        )
        try:
            self.db.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as published (read_only)")
        except duckdb.Error as error:
            raise LedgerError(
                f"{path} cannot be read: {str(error).splitlines()[0]}. The next night publishes it anew."
            ) from None
        self.db.execute("use published")
        self.db.execute("set TimeZone = 'UTC'")
        self.db.execute("attach ':memory:' as persons")
        self.db.execute(sql("persons"))
        self.present()
        self.db.execute(sql("views"))

    def close(self) -> None:
        """Close, and remove what was spilled."""
        super().close()
        self._spill.cleanup()


class Snapshot:
    """One company as its last night left it."""

    def __init__(self, slug: str, settings: CompanySettings, folder: Path) -> None:
        self.slug, self.settings = slug, settings
        self.folder = folder / "published"
        try:
            self.made_at = datetime.fromtimestamp((self.folder / "journal.sqlite").stat().st_mtime, UTC)
            self.journal = Journal(self.folder, slug, settings.erp.tenant_id, self.made_at, read_only=True)
            nights = self.journal.nights(1)
        except (FileNotFoundError, sqlite3.OperationalError):
            raise Stop(
                f"{slug} has not been run yet: nothing is published in {self.folder}; `cloudcollect run`"
            ) from None
        self.night = date.fromisoformat(nights[0]["night"]) if nights else self.made_at.date()

    def _never(self) -> str:
        return f"{self.slug} has not been run yet: nothing is published in {self.folder}; `cloudcollect run`"

    def close(self) -> None:
        """Close the files."""
        self.journal.close()
        if "ledger" in vars(self):
            self.ledger.close()

    @cached_property
    def ledger(self) -> PublishedLedger:
        """The ledger with planning's views, as of the last night."""
        ledger = self.mirrors()
        self.prepare(ledger)
        return ledger

    def mirrors(self) -> PublishedLedger:
        """The ledger as it was published, with what was set aside; planning's views are still to come."""
        path = self.folder / "ledger.duckdb"
        if not path.exists():
            raise Stop(self._never())
        ledger = PublishedLedger(path)
        for finding in self.journal.findings():
            # Ignored or resolved, it fences all the same until it is dismissed.
            if finding["code"] == "CONTRACT_BROKEN":
                ledger.db.execute(sql("set_aside", QUERIES), {"subject": finding["subject"], "night": self.night})
        return ledger

    def prepare(self, ledger: PublishedLedger) -> None:
        """Lay planning's views over the mirrors."""
        prepare(ledger, self._facts())
        raise_fence(ledger)

    def _facts(self) -> Facts:
        settings, journal = self.settings, self.journal
        # What the agency can do is not published; the currencies of the settings are taken as accepted.
        capabilities = AgencyCapabilities(currencies=settings.policy.currencies)
        return Facts(
            self.night,
            settings.erp.tenant_id,
            settings.agency.id,
            settings,
            capabilities,
            holds=journal.holds(),
            decisions=journal.decisions(),
        )

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

    def held_back(self) -> list[HeldBack]:
        """Receivables that dunning picked and that are old enough, with the rules that keep them back."""
        ledger = self.ledger
        judge_all(ledger)
        held = []
        for row in ledger.rows(sql("held_back", QUERIES)):
            failed = tuple(code for code in row["failed"] if code not in UNKNOWN_HERE)
            if failed:
                held.append(HeldBack(row["document"], row["customer"], int(row["ore"]), failed))
        return held


@contextmanager
def snapshot(settings: Settings, slug: str) -> Iterator[Snapshot]:
    """What a company's last night published."""
    opened = Snapshot(slug, settings.companies[slug], settings.data_dir / slug)
    try:
        yield opened
    finally:
        opened.close()


def counts(held_back: list[HeldBack]) -> dict[str, int]:
    """Rule -> how many it holds back, the most frequent first."""
    return dict(
        sorted(Counter(code for held in held_back for code in held.failed).items(), key=lambda i: (-i[1], i[0]))
    )
