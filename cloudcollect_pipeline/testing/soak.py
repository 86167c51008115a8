"""Real nights in processes of their own, killed at random moments, against real servers: nothing lost, nothing twice.

Where the simulator chooses its boundary, here the moment is any: within a commit, between two bytes of an answer, while
a file is copied. What happens by day is the simulator's, and so is the oracle that judges.
"""

import multiprocessing
import os
import resource
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import duckdb
import httpx

from cloudcollect_pipeline.dispatch.journal import Journal, JournalError
from cloudcollect_pipeline.dispatch.lock import CompanyBusy
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.nightly import Night, NightResult
from cloudcollect_pipeline.sandbox.http import Handler, Request, Response
from cloudcollect_pipeline.sandbox.serve import serve
from cloudcollect_pipeline.settings import Settings
from cloudcollect_pipeline.testing.simulation.life import Life, Lived, settings_of
from cloudcollect_pipeline.testing.simulation.network import operation_of
from cloudcollect_pipeline.testing.simulation.oracle import Violation
from cloudcollect_pipeline.testing.simulation.script import Script, Step

NIGHTS = 20
"""Nights of one life; the world of a longer one only grows slow."""
MOST_KILLS = 8
"""How often one night is killed at most before it is left alone."""
STOPPED, FULL = 0.06, 0.06
"""Shares of the attempts that are stopped while a second run is started, and that meet a full disk."""
DONE, REFUSED, BUSY = 0, 5, 3
LONGEST = 60.0
"""Seconds that a night may take before it counts as hanging."""
PAUSE = timedelta(minutes=5)
"""How long after a kill the night is begun again."""
_processes = multiprocessing.get_context("forkserver")


@dataclass
class Soaked:
    """What came of it: counts of kills, stops, full disks and whole nights, of effects, and what was violated."""

    lives: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "lives": self.lives,
            **dict(sorted(self.counts.items())),
            "effects": self.effects.total(),
            "violations": len(self.violations),
            "violated": [str(violation) for violation in self.violations],
        }


def soak(kills: int, first: int = 1, tell: Callable[[Soaked], None] = lambda _: None) -> Soaked:
    """Live one life after another until that many runs were killed; `first` is the first life's seed.

    Ends with the first life in which something that must hold did not.
    """
    _processes.set_forkserver_preload([__name__])
    soaked = Soaked()
    while soaked.counts["kills"] < kills and not soaked.violations:
        script = Script.drawn(first + soaked.lives, NIGHTS, 0.0)
        with TemporaryDirectory(prefix="soak-") as folder:
            life = KilledLife(script, Path(folder), kills - soaked.counts["kills"])
            lived = life.live()
        soaked.lives += 1
        soaked.counts += life.counts
        soaked.effects += lived.effects
        soaked.violations += lived.violations
        tell(soaked)
    return soaked


class KilledLife(Life):
    """A life whose runs are processes, most of which die. `counts` says how often what was done to them."""

    def __init__(self, script: Script, data: Path, kills: int) -> None:
        super().__init__(script, data)
        self.oracle.unattended = True
        self.counts: Counter[str] = Counter()
        self._kills, self._data = kills, data
        self._dice = Random(f"kills {script.seed}")
        self._usual = 1.0
        """Seconds of the last run that was left alone."""
        self._requests = 0
        self._watching = Lock()

    def live(self) -> Lived:
        """All nights against two servers, then quiet ones."""
        self.world.erp_handler = self._watched("erp", self.world.erp_handler)
        self.world.agency_handler = self._watched("agency", self.world.agency_handler)
        with serve(self.world) as servers:
            self.settings = settings_of(self.world, self._data, servers, chosen=self.script.settings)
            return super().live()

    def _watched(self, side: str, handler: Handler) -> Handler:
        def answer(request: Request) -> Response:
            place, operation = operation_of(side, request)
            with self._watching:
                self._requests += 1
                if place == "write":
                    self.oracle.sent(operation, request)
            told = handler(request)
            with self._watching:
                if place == "read" and told.status < 400:
                    self.oracle.asked(side, request)
            return told

        return answer

    # -- a night -------------------------------------------------------------------------------------------------

    def _run(self, whole: Mapping[str, Step]) -> NightResult | None:
        """Attempts that are killed, stopped or without a disk, then one that is left alone."""
        self.oracle.begin()
        if not self.quiet:
            for _ in range(self._dice.randrange(MOST_KILLS + 1)):
                if self._kills <= 0:
                    break
                self._disturb(self._dice.random())
                self._drained()
                self._pass(PAUSE)
        began = monotonic()
        code = self._attempt_whole(self._start())
        self._usual = monotonic() - began
        if code != DONE:
            self.oracle.violated("C1", f"a run that was left alone ended with code {code}")
        self.counts["whole nights"] += 1
        self._after(None)
        return None

    def _disturb(self, what: float) -> None:
        moment = self._dice.random() * self._usual
        if what < STOPPED:
            self._stop(moment)
        elif what < STOPPED + FULL:
            room = self._dice.randrange(1 << 16)
            code = self._attempt_whole(self._start(room))
            self.counts["full disks"] += code == REFUSED
            if code not in (DONE, REFUSED):
                self.oracle.violated("C1", f"a run with {room} bytes of disk ended with code {code}")
        else:
            process = self._start()
            process.join(moment)
            if process.is_alive():
                process.kill()
                self.counts["kills"] += 1
                self._kills -= 1
            process.join()

    def _stop(self, moment: float) -> None:
        """A run stands still for an hour; whoever starts another meanwhile is told so, and nothing is asked."""
        process = self._start()
        process.join(moment)
        if process.is_alive() and process.pid:
            os.kill(process.pid, SIGSTOP)
            self._drained()
            before = self._requests
            self._pass(timedelta(hours=1))
            code = self._attempt_whole(self._start())
            # A run that has not come as far as the lock when it is stopped holds up nobody.
            if code == BUSY and self._requests != before:
                self.oracle.violated("S11", f"a second run asked {self._requests - before} times")
            self.counts["second runs refused"] += code == BUSY
            os.kill(process.pid, SIGCONT)
            self.counts["stops"] += 1
        self._attempt_whole(process)

    def _start(self, room: int | None = None) -> Any:
        at = self.world.now
        process = _processes.Process(target=_night, args=(self.settings, self.stage.slug, at, room))
        process.start()
        return process

    def _attempt_whole(self, process: Any) -> int:
        process.join(LONGEST)
        if process.is_alive():
            process.kill()
            self.oracle.violated("C1", "a run hangs")
            process.join()
        return int(process.exitcode)

    def _drained(self) -> None:
        """What a dead process had sent is with its counterparty before anything else happens."""
        company = self.settings.companies[self.stage.slug]
        for url in (company.erp.base_url, company.agency.base_url):
            for _ in range(2):
                httpx.get(f"http://{urlsplit(url).netloc}/_sandbox/nothing", trust_env=False)

    # -- looking back --------------------------------------------------------------------------------------------

    def _ties(self, journal: Journal, result: NightResult | None) -> None:
        told = journal.nights(1)[0]["summary"]
        truth = self.world.truth()[self.stage.slug]
        if not told["ties"] or told["ledger"] != truth.suspense_balance:
            self.oracle.violated("L2", f"closing {told['closing']}, ledger {told['ledger']}: {truth.suspense_balance}")

    def _at_rest(self, result: NightResult | None) -> bool:
        with self._journal() as journal:
            waiting = journal.effects(states=("intent", "uncertain", "created"))
            told = journal.nights(1)[0]["summary"]
            return journal.quiet_until() is None and not waiting and not told["planned"] and not told["not_sent"]


def _night(settings: Settings, slug: str, at: datetime, room: int | None) -> None:
    """One run in its own process, with `room` bytes of disk where that is given. Its end is its exit code."""
    os.umask(0o077)
    clock = VirtualClock(at)
    if room is not None:
        # No file may grow beyond the limit: by turns that of the largest one or of the journal, which is small.
        journal = room % 2 and [settings.data_dir / slug / "journal.sqlite"]
        files = journal or (settings.data_dir / slug).glob("*.*")
        full = max((path.stat().st_size for path in files if path.exists()), default=0) + room
        resource.setrlimit(resource.RLIMIT_FSIZE, (full, full))
    try:
        with Night.open(slug, settings, clock, who="soak", patience=0) as night:
            night.run(approve=True)
    except CompanyBusy:
        raise SystemExit(BUSY) from None
    except (JournalError, CounterpartyError, OSError, sqlite3.Error, duckdb.Error):
        raise SystemExit(REFUSED) from None
