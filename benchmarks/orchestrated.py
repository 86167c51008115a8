"""What Dagster adds to a night: its start, and each asset's share of a run in one process."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import SMALL, Contender, Figures, Row, contest, row, stopwatch
from benchmarks.server import serving

ITEMS, ASSETS = 200, 12
"""A night so small that what is left is Dagster's; assets of the peer."""


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """One row, whatever the size."""
    unless = SMALL if len(sizes) == 1 else ""
    with serving(ITEMS) as url:
        results = contest(
            {
                "ours": Contender("benchmarks.orchestrated:ours", {"url": url}),
                "multiprocess executor": Contender("benchmarks.orchestrated:multiprocess", {}, unless),
            },
            rounds,
        )
    start, each = results["ours"]["start"], results["ours"]["each"]
    yield row(
        "Dagster around it, per asset",
        ITEMS,
        results,
        "each",
        "s",
        target="≤ 5 s start, ≤ 0.3 s per asset",
        met=bool(start and each is not None and start <= 5 and each <= 0.3),
    )


def ours(url: str) -> Figures:
    """The real job in process, less the same night without Dagster."""
    began = time.perf_counter()
    import dagster as dg

    from benchmarks.company import NIGHT, SLUG, WallClock, settings
    from cloudcollect_pipeline.nightly import Night
    from cloudcollect_pipeline.orchestration.build import build_definitions
    from cloudcollect_pipeline.orchestration.resources import Nights

    folder = Path(tempfile.mkdtemp())
    chosen = settings(folder, url)

    class Local(Nights):
        def open_night(self, slug: str, who: str) -> Any:
            return Night.open(slug, chosen, WallClock(), who=who, patience=0)

        def settings(self) -> Any:
            return chosen

        def clock(self, slug: str) -> Any:
            return WallClock()

    job = build_definitions(companies=[SLUG], resources={"nights": Local()}).resolve_job_def("nightly")
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        start = time.perf_counter() - began
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        with stopwatch() as figures:
            done = job.execute_in_process(
                instance=instance, tags={"dagster/partition": NIGHT.isoformat()}, run_config=quiet
            )
    assets = len(done.get_asset_materialization_events())
    with stopwatch() as plain, Night.open(SLUG, settings(folder / "plain", url), WallClock(), patience=0) as night:
        night.run()
    assert done.success
    return {**figures, "start": start, "assets": assets, "each": max(figures["wall"] - plain["wall"], 0.0) / assets}


def many() -> Any:
    """Assets that do nothing, each in a process of its own."""
    import dagster as dg

    def asset(number: int) -> Any:
        @dg.asset(name=f"asset_{number}")
        def nothing() -> None:
            """Nothing."""

        return nothing

    return dg.Definitions(
        assets=[asset(number) for number in range(ASSETS)],
        jobs=[dg.define_asset_job("many")],
        executor=dg.multiprocess_executor.configured({"max_concurrent": 2}),
    ).resolve_job_def("many")


def multiprocess() -> Figures:
    """A process per asset, two at a time, as Dagster does it by default."""
    began = time.perf_counter()
    import dagster as dg

    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    with dg.DagsterInstance.local_temp(tempfile.mkdtemp()) as instance:
        start = time.perf_counter() - began
        with stopwatch() as figures:
            done = dg.execute_job(
                dg.reconstructable(many),
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
    assert done.success
    return {**figures, "start": start, "each": figures["wall"] / ASSETS}
