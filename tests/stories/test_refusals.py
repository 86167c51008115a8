"""A night that must not begin: it says what is wrong and how to go on, writes to nobody, and loses nothing."""

import os
import re
import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.journal import Journal, JournalError
from cloudcollect_pipeline.ledger.ledger import LedgerError
from cloudcollect_pipeline.nightly import ALL_PHASES
from tests.story import Story, Writes, transferred, world_transport


def corrupted_journal(story, folder):
    data = bytearray((folder / "journal.sqlite").read_bytes())
    for offset in range(4096, len(data), 512):
        data[offset] ^= 8
    (folder / "journal.sqlite").write_bytes(data)


def newer_journal(story, folder):
    _sqlite(folder, "update meta set value = '99' where name = 'schema_version'")


def journal_of_another_company(story, folder):
    _sqlite(folder, "update meta set value = 'sorvind' where name = 'company'")


def _sqlite(folder, statement):
    with sqlite3.connect(folder / "journal.sqlite") as db:
        db.execute(statement)
    db.close()


def ledger_of_another_company(story, folder):
    with duckdb.connect(folder / "ledger.duckdb") as db:
        db.execute("update meta set value = 'sorvind' where name = 'company'")


def newer_ledger(story, folder):
    with duckdb.connect(folder / "ledger.duckdb") as db:
        db.execute("update meta set value = '99' where name = 'schema_version'")


def damaged_ledger(story, folder):
    data = bytearray((folder / "ledger.duckdb").read_bytes())
    for offset in range(8, len(data), 4096):
        data[offset] ^= 8
    (folder / "ledger.duckdb").write_bytes(data)


def damaged_persons(story, folder):
    (folder / "persons.duckdb").write_bytes(b"no database" * 1000)


def clock_set_back_a_year(story, folder):
    story.world.clock.set(story.world.now - timedelta(days=365))


def a_file_in_place_of_the_folder(story, folder):
    folder.rename(folder.with_name("aside"))
    folder.write_text("in the way")


NOBODY = 65534


REFUSALS = [
    (corrupted_journal, JournalError, r"journal rebuild"),
    (newer_journal, JournalError, r"newer version.*update cloudcollect-pipeline"),
    (journal_of_another_company, JournalError, r"belongs to company sorvind.*its own data folder"),
    (ledger_of_another_company, LedgerError, r"belongs to company sorvind.*its own data folder"),
    (newer_ledger, LedgerError, r"newer version.*[Uu]pdate cloudcollect-pipeline"),
    (damaged_ledger, LedgerError, r"ledger\.duckdb cannot be opened.*move it away"),
    (damaged_persons, LedgerError, r"persons\.duckdb cannot be opened.*move it away"),
    (clock_set_back_a_year, JournalError, r"clock says 2025-01-08.*began at 2026-01-07.*journal accept-clock"),
    (a_file_in_place_of_the_folder, OSError, r"File exists"),
]


@pytest.mark.parametrize(("spoil", "kind", "text"), REFUSALS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_night_that_must_not_begin_says_why_and_writes_to_nobody(tmp_path, spoil, kind, text):
    story = Story(tmp_path)
    folder = story.data / story.slug
    invoice = transferred(story)
    story.night()
    story.erp.pay(invoice, 1000)
    story.morning()
    spoil(story, folder)
    writes = story.transport = Writes(world_transport(story.world))
    before = _files(story.data)
    with pytest.raises(kind, match=text) as refusal, story.opened() as night:
        night.run()
    assert "\n" not in str(refusal.value)
    assert writes.seen == []
    assert _files(story.data) == before


@pytest.mark.parametrize("files", [0o444, 0o666], ids=["files too", "the folder alone"])
def test_a_folder_that_may_only_be_read_says_so_and_writes_to_nobody(files):
    with tempfile.TemporaryDirectory() as data:
        story = Story(Path(data))
        invoice = transferred(story)
        story.erp.pay(invoice, 1000)
        story.morning()
        writes = story.transport = Writes(world_transport(story.world))
        before = _files(story.data)
        everything = [Path(data), *Path(data).rglob("*")]
        root = os.geteuid() == 0
        for path in everything:
            path.chmod(0o555 if path.is_dir() else files)
            if root:  # whom no mode keeps from writing
                os.chown(path, NOBODY, -1)
        if root:
            os.seteuid(NOBODY)
        try:
            with pytest.raises((LedgerError, JournalError, OSError)) as refusal, story.opened() as night:
                night.run()
        finally:
            if root:
                os.seteuid(0)
            for path in everything:
                path.chmod(0o755 if path.is_dir() else 0o600)
        assert re.search(r"let this user write|Permission denied: '.*'$", str(refusal.value), re.IGNORECASE)
        assert "move it away" not in str(refusal.value)
        assert writes.seen == []
        assert _files(story.data) == before


def _files(data):
    """What must stay as it is: files by their bytes, a ledger that can be read by its rows."""
    names = ("journal.sqlite", "journal.head", "persons.duckdb", "ledger.duckdb")
    found = [path for path in data.rglob("*") if path.is_file() and path.name in names]
    return {
        path.relative_to(data): _rows(path) if path.name == "ledger.duckdb" else path.read_bytes() for path in found
    }


def _rows(path):
    try:
        with duckdb.connect(path, read_only=True) as db:
            names = [name for (name,) in db.execute("select table_name from duckdb_tables() order by 1").fetchall()]
            return {name: sorted(map(str, db.execute(f"from {name}").fetchall())) for name in names}
    except duckdb.Error:
        return path.read_bytes()


def test_a_person_may_accept_a_clock_that_was_wrong_before(tmp_path):
    story = Story(tmp_path)
    invoice = transferred(story)
    story.erp.pay(invoice, 1000)
    right = story.world.now
    story.world.clock.set(right + timedelta(days=400))
    with story.opened() as night:
        night.prepare_plan()
    story.world.clock.set(right)
    with pytest.raises(JournalError, match="accept-clock"), story.opened():
        pass
    company = story.settings.companies[story.slug]
    journal = Journal(story.data / story.slug, story.slug, company.erp.tenant_id, right)
    journal.accept_clock(right, "person")
    journal.close()
    story.night()
    assert story.open_at_agency(invoice) == 5000


def test_dispatch_that_stopped_goes_on_in_no_later_phase_of_the_same_run(story):
    """As Dagster sends: phase by phase. Three unknown outcomes in a row say that the agency is down."""
    paid = [transferred(story) for _ in range(4)]
    for invoice in paid:
        story.erp.pay(invoice, 1000)
        story.collect(invoice, 500)
    for _ in range(4):
        story.receivable(7000)
    for faults in (story.world.erp_faults, story.world.agency_faults):
        for method in ("POST", "PUT"):
            faults.add("status_before", method, "^/v[12]/", count=10**6, status=503)
    story.transport = writes = Writes(story.transport)
    story.morning()
    with story.opened() as night:
        night.approve(night.prepare_plan().plan.hash)
        night.dispatch(("transfers",))
        for phase in ALL_PHASES[1:]:
            with pytest.raises(NothingSent, match="3 writes in a row"):
                night.dispatch((phase,))
    assert len(writes.seen) == 3
