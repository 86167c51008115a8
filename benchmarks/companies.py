"""Fifty companies on one machine: their nights queued, a few at a time, each in a process of its own as in Dagster."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row, stopwatch
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
                "ours": Contender("benchmarks.companies:queued", {**arguments, "at_once": AT_ONCE}),
                "one after the other": Contender("benchmarks.companies:queued", {**arguments, "at_once": 1}),
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
