"""Resources: the one thing assets need, tonight.

Belongs here: how a run gets its `Night` and how long it keeps it. Does not belong here: what is done in a night
(`nightly`), or what is shown of it (`assets`, `checks`).

With the in-process executor a resource lives exactly as long as its run, so a company's lock is held from the first
asset that needs the company to the last, and is given back however the run ends. That holds for a run of the job, of
one asset from the UI, and of a backfill alike.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

import dagster as dg
from pydantic import Field, PrivateAttr

from cloudcollect_pipeline.dispatch.dispatcher import Dispatched, NothingSent
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent
from cloudcollect_pipeline.landing import Spool
from cloudcollect_pipeline.ledger.ledger import Mirrored
from cloudcollect_pipeline.nightly import FEEDS, Night, NightResult, StoredPlan
from cloudcollect_pipeline.orchestration.clock import SANDBOX_VARIABLE, run_clock
from cloudcollect_pipeline.reporting.files import REPORTS
from cloudcollect_pipeline.reporting.persons import names_at_hand, names_of
from cloudcollect_pipeline.reporting.published import Snapshot, snapshot
from cloudcollect_pipeline.settings import ReportSettings, Settings, load
from cloudcollect_pipeline.web import SystemClock

LOGGED_LINES = 100
"""Lines of progress written to Dagster's event log per asset; the journal has the rest."""


class Tonight:
    """One company's night within one Dagster run: every stage happens once, and makes up for what the run left out.

    An asset materialized alone must not build on what another run read: a plan lands and mirrors first if its run has
    not, a statement reads again. Only dispatch never does: it carries out a plan that is stored.
    """

    def __init__(self, night: Night, plan_hash: str = "") -> None:
        self.night, self.plan_hash = night, plan_hash
        self._spools: dict[tuple[str, str], Spool | None] = {}
        self._mirrored: dict[str, Mirrored] = {}
        self._differences: dict[str, dict[str, int]] | None = None
        self._read_again = False

    def listen(self, log: dg.DagsterLogManager) -> None:
        """Send the night's progress to an asset's log from now on."""
        lines = 0

        def progress(stage: str, text: str) -> None:
            nonlocal lines
            lines += 1
            if lines <= LOGGED_LINES:
                log.info("%s: %s", stage, text)
            elif lines == LOGGED_LINES + 1:
                log.info("%s: more than %s lines; the journal has them all", stage, LOGGED_LINES)

        self.night.progress = progress

    def land(self, side: str, feed: str) -> Spool | None:
        """Read one feed. None when it could not be read whole."""
        if (side, feed) not in self._spools:
            self._spools[side, feed] = self.night.land(side, feed)
        return self._spools[side, feed]

    def mirror(self, side: str) -> Mirrored:
        """Commit one side to the ledger, landing what was not."""
        if side not in self._mirrored:
            for feed in FEEDS[side]:
                self.land(side, feed)
            self._mirrored[side] = self.night.mirror(side)
        return self._mirrored[side]

    def differences(self) -> dict[str, dict[str, int]]:
        """Recognise what both sides hold, join them and classify: class -> count and sum in øre."""
        if self._differences is None:
            for side in FEEDS:
                self.mirror(side)
            self.night.recognise()
            self._differences = self.night.diff()
        return self._differences

    def plan(self) -> StoredPlan:
        """Make tonight's plan from the freshest mirror and store it."""
        self.differences()
        return self.night.plan()

    def send(self, phase: str) -> tuple[Dispatched, str]:
        """Carry out one phase of the newest plan, or of the one a person named; returns why when nothing was sent."""
        try:
            digest = self.night.approve(self.plan_hash) if self.plan_hash else None
            return self.night.dispatch((phase,), digest), ""
        except NothingSent as reason:
            stopped = str(reason)
        except Permanent:
            raise
        except CounterpartyError as error:
            stopped = f"a counterparty could not be asked: {error}"
        self.night.result.not_sent = stopped
        return Dispatched(), stopped

    def read_again(self) -> None:
        """Read both sides and the suspense account once more, after dispatch."""
        if not self._read_again:
            self.night.read_again()
            self._read_again = True

    def reconcile(self) -> NightResult:
        """Make the statement, store findings and figures, publish what readers may look at."""
        self.read_again()
        self.night.statement()
        return self.night.finish()


@dataclass(frozen=True)
class Desk:
    """What is known in the morning, and where its reports go.

    `names` reads them by customer, None where they cannot be read: it takes the company's lock if no run here has it.
    """

    seen: Snapshot
    folder: Path
    reports: ReportSettings
    clock: Clock
    names: Callable[[], Mapping[str, str] | None]


class Nights(dg.ConfigurableResource[Any]):
    """The company's night: its lock, files and counterparties, from the first asset of a run to the last.

    Each company's is opened by the first asset that needs it and closed with the run.
    """

    plan_hash: str = Field(
        default="",
        description="Hash of a stored plan, as the asset plan and `cloudcollect plan` show it (8 characters at least). "
        "Launching a run with it approves that plan: exactly it is carried out, if it is at most 24 hours old. "
        "Empty: the newest plan, if it needs no approval.",
    )
    at: str = Field(
        default="",
        description="Run as of this moment (such as 2026-02-03T04:00:00+01:00). Refused unless both counterparties are "
        "on this machine. Empty: now.",
    )
    _who: str = PrivateAttr(default="Dagster")
    _labels: tuple[date, ...] = PrivateAttr(default=())
    _stack: ExitStack = PrivateAttr(default_factory=ExitStack)
    _opened: dict[str, Tonight] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Once per run: nothing is opened yet, and all that will be is closed in the end."""
        run = context.run
        if run is not None:
            job = "Materialize" if run.job_name.startswith("__") else run.job_name
            self._who = f"Dagster run {run.run_id[:8]} ({job})"
            self._labels = _nights_asked_for(run.tags)
        with ExitStack() as self._stack:
            self._opened = {}
            yield self

    def tonight(self, slug: str, log: dg.DagsterLogManager) -> Tonight:
        """A company's night, with its progress going to `log`. Waits for the company's lock, or says who holds it."""
        if slug not in self._opened:
            held = sorted({*self.settings().siblings(slug)} & self._opened.keys())
            if held:
                raise dg.Failure(
                    f"{slug} and {held[0]} are agencies of one creditor and take turns: materialize them in two runs"
                )
            night = self._stack.enter_context(self.open_night(slug, self._who))
            night.makes_up_for = [label for label in self._labels if label < night.night]
            self._opened[slug] = Tonight(night, self.plan_hash.strip())
        self._opened[slug].listen(log)
        return self._opened[slug]

    def open_night(self, slug: str, who: str) -> AbstractContextManager[Night]:
        """Open one company's night; another source of nights overrides this."""
        return open_night(slug, who, os.environ, self.at)

    @contextmanager
    def desk(self, slug: str) -> Iterator[Desk]:
        """What the company's last night published, with what is needed to tell it. Waits for no run."""
        settings, clock = self.settings(), self.clock(slug)
        folder = settings.data_dir / slug
        opened = self._opened.get(slug)

        def names() -> Mapping[str, str] | None:
            return names_at_hand(opened.night.ledger) if opened else names_of(folder, self._who, SystemClock())

        with snapshot(settings, slug) as seen:
            yield Desk(seen, folder / REPORTS, settings.reports, clock, names)

    def settings(self) -> Settings:
        """The settings in force; another source of nights overrides this."""
        return load(None, os.environ)

    def clock(self, slug: str) -> Clock:
        """The clock of this run; another source of nights overrides this."""
        return run_clock(self.settings().companies[slug], self.at, os.environ.get(SANDBOX_VARIABLE, ""))


def _nights_asked_for(tags: Mapping[str, str]) -> tuple[date, ...]:
    """The partitions of a run by its tags: a range, one, or none."""
    one = tags.get("dagster/partition")
    first = tags.get("dagster/asset_partition_range_start", one)
    last = tags.get("dagster/asset_partition_range_end", one)
    if not first or not last:
        return ()
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return tuple(begin + timedelta(days=passed) for passed in range((end - begin).days + 1))


def open_night(slug: str, who: str, environ: Mapping[str, str], at: str = "") -> AbstractContextManager[Night]:
    """One company's night with the settings that are in force, and the clock that its run goes by."""
    settings = load(None, environ)
    clock = run_clock(settings.companies[slug], at, environ.get(SANDBOX_VARIABLE, ""))
    patience = 600.0 if isinstance(clock, SystemClock) else 0.0  # waiting would only move a made-up time
    return Night.open(slug, settings, clock, who=who, patience=patience)
