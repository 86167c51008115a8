"""Whole nights: the compute of one that reads everything, and a quiet one over many open items."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row, stopwatch
from benchmarks.server import PAGE, serving
from benchmarks.validation import most_of

EVERY = 1000
"""In the quiet night one item in so many is at the agency: the sweep reads a seventh of them by key."""


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Sizes are the ERP's documents in the first row, open items in the second."""
    for size in [n for n in sizes if n <= 1_000_000]:
        items = size * 5 // 7  # with payments and customers a fifth of the receivables each
        with serving(items) as url:
            arguments = {"url": url, "items": items}
            results = contest(
                {
                    "ours": Contender("benchmarks.night:everything", arguments),
                    "floor": Contender("benchmarks.night:floor", arguments),
                    "dlt + pandas + datacompy": Contender("benchmarks.night:peer", arguments, most_of(size, 10_000)),
                },
                rounds,
            )
        wall, peak = results["ours"]["wall"], results["ours"]["peak"]
        yield row(
            "the night's compute, half as many agency records",
            size,
            results,
            "wall",
            "s",
            target="≤ 12 s, ≤ 0.5 GB" if size == 1_000_000 else "",
            met=None if size != 1_000_000 else bool(wall and peak and wall <= 12 and peak <= 500),
            floor_is="raw socket and DuckDB read_json of the receivables alone",
        )
    for size in sizes:
        made = str(folder / f"quiet-{size}")
        changed = max(size // 1000, 1)
        made_by(Contender("benchmarks.night:make", {"folder": made, "items": size}))
        with serving(size, changed=changed, every=EVERY) as url:
            results = contest({"ours": Contender("benchmarks.night:quiet", {"folder": made, "url": url})}, rounds)
        wall, peak = results["ours"]["wall"], results["ours"]["peak"]
        yield row(
            "a quiet night, 0.1 % changed",
            size,
            results,
            "wall",
            "s",
            target="≤ 15 s, ≤ 1 GB" if size == 10_000_000 else "",
            met=None if size != 10_000_000 else bool(wall and peak and wall <= 15 and peak <= 1000),
        )


@contextmanager
def _opened(folder: str, url: str, clock: Any, figures: Figures) -> Iterator[Any]:
    """A night whose stages are timed by what it tells of them."""
    from benchmarks.company import SLUG, settings
    from cloudcollect_pipeline.nightly import Night

    with Night.open(SLUG, settings(Path(folder), url), clock, patience=0) as night:
        yield night


def _effects_known(folder: Path, items: int, every: int) -> None:
    """A ledger that knows our transfers, and a journal that it trusts to know them too."""
    from benchmarks.company import NOW, SLUG, TENANT, fill
    from cloudcollect_pipeline.dispatch.journal import Journal
    from cloudcollect_pipeline.ledger.ledger import Ledger

    journal = Journal(folder, SLUG, TENANT, NOW - timedelta(days=2))
    journal.declare_new(NOW - timedelta(days=2), "bench")
    ledger = Ledger(folder, SLUG, TENANT)
    fill(ledger, items, every=every, only="temp macro")
    fill(ledger, items, every=every, only="insert into effect")
    ledger.db.execute(
        "insert or replace into meta values ('journal', ?)", [f"{journal.seq()} {journal.seal_of(journal.seq())}"]
    )
    ledger.close()
    journal.close()


def everything(url: str, items: int) -> Figures:
    """Land, mirror, recognise, diff and plan, from nothing mirrored to a stored plan."""
    from benchmarks.company import SLUG, WallClock

    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        _effects_known(Path(folder) / SLUG, items, 2)
        with _opened(folder, url, WallClock(), figures) as night, stopwatch() as figures:
            stored = night.prepare_plan()
        assert not night._incomplete, night._incomplete
    return {**figures, "effects": len(stored.plan.effects)}


def floor(url: str, items: int) -> Figures:
    """What the receivables alone cost at least."""
    from benchmarks import extraction

    return extraction.floor(url, items)


def peer(url: str, items: int) -> Figures:
    """The same reads by dlt, and the same comparison by datacompy over pandas; no rules, no mirror, no journal."""
    import os

    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    import datacompy
    import dlt
    import duckdb
    from dlt.sources.rest_api import rest_api_source

    with tempfile.TemporaryDirectory() as folder:
        pages = {"type": "page_number", "base_page": 1, "page_param": "pageNumber", "total_path": None}
        erp = {"customerinvoice": items, "customerPayment": items // 5, "customer": items // 5}
        cursors = {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"}
        with stopwatch() as figures:
            source = rest_api_source(
                {
                    "client": {"base_url": url},
                    "resources": [
                        *(
                            {
                                "name": name,
                                "endpoint": {
                                    "path": f"v1/{name}",
                                    "paginator": {**pages, "maximum_page": -(-rows // PAGE)},
                                },
                            }
                            for name, rows in erp.items()
                        ),
                        *(
                            {
                                "name": name,
                                "endpoint": {"path": f"v1/{name}", "paginator": cursors, "data_selector": "items"},
                            }
                            for name in ("claims", "cases", "entries")
                        ),
                    ],
                }
            )
            pipeline = dlt.pipeline(
                "bench",
                destination=dlt.destinations.duckdb(f"{folder}/peer.duckdb"),
                dataset_name="d",
                pipelines_dir=folder,
            )
            pipeline.run(source)
            db = duckdb.connect(f"{folder}/peer.duckdb")
            ours = db.execute("select reference_number as number, balance from d.customerinvoice").df()
            theirs = db.execute(
                "select document__number as number, cast(principal_open as double) as balance from d.claims"
            ).df()
            compared = datacompy.Compare(ours, theirs, join_columns=["number"])
            different = len(compared.all_mismatch())
    return {**figures, "different": different}


def make(folder: str, items: int) -> Figures:
    """A ledger of open items as the last night left it."""
    from benchmarks.company import SLUG, TENANT, fill
    from cloudcollect_pipeline.ledger.ledger import Ledger

    place = Path(folder) / SLUG
    _effects_known(place, 0, 1)
    ledger = Ledger(place, SLUG, TENANT, memory="4GB")
    fill(ledger, items, every=EVERY)
    ledger.close()
    return {}


def quiet(folder: str, url: str) -> Figures:
    """One night of the ledger, from opening it to what readers see; the stages' seconds beside it."""
    import time

    from benchmarks.company import NOW, SLUG, settings
    from cloudcollect_pipeline.nightly import Night

    stages: dict[str, float] = defaultdict(float)

    def staged(name: str) -> Any:
        real = getattr(Night, name)

        def timed(self: Any, *told: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return real(self, *told, **more)
            finally:
                stages[name] += time.perf_counter() - began

        return timed

    names = (
        "land_and_mirror",
        "recognise",
        "plan",
        "dispatch",
        "read_again",
        "statement",
        "finish",
        "publish",
        "_read_by_key",
    )

    class Timed(Night):
        pass

    for name in names:
        setattr(Timed, name, staged(name))

    class Clock:
        def __init__(self, began: Any) -> None:
            self.began, self.started = began, time.monotonic()

        def now(self) -> Any:
            return self.began + timedelta(seconds=time.monotonic() - self.started)

        def sleep(self, seconds: float) -> None:
            time.sleep(seconds)

    marker = Path(folder) / "nights"
    nights = int(marker.read_text()) + 1 if marker.exists() else 0
    marker.write_text(str(nights))
    with (
        stopwatch() as figures,
        Timed.open(SLUG, settings(Path(folder), url), Clock(NOW + timedelta(days=nights)), patience=0) as night,
    ):
        result = night.run(approve=True)
    return {**figures, **stages, "findings": len(result.findings)}
