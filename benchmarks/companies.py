"""Fifty companies on one machine: their nights in Dagster's queue, and as bare processes."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.measure import SMALL, Contender, Figures, Row, contest, made_by, row, stopwatch
from benchmarks.server import serving, stats

AT_ONCE = 4
"""As many as dagster.yaml lets run."""


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Quiet nights: a hundredth of a company's items has changed."""
    companies, items = (50, 20_000) if len(sizes) > 1 else (3, 500)
    made = str(folder / "companies")
    made_by(Contender("benchmarks.companies:make", {"folder": made, "companies": companies, "items": items}))
    with serving(items, changed=max(items // 100, 1), every=20) as url:
        arguments = {"folder": made, "url": url, "companies": companies}
        results = contest(
            {
                "ours": Contender("benchmarks.companies:in_dagster", arguments, SMALL if companies < 50 else ""),
                "a process each, four at once": Contender(
                    "benchmarks.companies:queued", {**arguments, "at_once": AT_ONCE}
                ),
            },
            rounds,
        )
    ratio, busy = results["ours"]["ratio"], results["ours"]["busy"]
    yield row(
        f"one machine, companies of {items:,} items, runs queued",
        companies,
        results,
        "ratio",
        "× (sum of CPU ÷ cores)",
        target="≤ 1.2, both cores ≥ 90 % busy",
        met=bool(ratio and busy and ratio <= 1.2 and busy >= 0.9) if companies == 50 else None,
    )


def make(folder: str, companies: int, items: int) -> Figures:
    """A ledger for each."""
    from datetime import timedelta

    from benchmarks.company import NOW, fill
    from cloudcollect_pipeline.dispatch.journal import Journal
    from cloudcollect_pipeline.ledger.ledger import Ledger

    for number in range(companies):
        slug, place = f"c{number}", Path(folder) / f"c{number}"
        journal = Journal(place, slug, slug, NOW - timedelta(days=2))
        journal.declare_new(NOW - timedelta(days=2), "bench")
        ledger = Ledger(place, slug, slug)
        fill(ledger, items, every=20)
        known = f"{journal.seq()} {journal.seal_of(journal.seq())}"
        ledger.db.execute("insert or replace into meta values ('journal', ?)", [known])
        ledger.close()
        journal.close()
    (Path(folder) / "nights").write_text("0")
    return {}


def queued(folder: str, url: str, companies: int, at_once: int) -> Figures:
    """All nights, so many at a time: how long it took beside what the cores had to do, the server's share included."""
    marker = Path(folder) / "nights"
    number = int(marker.read_text())
    marker.write_text(str(number + 1))
    before, served = resource.getrusage(resource.RUSAGE_CHILDREN), stats(url)["cpu"]

    def run(company: int) -> None:
        code = f"from benchmarks.companies import night; night({folder!r}, {url!r}, 'c{company}', {number})"
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)

    with stopwatch() as figures, ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, range(companies)))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    busy = (cpu + stats(url)["cpu"] - served) / (figures["wall"] * (os.cpu_count() or 1))
    return {**figures, "cpu": cpu, "busy": busy, "ratio": 1 / busy, "night": figures["wall"] / companies,
            "peak": after.ru_maxrss / 1024}  # fmt: skip


FOLDER, URL, COMPANIES, NIGHT_NUMBER = (
    f"CLOUDCOLLECT_BENCH_{name}" for name in ("FOLDER", "URL", "COMPANIES", "NIGHT")
)
"""What Dagster's processes are told by their environment."""


def __getattr__(name: str) -> Any:
    """`defs`, for Dagster alone: the production definitions over the companies of this benchmark."""
    if name != "defs":
        raise AttributeError(name)
    from datetime import timedelta

    from benchmarks.company import WallClock, settings
    from cloudcollect_pipeline.nightly import Night
    from cloudcollect_pipeline.orchestration.build import build_definitions
    from cloudcollect_pipeline.orchestration.resources import Nights

    class Later(WallClock):
        def now(self) -> Any:
            return super().now() + timedelta(days=int(os.environ[NIGHT_NUMBER]))

    class Local(Nights):
        def open_night(self, slug: str, who: str) -> Any:
            return Night.open(slug, self.settings(), Later(), who=who, patience=0)

        def settings(self) -> Any:
            return settings(Path(os.environ[FOLDER]), os.environ[URL], slugs)

        def clock(self, slug: str) -> Any:
            return Later()

    slugs = [f"c{number}" for number in range(int(os.environ[COMPANIES]))]
    return build_definitions(companies=slugs, resources={"nights": Local()})


def in_dagster(folder: str, url: str, companies: int) -> Figures:
    """All nights as runs of the daemon's queue under this project's dagster.yaml, from first launch to last end.

    What the cores had to do is the whole machine's, since Dagster's processes are nobody's children: keep it quiet.
    """
    from datetime import timedelta

    from dagster_graphql import DagsterGraphQLClient

    from benchmarks.company import NIGHT

    marker = Path(folder) / "nights"
    number = int(marker.read_text())
    marker.write_text(str(number + 1))
    told = {FOLDER: folder, URL: url, COMPANIES: str(companies), NIGHT_NUMBER: str(number)}
    with tempfile.TemporaryDirectory() as home, _dagster(home, told) as port:
        client = DagsterGraphQLClient("127.0.0.1", port_number=port)
        tags = {"dagster/partition": (NIGHT + timedelta(days=number)).isoformat()}
        busy_before = _busy()
        with stopwatch() as figures:
            runs = [
                client.submit_job_execution(f"c{company}_nightly", tags=tags, run_config={})
                for company in range(companies)
            ]
            for run in runs:  # one question at a time: asking about all would be work for the machine that is measured
                while (state := client.get_run_status(run).value) != "SUCCESS":
                    assert state not in ("FAILURE", "CANCELED"), f"run {run} ended with {state}"
                    time.sleep(0.5)
        cpu = _busy() - busy_before
    busy = cpu / (figures["wall"] * (os.cpu_count() or 1))
    return {**figures, "cpu": cpu, "busy": busy, "ratio": 1 / busy, "night": figures["wall"] / companies}


@contextmanager
def _dagster(home: str, told: dict[str, str]) -> Iterator[int]:
    """Webserver, daemon and code server with an empty instance; gives the port once the definitions are loaded."""
    from cloudcollect_pipeline.cli.up import free_port

    shutil.copy(Path(__file__).parents[1] / "dagster.yaml", home)
    (Path(home) / "workspace.yaml").write_text(
        "load_from:\n- python_module: {module_name: benchmarks.companies, attribute: defs, location_name: bench}\n"
    )
    port = free_port()
    command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
    environ = {**os.environ, **told, "DAGSTER_HOME": home, "PYTHONPATH": str(Path(__file__).parents[1])}
    command += ["--log-level", "critical"]
    with subprocess.Popen(
        command,
        cwd=home,
        env=environ,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            ask = Request(
                f"http://127.0.0.1:{port}/graphql",
                b'{"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"}',
                {"Content-Type": "application/json"},
            )
            until = time.monotonic() + 120
            while not _answers(ask):
                assert time.monotonic() < until, "Dagster did not load the definitions within two minutes"
                time.sleep(0.5)  # a process that starts tells nobody when it is ready
            yield port
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def _answers(request: Request) -> bool:
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            return b'"name"' in answer.read()
    except OSError:
        return False


def _busy() -> float:
    """Seconds that the machine's cores have worked since it was started."""
    with Path("/proc/stat").open() as file:
        ticks = [int(n) for n in file.readline().split()[1:]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks[:7]) - idle) / os.sysconf("SC_CLK_TCK")


def night(folder: str, url: str, slug: str, number: int) -> None:
    """One company's night."""
    from datetime import timedelta

    from benchmarks.company import WallClock, settings
    from cloudcollect_pipeline.nightly import Night

    class Later(WallClock):
        def now(self) -> object:
            return super().now() + timedelta(days=number)

    with Night.open(slug, settings(Path(folder), url, [slug]), Later(), patience=0) as tonight:
        tonight.run(approve=True)
