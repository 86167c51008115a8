"""Sensors: when somebody is told.

Belongs here: which runs, nights and missing nights are worth a message, and remembering who was told. Does not belong
here: what a message says and how it travels (`alerts`). No sensor starts a run, and none is part of one: an address
that hangs costs a night nothing.

A failed check leaves its run green, so green runs are looked at too. Nights and plans that wait are found by what was
published, whoever ran them. What was told stands in the sensor's cursor, which Dagster keeps: a restart repeats
nothing. A daemon that dies in the middle of a tick may repeat what that tick had told.
"""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Self

import dagster as dg
import duckdb
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus

from cloudcollect_pipeline.alerts.message import Message, Severity, Writer
from cloudcollect_pipeline.alerts.outbox import TRIES, Letter, Round, deliver
from cloudcollect_pipeline.alerts.ping import NAME, health_checks
from cloudcollect_pipeline.alerts.receivers import DEADLINE, Receiver, receivers
from cloudcollect_pipeline.dispatch.journal import JournalError
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.ledger.ledger import LedgerError
from cloudcollect_pipeline.orchestration.checks import EVERY_EFFECT_IS_CONFIRMED, MORNING, PLAN_MAY_BE_SENT
from cloudcollect_pipeline.reporting.morning import Morning, read_morning
from cloudcollect_pipeline.reporting.nights import missing_nights
from cloudcollect_pipeline.reporting.published import NotPublished, snapshot
from cloudcollect_pipeline.settings import Settings, find_file, load
from cloudcollect_pipeline.web import SystemClock

MISSED_AT = time(6)
"""In Norway: a night that has not ended by then is missed."""
NEWS = timedelta(hours=24)
"""A night that ended longer ago is no news: alerts were just turned on, or the cursor was lost."""
REMEMBERED = timedelta(days=7)
"""How long is known what was told."""
RUNS_AT_ONCE = 50
READING = 15.0
"""Seconds after which a tick opens no further snapshot: Dagster gives a tick a minute, and the next one goes on."""
NAMED = "alerts"

TOLD_OTHERWISE = frozenset({PLAN_MAY_BE_SENT, *MORNING})
"""Checks whose failure is no failure of their run: the morning's message, or one of its own, tells what they found."""
ENDS = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
UNREADABLE = (JournalError, LedgerError, sqlite3.Error, duckdb.Error, OSError)
"""What a snapshot that cannot be read makes."""


@dataclass(frozen=True)
class Seen:
    """A company's newest night that ended, and the state of its snapshot (ns) in which it was read."""

    published: int
    night: str
    ended_at: datetime
    ties: bool


@dataclass
class Memory:
    """The sensor's cursor."""

    runs: dict[str, str] = field(default_factory=dict)
    """Kind of end -> Dagster's own cursor over such events."""
    nights: dict[str, Seen] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """Key of a message -> the day on which it was put into the outbox."""
    letters: list[Letter] = field(default_factory=list)
    """The outbox: what has not reached everybody yet."""

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """From the cursor's text; empty at first."""
        told = json.loads(cursor or "{}")
        return cls(
            told.get("runs", {}),
            {
                slug: Seen(**{**seen, "ended_at": datetime.fromisoformat(seen["ended_at"])})
                for slug, seen in told.get("nights", {}).items()
            },
            told.get("told", {}),
            [Letter.from_json(letter) for letter in told.get("letters", [])],
        )

    def text(self) -> str:
        """As the cursor's text."""
        nights = {
            slug: {**vars(seen), "ended_at": seen.ended_at.isoformat()} for slug, seen in sorted(self.nights.items())
        }
        letters = [letter.as_json() for letter in self.letters]
        return json.dumps({"runs": self.runs, "nights": nights, "told": self.told, "letters": letters})


@dataclass
class Desk:
    """One tick: what is to be told, and to whom."""

    settings: Settings
    memory: Memory
    now: datetime
    everybody: Sequence[Receiver]
    writer: Writer
    reading_until: float

    def post(self, key: str, message: Message, *, skip: str = "") -> None:
        """Put a message into the outbox once, for everybody who wants it but `skip`."""
        names = tuple(r.name for r in self.everybody if r.name != skip and r.wants(message.news, message.company))
        self._put(key, message, names)

    def ping(self, key: str, severity: Severity) -> None:
        """Tell the dead man's switch, if there is one."""
        self._put(f"ping:{key}", Message("morning", "", severity, NAME, ()), (NAME,))

    def _put(self, key: str, message: Message, names: tuple[str, ...]) -> None:
        if key in self.memory.told:
            return
        self.memory.told[key] = night_of(self.now).isoformat()
        if names:
            self.memory.letters.append(Letter(key, message, names, self.now))

    def name(self, slug: str) -> str:
        """The company's name; its short name where the settings do not have it."""
        return self.settings.companies[slug].name if slug in self.settings.companies else slug

    # -- runs ----------------------------------------------------------------------------------------------------

    def look_at_runs(self, instance: dg.DagsterInstance) -> None:
        """Every run that ended since the last tick; those before the first tick are no news."""
        for kind in ENDS:
            known = self.memory.runs.get(kind.value)
            page = instance.fetch_run_status_changes(
                kind, limit=RUNS_AT_ONCE if known else 1, cursor=known, ascending=known is not None
            )
            self.memory.runs[kind.value] = page.cursor
            for record in page.records if known else ():
                run = instance.get_run_by_id(record.event_log_entry.run_id)
                if run is not None:
                    self._run(instance, run, failed=kind == dg.DagsterEventType.RUN_FAILURE)

    def _run(self, instance: dg.DagsterInstance, run: dg.DagsterRun, *, failed: bool) -> None:
        steps = _failed_steps(instance, run.run_id) if failed else []
        checks = failed_checks(instance, run.run_id)
        for slug in _companies(run):
            mine = [check for check in checks if check.company == slug]
            if any(check.name == PLAN_MAY_BE_SENT for check in mine):
                if not self._published_since(slug, instance, run):
                    # its plan is in no snapshot, as after a run that only plans
                    self.post(f"approval:{slug}:{run.run_id}", self.writer.approval(slug, self.name(slug), None))
                # that nothing was sent follows from it
                mine = [check for check in mine if check.name != EVERY_EFFECT_IS_CONFIRMED]
            mine = [check for check in mine if check.name not in TOLD_OTHERWISE]
            if failed or mine:
                message = self.writer.failure(
                    slug,
                    self.name(slug),
                    job="Materialize" if run.job_name.startswith("__") else run.job_name,
                    night=_nights(run),
                    run_id=run.run_id,
                    failed=failed,
                    steps=steps,
                    checks=[f"{check.asset}: {check.name}" for check in mine],
                )
                self.post(f"run:{run.run_id}:{slug}", message)
        if failed:
            self.ping(run.run_id, "off")

    def _published_since(self, slug: str, instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
        """Whether the snapshot is of this run or a later one: its plan is told with it, by this tick or the next."""
        published = self._published(slug)
        if published is None or self._unreadable(slug) in self.memory.told:
            return False
        record = instance.get_run_record_by_id(run.run_id)
        began = (record.start_time if record else None) or 0.0
        return published >= began * 1e9

    # -- nights --------------------------------------------------------------------------------------------------

    def look_at_nights(self) -> None:
        """Each company's newest night: told once when it has ended, missed once a day when it has not."""
        midnight = datetime.combine(night_of(self.now), time(0), OSLO)
        for slug in self.settings.companies:
            seen = self._look(slug)
            if seen and seen.ended_at < midnight and self.now.astimezone(OSLO).time() >= MISSED_AT:
                self._missed(slug, seen)
        seen_by = [self.memory.nights[slug] for slug in self.settings.companies if slug in self.memory.nights]
        if seen_by and all(seen.ended_at >= midnight for seen in seen_by):
            # one address for all: it is silent as long as one company's night is missing
            severity: Severity = "good" if all(seen.ties for seen in seen_by) else "off"
            self.ping(f"{night_of(self.now)}:{max(seen.published for seen in seen_by)}", severity)

    def _look(self, slug: str) -> Seen | None:
        """The newest night that ended, read anew where the snapshot has changed; None before the first."""
        known = self.memory.nights.get(slug)
        published = self._published(slug)
        if published is None or (known and known.published == published) or monotonic() > self.reading_until:
            return known
        morning = self._morning(slug)
        if morning is None:
            return known
        if morning.waiting:
            waiting = self.writer.approval(slug, self.name(slug), morning.waiting)
            self.post(f"approval:{slug}:{morning.waiting.hash}", waiting)
        if morning.ended_at is None:
            return known
        seen = Seen(published, morning.night.isoformat(), morning.ended_at, morning.ties)
        self.memory.nights[slug] = seen
        if self.now - seen.ended_at < NEWS:
            self.post(f"morning:{slug}:{seen.night}", self.writer.morning(morning))
        return seen

    def _published(self, slug: str) -> int | None:
        """When the company's snapshot was made (ns); None where there is none."""
        try:
            return (self.settings.data_dir / slug / "published" / "journal.sqlite").stat().st_mtime_ns
        except OSError:
            return None

    def _missed(self, slug: str, seen: Seen) -> None:
        key = f"freshness:{slug}:{night_of(self.now)}"
        if key in self.memory.told or monotonic() > self.reading_until:
            return
        morning = self._morning(slug)
        # a snapshot that is gone must not hide that nothing made a new one
        last = morning.night if morning else date.fromisoformat(seen.night)
        missing = (
            morning.missing_nights if morning else missing_nights([{"night": seen.night, "summary": {}}], self.now)
        )
        self.post(key, self.writer.freshness(slug, self.name(slug), last, missing or (night_of(self.now),)))

    def _morning(self, slug: str) -> Morning | None:
        """What the company's last night published; None before the first, or where it cannot be read (once told)."""
        try:
            with snapshot(self.settings, slug) as seen:
                return read_morning(seen, self.now)
        except NotPublished:
            return None
        except UNREADABLE:
            self.post(self._unreadable(slug), self.writer.unreadable(slug, self.name(slug)))
            return None

    def _unreadable(self, slug: str) -> str:
        return f"unreadable:{slug}:{night_of(self.now)}"

    # -- the outbox ----------------------------------------------------------------------------------------------

    def deliver(self) -> Round:
        """One round; whoever is given up on is named to the others, and to the dead man's switch."""
        done = deliver(self.memory.letters, self.everybody, self.now)
        self.memory.letters = list(done.left)
        today = night_of(self.now)
        for _, name, why in done.given_up:
            self.post(f"unreached:{name}:{today}", self.writer.unreached(name, why, TRIES), skip=name)
            self.ping(f"unreached:{name}:{today}", "off")
        oldest = (today - REMEMBERED).isoformat()
        self.memory.told = {key: day for key, day in self.memory.told.items() if day >= oldest}
        return done


def build_alerts(
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    deadline: float = DEADLINE,
    reading: float = READING,
) -> dg.SensorDefinition:
    """The one sensor that tells people. Clock and environment are the machine's unless given."""
    time_ = clock or SystemClock()

    @dg.sensor(
        name=NAMED,
        description="Tells people how the night went, of failures, of plans that wait and of nights that are missing; "
        "silent until [alerts] is filled in.",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        surroundings = os.environ if environ is None else environ
        if find_file(None, surroundings) is None:
            return dg.SkipReason("There are no settings.")
        settings = load(None, surroundings)
        everybody = [
            *receivers(settings.alerts, time_, deadline=deadline),
            *health_checks(settings.alerts, time_, deadline=deadline),
        ]
        writer = Writer(settings.alerts.language, settings.alerts.ui_url or "")
        memory = Memory.read(context.cursor)
        desk = Desk(settings, memory, time_.now(), everybody, writer, monotonic() + reading)
        desk.look_at_nights()
        desk.look_at_runs(context.instance)
        said = _said(desk.deliver()) if everybody else "Nobody is told: fill in [alerts] in cloudcollect.toml."
        return dg.SensorResult(skip_reason=said, cursor=memory.text())

    return alerts


def _said(done: Round) -> str:
    """What a tick has to say of itself: who was told, and who could not be."""
    lines = [f"{name} was told: {letter.message.subject}" for letter, name in done.told]
    for letter, name, why in done.failed:
        after = (
            "not tried again" if letter.tries >= TRIES else f"tried again from {letter.due.astimezone(OSLO):%H:%M:%S}"
        )
        lines.append(
            f"{name} could NOT be told: {letter.message.subject}: {why} (try {letter.tries} of {TRIES}; {after})"
        )
    return "\n".join(lines) or "There is nothing to tell."


# --- what runs say ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class FailedCheck:
    """A check of severity ERROR that did not hold."""

    company: str
    asset: str
    name: str


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[FailedCheck]:
    """Those of one run, whether it failed or not. A warning is not among them."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = (
        record.event_log_entry.dagster_event.asset_check_evaluation_data
        for record in records
        if record.event_log_entry.dagster_event
    )
    return sorted(
        FailedCheck(check.asset_key.path[0], check.asset_key.to_user_string(), check.check_name)
        for check in found
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    )


def _failed_steps(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    return [record.event_log_entry.step_key for record in records if record.event_log_entry.step_key]


def _companies(run: dg.DagsterRun) -> list[str]:
    """Whose run it was: by its job, or by the assets that were chosen in the UI; else nobody's in particular."""
    if "company" in run.tags:
        return [run.tags["company"]]
    return sorted({key.path[0] for key in run.asset_selection or ()}) or [""]


def _nights(run: dg.DagsterRun) -> str:
    return run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_end") or "–"


def is_stopped() -> bool:
    """Whether somebody switched the sensor off in the Dagster instance of DAGSTER_HOME. Loads no definitions."""
    with dg.DagsterInstance.get() as instance:
        states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return any(state.name == NAMED and state.status == InstigatorStatus.STOPPED for state in states)


SENSORS = [build_alerts()]
