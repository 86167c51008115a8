"""What a night's commit to the mirror costs at 1 % change, and beside it that of reading everything anew."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row, stopwatch

TARGETS = {1_000_000: 0.15, 10_000_000: 0.7}


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Each round is a further night on the same ledger; every contender has a ledger of its own."""
    for size in sizes:
        contenders = {}
        first = str(folder / f"first-{size}")
        made_by(Contender("benchmarks.mirror:make", {"folder": first, "items": size}))
        for name, function, share in (
            ("ours", "ours", 100),
            ("ours at 0.1 %", "ours", 1000),
            ("floor", "floor", 100),
            ("full reload", "reload", 100),
        ):
            made = str(folder / f"{function}-{share}-{size}")
            shutil.copytree(first, made)
            contenders[name] = Contender(f"benchmarks.mirror:{function}", {"folder": made, "share": share})
        results = contest(contenders, rounds)
        for used in folder.iterdir():
            shutil.rmtree(used)
        fewer = results.pop("ours at 0.1 %")
        wall, limit = results["ours"]["wall"], TARGETS.get(size)
        yield row(
            "mirror commit, 1 % changed",
            size,
            results,
            "wall",
            "s",
            target=f"≤ {limit} s, proportional to changes" if limit else "proportional to changes",
            met=None if limit is None else bool(wall and wall <= limit),
            floor_is="DuckDB closes and adds the same rows, told which they are",
            also={f"{name} at 0.1 %": value for name, value in fewer.medians.items()},
        )


def make(folder: str, items: int) -> Figures:
    """A ledger of so many receivables, none at the agency."""
    from benchmarks.company import SLUG, TENANT, fill
    from cloudcollect_pipeline.ledger.ledger import Ledger

    ledger = Ledger(Path(folder), SLUG, TENANT, memory="4GB")
    fill(ledger, items, every=items)
    ledger.close()
    return {}


def _ledger(folder: str, share: int, figures: Figures) -> Any:
    """The production ledger, whose staging is filled by SQL and whose commit is measured."""
    from benchmarks.company import SLUG, TENANT
    from cloudcollect_pipeline.ledger.ledger import Ledger

    class Timed(Ledger):
        def stage(self, side: str, feed: Any, spools: Any) -> list[Any]:
            query = Path(__file__).with_suffix(".sql").read_text()
            self.db.execute(query, {"share": share, "turn": self.version() % share})
            return []

        @contextmanager
        def transaction(self) -> Iterator[None]:
            with stopwatch() as taken, super().transaction():
                yield
            figures.update(taken)

    return Timed(Path(folder), SLUG, TENANT, threads=2)


def ours(folder: str, share: int) -> Figures:
    """The transaction of `Ledger.mirror`: what differs is found, closed and opened, with version and watermarks."""
    from benchmarks.company import NIGHT, NOW
    from cloudcollect_pipeline.domain.feed import Feed
    from cloudcollect_pipeline.landing import Spool

    figures: Figures = {}
    ledger = _ledger(folder, share, figures)
    feed = Feed("documents", "receivable", {}, "")
    done = ledger.mirror("erp", NIGHT, NOW, [(feed, [Spool("documents", Path(), 1, "")])], {"documents": NOW})
    return {**figures, "changed": done.changed["receivable"]}


def floor(folder: str, share: int) -> Figures:
    """The same rows closed and added, found before the clock runs."""
    from cloudcollect_pipeline.ledger.ledger import _names, sql
    from cloudcollect_pipeline.ledger.tables import TABLES

    figures: Figures = {}
    ledger = _ledger(folder, share, figures)
    ledger.stage("erp", None, [])
    names = _names(TABLES["receivable"])
    ledger.db.execute(sql("changed").format(**names))
    version = ledger.version() + 1
    with ledger.transaction():
        ledger.db.execute(sql("close").format(**names), {"version": version})
        ledger.db.execute(sql("open").format(**names), {"version": version})
    ledger.db.execute(
        "insert into mirror_version select ?, side, night, committed_at from mirror_version limit 1", [version]
    )
    return figures


def reload(folder: str, share: int) -> Figures:
    """Everything written anew, as a pipeline without a mirror does it each night."""
    figures: Figures = {}
    ledger = _ledger(folder, share, figures)
    ledger.stage("erp", None, [])
    with ledger.transaction():
        ledger.db.execute(
            "create or replace table copied as select * from receivable_now anti join staged_receivable using (number) "
            "union all by name from staged_receivable"
        )
    return figures
