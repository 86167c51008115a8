"""Thirty nights in one file: how large it grows, and how long it takes to read any of them."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Contender, Figures, Row, contest, row, stopwatch

NIGHTS = 30
TARGETS = {1_000_000: (45, 0.020), 10_000_000: (400, 0.060)}
NO_DUCKLAKE = "PyPI has no extension for DuckDB 1.5.6: the newest is for 1.5.5, and others are refused"


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Each size is made once; its nights are read in fresh processes."""
    for size in sizes:
        made = str(folder / f"history-{size}")
        lake = Contender("benchmarks.history:none", {}, NO_DUCKLAKE)
        sizes_of = contest(
            {
                "ours": Contender("benchmarks.history:make", {"folder": made, "items": size}),
                "Parquet full copies": Contender("benchmarks.history:copies", {"folder": made}),
                "DuckLake": lake,
            },
            1,
        )
        limits = TARGETS.get(size)
        megabytes = sizes_of["ours"]["megabytes"]
        yield row(
            "ledger size after 30 nights",
            size,
            sizes_of,
            "megabytes",
            "MB",
            target=f"≤ {limits[0]} MB" if limits else "",
            met=None if limits is None else bool(megabytes and megabytes <= limits[0]),
        )
        read = {
            "ours": Contender("benchmarks.history:as_of", {"folder": made, "night": NIGHTS // 2}),
            "floor": Contender("benchmarks.history:present", {"folder": made}),
            "Parquet full copies": Contender("benchmarks.history:copy_read", {"folder": made}),
            "DuckLake": lake,
        }
        results = contest(read, rounds)
        wall = results["ours"]["wall"]
        yield row(
            "as of any night",
            size,
            results,
            "wall",
            "s",
            target=f"≤ {1000 * limits[1]:.0f} ms" if limits else "",
            met=None if limits is None else bool(wall and wall <= limits[1]),
            floor_is="the same sum over all rows of the table, without asking which night",
        )


def make(folder: str, items: int) -> Figures:
    """The first load and thirty nights of 1 % change."""
    from benchmarks import mirror

    mirror.make(folder, items)
    for _ in range(NIGHTS):
        mirror.ours(folder, 100)
    taken: Figures = {}
    ledger = mirror._ledger(folder, 100, taken)
    ledger.db.execute("checkpoint")
    ledger.db.execute(f"copy (from receivable_now) to '{folder}/copy.parquet' (format parquet, compression zstd)")
    ledger.close()
    return {"megabytes": (Path(folder) / "ledger.duckdb").stat().st_size / 1e6}


def copies(folder: str) -> Figures:
    """One full copy a night: the size of one, times the nights and the first load."""
    return {"megabytes": (Path(folder) / "copy.parquet").stat().st_size / 1e6 * (NIGHTS + 1)}


def none() -> Figures:
    """What cannot be run here."""
    return {}


TOTAL = "select count(*), sum(balance) from {}"


def as_of(folder: str, night: int) -> Figures:
    """The sum of all balances as a night in the middle knew them, through the same views as tonight's."""
    from benchmarks import mirror

    ledger = mirror._ledger(folder, 100, {})
    ledger.present(2 + night)
    with stopwatch() as figures:
        ledger.db.execute(TOTAL.format("receivable_now")).fetchall()
    return figures


def present(folder: str) -> Figures:
    """Every row of the table, whatever night it is of."""
    from benchmarks import mirror

    ledger = mirror._ledger(folder, 100, {})
    with stopwatch() as figures:
        ledger.db.execute(TOTAL.format("receivable")).fetchall()
    return figures


def copy_read(folder: str) -> Figures:
    """One night's full copy."""
    import duckdb

    db = duckdb.connect(config={"threads": "2"})
    with stopwatch() as figures:
        db.execute(TOTAL.format(f"'{folder}/copy.parquet'")).fetchall()
    return figures
