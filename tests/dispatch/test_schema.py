"""Versions of the journal's tables: an old one is continued, a newer one refused, a move is all or nothing."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.dispatch.journal import Journal, JournalError
from tests.dispatch.test_journal import AT, EFFECT, NIGHT

FROZEN = Path(__file__).with_name("journal_version_1.sql").read_text()
"""The tables as version 1 was released; never to be changed."""
OPENED = (1, AT.isoformat(), "opened", "journal", '{"company": "nordlys"}')


def version_1(folder):
    """A journal that has one sealed entry, made by the frozen script and by nothing of today's."""
    db = sqlite3.connect(folder / "journal.sqlite")
    db.executescript(FROZEN)
    sealed = hashlib.sha256("\x1f".join(("", "1", *OPENED[1:])).encode()).hexdigest()
    db.execute("insert into event values (?, ?, ?, ?, ?, ?)", (*OPENED, sealed))
    rows = [("company", "nordlys"), ("tenant", "t1"), ("schema_version", "1"), ("quiet_from", "")]
    db.executemany("insert into meta values (?, ?)", rows)
    db.commit()
    db.close()
    (folder / "journal.head").write_text(f"{1:020d} {sealed}\n")


def test_a_journal_of_version_1_is_opened_and_continued(tmp_path):
    version_1(tmp_path)
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.record(EFFECT, "confirmed", AT, NIGHT)
    journal.close()
    again = Journal(tmp_path, "nordlys", "t1", AT)
    kinds = [event["kind"] for event in again.events()]
    assert [kind for kind in kinds if kind != "migrated"] == ["opened", "intent", "confirmed"]
    assert again.meta()["schema_version"] == str(len(schema.MIGRATIONS))
    again.close()


def test_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    version_1(tmp_path)
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute("update meta set value = ? where name = 'schema_version'", (str(len(schema.MIGRATIONS) + 1),))
    db.commit()
    before = list(db.iterdump())
    with pytest.raises(JournalError, match=r"newer version.*update cloudcollect-pipeline"):
        Journal(tmp_path, "nordlys", "t1", AT)
    assert list(db.iterdump()) == before
    db.close()


def test_a_move_to_a_later_version_is_all_or_nothing(tmp_path):
    version_1(tmp_path)
    db = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    later = [*schema.scripts(), "alter table hold add column grounds text;\n"]
    before = list(db.iterdump())
    db.execute("begin")
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(db, [*later, "create table kept (a text);\ninsert into nowhere values (1);\n"])
    db.execute("rollback")
    assert list(db.iterdump()) == before
    db.execute("begin")
    schema.migrate(db, later)
    db.execute("commit")
    assert schema.version(db) == len(later)
    assert schema.shape(db) == schema.expected_shape(later)
    db.close()
