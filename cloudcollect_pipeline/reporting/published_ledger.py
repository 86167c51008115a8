"""The ledger that a night published, opened for reading, with planning's views over it."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.ledger.ledger import Ledger, LedgerError, memory_for, sql, threads_for
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import HeldBack, judge_all, prepare, raise_fence
from cloudcollect_pipeline.settings import CompanySettings

HERE = "cloudcollect_pipeline.reporting.sql"


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

    def set_aside(self, subjects: Iterable[str], night: date) -> None:
        """Fence what these findings of broken contracts name: the records themselves are not published."""
        for subject in subjects:
            self.db.execute(sql("set_aside", HERE), {"subject": subject, "night": night})

    def plan_over(self, settings: CompanySettings, journal: Journal, night: date) -> None:
        """Lay planning's views over the mirrors, as of a night."""
        # What the agency can do is not published; the currencies of the settings are taken as accepted.
        capabilities = AgencyCapabilities(currencies=settings.policy.currencies)
        facts = Facts(
            night,
            settings.erp.tenant_id,
            settings.agency.id,
            settings,
            capabilities,
            holds=journal.holds(),
            decisions=journal.decisions(),
        )
        prepare(self, facts)
        raise_fence(self)

    def held_back(self, unknown: Iterable[str]) -> list[HeldBack]:
        """Receivables that dunning picked and that are old enough, with the rules that keep them back.

        Rules whose facts are `unknown` here are left out.
        """
        judge_all(self)
        held = []
        for row in self.rows(sql("held_back", HERE)):
            failed = tuple(code for code in row["failed"] if code not in unknown)
            if failed:
                held.append(HeldBack(row["document"], row["customer"], int(row["ore"]), failed))
        return held
