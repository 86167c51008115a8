"""The journal: durable, append-only, chained, and only legal moves."""

import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from cloudcollect_pipeline.dispatch.caps import breaches
from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.gate import dispatchable
from cloudcollect_pipeline.dispatch.journal import SETTLE, Journal, JournalError
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.settings import CapSettings

AT = datetime(2026, 1, 6, 3, tzinfo=UTC)
NIGHT = date(2026, 1, 6)
EFFECT = Effect(
    Kind.POSTING,
    "REFERENCE000001",
    "entry:1001",
    1,
    Content("1001", "entry", "suspense", "NOK", 1500),
    "entry e",
    "customer 1001",
    details={"carried": {"Invoice 1": 1500}},
)


@pytest.fixture
def open_journal(tmp_path):
    opened = []

    def open_(company="nordlys", tenant="t1"):
        journal = Journal(tmp_path, company, tenant, AT)
        opened.append(journal)
        return journal

    yield open_
    for journal in opened:
        journal.close()


LEGAL = [
    ["intent", "created", "confirmed"],
    ["intent", "rejected", "intent", "confirmed"],
    ["intent", "later", "intent", "confirmed"],
    ["intent", "uncertain", "absent", "intent", "uncertain", "quarantined", "absent"],
    ["dropped", "intent", "uncertain", "confirmed"],
    ["confirmed"],
]
ILLEGAL = [
    ["uncertain"],
    ["absent"],
    ["confirmed", "intent"],
    ["confirmed", "rejected"],
    ["intent", "intent"],
    ["intent", "absent"],
    ["intent", "uncertain", "intent"],
    ["quarantined", "intent"],
]


@pytest.mark.parametrize("states", LEGAL, ids=" then ".join)
def test_legal_moves_are_kept(open_journal, states):
    journal = open_journal()
    for state in states:
        journal.record(EFFECT, state, AT, NIGHT)
    assert journal.effect(EFFECT.reference).state == states[-1]


@pytest.mark.parametrize("states", ILLEGAL, ids=" then ".join)
def test_illegal_moves_are_impossible(open_journal, states):
    journal = open_journal()
    for state in states[:-1]:
        journal.record(EFFECT, state, AT, NIGHT)
    before = journal.seq()
    with pytest.raises(sqlite3.IntegrityError, match="illegal"):
        journal.record(EFFECT, states[-1], AT, NIGHT)
    assert journal.seq() == before


def test_an_intent_keeps_its_content_until_it_is_known_not_to_be_done(open_journal):
    journal = open_journal()
    journal.record(EFFECT, "intent", AT, NIGHT)
    other = replace(EFFECT, content=replace(EFFECT.content, amount=900), details={"carried": {"Invoice 1": 900}})
    journal.record(other, "confirmed", AT, NIGHT)
    assert journal.effect(EFFECT.reference).content.amount == 1500
    assert journal.effect(EFFECT.reference).details["carried"] == {"Invoice 1": 1500}


def test_a_reference_proven_not_done_carries_new_content(open_journal):
    journal = open_journal()
    for state in ("intent", "uncertain", "absent"):
        journal.record(EFFECT, state, AT, NIGHT)
    other = replace(EFFECT, content=replace(EFFECT.content, amount=900))
    journal.record(other, "intent", AT + timedelta(days=3), NIGHT)
    row = journal.effect(EFFECT.reference)
    assert (row.content.amount, row.intents, row.misses) == (900, 2, 0)


def test_a_look_up_counts_once_a_night(open_journal):
    journal = open_journal()
    journal.record(EFFECT, "intent", AT, NIGHT)
    assert [journal.missed(EFFECT.reference, AT, NIGHT) for _ in range(3)] == [1, 1, 1]
    assert journal.missed(EFFECT.reference, AT + timedelta(days=1), NIGHT + timedelta(days=1)) == 2


def test_look_ups_on_either_side_of_midnight_count_as_one(open_journal):
    """A list that lags for a night would hide a write from both."""
    journal = open_journal()
    journal.record(EFFECT, "intent", AT, NIGHT)
    assert journal.missed(EFFECT.reference, AT, NIGHT) == 1
    for hours, count in ((0.1, 1), (11.9, 1), (12, 2), (23, 2), (24, 3)):
        at = AT + timedelta(hours=hours)
        assert journal.missed(EFFECT.reference, at, NIGHT + timedelta(days=count if count > 1 else 1)) == count


@pytest.mark.parametrize(
    "statement", ["update event set data = '{}' where seq = 1", "delete from event where seq = 1", "delete from event"]
)
def test_the_log_cannot_be_changed(open_journal, statement):
    journal = open_journal()
    journal.record(EFFECT, "intent", AT, NIGHT)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        journal.db.execute(statement)


def test_a_changed_entry_breaks_the_chain_and_the_journal_refuses(open_journal, tmp_path):
    journal = open_journal()
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.record(EFFECT, "confirmed", AT, NIGHT)
    journal.db.execute("drop trigger event_is_append_only_update")
    journal.db.execute("update event set data = replace(data, '1500', '2500') where kind = 'intent'")
    with pytest.raises(JournalError, match="chain breaks"):
        open_journal()


def test_a_header_that_makes_it_unwritable_is_told_when_it_is_opened(open_journal, tmp_path):
    """SQLite reads such a file and refuses the first write, which would be the first intent of a night."""
    journal = open_journal()
    path = journal.path
    journal.close()
    damaged = bytearray(path.read_bytes())
    damaged[18] ^= 32  # the version that may write it
    path.write_bytes(bytes(damaged))
    with pytest.raises(JournalError, match=r"cannot be used as a journal .*journal rebuild"):
        open_journal()


def test_another_companys_journal_is_refused(open_journal):
    open_journal()
    with pytest.raises(JournalError, match="belongs to company nordlys"):
        open_journal("sorvind", "t2")


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"not a database, but long enough to look like one" * 50)
    with pytest.raises(JournalError, match=r"file is not a database.*journal rebuild"):
        Journal(tmp_path, "nordlys", "t1", AT)


def test_no_new_journal_is_made_beside_a_copy_of_an_older_one(open_journal, tmp_path):
    journal = open_journal()
    journal.backup(tmp_path / "journal.backup.sqlite")
    journal.close()
    for path in tmp_path.glob("journal.sqlite*"):
        path.unlink()
    with pytest.raises(JournalError, match=r"is missing, and .*journal\.backup\.sqlite.*journal rebuild"):
        open_journal()
    assert not (tmp_path / "journal.sqlite").exists()


def test_the_quiet_time_of_a_wrong_clock_is_counted_anew_when_a_person_says_it_is_right(open_journal):
    journal = open_journal()
    journal.landed(AT + timedelta(days=30))
    assert journal.read_from(AT) == AT
    journal.distrust(AT + timedelta(days=30), 0)
    assert journal.read_from(AT) is None
    journal.accept_clock(AT, "person")
    journal.landed(AT)
    assert journal.quiet_until() == AT + SETTLE
    assert journal.read_from(AT) == AT


def test_a_new_journal_is_quiet_until_twelve_hours_after_both_sides_were_read_whole(open_journal):
    journal = open_journal()
    assert journal.quiet_until() > AT + timedelta(days=1000)
    journal.landed(AT)
    assert journal.quiet_until() == AT + SETTLE
    assert not journal.trusts_itself()


def test_a_company_declared_new_may_write_at_once(open_journal):
    journal = open_journal()
    journal.declare_new(AT, "operator")
    assert journal.quiet_until() is None
    assert journal.trusts_itself()


def test_an_older_copy_is_noticed_by_the_head_beside_it(open_journal, tmp_path):
    journal = open_journal()
    journal.declare_new(AT, "operator")
    journal.backup(tmp_path / "old.sqlite")
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.close()
    for path in tmp_path.glob("journal.sqlite*"):
        path.unlink()
    (tmp_path / "old.sqlite").rename(tmp_path / "journal.sqlite")
    restored = open_journal()
    assert restored.quiet_until() is not None
    assert restored.events()[-1]["kind"] == "restored"


SEEN = [("CLAIM_UNKNOWN", "clm_1", "text", 100)]


def see(journal, seen, *days):
    """Nights, so many days after the first, on which this was seen; returns the one finding there has ever been."""
    for day in days:
        journal.see_findings(NIGHT + timedelta(days=day), AT, seen)
    [finding] = journal.findings(all_states=True)
    return finding


def test_a_plan_that_is_made_again_is_judged_by_its_newest_verdict(open_journal):
    """The same effects may be asked for by a run that makes up for missed nights: then a person must look first."""
    journal = open_journal()
    journal.store_plan("a" * 64, NIGHT, AT, 2, "automatic", {}, ["{}"])
    assert dispatchable(journal, AT) == "a" * 64
    journal.store_plan("a" * 64, NIGHT, AT, 2, "approval", {}, ["{}"])
    with pytest.raises(NothingSent, match="waits for approval"):
        dispatchable(journal, AT)


def test_a_finding_that_was_gone_counts_how_often_it_came_back(open_journal):
    journal = open_journal()
    assert see(journal, SEEN, 0, 1)["came_back"] == 0
    assert see(journal, [], 2)["gone_night"] == "2026-01-08"
    back = see(journal, SEEN, 3)
    assert (back["state"], back["came_back"], back["first_night"]) == ("open", 1, "2026-01-09")
    see(journal, [], 4)
    assert see(journal, SEEN, 5)["came_back"] == 2
    assert [e["kind"] for e in journal.finding_events(back)] == ["found", "gone"] * 2 + ["found"]


def test_an_ignored_finding_is_open_again_on_the_night_of_its_day(open_journal):
    journal = open_journal()
    number = see(journal, SEEN, 0)["id"]
    journal.ignore_finding(number, NIGHT + timedelta(days=2), "asked", "person", AT)
    assert see(journal, SEEN, 1)["state"] == "ignored"
    again = see(journal, SEEN, 2)
    assert (again["state"], again["ignored_until"], again["came_back"]) == ("open", None, 0)
    journal.ignore_finding(number, NIGHT + timedelta(days=9), "asked", "person", AT)
    see(journal, [], 3)
    assert see(journal, SEEN, 4)["state"] == "open"


def test_a_plan_let_go_past_the_log_is_refused_when_the_journal_is_opened(open_journal):
    """What decides whether a plan may be sent stands in its row: it must be what was logged."""
    journal = open_journal()
    journal.store_plan("b" * 64, NIGHT, AT, 2, "approval", {}, ["{}"])
    assert journal.verify() is None
    for change in ("verdict = 'automatic'", "state = 'approved'"):
        journal.db.execute(f"update plan set {change}")
        assert "plan bbbbbbbbbbbb" in (journal.verify() or "")
        journal.db.execute("update plan set verdict = 'approval', state = 'stored'")
    journal.mark_plan("b" * 64, "approved", AT, "person")
    journal.store_plan("c" * 64, NIGHT, AT, 3, "automatic", {}, ["{}"])
    journal.store_plan("b" * 64, NIGHT, AT, 2, "approval", {}, ["{}"])
    journal.mark_plan("b" * 64, "dispatched", AT, "person")
    assert journal.verify() is None


def test_whose_a_finding_is_says_nothing_of_who_resolved_it(open_journal):
    journal = open_journal()
    number = see(journal, SEEN, 0)["id"]
    journal.resolve_finding(number, "cancelled there", "person", AT)
    before = see(journal, SEEN, 1)
    journal.assign_finding(number, "colleague", "look again", "somebody", AT)
    after = see(journal, SEEN, 1)
    assert after["assigned_to"] == "colleague"
    for kept in ("state", "who", "note", "acted_at", "acted_night"):
        assert after[kept] == before[kept], kept
    assert journal.verify() is None


def test_what_people_do_is_logged_with_who_and_why_and_verified(open_journal):
    journal = open_journal()
    number = see(journal, SEEN, 0)["id"]
    journal.assign_finding(number, "colleague", "knows the agency", "person", AT)
    journal.ignore_finding(number, NIGHT + timedelta(days=2), "they answer on Thursday", "colleague", AT)
    journal.resolve_finding(number, "cancelled there", "colleague", AT)
    told = [(e["kind"], e["data"]["who"], e["data"]["note"]) for e in journal.finding_events(see(journal, SEEN, 1))[1:]]
    assert told == [
        ("assigned", "person", "knows the agency"),
        ("ignored", "colleague", "they answer on Thursday"),
        ("resolved", "colleague", "cancelled there"),
    ]
    after = see(journal, SEEN, 2)
    assert (after["state"], after["assigned_to"], after["acted_night"]) == ("resolved", "colleague", "2026-01-06")
    assert journal.verify() is None
    journal.db.execute("update finding set state = 'closed'")
    assert journal.verify() == "finding CLAIM_UNKNOWN clm_1 differs from what the log adds up to"


def test_a_finding_that_is_over_stays_so(open_journal):
    journal = open_journal()
    see(journal, SEEN, 0)
    number = see(journal, [], 1)["id"]
    journal.ignore_finding(number, NIGHT + timedelta(days=9), "x", "person", AT)
    journal.resolve_finding(number, "x", "person", AT)
    assert see(journal, [], 2)["state"] == "closed"
    with pytest.raises(JournalError, match="no finding 77"):
        journal.assign_finding(77, "colleague", "x", "person", AT)


def test_findings_age_close_and_come_back(open_journal):
    journal = open_journal()
    seen = SEEN
    journal.see_findings(NIGHT, AT, seen)
    journal.see_findings(NIGHT + timedelta(days=1), AT, seen)
    [finding] = journal.findings()
    assert (finding["first_night"], finding["last_night"]) == ("2026-01-06", "2026-01-07")
    journal.resolve_finding(finding["id"], "asked the agency", "person", AT)
    assert journal.findings()[0]["state"] == "resolved"
    journal.see_findings(NIGHT + timedelta(days=2), AT, [])
    assert journal.findings() == []
    journal.see_findings(NIGHT + timedelta(days=3), AT, seen)
    assert (journal.findings()[0]["state"], journal.findings()[0]["first_night"]) == ("open", "2026-01-09")


USUAL = [{"transfer": {"count": 10, "sum": 100000}}] * 20
CAPS = CapSettings(floor_count=10, floor_sum=Decimal(1000), single_amount=Decimal(500))


@pytest.mark.parametrize(
    ("total", "history", "words"),
    [
        ({"count": 10, "sum": 100000, "largest": 50000}, [], []),
        ({"count": 11, "sum": 100000, "largest": 50000}, [], ["effects, cap 10"]),
        ({"count": 10, "sum": 100001, "largest": 50000}, [], ["in all"]),
        ({"count": 10, "sum": 100000, "largest": 50001}, [], ["a single"]),
        ({"count": 30, "sum": 300000, "largest": 1}, USUAL, []),
        (
            {"count": 31, "sum": 300001, "largest": 1},
            [{"transfer": {"count": 10, "sum": 100000}}] * 20,
            ["31", "in all"],
        ),
        ({"count": 11, "sum": 1, "largest": 1}, [{}] * 19 + [{"transfer": {"count": 99, "sum": 9}}], ["11"]),
    ],
)
def test_a_plan_is_capped_by_floor_and_median(total, history, words):
    found = breaches({"transfer": total}, history, CAPS)
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))
