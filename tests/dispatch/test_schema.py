"""Versions of the journal's tables: an old one is continued, a newer one refused, a move is all or nothing."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.dispatch.journal import Journal, JournalError
from tests.dispatch.test_journal import AT, EFFECT, NIGHT

FROZEN = [Path(__file__).with_name(f"journal_version_{version}.sql").read_text() for version in (1, 2)]
"""The tables as each version was released; never to be changed."""
OPENED = ("opened", "journal", '{"company": "nordlys"}')


def written_by(folder, version, *entries, rows=()):
    """A journal of sealed entries, made by the frozen scripts and by nothing of today's."""
    db = sqlite3.connect(folder / "journal.sqlite")
    for script in FROZEN[:version]:
        db.executescript(script)
    sealed = ""
    for seq, entry in enumerate((OPENED, *entries), start=1):
        sealed = hashlib.sha256("\x1f".join((sealed, str(seq), AT.isoformat(), *entry)).encode()).hexdigest()
        db.execute("insert into event values (?, ?, ?, ?, ?, ?)", (seq, AT.isoformat(), *entry, sealed))
    known = [("company", "nordlys"), ("tenant", "t1"), ("schema_version", str(version)), ("quiet_from", "")]
    db.executemany("insert into meta values (?, ?)", known)
    columns = "id, code, subject, text, amount, first_night, last_night, state, note"
    db.executemany(f"insert into finding ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()
    (folder / "journal.head").write_text(f"{1 + len(entries):020d} {sealed}\n")


@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS) + 1))
def test_a_journal_of_any_version_is_opened_and_continued(tmp_path, version):
    written_by(tmp_path, version)
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.record(EFFECT, "confirmed", AT, NIGHT)
    journal.close()
    again = Journal(tmp_path, "nordlys", "t1", AT)
    kinds = [event["kind"] for event in again.events()]
    assert [kind for kind in kinds if kind != "migrated"] == ["opened", "intent", "confirmed"]
    assert again.meta()["schema_version"] == str(len(schema.MIGRATIONS))
    again.close()


FOUND, GONE = '{"amount": 1, "night": "2026-01-0%d", "text": "t"}', '{"night": "2026-01-0%d"}'
LIVES = [
    ("found", "CLAIM_UNKNOWN clm_1", FOUND % 2),
    ("found", "AGENCY_ASKS q_1", FOUND % 2),
    ("found", "ENTRY_REPEATED e_1", FOUND % 2),
    ("gone", "CLAIM_UNKNOWN clm_1", GONE % 3),
    ("resolved", "finding 2", '{"note": "asked", "who": "person"}'),
    ("gone", "ENTRY_REPEATED e_1", GONE % 3),
    ("resolved", "finding 3", '{"note": "too late", "who": "person"}'),
    ("found", "CLAIM_UNKNOWN clm_1", FOUND % 4),
]
ROWS = [
    (1, "CLAIM_UNKNOWN", "clm_1", "t", 1, "2026-01-04", "2026-01-05", "open", ""),
    (2, "AGENCY_ASKS", "q_1", "t", 1, "2026-01-02", "2026-01-05", "resolved", "asked"),
    (3, "ENTRY_REPEATED", "e_1", "t", 1, "2026-01-02", "2026-01-02", "resolved", "too late"),
]


@pytest.mark.parametrize("read_only", [False, True])
def test_what_an_older_journal_told_of_findings_is_their_life(tmp_path, read_only):
    written_by(tmp_path, 1, *LIVES, rows=ROWS)
    before = (tmp_path / "journal.sqlite").read_bytes()
    journal = Journal(tmp_path, "nordlys", "t1", AT, read_only=read_only)
    lives = [
        (f["state"], f["first_night"], f["came_back"], f["gone_night"], f["who"], f["note"])
        for f in journal.findings(all_states=True)
    ]
    assert sorted(lives) == [
        ("closed", "2026-01-02", 0, "2026-01-03", "person", "too late"),
        ("open", "2026-01-04", 1, "2026-01-03", "", ""),
        ("resolved", "2026-01-02", 0, None, "person", "asked"),
    ]
    assert journal.verify() is None
    journal.close()
    if read_only:
        assert (tmp_path / "journal.sqlite").read_bytes() == before
    else:
        Journal(tmp_path, "nordlys", "t1", AT).close()


def test_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    written_by(tmp_path, 1)
    db = sqlite3.connect(tmp_path / "journal.sqlite")
    db.execute("update meta set value = ? where name = 'schema_version'", (str(len(schema.MIGRATIONS) + 1),))
    db.commit()
    before = list(db.iterdump())
    with pytest.raises(JournalError, match=r"newer version.*update cloudcollect-pipeline"):
        Journal(tmp_path, "nordlys", "t1", AT)
    assert list(db.iterdump()) == before
    db.close()


def test_a_move_to_a_later_version_is_all_or_nothing(tmp_path):
    written_by(tmp_path, 1)
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
