"""What a person waits for: whole commands over a large company, as they are typed, while a run is on."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row

TARGET = 1.0
FINDINGS = 500
COMMANDS = {
    "status": "status",
    "findings list": "findings list",
    "explain an invoice": "explain {invoice}",
    "explain a case": "explain 26-0",
    "explain a payment": "explain ent0",
}
COMMAND = "from cloudcollect_pipeline.cli import main; main()"
LEAST = "import duckdb; duckdb.connect().execute('attach \\'{ledger}\\' as l (read_only); from l.mirror_version')"


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Each company is made once; its commands run while another process holds its lock and works on its files."""
    for size in [n for n in sizes if n <= 1_000_000]:
        made = str(folder / f"looking-{size}")
        made_by(Contender("benchmarks.looking:make", {"folder": made, "items": size}))
        with run_on(made):
            for name, words in COMMANDS.items():
                arguments = {"folder": made}
                results = contest(
                    {
                        "ours": Contender("benchmarks.looking:command", {**arguments, "words": words}),
                        "floor": Contender("benchmarks.looking:least", arguments),
                    },
                    rounds,
                )
                wall = results["ours"]["wall"]
                yield row(
                    f"`{name}`, while a run is on",
                    size,
                    results,
                    "wall",
                    "s",
                    target=f"≤ {TARGET:g} s" if size == 1_000_000 else "",
                    met=bool(wall and wall <= TARGET) if size == 1_000_000 else None,
                    floor_is="a bare Python that opens the published ledger",
                )


def make(folder: str, items: int) -> Figures:
    """A company after its night: half of its items at the agency, money on some, findings, all published."""
    from datetime import timedelta

    from benchmarks.company import NIGHT, NOW, SLUG, TENANT, fill
    from benchmarks.server import FIRST, PER_CUSTOMER
    from cloudcollect_pipeline.dispatch.journal import Journal
    from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
    from cloudcollect_pipeline.ledger.ledger import Ledger

    company = Path(folder) / SLUG
    ledger = Ledger(company, SLUG, TENANT)
    fill(ledger, items)
    known = {"items": items, "first": FIRST, "per_customer": PER_CUSTOMER}
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";\n"):
        if statement.strip():
            ledger.db.execute(statement, {name: value for name, value in known.items() if f"${name}" in statement})
    journal = Journal(company, SLUG, TENANT, NOW - timedelta(days=30))
    journal.declare_new(NOW - timedelta(days=30), "bench")
    with journal._transaction():
        for kind, source, *content, details, reference, remote, night in ledger.db.execute(
            "select kind, source, party, document, account, currency, amount, details, reference, remote_id, night "
            "from effect order by seq"
        ).fetchall():
            effect = Effect(Kind(kind), reference, source, 1, Content(*content), source, source, (), {"as": details})
            journal.record(effect, "confirmed", NOW, night, remote_id=remote)
    number = journal.night_started(NIGHT, NOW)
    different = [
        ("BALANCES_DIFFER", f"Invoice {FIRST + i * 142}", "ERP 100,00, agency 90,00", 1000)
        for i in range(min(FINDINGS, items // 142))
    ]
    journal.see_findings(NIGHT, NOW, different)
    journal.night_ended(number, NIGHT, NOW, "done", {"findings": len(different), "held_back": 0})
    ledger.db.execute("checkpoint")
    published = company / "published"
    published.mkdir()
    (published / "ledger.duckdb").write_bytes(ledger.path.read_bytes())
    journal.backup(published / "journal.sqlite")
    ledger.close()
    journal.close()
    settings = Path(folder) / "cloudcollect.toml"
    settings.write_text(SETTINGS.format(folder=folder, slug=SLUG, tenant=TENANT))
    settings.chmod(0o600)
    return {}


SETTINGS = """
data_dir = "{folder}"

[companies.{slug}]
name = "Benchmark AS"
go_live = 2025-02-03

[companies.{slug}.erp]
base_url = "http://127.0.0.1:1"
token_url = "http://127.0.0.1:1/connect/token"
tenant_id = "{tenant}"
client_id = "c"
client_secret = "s"
suspense_cash_account = "1510"
suspense_account = "1510"
payment_method = "4"

[companies.{slug}.agency]
id = "bench"
base_url = "http://127.0.0.1:1"
api_key = "k"

[companies.{slug}.accounts]
payout_clearing = "1511"
interest_income = "8050"
fee_income = "3900"
commission_cost = "7790"
expense_cost = "7798"
input_vat = "2710"
rounding = "7770"
"""


@contextmanager
def run_on(folder: str) -> Iterator[None]:
    """Another process that holds the company's lock and its files, and reads and writes them without a pause."""
    run = subprocess.Popen([sys.executable, "-m", "benchmarks.looking", folder], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        assert run.stdout.readline().strip() == "on"
        yield
    finally:
        run.terminate()
        run.wait()


def work(folder: str) -> None:
    """A run that does not end."""
    from benchmarks.company import SLUG, TENANT
    from cloudcollect_pipeline.dispatch.lock import company_lock
    from cloudcollect_pipeline.ledger.ledger import Ledger
    from cloudcollect_pipeline.web.clock import SystemClock

    with company_lock(Path(folder) / SLUG, "bench", SystemClock()):
        ledger = Ledger(Path(folder) / SLUG, SLUG, TENANT)
        ledger.db.execute("set threads = 1")
        print("on", flush=True)
        while True:
            ledger.db.execute("create or replace temp table copied as from receivable where valid_to is null")


def command(folder: str, words: str) -> Figures:
    """A command as it is typed, from its start to its last line."""
    from benchmarks.server import FIRST

    return _timed(["-c", COMMAND, *words.format(invoice=FIRST).split()], folder)


def least(folder: str) -> Figures:
    """What Python and DuckDB take to open that file."""
    from benchmarks.company import SLUG

    return _timed(["-c", LEAST.format(ledger=Path(folder) / SLUG / "published" / "ledger.duckdb")], folder)


def _timed(arguments: list[str], folder: str) -> Figures:
    environ = {**os.environ, "CLOUDCOLLECT_CONFIG": str(Path(folder) / "cloudcollect.toml")}
    with tempfile.TemporaryFile() as out:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *arguments], env=environ, stdout=out, check=True, cwd=Path(__file__).parents[1])
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        said = out.seek(0, os.SEEK_END)
    assert said or arguments[1] != COMMAND
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "peak": after.ru_maxrss / 1024}


if __name__ == "__main__":
    work(sys.argv[1])
