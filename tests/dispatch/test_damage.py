"""Real journals on real disks, damaged: each is told in one line, nothing is sent, and whole nights follow."""

import shutil
import sqlite3
from collections import Counter
from datetime import timedelta

import pytest

from cloudcollect_pipeline.dispatch.journal import SETTLE, Journal, JournalError
from cloudcollect_pipeline.dispatch.rebuild import restart
from cloudcollect_pipeline.dispatch.verify import examine, head_of
from tests.story import Story, Writes, transferred, world_transport

EVERY = 200
"""Bytes between two flipped bits."""


def lived(data):
    """A company with claims, reductions, postings, a hold and an answer in its journal."""
    story = Story(data)
    first, second = transferred(story), transferred(story, 9000)
    story.erp.pay(first, 1000)
    story.collect(second, 2000)
    story.night()
    held = story.receivable(7000)
    with story.opened() as night:
        night.journal.set_hold(f"Invoice {held.number}", "asked for time", None, "person", story.world.now)
        night.journal.decide("CLAIM_UNKNOWN", "clm_1", "ignore", "", "person", story.world.now)
    return story


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The journal and head of a company that has lived, to be damaged again and again."""
    story = lived(tmp_path_factory.mktemp("lived"))
    tenant = story.settings.companies[story.slug].erp.tenant_id
    return story.data / story.slug, tenant, story.world.now


def told(folder, tenant, at):
    """None and all that is known when it opens; else the one line that it refuses with."""
    try:
        journal = Journal(folder, "nordlys", tenant, at)
    except JournalError as error:
        return str(error), None
    try:
        known = journal.effects(), journal.holds(), journal.decisions(), journal.events()
        return None, (journal.trusts_itself(), *known)
    finally:
        journal.close()


def laid(copied, folder):
    shutil.copy(copied / "journal.sqlite", folder / "journal.sqlite")
    shutil.copy(copied / "journal.head", folder / "journal.head")
    for path in folder.glob("journal.sqlite-*"):
        path.unlink()
    return folder / "journal.sqlite"


def test_no_flipped_bit_passes_for_the_journal_or_crashes_it(copied, tmp_path):
    origin, tenant, at = copied
    whole = told(origin, tenant, at)[1]
    size = (origin / "journal.sqlite").stat().st_size
    refused = 0
    for offset in range(0, size, EVERY):
        path = laid(origin, tmp_path)
        data = bytearray(path.read_bytes())
        data[offset] ^= 1 << offset // EVERY % 8
        path.write_bytes(data)
        line, known = told(tmp_path, tenant, at)
        assert (line is None) == (known == whole), offset
        if line:
            refused += 1
            assert "\n" not in line
            assert "journal rebuild" in line or "run again" in line or "update" in line, line
    assert refused > 50  # the rest hit free space and lists on whose word nothing is sent


PLAN, NIGHT, UNREADABLE = "plan ", "a night is not the one", "cannot be read"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("plan set totals = replace(totals, '{\"', '{#')", PLAN),
        ("plan set totals = replace(totals, '1', '2')", PLAN),
        ("plan set night = '2026-01-01'", PLAN),
        ("plan set made_at = '2099-01-01T00:00:00+00:00'", PLAN),
        ("plan set made_at = cast(x'32ff' as text)", UNREADABLE),
        ("plan set state = 'approved'", PLAN),
        ("plan set state = 'stored', verdict = 'automatic'", PLAN),
        ("night set night = '2026-01-01' where seq = (select max(seq) from night)", NIGHT),
        ("night set started_at = '2026-01-01'", NIGHT),
        ("night set summary = cast(x'ff' as text)", UNREADABLE),
    ],
)
def test_a_plan_or_night_that_is_not_what_the_log_says_is_told_when_the_journal_is_opened(
    copied, tmp_path, damage, said
):
    """Found by the simulator: the sums of past plans set the caps, and a copy that holds a damaged one is not whole."""
    origin, tenant, at = copied
    with sqlite3.connect(laid(origin, tmp_path)) as damaged:
        assert damaged.execute(f"update {damage}").rowcount
    damaged.close()
    line, _ = told(tmp_path, tenant, at)
    assert line
    assert said in line
    assert "journal rebuild" in line


def test_a_column_with_another_name_is_told_in_one_line_too(copied, tmp_path):
    """Found by the simulator: one flipped bit in the text of a table."""
    origin, tenant, at = copied
    path = laid(origin, tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"at text not null", data.index(b"CREATE TABLE event"))] ^= 2
    path.write_bytes(data)
    line, _ = told(tmp_path, tenant, at)
    assert line
    assert "no such column: at" in line
    assert "journal rebuild" in line


def test_a_planned_effect_that_is_no_text_any_more_is_told_when_the_plan_is_read(copied, tmp_path):
    """Bodies are not read when a journal is opened: there may be a million of them."""
    origin, tenant, at = copied
    with sqlite3.connect(laid(origin, tmp_path)) as damaged:
        assert damaged.execute("update planned_effect set body = cast(x'7bff' as text)").rowcount
        [digest] = damaged.execute("select hash from planned_effect limit 1").fetchone()
    damaged.close()
    journal = Journal(tmp_path, "nordlys", tenant, at)
    try:
        with pytest.raises(JournalError, match="Nothing of it was sent; the next run makes a new one"):
            list(journal.planned(digest))
    finally:
        journal.close()


def test_the_next_process_gives_its_head_to_an_entry_that_was_committed_right_before_a_kill(copied, tmp_path):
    """Found by the simulator: two kills between commit and head in a row, and a copy without both passed for whole."""
    origin, tenant, at = copied
    laid(origin, tmp_path)
    journal = Journal(tmp_path, "nordlys", tenant, at)
    older, head = (origin / "journal.sqlite").read_bytes(), head_of(tmp_path)
    journal.decide("CODE", "subject", "ignore", "", "person", at)
    newest = head_of(tmp_path)
    journal.close()
    (tmp_path / "journal.head").write_text(f"{head[0]:020d} {head[1]}\n")  # as the killed process left it
    Journal(tmp_path, "nordlys", tenant, at).close()
    assert head_of(tmp_path) == newest != head
    for path in tmp_path.glob("journal.sqlite*"):
        path.unlink()
    (tmp_path / "journal.sqlite").write_bytes(older)
    assert not told(tmp_path, tenant, at)[1][0]


@pytest.mark.parametrize("length", range(5))
def test_a_schema_that_is_no_text_any_more_is_told_in_one_line_too(copied, tmp_path, length):
    origin, tenant, at = copied
    path = laid(origin, tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"tableeventevent") + len("table") + length] |= 0x80
    path.write_bytes(data)
    line, _ = told(tmp_path, tenant, at)
    assert line
    assert "journal rebuild" in line
    assert examine(path, head_of(tmp_path), "nordlys", tenant)[1]


def test_a_torn_tail_of_any_length_is_refused_or_quiet(copied, tmp_path):
    origin, tenant, at = copied
    size = (origin / "journal.sqlite").stat().st_size
    for length in [*range(0, size, size // 60), size - 1]:
        path = laid(origin, tmp_path)
        path.write_bytes(path.read_bytes()[:length])
        line, known = told(tmp_path, tenant, at)
        assert line or not known[0], length


FRAME = 4096 + 24
"""Bytes of a page in SQLite's write-ahead log, with its header."""


def around(log):
    """Where a frame of the log ends, and a byte before and after it."""
    return (end + by for end in range(32, len(log), FRAME) for by in (-1, 0, 1) if end + by < len(log))


def test_a_torn_write_ahead_log_keeps_its_good_beginning_and_is_quiet(copied, tmp_path):
    origin, tenant, at = copied
    laid(origin, tmp_path)
    journal = Journal(tmp_path, "nordlys", tenant, at)
    before = journal.seq()
    for number in range(20):
        journal.decide("CODE", f"subject {number}", "ignore", "", "person", at)
    log = (tmp_path / "journal.sqlite-wal").read_bytes()
    main, head = (tmp_path / "journal.sqlite").read_bytes(), (tmp_path / "journal.head").read_bytes()
    journal.close()
    for length in sorted(
        {*range(0, len(log), len(log) // 40), *range(max(0, len(log) - 2 * FRAME), len(log), 7), *around(log)}
    ):
        for path in tmp_path.glob("journal.sqlite*"):
            path.unlink()
        (tmp_path / "journal.sqlite").write_bytes(main)
        (tmp_path / "journal.sqlite-wal").write_bytes(log[:length])
        (tmp_path / "journal.head").write_bytes(head)
        line, known = told(tmp_path, tenant, at)
        assert line is None
        assert not known[0], length
        assert [event["kind"] for event in known[4]].count("restored") == 1
        assert before < len(known[4]) <= before + 21


@pytest.mark.parametrize(
    ("head", "trusted"),
    [
        ("as it was", True),
        ("older", True),
        ("missing", False),
        ("newer", False),
        ("another seal", False),
        ("garbage", False),
        ("a number too large", False),
        ("cut short", False),
    ],
)
def test_a_head_that_does_not_vouch_for_the_journal_makes_it_quiet(copied, tmp_path, head, trusted):
    origin, tenant, at = copied
    laid(origin, tmp_path)
    file = tmp_path / "journal.head"
    text = file.read_text()
    seq, seal = text.split()
    events = told(origin, tenant, at)[1][4]
    file.write_bytes(
        {
            "as it was": text.encode(),
            "older": f"{int(seq) - 1:020d} {events[int(seq) - 2]['hash']}\n".encode(),
            "newer": f"{int(seq) + 9:020d} {seal}\n".encode(),
            "another seal": f"{seq} {seal[::-1]}\n".encode(),
            "garbage": bytes(range(256)),
            "a number too large": f"{'9' * 20} {seal}\n".encode(),
            "cut short": text[:40].encode(),
        }.get(head, b"")
    )
    if head == "missing":
        file.unlink()
    found = examine(tmp_path / "journal.sqlite", head_of(tmp_path), "nordlys", tenant)[1]
    assert [problem.check for problem in found] == ([] if trusted else ["head"])
    assert told(tmp_path, tenant, at)[1][0] is trusted
    # Once noticed, it is noticed once.
    assert told(tmp_path, tenant, at)[1][4] == told(tmp_path, tenant, at)[1][4]


def test_verifying_names_what_is_wrong_and_touches_nothing(copied, tmp_path):
    origin, tenant, _ = copied
    path = laid(origin, tmp_path)

    def found(*statements):
        laid(origin, tmp_path)
        db = sqlite3.connect(path)
        shape = db.execute("select sql from sqlite_master where name = 'event_is_append_only_update'").fetchone()[0]
        db.execute("drop trigger event_is_append_only_update")
        for statement in statements:
            db.execute(statement)
        db.execute(shape)
        db.commit()
        db.close()
        before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
        _, problems = examine(path, head_of(tmp_path), "nordlys", tenant)
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
        return problems

    assert found() == []
    (seq,) = {p.entry for p in found("update event set data = data || ' ' where seq = 7")}
    assert seq == 7
    [problem] = found("update effect set amount = amount + 1 where kind = 'posting'")
    assert (problem.check, "amount" in problem.text, problem.entry is not None) == ("effect", True, True)
    assert [p.check for p in found("delete from hold")] == ["hold"]
    assert [p.check for p in found("update decision set action = 'adopt'")] == ["decision"]
    assert [p.check for p in found("insert into meta values ('paused', 'yes')")] == ["meta"]
    assert [p.check for p in found("insert into transition values ('confirmed', 'intent')")] == ["schema"]
    assert [p.check for p in found("update meta set value = '99' where name = 'schema_version'")] == ["schema_version"]


# -- whole nights afterwards -------------------------------------------------------------------------------------------


def flip(folder, older):
    path = folder / "journal.sqlite"
    data = bytearray(path.read_bytes())
    for offset in range(4096, len(data), 512):
        data[offset] ^= 8
    path.write_bytes(data)


def tear(folder, older):
    path = folder / "journal.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def older_copy(folder, older):
    for path in folder.glob("journal.sqlite*"):
        path.unlink()
    shutil.copy(older, folder / "journal.sqlite")


def older_copy_without_head(folder, older):
    older_copy(folder, older)
    (folder / "journal.head").unlink()


def older_copy_with_its_head(folder, older):
    older_copy(folder, older)
    shutil.copy(older.with_suffix(".head"), folder / "journal.head")


def deleted(folder, older):
    for path in [*folder.glob("journal.sqlite*"), *folder.glob("journal.backup*")]:
        path.unlink()


def all_deleted(folder, older):
    for path in [*folder.glob("journal*"), *(folder / "published").glob("journal*")]:
        path.unlink()


def no_bytes(folder, older):
    (folder / "journal.sqlite").write_bytes(b"")


DAMAGES = [
    flip, tear, no_bytes, older_copy, older_copy_without_head, older_copy_with_its_head, deleted, all_deleted,
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "rebuilt"),
    [*((damage, True) for damage in DAMAGES), *((damage, False) for damage in (flip, no_bytes, older_copy, deleted))],
    ids=lambda value: getattr(value, "__name__", "rebuilt" if value is True else "left alone"),
)
def test_after_any_damage_nothing_is_sent_for_twelve_hours_and_both_sides_end_equal(tmp_path, damage, rebuilt):
    story = Story(tmp_path / "data")
    folder = story.data / story.slug
    tenant = story.settings.companies[story.slug].erp.tenant_id
    first, second = transferred(story), transferred(story, 9000)
    older = tmp_path / "old.sqlite"
    shutil.copy(folder / "published" / "journal.sqlite", older)
    shutil.copy(folder / "journal.head", older.with_suffix(".head"))
    story.erp.pay(first, 1000)
    story.collect(second, 2000)
    story.night()
    story.receivable(7000)
    story.morning()
    damage(folder, older)
    writes = story.transport = Writes(story.transport or world_transport(story.world))

    if rebuilt:
        begun = restart(folder, story.slug, tenant, story.world.now)
        assert (begun is None) == damage.__name__.startswith("older"), damage
        if begun:
            kept = [path for path in folder.iterdir() if path.name.startswith("journal.broken-")]
            assert sorted(begun.moved) == sorted(kept)
        with story.opened() as night:
            night.ask()
            effects = night.journal.effects(states=("confirmed",))
        assert Counter(effect.kind.value for effect in effects) == {"transfer": 2, "reduction": 1, "posting": 1}
    else:
        try:
            story.night(same_night=True)
        except JournalError as refusal:
            assert "journal rebuild" in str(refusal)  # noqa: PT017
            assert writes.seen == []
            restart(folder, story.slug, tenant, story.world.now)
    story.night(same_night=True)
    assert writes.seen == []
    story.world.advance(story.world.now + SETTLE + timedelta(minutes=1))
    story.night(same_night=True)
    assert writes.seen
    assert not story.night().plan.plan.effects
    story.assert_mirrored()
    story.assert_ties()
    assert len(story.agency.account(story.slug).claims) == 3
    assert (first.balance, second.balance, story.erp.balance("1510")) == (5000, 7000, 2000)
