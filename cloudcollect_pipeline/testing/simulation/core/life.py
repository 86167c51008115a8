"""One life over values: what happens and goes wrong by a script, run by run, judged by the oracle, ending in quiet.

The same script gives the same history. A kill leaves what the journal has committed and what was mirrored; nothing of
the dying run survives beside that.
"""

import hashlib
import pickle
import sqlite3
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FunctionType

from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.gate import approve
from cloudcollect_pipeline.dispatch.journal import JournalError
from cloudcollect_pipeline.dispatch.lock import CompanyBusy, company_lock
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.effect import Effect
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.sandbox.erp import Status
from cloudcollect_pipeline.sandbox.serve import company_settings
from cloudcollect_pipeline.sandbox.world import FRIDAY, World
from cloudcollect_pipeline.settings import CompanySettings
from cloudcollect_pipeline.testing.simulation.core import rows
from cloudcollect_pipeline.testing.simulation.core.faults import FAULTS, Chaos
from cloudcollect_pipeline.testing.simulation.core.memory import MemoryJournal
from cloudcollect_pipeline.testing.simulation.core.night import Planner, Ran, Run, findings
from cloudcollect_pipeline.testing.simulation.core.ports import AgencyPort, ErpPort, Wire
from cloudcollect_pipeline.testing.simulation.core.store import Store
from cloudcollect_pipeline.testing.simulation.events import RECEIVABLES, happen, invoice, keep_hold_list
from cloudcollect_pipeline.testing.simulation.life import (
    ANSWERS,
    CALM,
    FLOOR,
    QUIET_NIGHTS,
    SETTLED_AFTER,
    SLOW,
    STARTS,
    Lived,
)
from cloudcollect_pipeline.testing.simulation.network import LATENCY, MEANWHILE, NOWHERE, Killed, MachineClock
from cloudcollect_pipeline.testing.simulation.oracle import Oracle, Write, amounts
from cloudcollect_pipeline.testing.simulation.script import Script, Step, set_in

SEED = 7
"""All lives are of one company with one tenant: only scripts differ."""
AT_NIGHT, BEFORE_MIDNIGHT, SMALL_HOURS = time(4), time(23, 55), time(2, 30)
"""Half past two is on one night of the year twice, and on one never."""
LOOK_EVERY = 8
"""All books are looked through after so many nights with news; each write is judged when it is sent."""
FORGETFUL = {"everything of an earlier night", "mirrors lost", "journal and mirrors lost"}
WRONG = {
    "clock an hour ahead": timedelta(hours=1),
    "clock an hour behind": -timedelta(hours=1),
    "clock two days behind": -timedelta(days=2),
}
KEPT_EVERY = 4
"""Of so many nights with news one leaves a copy behind."""
STARTED_AGAIN = 6
"""A run that did not come to its end is started again fewer times than this, in the same night."""


EFFECTS = "select reference, state, amount, remote_id, details, intents, misses from effect order by reference"
"""What the journal knows of each effect that matters for what comes."""


class MemoryOracle(Oracle):
    """The oracle of a life whose journal is no file."""

    life: "Life"

    @contextmanager
    def _journal(self) -> Iterator[sqlite3.Connection]:
        yield self.life.journal.db

    def _announced(self, write: Write) -> bool:
        """What is not committed would not survive this moment."""
        return not self.life.journal.db.in_transaction and super()._announced(write)

    def _head_beside(self) -> bytes:
        return self.life.journal.image()[1]

    def look_at_journal(self) -> None:
        """What was committed right before a kill was acted on by nobody: a copy without it is no other history."""
        super().look_at_journal()
        if self.life.died_before_its_head:
            before = self._head[0] - 1
            self._head = before, self.life.journal.seal_of(before)


@lru_cache
def settings(chosen: tuple[tuple[str, str, str], ...] = ()) -> CompanySettings:
    """Settings of the one company: everything at once, nothing waits but what must; `chosen` as a script has them."""
    world = World.empty(datetime.combine(STARTS[0], time(6), OSLO), seed=SEED)
    [company] = world.companies.values()
    told = company_settings(world, company, NOWHERE)
    told |= {"go_live": date(2020, 1, 1), "caps": {"floor_count": FLOOR}}
    told["policy"] = {"min_amount": 0, "attach_pdf": False}
    return CompanySettings.model_validate(set_in(told, chosen))


class Life:
    """Lives one script: to its end, or only until something that must hold does not, or a known state is reached."""

    def __init__(self, script: Script, *, to_the_end: bool = True, known: Container[str] | None = None) -> None:
        self.script, self.to_the_end, self.known = script, to_the_end, known
        start = STARTS[script.seed % len(STARTS)]
        self.world = World.empty(datetime.combine(start, time(6), OSLO), seed=SEED)
        self.world.agency.settings.allow_duplicates = True
        self.settings = settings(script.settings)
        self.chaos = Chaos()
        self.oracle = MemoryOracle(
            self.world, Path(), script.seed, caps=self.settings.caps, policy=self.settings.policy
        )
        self.oracle.life, self.stage = self, self.oracle.stage
        self.clock = MachineClock(self.world, self.chaos, self._kill)
        self.wire = Wire(self.stage, self.chaos, self.oracle, self._kill)
        self.erp, self.agency = ErpPort(self.wire), AgencyPort(self.wire)
        self.store, self.planner = Store(), Planner()
        self.lived = Lived(script)
        self.quiet = False
        self._torn = False
        self.died_before_its_head = False
        """Whether the newest entry was committed and the process killed right then."""
        self._commit: Step | None = None
        """The fault that strikes the commit under way."""
        self._away = 0
        self._calm = CALM
        """Nights since something went wrong."""
        self._unlisted_on = -9
        self._images: deque[tuple[bytes, bytes]] = deque(maxlen=3)
        """The journal after each of its last commits, while a fault waits that will tear its tail off."""
        self._kept: deque[tuple[bytes, bytes, Store]] = deque(maxlen=4)
        self._news = 0
        self._digest = hashlib.sha256()
        self.journal = self._opened()

    def live(self) -> Lived:
        """All nights, then quiet ones until everything is at rest."""
        self.begin()
        return self.go_on()

    def go_on(self) -> Lived:
        """The nights that are left, then quiet ones until everything is at rest."""
        if self.live_nights() and not self._known():
            self.rest()
        return self.end()

    def live_nights(self, until: int | None = None) -> bool:
        """The nights that are left, or those before `until`; False where one was the last because of what it broke."""
        nights: list[list[Step]] = [[] for _ in range(self.script.nights)]
        for step in self.script.steps:
            nights[step.night].append(step)
        for number in range(self.lived.nights, self.script.nights if until is None else until):
            self.day(number, nights[number])
            if self.oracle.found and not self.to_the_end:
                return False
        return True

    def begin(self) -> None:
        """A new journal, and a few invoices that are old enough."""
        self.journal.declare_new(self.world.now, "simulation")
        dice = Random(self.script.seed)
        for _ in range(3):
            invoice(self.stage, dice)

    def end(self) -> Lived:
        """What came of it."""
        self.lived.struck, self.lived.idle = self.chaos.struck, self.chaos.idle
        self.lived.violations = self.oracle.found
        self.lived.hash = self._digest.hexdigest()
        return self.lived

    def kept(self) -> "Kept | None":
        """This life as it stands after a night; None where something is under way that must not happen twice."""
        if self.died_before_its_head or any(isinstance(action, FunctionType) for action in self.world.awaited()):
            return None
        return Kept(self)

    def _known(self) -> bool:
        if self.known is None:
            return False
        self.lived.state = self._state()
        return self.lived.state in self.known

    def _state(self) -> str:
        """What everything that comes depends on: the day, both books, what was read of them, and the journal."""
        documents, account = self.stage.erp.documents, self.stage.account
        journal, store = self.journal, self.store
        told = [
            self.world.today,
            self.chaos.waiting(),
            [rows.receivable(document)._replace(revision=0) for document in documents(*RECEIVABLES)],
            [rows.payment(document) for document in documents(*rows.PAYING)],
            [rows.customer(card) for card in self.stage.erp.customers.values()],
            [rows.claim(claim) for claim in account.claims.values()],
            [rows.case(case) for case in account.cases.values()],
            [rows.entry(entry) for entry in account.entries.values()],
            [rows.settlement(settlement) for settlement in account.settlements.values()],
            [known._replace(revision=0) for known in store.receivables.values()],
            [sorted(those.items()) for those in (store.payments, store.customers, store.claims, store.cases)],
            [sorted(those.items()) for those in (store.entries, store.settlements)],
            [
                (number, str(batch.status), [(line.account, line.amount, line.reference) for line in batch.lines])
                for number, batch in self.stage.erp.ledger.batches.items()
                if batch.module == "GL"
            ],
            [tuple(row) for row in journal.db.execute(EFFECTS)],
            sorted(journal.decisions().items()),
            journal.quiet_until(),
            (sorted(self.stage.held), [tuple(hold.values()) for hold in journal.holds()], sorted(store.held)),
            sorted(store.dirty),
            (store.settlements_dirty, store.shown),
            sorted((feed, at.date()) for feed, at in store.read_at.items()),
        ]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    # -- a day and its night -------------------------------------------------------------------------------------

    def day(self, number: int, steps: Sequence[Step]) -> None:
        """What happens by day, then the night's batches and the run."""
        self.oracle.night = number
        whole: dict[str, Step] = {}
        for step in steps:
            fault = FAULTS.get(step.what)
            if fault is None:
                self.world.advance(self.world.now + timedelta(minutes=step.dice % 90))
                if happen(self.stage, step.what, step.dice):
                    self.lived.happened[step.what] += 1
            elif fault.place == "night":
                whole[step.what] = step
            else:
                self.chaos.arm([step])
        late = "run past midnight" in whole
        if late:
            self.stage.until(SMALL_HOURS if whole["run past midnight"].dice % 2 else BEFORE_MIDNIGHT)
            self.chaos.strike(whole["run past midnight"])
            self.wire.latency = SLOW
        else:
            self.stage.until(AT_NIGHT)
            self._batches()
        if "outage" in whole and not self._away:
            self.chaos.strike(whole["outage"])
            self._away = 1 + whole["outage"].dice % 30
        self.lived.nights += 1
        keep_hold_list(self.stage, self.journal)
        if self._away:
            self._away -= 1
        else:
            self._run(whole)
        dice = self.script.answers_on(number)
        if dice is not None:
            self._answer(dice)
        if late:
            self.wire.latency = LATENCY
            self.stage.until(AT_NIGHT)
            self._batches()

    def _batches(self) -> None:
        """The routines of both sides; on Fridays the agency settles."""
        if not self.quiet:
            self.stage.erp.run_dunning()
            if self.world.today.weekday() == FRIDAY:
                happen(self.stage, "settle", 0)
        self.world.agency.tick()

    # -- a run ---------------------------------------------------------------------------------------------------

    def _run(self, whole: Mapping[str, Step]) -> Ran | None:
        """One run with the faults of a whole night around it; None where it did not come to its end."""
        if whole:
            self._before(whole)
        newest, struck = self.journal.newest, self.chaos.struck.total()
        ran = self._attempt(whole)
        if ran is None:
            ran = self._started_again()
        approved = ran.effects if ran is not None and ran.waits else None
        if ran is not None and ran.waits:
            ran = self._approve(ran, whole)
        if ran is not None and ran.plan and "plan carried out again" in whole:
            self.chaos.strike(whole["plan carried out again"])
            self._begin(approved)
            again = Ran(plan=ran.plan)
            self._guarded(lambda run: run.carry_out(again))
        if "run again" in whole:
            self.chaos.strike(whole["run again"])
            ran = self._attempt({}) or ran
        if "answered twice" in whole:
            answered = [self._answer(Random(whole["answered twice"].dice)) for _ in range(2)]
            self.chaos.strike(whole["answered twice"], changed=any(answered))
        if whole:
            self._after(whole)
        self._calm = 0 if ran is None or self.chaos.struck.total() > struck else self._calm + 1
        if self.journal.newest != newest:
            self._judge()
        return ran

    def _judge(self) -> None:
        """A night with news: its mark in the history, and now and then all that must hold of the books."""
        self._digest.update(self.journal.newest[1].encode())
        self._news += 1
        self.oracle.look_at_parked()
        if self._news % LOOK_EVERY == 0:
            self.oracle.look()
        if not self.quiet and self._news % KEPT_EVERY == 0:
            self._kept.append((*self.journal.image(), self.store.copy()))

    def _begin(self, approved: Sequence[Effect] | None = None) -> None:
        self.oracle.begin(approved=None if approved is None else amounts(approved))
        self.wire.begin()

    def _attempt(self, whole: Mapping[str, Step]) -> Ran | None:
        self._begin()
        if "second run" not in whole:
            calm, struck = self._calm >= CALM, self.chaos.struck.total()
            stops = self.oracle.wanted_holds() if calm else {}
            ran = self._guarded(Run.run)
            if ran is not None and calm and self.chaos.struck.total() == struck:
                self.oracle.judged_holds(stops, ran.effects, findings(self.store, self.planner))
            return ran
        with TemporaryDirectory() as folder, company_lock(Path(folder), "simulation", self.clock):
            self.chaos.strike(whole["second run"])
            self.wire.at_next_write = lambda: self._second_run(Path(folder))
            ran = None
            # The journal takes back no effect that another run has carried out: without the lock this one dies of it.
            with suppress(sqlite3.IntegrityError):
                ran = self._guarded(Run.run)
            if self.wire.at_next_write is not None:  # nothing was written: it starts while the lock is still held
                self._second_run(Path(folder))
            self.wire.at_next_write = None
            return ran

    def _guarded(self, what: Callable[[Run], Ran]) -> Ran | None:
        """Part of a run, until it ends or dies."""
        if self.died_before_its_head:  # a new process finds that the head is behind
            self.journal = self._opened(*self.journal.image())
        self.clock.running = True
        try:
            return what(self._new_run(self.store, self.planner))
        except Killed:
            self._rise()
        except (JournalError, CounterpartyError, NothingSent):
            pass
        finally:
            self.clock.running = False
        return None

    def _started_again(self) -> Ran | None:
        """A run that died or failed is started again in the same night, by a person or by Dagster, or it is not."""
        for _ in range(Random(f"{self.script.seed} again {self.oracle.night}").randrange(STARTED_AGAIN)):
            ran = self._attempt({})
            if ran is not None:
                return ran
        return None

    def _new_run(self, store: Store, planner: Planner) -> Run:
        return Run(self.journal, store, planner, self.erp, self.agency, self.settings, self.clock, self.clock.wrong)

    def _second_run(self, folder: Path) -> None:
        """Another process starts the night's run again while this one is about to write: to its end, if it may."""
        requests = self.wire.requests
        try:
            with company_lock(folder, "a second run", self.clock, patience=0):
                self._new_run(self.store.copy(), Planner(everything=True)).run()
        except (CompanyBusy, JournalError, CounterpartyError, NothingSent):
            pass
        if self.wire.requests != requests:
            self.oracle.violated("S11", "two runs were under way at once")

    def _approve(self, ran: Ran, whole: Mapping[str, Step]) -> Ran | None:
        """A person approves in the morning what waits for it; life goes on meanwhile."""
        dice = Random(f"{self.script.seed} {self.oracle.night}")
        if not self.quiet and dice.random() < 0.5:
            self.stage.until(time(6))
            happen(self.stage, dice.choice((*MEANWHILE, "hold back or let go")), dice.getrandbits(32))
            keep_hold_list(self.stage, self.journal)
        result: Ran | None = ran
        for _ in range(2 if "approved twice" in whole else 1):
            self._begin(ran.effects)

            def carried_out(run: Run) -> Ran:
                approve(self.journal, self.clock.now(), "simulation", ran.plan)
                return run.carry_out(Ran(ran.effects, plan=ran.plan))

            result = self._guarded(carried_out)
        if "approved twice" in whole:
            self.chaos.strike(whole["approved twice"])
        return result

    # -- faults of a whole night ---------------------------------------------------------------------------------

    def _before(self, whole: Mapping[str, Step]) -> None:
        for what, step in whole.items():
            changed = True
            match what:
                case "journal of an earlier night" | "everything of an earlier night" | "bit flipped":
                    if not self._kept:
                        continue
                    changed = self._restore(what, Random(step.dice))
                case "journal lost" | "journal and mirrors lost":
                    if what != "journal lost":
                        self.store = Store()
                    self._kept.clear()
                    self.journal = self._opened()
                    self.oracle.anything_approved = False
                case "mirrors lost":
                    self.store = Store()
                case "nothing new is listed":
                    if self._unlisted_on > self.oracle.night - 3 or FORGETFUL & set(whole):
                        continue  # lists that lag for two nights, or when all is read anew, cannot be told
                    self._unlisted_on = self.oracle.night
                    self.wire.unlisted = self.oracle.sent_since(self.world.now - timedelta(hours=30))
                    changed = bool(self.wire.unlisted)
                case "clock an hour ahead" | "clock an hour behind" | "clock two days behind":
                    if self.clock.wrong or "run past midnight" in whole:
                        continue  # a clock that is wrong counts its days wrong around midnight
                    self.clock.wrong = WRONG[what]
                    self.oracle.may_write = what != "clock two days behind"
                case _:
                    continue
            self.chaos.strike(step, changed=changed)
        if "paused" in whole:  # by a person, whatever journal there is by now
            self.journal.pause(True, "simulation", self.world.now)
            self.oracle.may_write = False
            self.chaos.strike(whole["paused"])

    def _after(self, whole: Mapping[str, Step]) -> None:
        self.clock.wrong = timedelta(0)
        self.wire.unlisted = frozenset()
        self.oracle.may_write = True
        if "paused" in whole:
            self.journal.pause(False, "simulation", self.world.now)

    def _restore(self, what: str, dice: Random) -> bool:
        """Put a copy back, or find a flipped bit; whether the journal is another one by that."""
        self.oracle.look_at_journal()
        image, head, store = self._kept[dice.randrange(len(self._kept))]
        newest, newest_head = self.journal.image()
        if what == "everything of an earlier night":
            self.store = store.copy()
            self.journal = self._opened(image, head)
            self.oracle.forget_journal()  # nothing beside them is left that could tell
            return head != newest_head
        if what == "bit flipped":
            flipped = bytearray(newest)
            flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
            try:
                self.journal = self._opened(bytes(flipped), newest_head)
                return False
            except JournalError:
                image = self._kept[-1][0]  # what the message says: the newest copy is put back
        self.journal = self._opened(image, newest_head)
        self.oracle.look_at_journal()
        return what == "bit flipped" or head != newest_head

    def _opened(self, image: bytes | None = None, head: bytes = b"") -> MemoryJournal:
        """A journal as a process finds it when it starts."""
        company, now = self.settings, self.world.now
        journal = MemoryJournal(
            self.stage.slug, company.erp.tenant_id, now, image=image, head=head, told=self._committed
        )
        seq, seal = self.store.seal_known()
        if journal.trusts_itself() and journal.seal_of(seq) != seal:
            journal.distrust(now, seq)
        return journal

    def _committed(self, when: str, entry: str) -> None:
        """At each side of a commit: the process may die here, or the disk be full."""
        if when == "after":
            self.died_before_its_head = False
        if not self.clock.running:
            return
        if when == "after" and self.chaos.awaits("killed and journal torn"):
            self._images.append(self.journal.image())
        if when == "before":
            self._commit = self.chaos.at("commit", entry)
        step = self._commit
        if step is None:
            return
        if step.what == "disk full at a commit" and when == "before":
            self._commit = None
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        if (
            step.what
            == {
                "before": "killed before a commit",
                "head": "killed before the head",
                "after": "killed after a commit",
            }[when]
        ):
            self._commit = None
            self.clock.running = False
            self.died_before_its_head = when == "head"
            raise Killed

    def _kill(self, torn: bool = False) -> None:
        self.clock.running = False
        self._torn = torn

    def _rise(self) -> None:
        """The next process finds what was committed; of a torn journal, the last commits are lost."""
        if self._torn and len(self._images) > 1:
            self.oracle.look_at_journal()
            dice = Random(self.world.now.timestamp())
            image, _ = self._images[dice.randrange(len(self._images) - 1)]
            self.journal = self._opened(image, self.journal.image()[1])
            self.oracle.look_at_journal()
        self._torn = False
        self._images.clear()

    # -- rest ----------------------------------------------------------------------------------------------------

    def rest(self) -> None:
        """Quiet nights: people answer every question, nothing else happens, and nothing may be left."""
        self.quiet = self.planner.everything = True
        self.chaos.disarm()
        self.stage.erp.let_releases_pass()
        calm = 0
        for number in range(QUIET_NIGHTS):
            self.oracle.night = self.script.nights + number
            self.stage.until(AT_NIGHT)
            cases = self.oracle.cases()
            ended = keep_hold_list(self.stage, self.journal)
            self._batches()
            self.oracle.aged = self.oracle.aged or ended or cases != self.oracle.cases()
            ran = self._run({})
            self.lived.nights += 1
            if ran is not None and number >= 2 and self._at_rest(ran):
                self.lived.quiet_after = number + 1
                self._once_more()
                break
            waits = self.journal.quiet_until() is not None
            answered = number <= QUIET_NIGHTS // 2 and self._answer(
                Random(self.script.seed * 1000 + number), drafts=number >= 2
            )
            calm = 0 if answered or waits or self.oracle.aged else calm + 1
            self.oracle.aged = False
            if calm == SETTLED_AFTER:
                left = [effect.reference for effect in ran.effects] if ran else ["no run"]
                text = f"after {calm} quiet nights: plan {left[:5]}, open {sorted(self.store.open)[:5]}"
                self.oracle.violated("C1", text)
        else:
            if calm < SETTLED_AFTER:
                self.oracle.violated("C1", f"not at rest after {QUIET_NIGHTS} quiet nights")
        self._conclude()

    def _once_more(self) -> None:
        """C4: the same night again, without news."""
        before = self.journal.newest, self.oracle.writes
        again = self._run({})
        if again is None or again.effects or (self.journal.newest, self.oracle.writes) != before:
            self.oracle.violated("C4", f"run again without news, {self.oracle.writes - before[1]} were sent")

    def _at_rest(self, ran: Ran) -> bool:
        return not ran.effects and not ran.not_sent and not self.store.open and self.journal.quiet_until() is None

    def _answer(self, dice: Random, *, drafts: bool = False) -> bool:
        """A person does what each finding asks for; False where none asks for anything."""
        decided, answered = self.journal.decisions(), False
        if self.journal.paused():  # a copy of a night on which somebody had paused it was laid back
            self.journal.pause(False, "simulation", self.world.now)
            answered = True
        for finding in self._findings():
            code, subject = finding
            if code in ANSWERS and finding not in decided and self.oracle.may_be_answered(code, subject):
                answer = dice.choice(ANSWERS[code])
                self.journal.decide(code, subject, answer, "simulation", "simulation", self.world.now)
                answered = True
                self.oracle.answered(subject, answer)
                self.store.dirty.update(self.store.customers)
                self.store.settlements_dirty = True
            if code == "POSTING_NOT_RELEASED" and drafts:
                for draft in self.stage.erp.payments_with_reference(subject):
                    if draft.status is Status.BALANCED:
                        self.stage.erp.delete(draft)
                        answered = True
        return answered

    def _findings(self) -> list[tuple[str, str]]:
        findings = {(f.code, f.subject) for those in self.planner.findings.values() for f in those}
        rejected = (row["reference"] for row in self.store.effects.values() if row["state"] == "rejected")
        return sorted(findings | {("EFFECT_REFUSED", name) for name in rejected})

    def _conclude(self) -> None:
        """The books hold, the journal is whole, and what still differs is named by a finding or was answered for."""
        self.oracle.look()
        self.oracle.look_at_journal()
        if self.script.seed % 4 == 0:
            broken = self.journal.verify()
            if broken:
                self.oracle.violated("S12", broken)
        for row in self.store.effects.values():
            self.lived.quarantined += row["state"] == "quarantined"
            self.lived.effects[row["kind"]] += row["state"] == "confirmed"
        self.oracle.conclude(
            ((f.code, f.subject, f.text) for f in findings(self.store, self.planner)), self.journal.decisions()
        )
        self._digest.update(repr(self.world.truth()[self.stage.slug]).encode())


class Kept:
    """A life as it stood after a night, to go on from any number of times."""

    def __init__(self, life: Life) -> None:
        world = life.world
        shared = (world.lock, world.erp_api, world.agency_api, life.settings, life.script, life.known, life._digest)
        self.apart: dict[int, object] = {id(each): each for each in shared if each is not None}
        self.digest, self.journal = life._digest.copy(), life.journal.image()
        file = BytesIO()
        _Keeper(file, self.apart).dump(life)
        self.life = file.getvalue()

    def begun(self, script: Script) -> Life:
        """That life, to go on by a script that began alike."""
        life: Life = _Bringer(BytesIO(self.life), self.apart).load()
        life.script = life.lived.script = script
        life._digest = self.digest.copy()
        life.journal = life._opened(*self.journal)
        return life


class _Keeper(pickle.Pickler):
    """Keeps a life without what stands `apart`, by id, and without functions: they are the same in all lives."""

    def __init__(self, file: BytesIO, apart: dict[int, object]) -> None:
        super().__init__(file, protocol=5)
        self.apart = apart

    def persistent_id(self, each: object) -> int | None:
        if isinstance(each, FunctionType | MemoryJournal):  # a journal of before is asked no more
            self.apart[id(each)] = each
        return id(each) if id(each) in self.apart else None


class _Bringer(pickle.Unpickler):
    def __init__(self, file: BytesIO, apart: Mapping[int, object]) -> None:
        super().__init__(file)
        self.apart = apart

    def persistent_load(self, which: int) -> object:
        return self.apart[which]


def live(script: Script, *, to_the_end: bool = True) -> Lived:
    """The life of a script."""
    return Life(script, to_the_end=to_the_end).live()
