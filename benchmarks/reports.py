"""What a large night's reports cost: 100,000 open items in the account and 1,000 settlements.

    python -m benchmarks.reports [ITEMS] [SETTLEMENTS]

Makes a ledger and a journal in a temporary folder, then measures in a process of its own: the statement as of the
last night and of one in the middle, the books, the workbook and the page; seconds, CPU-seconds of all threads, and
the most memory held.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.company import company
from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import prepare
from cloudcollect_pipeline.reconciliation.as_of import lay_as_of
from cloudcollect_pipeline.reconciliation.statement import make_statement
from cloudcollect_pipeline.reporting.books import read_books
from cloudcollect_pipeline.reporting.page import page
from cloudcollect_pipeline.reporting.published_ledger import PublishedLedger
from cloudcollect_pipeline.reporting.workbook import write_workbook

FIRST, NIGHTS = date(2025, 1, 6), 100
PER_SETTLEMENT = 20
COMPANY = company().model_copy(update={"go_live": FIRST - timedelta(days=400)})


def make(folder: Path, items: int, settlements: int) -> None:
    """A company whose debtors have paid the agency, which has not paid it out for most of them."""
    settled = settlements * PER_SETTLEMENT
    ledger = Ledger(folder, "bench", "1")
    journal = Journal(folder, "bench", "1", datetime(2025, 1, 1, tzinfo=UTC))
    sizes = {"first": FIRST, "nights": NIGHTS, "items": items + settled, "settled": settled, "per": PER_SETTLEMENT}
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";\n"):
        if statement.strip():
            ledger.db.execute(statement, {name: value for name, value in sizes.items() if f"${name}" in statement})
    rows = ledger.rows(
        "select i, customer, number, cast(amount * 100 as bigint) as ore, night, settled, settlement "
        "from made order by night, i"
    )
    effects: list[tuple[Effect, int, str]] = []
    paid: dict[int, list[int]] = {}
    for row in rows:
        i, document = row["i"], f"Invoice {row['number']}"
        content = Content(row["customer"], document, "bench", "NOK", row["ore"])
        effects.append((Effect(Kind.TRANSFER, f"T{i}", document, 1, content, "", ""), 0, f"clm{i}"))
        source = f"ent{i}:{row['customer']}"
        content = Content(row["customer"], f"ent{i}", "suspense", "NOK", row["ore"])
        effects.append((Effect(Kind.POSTING, f"P{i}", source, 1, content, "", ""), row["night"], str(500000 + i)))
        if row["settled"]:
            amount, night = paid.setdefault(row["settlement"], [0, 0])
            paid[row["settlement"]] = [amount + row["ore"], max(night, row["night"])]
    for number, (amount, night) in paid.items():
        content = Content("bench", f"settlement S{number}", "1510", "NOK", amount)
        details = {"settlement_id": f"set{number}", "booking_date": (FIRST + timedelta(days=night)).isoformat()}
        effect = Effect(Kind.SETTLEMENT, f"V{number}", f"set{number}:PUBLISHED", 1, content, "", "", (), details)
        effects.append((effect, night, f"GL{number}"))
    effects.sort(key=lambda made: made[1])
    with journal._transaction():
        for effect, place, remote in effects:
            night = FIRST + timedelta(days=place)
            at = datetime(night.year, night.month, night.day, 3, tzinfo=UTC)
            journal.record(effect, "confirmed", at, night, remote_id=remote)
    known = journal.effects_since(0)
    copied = [
        {**row, "details": json.dumps(row["details"]), "night": date.fromisoformat(str(row["night"]))} for row in known
    ]
    names = [column[0] for column in ledger.db.execute("select * from effect limit 0").description or ()]
    ledger.db.register("copied", pa.Table.from_pylist([{name: row.get(name) for name in names} for row in copied]))
    ledger.db.execute("insert into effect by name select * from copied")
    ledger.close()
    journal.close()


def measure(folder: Path) -> None:
    """Print what each part takes."""
    ledger = PublishedLedger(folder / "ledger.duckdb")
    journal = Journal(folder, "bench", "1", datetime(2025, 1, 1, tzinfo=UTC), read_only=True)
    last, middle = FIRST + timedelta(days=NIGHTS - 1), FIRST + timedelta(days=NIGHTS // 2)
    prepare(ledger, Facts(last, "1", "bench", COMPANY, AgencyCapabilities()))
    for night in (last, middle, FIRST):
        statement = timed(f"statement as of {night}", lambda night=night: as_of(ledger, journal, night))
        print(f"    {len(statement.items)} open items, ties: {statement.ties}")
    books = timed("books of the last night", lambda: read_books(ledger, journal, "bench", COMPANY, last))
    ledger.close()
    path = folder / "bench.xlsx"
    timed("workbook", lambda: write_workbook(books, "en", path))
    html = timed("page", lambda: page(books, "en"))
    print(f"    {path.stat().st_size / 1e6:.1f} MB workbook, {len(html) / 1e3:.0f} kB page")
    print(f"most memory held: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def as_of(ledger: Ledger, journal: Journal, night: date) -> Any:
    cut = lay_as_of(ledger, journal, night)
    return make_statement(ledger, night, cut.moment, COMPANY)


def timed(what: str, work: Callable[[], Any]) -> Any:
    start, used = time.perf_counter(), time.process_time()
    result = work()
    seconds, busy = time.perf_counter() - start, time.process_time() - used
    print(f"{what}: {seconds:.2f} s, {busy:.2f} CPU-seconds", flush=True)
    return result


def main() -> None:
    if sys.argv[1:2] == ["--make"]:
        timed("making them", lambda: make(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
        return
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
        return
    sizes = [*sys.argv[1:3], *["100000", "1000"][len(sys.argv[1:3]) :]]
    print("{} open items, {} settlements".format(*sizes), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # Each in a process of its own: a process starts with the most memory that its parent has held.
        for command in (["--make", folder, *sizes], ["--measure", folder]):
            subprocess.run([sys.executable, "-m", "benchmarks.reports", *command], check=True)


if __name__ == "__main__":
    main()
