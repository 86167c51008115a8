"""A broken journal is set aside and begun again from its newest whole copy; what is whole is left alone."""

from datetime import UTC, datetime

import pytest

from cloudcollect_pipeline.dispatch.journal import Journal, JournalError
from cloudcollect_pipeline.dispatch.rebuild import restart
from cloudcollect_pipeline.dispatch.verify import REBUILD, Problem, examine, head_of, read_head
from tests.dispatch.test_log import EFFECT, NIGHT

AT = datetime(2026, 1, 20, 3, 4, 5, tzinfo=UTC)
STEM = "journal.broken-20260120T030405"


@pytest.fixture
def folder(tmp_path):
    """A company's folder with a trusted journal of four entries."""
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    journal.declare_new(AT, "test")
    for number in (1, 2):
        journal.decide("ANY", str(number), "ignore", "", "person", AT)
    journal.close()
    return tmp_path


def copy(folder, name, *, more=0):
    """Keep a whole copy of the journal, then let it go on."""
    journal = Journal(folder, "nordlys", "t1", AT)
    (folder / name).parent.mkdir(exist_ok=True)
    journal.backup(folder / name)
    for number in range(more):
        journal.decide("MORE", str(number), "ignore", "", "person", AT)
    journal.close()


def damage(folder, name="journal.sqlite"):
    (folder / name).write_bytes(b"not a database, but long enough to look like one" * 50)


def state(folder):
    """Whether the journal trusts itself, its number of entries, and the last of them."""
    journal = Journal(folder, "nordlys", "t1", AT)
    told = journal.trusts_itself(), journal.seq(), journal.events()[-1]
    journal.close()
    return told[0], told[1], (told[2]["kind"], told[2]["data"])


def test_a_whole_journal_is_left_alone_though_its_head_is_gone(folder):
    (folder / "journal.head").unlink()
    assert restart(folder, "nordlys", "t1", AT) is None


@pytest.mark.parametrize(
    ("copies", "name", "entries"),
    [
        ({}, None, 0),
        ({"published/journal.sqlite": 1}, "published/journal.sqlite", 4),
        ({"published/journal.sqlite": 1, "journal.backup.sqlite": 1}, "journal.backup.sqlite", 5),
        ({"journal.backup.sqlite": 1, "published/journal.sqlite": 1}, "published/journal.sqlite", 5),
    ],
)
def test_the_newest_whole_copy_takes_its_place(folder, copies, name, entries):
    for each, more in copies.items():
        copy(folder, each, more=more)
    damage(folder)
    done = restart(folder, "nordlys", "t1", AT)
    assert done is not None
    assert done.broken.check == "file"
    assert "file is not a database" in done.broken.text
    assert (done.copy, done.entries) == (folder / name if name else None, entries)
    assert folder / f"{STEM}.sqlite" in done.moved
    assert (folder / f"{STEM}.sqlite").read_bytes().startswith(b"not a database")
    assert (folder / "journal.sqlite").stat().st_mode & 0o777 == 0o600
    assert not (folder / "journal.partial").exists()
    trusts, _, last = state(folder)
    assert trusts is False
    assert last[0] == "restored"


def test_a_copy_that_is_broken_too_is_passed_over(folder):
    copy(folder, "published/journal.sqlite", more=1)
    copy(folder, "journal.backup.sqlite")
    damage(folder, "journal.backup.sqlite")
    damage(folder)
    done = restart(folder, "nordlys", "t1", AT)
    assert done is not None
    assert (done.copy, done.entries) == (folder / "published" / "journal.sqlite", 4)


def test_what_was_set_aside_before_is_never_written_over(folder):
    for expected in (STEM, f"{STEM}x", f"{STEM}xx"):
        damage(folder)
        done = restart(folder, "nordlys", "t1", AT)
        assert done is not None
        assert folder / f"{expected}.sqlite" in done.moved
    assert len(list(folder.glob("journal.broken-*.sqlite"))) == 3


def test_without_a_head_it_is_doubted_all_the_same(folder):
    copy(folder, "journal.backup.sqlite")
    (folder / "journal.head").write_bytes((folder / "journal.head").read_bytes())
    damage(folder)
    restart(folder, "nordlys", "t1", AT)
    assert state(folder) == (False, 5, ("restored", {"head": 4, "have": 4}))


def test_another_companys_journal_is_not_broken(folder):
    words = (
        f"^{folder / 'journal.sqlite'}: it belongs to company nordlys \\(tenant t1\\), not to sorvind; "
        "point the company at its own data folder.$"
    )
    with pytest.raises(JournalError, match=words):
        restart(folder, "sorvind", "t1", AT)
    assert not list(folder.glob("journal.broken-*"))


# -- what is wrong with a journal


def found(folder):
    entries, problems = examine(folder / "journal.sqlite", head_of(folder), "nordlys", "t1")
    return entries, [(each.check, each.text, each.entry) for each in problems]


CHANGES = {
    "update event set seq = 9 where seq = 4": ("sequence", "entry 4 is missing", 4),
    "update event set data = '{}' where seq = 3": ("chain", "the chain breaks at entry 3", 3),
    "update decision set action = 'adopt'": ("decision", "decision ANY 1 differs from what the log adds up to", None),
    "delete from decision where subject = '2'": (
        "decision",
        "decision ANY 2 differs from what the log adds up to",
        None,
    ),
    "insert into hold values ('s', 'r', null, 'w', 'a')": ("hold", "hold s differs from what the log adds up to", None),
    "insert into meta values ('paused', 'yes')": ("meta", "meta paused differs from what the log adds up to", None),
    "delete from meta where name = 'schema_version'": (
        "schema_version",
        "it does not say by which version it was written",
        None,
    ),
    "update meta set value = '3' where name = 'schema_version'": (
        "schema_version",
        "it was written by a newer version (schema 3, this program knows 2)",
        None,
    ),
    "update meta set value = 't2' where name = 'tenant'": (
        "company",
        "it belongs to company nordlys (tenant t2), not to nordlys",
        None,
    ),
    "create table more (x)": ("schema", "its tables and triggers are not those of its version", None),
    "insert into night values ('2026-01-20', 'a', null, 'running', '{}', 2)": (
        "night",
        "a night is not the one that entry 2 tells",
        2,
    ),
    "insert into plan values ('abcdefghijklmnop', 'n', 'a', 1, 'automatic', 'stored', '{}', 2)": (
        "plan",
        "plan abcdefghijkl differs from what entry 2 says",
        2,
    ),
    "insert into effect (reference, kind, source, ordinal, chain, lane, state, party, document, account, currency, "
    "amount, details, note, night, seq) values ('R', 'k', 's', 1, 'c', 'l', 'intent', 'p', 'd', 'a', 'N', 1, '{}', '', "
    "'n', 2)": ("effect", "effect R is not in the log", None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_past_the_log_is_told(folder, change):
    journal = Journal(folder, "nordlys", "t1", AT)
    guarded = "event_is_append_only_update"
    (definition,) = journal.db.execute("select sql from sqlite_master where name = ?", (guarded,)).fetchone()
    journal.db.execute(f"drop trigger {guarded}")
    journal.db.execute(change)
    journal.db.execute(definition)
    journal.close()
    _, problems = found(folder)
    assert CHANGES[change] in problems


def test_an_effect_that_differs_or_is_missing_names_its_entry(folder):

    journal = Journal(folder, "nordlys", "t1", AT)
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.db.execute("update effect set amount = 1, note = 'x'")
    journal.close()
    text = "effect P1 differs from what its entries add up to, the last of them 5: amount, note"
    assert found(folder) == (5, [("effect", text, 5)])


def test_a_move_that_the_database_would_never_allow_is_told(folder):
    journal = Journal(folder, "nordlys", "t1", AT)
    guarded = "effect_moves_legally"
    (definition,) = journal.db.execute("select sql from sqlite_master where name = ?", (guarded,)).fetchone()
    journal.db.execute(f"drop trigger {guarded}")
    for state in ("intent", "confirmed", "rejected"):
        journal.record(EFFECT, state, AT, NIGHT)
    journal.db.execute(definition)
    journal.close()
    text = "entry 7: P1 went from confirmed to rejected, which is not a legal move"
    assert found(folder) == (7, [("transition", text, 7)])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("state = 'approved'", "plan aaaaaaaaaaaa is approved, which the log does not say"),
        ("verdict = 'automatic'", "plan aaaaaaaaaaaa may be sent otherwise than entry 5 says"),
        ("version = 4", "plan aaaaaaaaaaaa differs from what entry 5 says"),
    ],
)
def test_a_plan_that_was_let_go_past_the_log_is_told_with_its_entry(folder, change, text):
    journal = Journal(folder, "nordlys", "t1", AT)
    journal.store_plan("a" * 64, NIGHT, AT, 3, "approval", {}, [])
    journal.db.execute(f"update plan set {change}")
    journal.close()
    assert found(folder) == (5, [("plan", text, 5)])


QUIET = "nothing need be done: the next night asks both counterparties first and sends nothing for 12 hours"


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ("update meta set value = '3' where name = 'schema_version'", "update cloudcollect-pipeline"),
        ("update meta set value = 't2' where name = 'tenant'", "point the company at its own data folder"),
        ("delete from decision where subject = '2'", REBUILD),
    ],
)
def test_what_is_wrong_says_how_it_is_mended(folder, change, mend):
    journal = Journal(folder, "nordlys", "t1", AT)
    journal.db.execute(change)
    journal.close()
    (problem,) = examine(folder / "journal.sqlite", head_of(folder), "nordlys", "t1")[1]
    assert problem.mend == mend


@pytest.mark.parametrize("head", [(0, ""), (5, "0" * 64), (4, "0" * 64)])
def test_an_older_copy_is_mended_by_the_next_night(folder, head):
    (problem,) = examine(folder / "journal.sqlite", head, "nordlys", "t1")[1]
    assert problem.mend == QUIET


def test_a_journal_behind_its_head_is_an_older_copy(folder):
    assert found(folder) == (4, [])
    head = (folder / "journal.head").read_text()
    (folder / "journal.head").write_text(head.replace("0004 ", "0005 "))
    assert found(folder) == (4, [("head", "the journal is an older copy: it ends at entry 4, its head at 5", 5)])
    (folder / "journal.head").write_text(head[:21] + "0" * 64 + "\n")
    another = "entry 4 is another one than journal.head says: this is another copy"
    assert found(folder) == (4, [("head", another, 4)])
    (folder / "journal.head").unlink()
    silent = "journal.head does not say which entry is the newest; have 4"
    assert found(folder) == (4, [("head", silent, None)])
    (folder / "journal.sqlite").unlink()
    assert found(folder) == (0, [("file", "it is not there", None)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{4:020d} {'a' * 64}\n", (4, "a" * 64)),
        (f"{4:020d} {'a' * 64}", (0, "")),
        (f"{2**63:020d} {'a' * 64}\n", (0, "")),
        (f"{2**63 - 1:020d} {'a' * 64}\n", (2**63 - 1, "a" * 64)),
        (f" {4:020d} {'a' * 64}\n", (0, "")),
        ("", (0, "")),
        ("\xff", (0, "")),
    ],
)
def test_a_head_says_its_entry_and_seal_or_nothing(text, told):
    assert read_head(text.encode("latin-1")) == told


def test_a_problem_is_mended_by_beginning_again_unless_it_says_otherwise():
    assert Problem("file", "x").mend == REBUILD
