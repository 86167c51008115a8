"""The diff of both subledgers, every difference classified: as the night makes it, beside DuckDB's bare join."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row, stopwatch
from benchmarks.validation import most_of


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """All items are at the agency; 1.4 per cent of them differ."""
    for size in sizes:
        made = str(folder / f"diff-{size}")
        made_by(Contender("benchmarks.diff:make", {"folder": made, "items": size}))

        def contender(function: str, most: int = size, made: str = made, size: int = size, **more: Any) -> Contender:
            return Contender(f"benchmarks.diff:{function}", {"folder": made, **more}, most_of(size, most))

        results = contest(
            {
                "ours": contender("ours"),
                "ours under 500 MB": contender("ours", memory="500MB"),
                "floor": contender("floor"),
                "polars": contender("polars"),
                "pandas merge": contender("pandas", 1_000_000),
                "datacompy": contender("datacompy", 1_000_000),
                "reladiff": contender("reladiff", 100_000),
            },
            rounds,
        )
        limited = results.pop("ours under 500 MB")
        wall, floor, peak = results["ours"]["wall"], results["floor"]["wall"], results["ours"]["peak"]
        small, slow = limited["peak"], limited["wall"]
        ok = wall and floor and peak and small and slow
        yield row(
            "diff, 1.4 % different, classified",
            size,
            results,
            "wall",
            "s",
            target="≤ 1.15 × DuckDB's bare hash join, ≤ 2 GB; ≤ 0.7 GB under a limit of 500 MB, within 2 ×",
            met=bool(ok and wall <= 1.15 * floor and peak <= 2000 and small <= 700 and slow <= 2 * wall),
            floor_is="DuckDB's full outer join on the key carrying all compared columns, counted",
            also={f"{name} under 500 MB": value for name, value in limited.medians.items()},
        )


def make(folder: str, items: int) -> Figures:
    """A ledger whose receivables are all at the agency, and both sides as Parquet files for the peers."""
    from benchmarks.company import SLUG, TENANT, fill
    from cloudcollect_pipeline.ledger.ledger import Ledger

    ledger = Ledger(Path(folder), SLUG, TENANT, memory="4GB")
    fill(ledger, items, every=1)
    for side, table in (("erp", "receivable"), ("agency", "claim")):
        query = Path(__file__).with_name(f"diff_{side}.sql").read_text()
        ledger.db.execute(f"copy ({query}) to '{folder}/{side}.parquet' (format parquet)")
        ledger.db.execute(f"create table bare_{table} as ({query})")
    ledger.close()
    return {}


def _ledger(folder: str, memory: str = "4GB") -> Any:
    from benchmarks.company import SLUG, TENANT
    from cloudcollect_pipeline.ledger.ledger import Ledger

    return Ledger(Path(folder), SLUG, TENANT, memory=memory, threads=2)


def ours(folder: str, memory: str = "4GB") -> Figures:
    """What the night does: lay the views, join, classify, keep for readers."""
    from benchmarks.company import facts
    from cloudcollect_pipeline.planning.plan import compare, prepare

    ledger = _ledger(folder, memory)
    prepare(ledger, facts())
    with stopwatch() as figures:
        compare(ledger)
    different = ledger.value("select count(*) from subledger_diff where class <> 'equal'")
    return {**figures, "different": different}


def floor(folder: str) -> Figures:
    """The bare join: both sides as plain tables, all compared columns carried, counted."""
    ledger = _ledger(folder)
    with stopwatch() as figures:
        different = ledger.value(Path(__file__).with_name("diff_floor.sql").read_text())
    return {**figures, "different": different}


def polars(folder: str) -> Figures:
    """Polars, streaming."""
    import polars as pl

    with stopwatch() as figures:
        erp, agency = pl.scan_parquet(f"{folder}/erp.parquet"), pl.scan_parquet(f"{folder}/agency.parquet")
        joined = erp.join(agency, on=["document_type", "number"], how="full", suffix="_agency")
        different = joined.filter(pl.col("balance").ne_missing(pl.col("balance_agency"))).collect(engine="streaming")
    return {**figures, "different": len(different)}


def pandas(folder: str) -> Figures:
    """An outer merge of Arrow-backed frames, reading included."""
    import pandas as pd

    with stopwatch() as figures:
        erp, agency = (pd.read_parquet(f"{folder}/{s}.parquet", dtype_backend="pyarrow") for s in ("erp", "agency"))
        joined = erp.merge(agency, on=["document_type", "number"], how="outer", suffixes=("", "_agency"))
        different = joined[(joined["balance"] != joined["balance_agency"]).fillna(True)]
    return {**figures, "different": len(different)}


def datacompy(folder: str) -> Figures:
    """Datacompy's comparison of two frames, without its report."""
    import datacompy as library
    import pandas as pd

    with stopwatch() as figures:
        erp, agency = (pd.read_parquet(f"{folder}/{s}.parquet") for s in ("erp", "agency"))
        compared = library.Compare(erp, agency, join_columns=["document_type", "number"])
        different = compared.all_mismatch()
    return {**figures, "different": len(different)}


def reladiff(folder: str) -> Figures:
    """Reladiff's join of two tables of one DuckDB file."""
    import shutil

    import reladiff as library

    copy = f"{tempfile.mkdtemp(dir=folder)}/ledger.duckdb"
    shutil.copyfile(f"{folder}/ledger.duckdb", copy)
    with stopwatch() as figures:
        sides = [
            library.connect_to_table(
                {"driver": "duckdb", "filepath": copy}, f"bare_{table}", "number", extra_columns=("balance",)
            )
            for table in ("receivable", "claim")
        ]
        different = sum(1 for _ in library.diff_tables(*sides, extra_columns=("balance",)))
    return {**figures, "different": different}
