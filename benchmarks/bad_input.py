"""Bad input at scale: what it takes of the memory, and that it ends in a clear outcome (else the row has no value)."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import SMALL, Contender, Figures, Row, contest, row, stopwatch
from benchmarks.server import serving

MEGABYTE = 1_000_000
MOST = 1000
"""MB that any of it may take."""


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """A tenth of each in a small run."""
    part = 1 if len(sizes) > 1 else 20
    with serving(50_000 // part, page=50_000) as url:
        page = contest({"ours": Contender("benchmarks.bad_input:page", {"url": url, "refused": part == 1})}, rounds)
    yield _row("a page of so many documents", 50_000 // part, page, "refused unread in one line, nothing landed")
    length = 30 * MEGABYTE // part
    document = contest({"ours": Contender("benchmarks.bad_input:document", {"length": length})}, rounds)
    yield _row("a document of so many bytes", length, document, "mirrored like any other")
    items = 200_000 // part
    customer = contest({"ours": Contender("benchmarks.bad_input:customer", {"items": items})}, rounds)
    yield _row("the plan for a customer with so many open items", items, customer, "planned")
    effects = 500_000 // part
    plan = contest({"ours": Contender("benchmarks.bad_input:plan", {"effects": effects})}, rounds)
    yield _row("storing and reading a plan of so many effects", effects, plan, "every effect read back in order")
    with serving(100_000 // part) as url:
        arguments, unless = {"url": url, "megabytes": 100}, SMALL if part > 1 else _no_disk()
        disk = contest({"ours": Contender("benchmarks.bad_input:disk", arguments, unless)}, rounds)
    yield _row(
        "a night for which the disk has so many MB left", LEFT, disk, "one line that says so; the next run goes on"
    )


def _no_disk() -> str:
    """Why no small file system can be made here."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return "not run: a file system of its own cannot be mounted here"
        subprocess.run(["umount", folder], check=True)
    return ""


def _row(name: str, size: int, results: Any, outcome: str) -> Row:
    peak = results["ours"]["peak"]
    target = f"≤ {MOST} MB; {outcome}"
    return row(name, size, results, "peak", "MB", target=target, met=bool(peak and peak <= MOST))


def page(url: str, refused: bool) -> Figures:
    """A server that does not heed the size of a page."""
    from benchmarks.company import NIGHT, NOW, WallClock, company
    from cloudcollect_pipeline.domain.errors import Unreadable
    from cloudcollect_pipeline.erp.visma_net import connect
    from cloudcollect_pipeline.landing import Landing

    erp, close, _ = connect(company(url).erp, WallClock(), None, {})
    folder = Path(tempfile.mkdtemp())
    outcome = ""
    with stopwatch() as figures:
        try:
            Landing(folder).land("erp", "documents", NIGHT, NOW, erp.pages("documents", None))
        except Unreadable as error:
            outcome = str(error)
    close()
    assert bool(outcome) is refused, outcome
    assert "\n" not in outcome
    assert not refused or not [*folder.rglob("*.zst"), *folder.rglob("*.partial")]
    return figures


def document(length: int) -> Figures:
    """One invoice with a note of thirty megabytes beside a plain one."""
    from benchmarks.company import NIGHT, NOW, SLUG, TENANT
    from benchmarks.server import documents
    from cloudcollect_pipeline.erp.visma_net import VismaNetSettings
    from cloudcollect_pipeline.erp.visma_net.feeds import feeds
    from cloudcollect_pipeline.erp.visma_net.paging import array
    from cloudcollect_pipeline.landing import Landing
    from cloudcollect_pipeline.ledger.ledger import Ledger

    folder = Path(tempfile.mkdtemp())
    feed = feeds(VismaNetSettings("1510", "1510", "4"))["documents"]
    ledger = Ledger(folder, SLUG, TENANT)
    body = documents(2).replace(b'"note":""', b'"note":"' + b"x" * length + b'"', 1)
    with stopwatch() as figures:
        spool = Landing(folder).land("erp", "documents", NIGHT, NOW, [array(body, "page")])
        done = ledger.mirror("erp", NIGHT, NOW, [(feed, [spool])], {"documents": NOW})
    assert done.changed == {"receivable": 2}
    assert not done.set_aside
    return figures


def customer(items: int) -> Figures:
    """One customer owns everything, all of it at the agency, and 1.4 per cent of it differs."""
    from benchmarks.company import SLUG, TENANT, facts, fill
    from cloudcollect_pipeline.ledger.ledger import Ledger
    from cloudcollect_pipeline.planning.plan import make_plan

    ledger = Ledger(Path(tempfile.mkdtemp()), SLUG, TENANT)
    fill(ledger, items, every=1)
    ledger.db.execute("update receivable set customer = 'C00000000'")
    with stopwatch() as figures:
        plan = make_plan(ledger, facts())
    assert plan.version == 2
    return {**figures, "effects": len(plan.effects), "findings": len(plan.findings)}


def plan(effects: int) -> Figures:
    """Filed as they are planned, through the journal, and back as dispatch reads them."""
    from benchmarks.company import NIGHT, NOW, SLUG, TENANT, facts
    from benchmarks.effects import _reduction
    from cloudcollect_pipeline.dispatch.journal import Journal
    from cloudcollect_pipeline.planning.effects import Effects, from_text

    folder = Path(tempfile.mkdtemp())
    journal = Journal(folder, SLUG, TENANT, NOW)
    known = facts()
    with stopwatch() as figures:
        made = Effects(folder)
        made.extend(_reduction(known, i, 1) for i in range(effects))
        journal.store_plan("plan", NIGHT, NOW, 2, "approval", {}, made.texts())
        read = sum(1 for body in journal.planned("plan") if from_text(body).reference)
    assert read == len(made) == effects
    return figures


LEFT = 2
"""MB that the disk has left: less than the night needs."""


def disk(url: str, megabytes: int) -> Figures:
    """A night on a file system that fills up, and one after more room was made."""
    import sqlite3

    import duckdb

    from cloudcollect_pipeline.dispatch.journal import JournalError
    from cloudcollect_pipeline.domain.errors import CounterpartyError
    from cloudcollect_pipeline.ledger.ledger import LedgerError

    folder = tempfile.mkdtemp()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        outcome = ""
        filler = Path(folder) / "filler"
        filler.write_bytes(b"x" * ((megabytes - LEFT) * MEGABYTE))
        with stopwatch() as figures:
            try:
                night(folder, url)
            except (JournalError, LedgerError, CounterpartyError, OSError, duckdb.Error, sqlite3.Error) as error:
                outcome = f"{type(error).__name__}: {error}"
                print(outcome)
        filler.unlink()
        again = f"from benchmarks.bad_input import night; night({folder!r}, {url!r})"
        subprocess.run([sys.executable, "-c", again], check=True)
        assert outcome
        assert "\n" not in outcome, outcome
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
    return figures


def night(folder: str, url: str) -> None:
    """Everything up to the plan."""
    from benchmarks.company import SLUG, WallClock, settings
    from cloudcollect_pipeline.nightly import Night

    with Night.open(SLUG, settings(Path(folder), url), WallClock(), patience=0) as tonight:
        tonight.prepare_plan()
        assert not tonight._incomplete
