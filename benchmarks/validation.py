"""Validation: a delta of receivables held against its contract, with the exact rows that break it and why."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row, stopwatch

BAD_EVERY = 1_400
"""One row in so many breaks its contract, each time in another way."""


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """At each size: the production path, the rules written by hand, and pandera over the whole frame."""
    for size in sizes:
        path = str(folder / f"staged-{size}.parquet")
        made_by(Contender("benchmarks.validation:make", {"path": path, "rows": size}))

        def contender(function: str, most: int = size, path: str = path, size: int = size) -> Contender:
            return Contender(f"benchmarks.validation:{function}", {"path": path}, most_of(size, most))

        results = contest(
            {
                "ours": contender("ours"),
                "floor": contender("by_hand"),
                "pandera on pandas (Arrow)": contender("pandera_arrow", 1_000_000),
                "pandera on pandas (objects)": contender("pandera_objects", 1_000_000),
                "pandera on polars": contender("pandera_polars", 1_000_000),
            },
            rounds,
        )
        wall, floor, peak = results["ours"]["wall"], results["floor"]["wall"], results["ours"]["peak"]
        yield row(
            "validation with exact failing rows",
            size,
            results,
            "wall",
            "s",
            target="≤ 1.5 × SQL written by hand, ≤ 1 GB",
            met=bool(wall and floor and peak and wall <= 1.5 * floor and peak <= 1000),
            floor_is="the same rules as one query written by hand, each failing row with its rule into a table",
        )
        Path(path).unlink()


def most_of(size: int, most: int) -> str:
    """Why a contender is not run at a size that it would take too long for, or too much memory."""
    return f"not run beyond {most:,} items" if size > most else ""


def make(path: str, rows: int) -> Figures:
    """Receivables as they are staged, some of them broken, as a Parquet file."""
    import duckdb

    query = Path(__file__).with_suffix(".sql").read_text().format(rows=rows, bad_every=BAD_EVERY)
    duckdb.connect().execute(f"copy ({query}) to '{path}' (format parquet)")
    return {}


def _ledger(path: str) -> Any:
    from benchmarks.company import SLUG, TENANT
    from cloudcollect_pipeline.ledger.ledger import Ledger

    ledger = Ledger(Path(tempfile.mkdtemp(dir=Path(path).parent)), SLUG, TENANT, threads=2)
    ledger.db.execute(f"create temp table staged_receivable as from '{path}'")
    return ledger


def ours(path: str) -> Figures:
    """What staging asks: the numbers of the broken rows, each with its reasons."""
    import pandas  # noqa: F401 - imported once a process, and only where a row is broken
    import pandera.pandas  # noqa: F401

    from cloudcollect_pipeline.ledger.tables import TABLES

    ledger = _ledger(path)
    with stopwatch() as figures:
        broken = ledger._broken(TABLES["receivable"], "staged_receivable")
    return {**figures, "broken": len(broken)}


def by_hand(path: str) -> Figures:
    """The same rules, written as one query for this table."""
    ledger = _ledger(path)
    query = Path(__file__).with_name("validation_by_hand.sql").read_text()
    with stopwatch() as figures:
        ledger.db.execute(query)
    return {**figures, "broken": ledger.value("select count(distinct n) from failures")}


def pandera_arrow(path: str) -> Figures:
    """The contract over the whole delta as an Arrow-backed frame, as it was before SQL found the broken rows."""
    import pandas as pd

    return _whole(path, types_mapper=pd.ArrowDtype)


def pandera_objects(path: str) -> Figures:
    """The same contract over plain pandas objects: text and Decimal."""
    return _whole(path)


def _whole(path: str, **how: Any) -> Figures:
    import pandera.pandas  # noqa: F401

    from cloudcollect_pipeline.ledger.contracts import broken_rows, checked
    from cloudcollect_pipeline.ledger.tables import TABLES

    ledger = _ledger(path)
    with stopwatch() as figures:
        arrow = ledger.db.sql(f"select {checked('receivable')} from staged_receivable").to_arrow_table()
        broken = broken_rows(TABLES["receivable"], arrow.to_pandas(**how).set_index("n"))
    return {**figures, "broken": len(broken)}


def pandera_polars(path: str) -> Figures:
    """Pandera's polars backend with the same rules."""
    import pandera.polars as pa
    import polars as pl

    from cloudcollect_pipeline.ledger.tables import TABLES

    columns: dict[str, Any] = {}
    for column in TABLES["receivable"].columns:
        if column.required:
            checks = [pa.Check.isin(column.one_of)] if column.one_of else []
            checks += [pa.Check.str_matches(f"^{column.pattern}$")] if column.pattern else []
            checks += [pa.Check.ge(column.minimum)] if column.minimum is not None else []
            columns[column.name] = pa.Column(nullable=False, checks=checks)
    whole = pa.Check(lambda data: data.lazyframe.select((pl.col("balance") <= pl.col("amount")).fill_null(True)))
    frame = pl.read_parquet(path)
    broken = 0
    with stopwatch() as figures:
        try:
            pa.DataFrameSchema(columns, checks=[whole]).validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            broken = error.failure_cases["index"].n_unique()
    return {**figures, "broken": broken}
