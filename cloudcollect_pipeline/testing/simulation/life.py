"""One life: nights of the real pipeline over a script, judged by the oracle, ending in quiet.

Everything runs in one process and one thread on a virtual clock. A kill keeps the files as they are on disk at that
moment, undoes whatever the unwinding writes, and goes on from there.
"""

import hashlib
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.journal import Journal, JournalError
from cloudcollect_pipeline.dispatch.lock import CompanyBusy
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.nightly import Night, NightResult
from cloudcollect_pipeline.sandbox.erp import Status
from cloudcollect_pipeline.sandbox.serve import Servers, company_settings
from cloudcollect_pipeline.sandbox.world import FRIDAY, World
from cloudcollect_pipeline.settings import CompanySettings, Settings
from cloudcollect_pipeline.testing.simulation.events import happen, invoice, keep_hold_list
from cloudcollect_pipeline.testing.simulation.faults import FAULTS, Chaos
from cloudcollect_pipeline.testing.simulation.network import MEANWHILE, NOWHERE, Killed, MachineClock, Network
from cloudcollect_pipeline.testing.simulation.oracle import MOST_REQUESTS, Oracle, Violation, amounts
from cloudcollect_pipeline.testing.simulation.script import Script, Step, set_in

STARTS = (date(2026, 1, 5), date(2026, 9, 7), date(2024, 2, 5))
"""Lives begin on these Mondays: before the hour that is lost, before the one that comes twice, in a leap year."""
QUIET_NIGHTS = 14
"""Nights without news in which people have answered everything."""
SETTLED_AFTER = 5
"""Nights after the last answer or news: in four everything settles, and the fifth one sees that it has.

What is found unreleased is released, voided on the next night and posted anew on the third; what it kept back is handed
over then, and its case is shown on the fourth.
"""
CALM = 2
"""Nights without a fault, after which nothing is read that one of them has left behind."""
FLOOR = 8
"""Effects of a kind in one night that nobody need approve."""
SLOW = timedelta(seconds=10)
AT_NIGHT, BEFORE_MIDNIGHT, IN_THE_MORNING = time(4), time(23, 55), time(8)
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "CREDITOR_ENTRY_UNKNOWN": ("ignore",),
    "REDUCTION_CANCELLED": ("resend", "ignore"),
    "POSTING_VOIDED_BY_HAND": ("repost",),
    "WRITE_OFF_ABOVE_TOLERANCE": ("accept", "keep"),
    "NEW_EPISODE": ("approve",),
    "EFFECT_REFUSED": ("retry",),
    "CASE_FIELDS_REFUSED": ("retry",),
    "ENTRY_REPEATED": ("post",),
    "AGENCY_ASKS": ("answer as agreed",),
    "CLAIM_SHOULD_STOP": ("pause", "recall", "leave"),
    "PAUSE_OF_UNKNOWN_ORIGIN": ("resume",),
}
"""What a person may answer."""


@dataclass
class Lived:
    """What came of a life. `hash` is the same for the same script on every machine."""

    script: Script
    hash: str = ""
    state: str = ""
    """A digest of everything after the script's nights, where it was asked for."""
    nights: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    idle: int = 0
    """Faults that changed nothing where they struck, and are none of these."""
    happened: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    quiet_after: int = 0
    """Quiet nights until everything was at rest."""
    violations: list[Violation] = field(default_factory=list)


class Life:
    """Lives one script in a folder of its own: to its end, or only until something that must hold does not."""

    def __init__(self, script: Script, data: Path, *, to_the_end: bool = True) -> None:
        os.umask(0o077)
        self.script, self.to_the_end = script, to_the_end
        start = STARTS[script.seed % len(STARTS)]
        self.world = World.empty(datetime.combine(start, time(6), OSLO), seed=script.seed)
        self.settings = settings_of(self.world, data, chosen=script.settings)
        self.folder = data / next(iter(self.world.companies))
        self.chaos = Chaos()
        [company] = self.settings.companies.values()
        self.oracle = Oracle(self.world, self.folder, script.seed, caps=company.caps, policy=company.policy)
        self.stage = self.oracle.stage
        self.clock = MachineClock(self.world, self.chaos, lambda: self._killed(False))
        self.network = Network(self.world, self.chaos, self.oracle, self._killed)
        self.lived = Lived(script)
        self.quiet = False
        self._away = 0
        self._unlisted_on = -9
        self._calm = CALM
        """Nights since something went wrong."""
        self._kept: dict[int, Path] = {}
        self._body = data / "killed"
        self._digest = hashlib.sha256()

    def live(self) -> Lived:
        """All nights, then quiet ones until everything is at rest."""
        with self._journal() as journal:
            journal.declare_new(self.world.now, "simulation")
        dice = Random(self.script.seed)
        for _ in range(4):
            invoice(self.stage, dice)
        for number in range(self.script.nights):
            self._day(number, self.script.of(number))
            if self.oracle.found and not self.to_the_end:
                break
        else:
            self.quiet = True
            self._rest()
        self.lived.struck, self.lived.idle = self.chaos.struck, self.chaos.idle
        self.lived.violations = self.oracle.found
        self.lived.hash = self._digest.hexdigest()
        return self.lived

    # -- a day and its night -------------------------------------------------------------------------------------

    def _day(self, number: int, steps: tuple[Step, ...]) -> None:
        """What happens by day, then the night's batches and the run, then the morning."""
        self.oracle.night = number
        for step in steps:
            if not step.fault:
                self._pass(timedelta(minutes=step.dice % 90))
                if happen(self.stage, step.what, step.dice):
                    self.lived.happened[step.what] += 1
        faults = [step for step in steps if step.fault]
        whole = {step.what: step for step in faults if FAULTS[step.what].place == "night"}
        self.chaos.arm(faults)
        late = "run past midnight" in whole
        self.stage.until(BEFORE_MIDNIGHT if late else time(1))
        if not late:
            self._batches()
        self.network.latency = SLOW if late else timedelta(milliseconds=200)
        if "outage" in whole and not self._away:
            self.chaos.strike(whole["outage"], "a night")
            self._away = 1 + whole["outage"].dice % 30
        self._keep_hold_list()
        if self._away:
            self._away -= 1
        else:
            self._run(whole)
        dice = self.script.answers_on(number)
        if dice is not None:
            self._answer_by_day(dice)
        if late:
            self.stage.until(time(1))
            self._batches()
        self.stage.until(IN_THE_MORNING)
        self.oracle.look()

    def _keep_hold_list(self) -> bool:
        try:
            with self._journal() as journal:
                return keep_hold_list(self.stage, journal)
        except (JournalError, sqlite3.Error):
            self._mend_the_journal()
            return False

    def _pass(self, while_: timedelta) -> None:
        self.world.advance(self.world.now + while_)

    def _batches(self) -> None:
        """The routines of both sides at one and two at night; on Fridays the agency settles."""
        if not self.quiet:
            self.stage.erp.run_dunning()
        self.world.agency.tick()
        if self.world.today.weekday() == FRIDAY and not self.quiet:
            happen(self.stage, "settle", 0)
        self.stage.until(AT_NIGHT)

    # -- a run ---------------------------------------------------------------------------------------------------

    def _run(self, whole: Mapping[str, Step]) -> NightResult | None:
        """One run with the faults of a whole night around it; its result where it came to its end."""
        struck = self.chaos.struck.total()
        self._before(whole)
        sent = self.network.requests
        result = self._attempt(whole)
        if self.network.requests - sent > MOST_REQUESTS:
            self.oracle.violated("S15", f"{self.network.requests - sent} requests in one night")
        if result is not None:
            result = self._approve(result, whole)
        if self.chaos.struck.total() > struck:
            self._calm = 0
        if "run again" in whole and result is not None:
            self.chaos.strike(whole["run again"], "a night")
            result = self._attempt({}) or result
        self.clock.wrong = timedelta(0)
        self.network.unlisted = frozenset()
        self.network.at_next_write = None
        self.oracle.may_write = True
        self._calm = 0 if result is None or self.chaos.struck.total() > struck else self._calm + 1
        self._after(result)
        return result

    def _before(self, whole: Mapping[str, Step]) -> None:
        for what, step in whole.items():
            match what:
                case "journal of an earlier night" | "everything of an earlier night":
                    if not self._kept:
                        continue
                    self._restore(step)
                case "journal lost":
                    for path in [*self.folder.glob("journal*"), *(self.folder / "published").glob("journal*")]:
                        path.unlink()
                    self.oracle.anything_approved = False
                case "ledger lost":
                    for path in self.folder.glob("ledger.duckdb*"):
                        path.unlink()
                case "bit flipped":
                    _flip(self.folder / "journal.sqlite", Random(step.dice))
                case "nothing new is listed":
                    if self._unlisted_on > self.lived.nights - 3:
                        continue  # a list that lags for two nights in a row cannot be told from one that lost a write
                    self._unlisted_on = self.lived.nights
                    self.network.unlisted = self.oracle.sent_since(self.world.now - timedelta(hours=30))
                case "clock an hour ahead" if "run past midnight" not in whole:
                    self.clock.wrong = timedelta(hours=1)
                case "clock an hour behind" if "run past midnight" not in whole:
                    self.clock.wrong = -timedelta(hours=1)
                case _:
                    continue
            self.chaos.strike(step, "a night")

    def _attempt(self, whole: Mapping[str, Step]) -> NightResult | None:
        try:
            with self._opened() as night:
                if "paused" in whole:
                    self.chaos.strike(whole["paused"], "a night")
                    night.journal.pause(True, "simulation", self.world.now)
                    self.oracle.may_write = False
                if "disk full" in whole:
                    self.chaos.strike(whole["disk full"], "a night")
                    pages = night.journal.db.execute("pragma page_count").fetchone()[0]
                    night.journal.db.execute(f"pragma max_page_count = {pages + whole['disk full'].dice % 8}")
                if "second run" in whole:
                    self.chaos.strike(whole["second run"], "a night")
                    self.network.at_next_write = self._second_run
                self.oracle.begin()
                verdicts, stops = self.oracle.verdicts(), self.oracle.wanted_holds()
                struck = self.chaos.struck.total()
                self.clock.running = True
                result = night.run()
                if result.plan and self._calm >= CALM and self.chaos.struck.total() == struck:
                    self.oracle.judged(verdicts, result.plan.plan)
                    self.oracle.judged_holds(stops, result.plan.plan.effects, result.plan.plan.findings)
                return result
        except Killed:
            self._rise()
        except JournalError:
            self._mend_the_journal()
        except (CounterpartyError, CompanyBusy, sqlite3.Error):
            pass
        finally:
            self.clock.running = False
            if "paused" in whole:
                self._unpause()
        return None

    def _unpause(self) -> None:
        self.oracle.may_write = True
        try:
            with self._journal() as journal:
                if journal.paused():
                    journal.pause(False, "simulation", self.world.now)
        except (JournalError, sqlite3.Error):
            self._mend_the_journal()

    def _second_run(self) -> None:
        """Another process starts the night's run again while this one is about to write."""
        before = self.network.requests
        try:
            with self._opened() as night:
                night.run()
        except CompanyBusy:
            pass
        else:
            self.oracle.violated("S11", "two runs were under way at once")
        if self.network.requests != before:
            self.oracle.violated("S11", f"a second run asked {self.network.requests - before} times")

    def _approve(self, result: NightResult, whole: Mapping[str, Step]) -> NightResult:
        """A person approves in the morning what waits for it; life goes on meanwhile."""
        if not result.plan or "waits for approval" not in result.not_sent:
            return result
        dice = Random(f"{self.script.seed} {self.oracle.night}")
        if not self.quiet and dice.random() < 0.5:
            self.stage.until(time(6))
            happen(self.stage, dice.choice((*MEANWHILE, "hold back or let go")), dice.getrandbits(32))
            self._keep_hold_list()
        self.stage.until(IN_THE_MORNING)
        try:
            with self._opened() as night:
                digest = night.approve(result.plan.plan.hash)
                self.oracle.begin(approved=amounts(result.plan.plan.effects))
                approved = night.carry_out(digest)
            if "approved twice" in whole:
                self.chaos.strike(whole["approved twice"], "a night")
                with self._opened() as night:
                    self.oracle.begin(approved=amounts(result.plan.plan.effects))
                    approved = night.carry_out(night.approve(result.plan.plan.hash))
        except Killed:
            self._rise()
            return result
        except JournalError:
            self._mend_the_journal()
            return result
        except (CounterpartyError, NothingSent):
            return result
        approved.plan = result.plan
        return approved

    def _after(self, result: NightResult | None) -> None:
        """Judge the run by its journal and its statement, and keep copies of its files."""
        self.lived.nights += 1
        try:
            with self._journal() as journal:
                self._judge(journal, result)
        except JournalError:
            self._mend_the_journal()
            return
        if not self.quiet and self.lived.nights % 3 == 0:
            self._keep()

    def _judge(self, journal: Journal, result: NightResult | None) -> None:
        self.oracle.look_at_journal()
        self.oracle.look_at_parked()
        self._digest.update(f"{self.oracle.night} {journal.seal_of(journal.seq())}\n".encode())
        self._digest.update(repr(self.world.truth()[self.stage.slug]).encode())
        if result is not None and not self.chaos.struck:
            self._ties(journal, result)

    def _ties(self, journal: Journal, result: NightResult | None) -> None:
        """L2: the statement adds up, and with the books' own figures."""
        truth, statement = self.world.truth()[self.stage.slug], result.statement if result else None
        if self.oracle.statement_differs():
            if statement is None or statement.ties:
                self.oracle.violated("L2", "it ties, or there is none, though a settlement was cancelled and is booked")
        elif statement is None or not statement.ties:
            told = statement.as_json()["unexplained"] if statement else "there is none"
            self.oracle.violated("L2", f"it does not tie: {told}")
        elif (statement.ledger, statement.agency_unsettled) != (truth.suspense_balance, truth.unsettled_principal):
            self.oracle.violated("L2", "it ties with other figures than the books'")

    # -- rest ----------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Quiet nights: people answer every question, nothing else happens, and nothing may be left."""
        calm = 0
        self.stage.erp.let_releases_pass()
        for number in range(QUIET_NIGHTS):
            self.oracle.night = self.script.nights + number
            self.chaos.arm(())
            self.stage.until(time(1))
            cases = self.oracle.cases()
            ended = self._keep_hold_list()
            self._batches()
            self.oracle.aged = self.oracle.aged or ended or cases != self.oracle.cases()
            result = self._run({})
            self.stage.until(IN_THE_MORNING)
            self.oracle.look()
            if number >= 2 and self._at_rest(result):
                self.lived.quiet_after = number + 1
                self._once_more()
                break
            answered = number <= QUIET_NIGHTS // 2 and self._answer(
                Random(self.script.seed * 1000 + number), drafts=number >= 2
            )
            calm = 0 if answered or self.oracle.aged else calm + 1
            self.oracle.aged = False
            if calm == SETTLED_AFTER:
                left = [e.reference for e in result.plan.plan.effects] if result and result.plan else ["no plan"]
                with self._journal() as journal:
                    open_ = [f"{e.kind} {e.state}" for e in journal.effects(states=("intent", "uncertain", "created"))]
                self.oracle.violated("C1", f"after {calm} quiet nights: plan {left[:5]}, open {open_[:5]}")
        else:
            if calm < SETTLED_AFTER:
                self.oracle.violated("C1", f"not at rest after {QUIET_NIGHTS} quiet nights")
        self._named()

    def _once_more(self) -> None:
        """C4 and L2: the same night again, without news, sends nothing and ties."""
        writes = self.oracle.writes
        result = self._run({})
        if self.oracle.writes != writes or not self._at_rest(result):
            self.oracle.violated("C4", f"run again without news, {self.oracle.writes - writes} were sent")
        with self._journal() as journal:
            self._ties(journal, result)

    def _at_rest(self, result: NightResult | None) -> bool:
        if result is None:
            return False
        with self._journal() as journal:
            waiting = journal.effects(states=("intent", "uncertain", "created"))
            quiet = journal.quiet_until() is None
        planned = result.plan is None or result.plan.plan.effects
        return not planned and quiet and not waiting and not result.not_sent

    def _answer_by_day(self, dice: Random) -> None:
        try:
            self._answer(dice)
        except (JournalError, sqlite3.Error):
            self._mend_the_journal()

    def _answer(self, dice: Random, *, drafts: bool = False) -> bool:
        """A person does what each finding asks for; False: nothing was asked."""
        answered = False
        with self._journal() as journal:
            decided = journal.decisions()
            if journal.paused():  # a copy of a night on which somebody had paused it was laid back
                journal.pause(False, "simulation", self.world.now)
                answered = True
            for finding in journal.findings():
                code, subject = finding["code"], finding["subject"]
                if code in ANSWERS and (code, subject) not in decided and self.oracle.may_be_answered(code, subject):
                    answer = dice.choice(ANSWERS[code])
                    journal.decide(code, subject, answer, "simulation", "simulation", self.world.now)
                    answered = True
                    self.oracle.answered(subject, answer)
                if code == "POSTING_NOT_RELEASED" and drafts:
                    for draft in self.stage.erp.payments_with_reference(subject):
                        if draft.status is Status.BALANCED:
                            self.stage.erp.delete(draft)
                            answered = True
        return answered

    def _named(self) -> None:
        """What is not as it should be must be named."""
        with self._journal() as journal:
            findings = [(f["code"], f["subject"], f["text"]) for f in journal.findings()]
            decisions = journal.decisions()
            self.lived.quarantined = len(journal.effects(states=("quarantined",)))
            self.lived.effects.update(e.kind.value for e in journal.effects(states=("confirmed",)))
        self.oracle.conclude(findings, decisions)

    # -- files ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[Night]:
        with Night.open(
            self.stage.slug,
            self.settings,
            self.clock,
            transport=self.network,
            parallel=1,
            patience=0,
            who="simulation",
        ) as night:
            yield night

    @contextmanager
    def _journal(self) -> Iterator[Journal]:
        """The journal alone, for people and for looking."""
        tenant = self.settings.companies[self.stage.slug].erp.tenant_id
        journal = Journal(self.folder, self.stage.slug, tenant, self.world.now)
        try:
            yield journal
        finally:
            journal.close()

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file() and path.name != "company.lock")

    def _killed(self, torn: bool) -> None:
        """Keep the files as they are at this moment; of a torn journal, the last bytes are lost."""
        self.clock.running = False
        shutil.rmtree(self._body, ignore_errors=True)
        self._body.mkdir()
        for path in self._files():
            shutil.copyfile(path, self._body / path.name)
        tail = self._body / "journal.sqlite-wal"
        if torn and tail.exists():
            dice = Random(self.world.now.timestamp())
            with tail.open("r+b") as file:
                file.truncate(max(0, tail.stat().st_size - dice.randrange(1, 9000)))

    def _rise(self) -> None:
        """What the unwinding wrote is undone: the files are those of the kill."""
        for path in self._files():
            path.unlink()
        for path in sorted(self._body.iterdir()):
            shutil.copyfile(path, self.folder / path.name)

    def _keep(self) -> None:
        """A copy of all files, for a night on which they are lost."""
        copy = self.folder.parent / "kept" / str(self.lived.nights)
        copy.mkdir(parents=True)
        for path in self._files():
            shutil.copyfile(path, copy / path.name)
        self._kept[self.lived.nights] = copy
        for number in sorted(self._kept)[:-4]:
            shutil.rmtree(self._kept.pop(number))

    def _restore(self, step: Step) -> None:
        copy = self._kept[sorted(self._kept)[step.dice % len(self._kept)]]
        self.oracle.anything_approved = True  # it may know of what was approved before the newest one was lost
        if step.what == "everything of an earlier night":
            for path in self._files():
                path.unlink()
            for path in sorted(copy.iterdir()):
                shutil.copyfile(path, self.folder / path.name)
            self.oracle.forget_journal()  # nothing beside them is left that could tell
            return
        for path in self.folder.glob("journal.sqlite*"):
            path.unlink()
        shutil.copyfile(copy / "journal.sqlite", self.folder / "journal.sqlite")

    def _mend_the_journal(self) -> None:
        """What the message says: the newest backup is put back; where that is no good either, a new one begins."""
        backup = self.folder / "journal.backup.sqlite"
        for path in self.folder.glob("journal.sqlite*"):
            path.unlink()
        if backup.exists():
            shutil.copyfile(backup, self.folder / "journal.sqlite")
        try:
            with self._journal():
                pass
        except JournalError:
            for path in self.folder.glob("journal*"):
                path.unlink()
            self.oracle.anything_approved = False


def live(script: Script, *, to_the_end: bool = True) -> Lived:
    """The life of a script in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="life-", dir=_memory()) as folder:
        return Life(script, Path(folder), to_the_end=to_the_end).live()


def _memory() -> str | None:
    """A folder in memory where the system has one: a simulated disk need not be a real one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own in it


def _flip(path: Path, dice: Random) -> None:
    """One bit of a file."""
    with path.open("r+b") as file:
        at = dice.randrange(path.stat().st_size)
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1 << dice.randrange(8)]))


def settings_of(
    world: World, data: Path, servers: Servers = NOWHERE, chosen: Iterable[tuple[str, str, str]] = ()
) -> Settings:
    """Settings of the world's one company: everything at once, nothing waits but what must; `chosen` by a script."""
    [company] = world.companies.values()
    told = company_settings(world, company, servers)
    told |= {"go_live": date(2020, 1, 1), "caps": {"floor_count": FLOOR}}
    told["erp"] |= {"parallel": 1}
    told["policy"] = {"min_amount": 0, "attach_pdf": False}
    return Settings(data_dir=data, companies={company.slug: CompanySettings.model_validate(set_in(told, chosen))})
