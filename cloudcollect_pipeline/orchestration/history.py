"""The demo company's life in Dagster: its world served, its last nights run, so that the UI opens on something.

Belongs here: what `cloudcollect up` shows without any settings. Does not belong here: starting Dagster's processes
(`cli`), or what happens in the demo (`sandbox.demo`).

The nights are real runs of the real jobs against two real servers. The story is moved by whole weeks so that it ends
tonight: then the partitions the UI offers first are the demo's own. Afterwards the world lives on in the machine's
time, and is remembered, so that the next start goes on where this one ended.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.load_target import ModuleTarget

from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.domain.clock import NIGHT_AT, Clock, last_due_night, night_of
from cloudcollect_pipeline.orchestration.build import build_definitions
from cloudcollect_pipeline.orchestration.clock import SANDBOX_VARIABLE, run_clock
from cloudcollect_pipeline.orchestration.resources import Nights, open_night
from cloudcollect_pipeline.sandbox.demo import COMPANY, FIRST_NIGHT, nights
from cloudcollect_pipeline.sandbox.demo import Night as Chapter
from cloudcollect_pipeline.sandbox.memory import remembered
from cloudcollect_pipeline.sandbox.serve import serve, settings_toml
from cloudcollect_pipeline.sandbox.world import World, local
from cloudcollect_pipeline.settings import FILE_VARIABLE, Settings, load
from cloudcollect_pipeline.web import SystemClock

LOCATION = "cloudcollect_pipeline"
"""The code location's name in workspace.yaml."""
MARK = "history.json"
"""Written when every night has been run."""
OUTAGE = timedelta(days=4)
"""How long the pipeline has been down in a demo with an outage."""
TICK = 2.0
"""Seconds between two steps of a world that lives on."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run config that keeps Dagster's console still: what runs report is in the UI."""

Tell = Callable[[int, int, str], None]
"""Told of progress: nights done, nights in all, and what is being done."""


def silent(done: int, of: int, text: str) -> None:
    """No progress."""


@contextmanager
def demo(
    folder: Path,
    home: Path,
    *,
    seed: int = 7,
    clock: Clock | None = None,
    tell: Tell = silent,
    story: Callable[[date], Sequence[Chapter]] = nights,
    outage: bool = False,
    reports_url: str = "",
) -> Iterator[Mapping[str, str]]:
    """Serve the demo's world and see to it that its nights are in Dagster's history under `home` (DAGSTER_HOME).

    Yields the environment in which Dagster's processes find the company; the world stays reachable within the block.
    `folder` belongs to this: what else is in it is deleted unless it is a history that was recorded to its end.
    `story` gives the nights from the first one on. With `outage` the last four are not run: it is left to a person to
    make up for them. `reports_url` is where the folder's reports are served.
    """
    now = (clock or SystemClock()).now
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.absolute()
    with company_lock(folder, "cloudcollect up", SystemClock(), patience=0):
        with _instance(home) as instance:
            mark = _recorded(folder, instance, outage)
            if not mark:
                _empty(folder)
                instance.wipe_assets(list(instance.get_asset_keys([COMPANY])))
        start = first_night(last_due_night(now()), len(story(FIRST_NIGHT)))
        world = remembered(folder / "world.jsonl", seed, start)
        first = date.fromisoformat(mark["first"]) if mark else night_of(world.now)
        with serve(world) as servers:
            environ = {FILE_VARIABLE: str(folder / "cloudcollect.toml"), SANDBOX_VARIABLE: servers.erp_url}
            settings = Path(environ[FILE_VARIABLE])
            settings.touch(mode=0o600)
            companies = settings_toml(world, servers, first_night=first.isoformat())
            settings.write_text(
                "# Written by `cloudcollect up`; its counterparties live as long as it does.\n"
                f'data_dir = "."\n\n{_reports(reports_url)}{companies}',
                encoding="utf-8",
            )
            if not mark:
                with _instance(home) as instance:
                    record(world, instance, environ, story(first), last_due_night(now()), tell, outage)
                mark = {"first": first.isoformat(), "until": world.now.isoformat(), "outage": outage}
                (folder / MARK).write_text(json.dumps(mark) + "\n")
            with _living(world, now):
                yield environ


def first_night(tonight: date, length: int) -> date:
    """The first night of a story, a Tuesday like the original, whose last is tonight or less than a week ago."""
    weeks = (tonight - timedelta(days=length - 1) - FIRST_NIGHT) // timedelta(days=7)
    return FIRST_NIGHT + timedelta(days=7 * weeks)


def record(
    world: World,
    instance: dg.DagsterInstance,
    environ: Mapping[str, str],
    story: Sequence[Chapter],
    newest: date,
    tell: Tell,
    outage: bool = False,
) -> None:
    """Run the story's nights as Dagster runs, and one more for all since; each plan that waits is approved.

    With `outage` not the last four.
    """

    class DemoNights(Nights):
        """The demo's nights, in this process."""

        def open_night(self, slug: str, who: str) -> Any:
            return open_night(slug, who, environ, self.at)

        def settings(self) -> Settings:
            return load(None, environ)

        def clock(self, slug: str) -> Clock:
            return run_clock(self.settings().companies[slug], self.at, environ[SANDBOX_VARIABLE])

    definitions = build_definitions(companies={COMPANY: story[0].date}, resources={"nights": DemoNights()})
    first, *others = story
    days = [(night.date, night.title, night.missed) for night in others]
    behind = (newest - story[-1].date).days
    days += [
        (newest - timedelta(days=left), "one run for the nights since", left > 0) for left in reversed(range(behind))
    ]
    if outage:
        days = [day for day in days if day[0] <= newest - OUTAGE]
        days[-1:] = [(day, title, False) for day, title, _ in days[-1:]]
    total = 1 + sum(not missed for _, _, missed in days)

    def run(job: str, title: str, *labels: date, **config: Any) -> None:
        _run(definitions, instance, job, title, labels, config)

    def approve(job: str, title: str, *labels: date) -> None:
        run(job, title, *labels, resources={"nights": {"config": {"plan_hash": _newest_plan(environ)}}})

    tell(0, total, f"night of {first.date}")
    world.advance(first.at)
    _declare_new(environ)
    run("nightly", first.title, first.date)
    approve("transfer", "the first plan, approved", first.date)
    done, labels = 1, list[date]()
    for day, title, missed in days:
        labels.append(day)
        if not missed:
            tell(done, total, f"night of {day}")
            world.advance(local(day, NIGHT_AT))
            run("nightly", title, *labels)
            if len(labels) > 1:
                for job in ("transfer", "payment_posting"):
                    approve(job, f"{title}: its plan, approved", day)
            done, labels = done + 1, []
    if outage:
        world.advance(local(newest, NIGHT_AT))
        run("morning", "what a person sees after four nights without a run")
    tell(total, total, "every night is in the history")


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    name: str,
    title: str,
    labels: tuple[date, ...],
    config: Mapping[str, Any],
) -> None:
    """One run as the UI would have launched it: it knows its code location, without which the timeline omits it."""
    tags = {}
    if len(labels) == 1:
        tags = {"dagster/partition": labels[0].isoformat()}
    elif labels:
        tags = {
            "dagster/asset_partition_range_start": labels[0].isoformat(),
            "dagster/asset_partition_range_end": labels[-1].isoformat(),
        }
    (place,) = ModuleTarget("cloudcollect_pipeline.definitions", None, None, LOCATION).create_origins()
    job = definitions.resolve_job_def(name)
    run = instance.create_run_for_job(
        job,
        run_config={**QUIET, **config},
        tags={**job.run_tags, **tags, "story": title, ".dagster/repository": f"__repository__@{LOCATION}"},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(place, "__repository__"), name),
    )
    result = execute_run(InMemoryJob(job), run, instance)
    if not result.success:
        raise RuntimeError(f"the demo's {name} ({title}) failed; see run {run.run_id} in Dagster")


@contextmanager
def _instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance as its processes see it: they run in `home`, where relative paths of dagster.yaml start."""
    with chdir(home), dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _newest_plan(environ: Mapping[str, str]) -> str:
    with open_night(COMPANY, "cloudcollect up", environ) as night:
        return str(night.journal.plans(1)[0]["hash"])


def _declare_new(environ: Mapping[str, str]) -> None:
    with open_night(COMPANY, "cloudcollect up", environ) as night:
        night.journal.declare_new(night.clock.now(), "cloudcollect up")


def _reports(url: str) -> str:
    return f'[reports]\nurl = "{url}"\n\n' if url else ""


def _recorded(folder: Path, instance: dg.DagsterInstance, outage: bool) -> dict[str, Any]:
    """What a recording left behind, if this is one to its end and Dagster still has it; else nothing."""
    mark: dict[str, Any] = json.loads((folder / MARK).read_text()) if (folder / MARK).exists() else {}
    runs = instance.get_runs_count(dg.RunsFilter(job_name="nightly", statuses=[dg.DagsterRunStatus.SUCCESS]))
    return mark if runs > 0 and mark.get("outage") == outage and "first" in mark else {}


def _empty(folder: Path) -> None:
    """Start afresh, beside the lock that is held."""
    for inside in folder.iterdir():
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside)
        elif inside.name != "company.lock":
            inside.unlink()


@contextmanager
def _living(world: World, now: Callable[[], datetime]) -> Iterator[None]:
    """Let the world's time keep up with the machine's."""
    stop = threading.Event()

    def live() -> None:
        while True:
            if now() > world.now:
                world.advance(now())
            if stop.wait(TICK):
                return

    thread = threading.Thread(target=live, name="the world lives on", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)
