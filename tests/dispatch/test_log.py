"""Every act of the journal as it stands in the log and in its table, to the last word."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloudcollect_pipeline.dispatch.journal import FOR_EVER, EffectRow, Journal, JournalError
from cloudcollect_pipeline.dispatch.replay import replay
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind

AT = datetime(2026, 1, 6, 3, tzinfo=UTC)
LATER = AT + timedelta(hours=5)
NIGHT = date(2026, 1, 6)
EFFECT = Effect(
    Kind.POSTING,
    "P1",
    "e1:10001",
    2,
    Content("10001", "e1", "suspense", "NOK", 3000),
    "entry e1",
    "customer 10001",
    details={"carried": {"Invoice 1": 3000}, "text": "blåbær"},
)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    yield journal
    journal.close()


def last(journal, count=1):
    """The newest entries as (when, kind, subject, data)."""
    return [(e["at"], e["kind"], e["subject"], e["data"]) for e in journal.events()[-count:]]


def table(journal, name):
    return journal.rows(f"select * from {name}")


def test_a_new_journal_says_whose_it_is_and_is_quiet(journal):
    assert last(journal) == [(AT.isoformat(), "opened", "journal", {"company": "nordlys"})]
    assert journal.meta() == {"company": "nordlys", "tenant": "t1", "schema_version": "2", "quiet_from": ""}
    assert (journal.quiet_until(), journal.forgot(), journal.set_up(), journal.paused()) == (FOR_EVER, 0, "", False)
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_a_journal_makes_the_folders_it_stands_in_and_opens_them_to_nobody_else(tmp_path):
    Journal(tmp_path / "data" / "nordlys", "nordlys", "t1", AT).close()
    Journal(tmp_path / "data" / "nordlys", "nordlys", "t1", AT).close()
    assert (tmp_path / "data" / "nordlys").stat().st_mode & 0o777 == 0o700


def test_the_acts_of_a_journal_about_itself(journal):
    at, told = LATER.isoformat(), []
    for act, kind, data in (
        (lambda: journal.declare_new(LATER, "person"), "declared_new", {"who": "person"}),
        (lambda: journal.accept_clock(LATER, "person"), "clock_accepted", {"who": "person"}),
        (lambda: journal.found_set_up("cash 1", LATER), "set_up_verified", {"set_up": "cash 1"}),
        (lambda: journal.distrust(LATER, 7), "restored", {"head": 7, "have": 4}),
        (lambda: journal.landed(LATER), "quiet", {}),
        (lambda: journal.end_quiet(LATER), "quiet_ended", {}),
    ):
        act()
        told += [last(journal)[0] == (at, kind, "journal", data)]
    assert all(told)
    assert (journal.trusts_itself(), journal.forgot(), journal.set_up()) == (True, 5, "cash 1")
    assert journal.meta()["declared_new"] == at
    assert journal.verify() is None
    before = journal.seq()
    journal.landed(LATER)
    assert journal.seq() == before


def test_the_quiet_time_begins_with_the_first_landing(journal):
    journal.landed(AT)
    journal.landed(LATER)
    assert (journal.meta()["quiet_from"], journal.quiet_until()) == (AT.isoformat(), AT + timedelta(hours=12))


def test_a_feed_is_read_whole_by_a_journal_that_may_have_forgotten(journal):
    assert journal.read_from(None) is None
    assert journal.read_from(AT - timedelta.resolution) is None
    assert journal.read_from(AT) == AT
    journal.declare_new(AT, "person")
    assert journal.read_from(AT - timedelta(days=9)) == AT - timedelta(days=9)
    journal.distrust(LATER, 1)
    assert journal.read_from(LATER - timedelta.resolution) is None
    assert journal.read_from(LATER) == LATER


@pytest.mark.parametrize(("back", "refused"), [(timedelta(days=1), False), (timedelta(days=1, microseconds=1), True)])
def test_a_clock_that_was_set_back_more_than_a_day_is_refused_until_a_person_accepts_it(journal, back, refused):
    journal.check_clock(AT - timedelta(days=999))
    journal.night_started(NIGHT, AT)
    words = (
        f"the clock says {(AT - back).isoformat()}, but the newest night in {journal.path} began at {AT.isoformat()}. "
        "Nothing was sent; set the clock right and run again. If it is right now and was wrong then: "
        "`cloudcollect journal accept-clock`."
    )
    if refused:
        with pytest.raises(JournalError, match=f"^{re.escape(words)}$"):
            journal.check_clock(AT - back)
        journal.accept_clock(AT - back, "person")
    journal.check_clock(AT - back)


def test_an_effect_is_taken_down_whole(journal):
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.record(EFFECT, "created", LATER, NIGHT + timedelta(days=1), remote_id="500001", note="so far")
    content = {"party": "10001", "document": "e1", "account": "suspense", "currency": "NOK", "amount": 3000}
    told = {"kind": "posting", "source": "e1:10001", "ordinal": 2, "content": content, "details": dict(EFFECT.details)}
    assert last(journal, 2) == [
        (AT.isoformat(), "intent", "P1", {**told, "night": "2026-01-06", "remote_id": None, "note": "", "used": []}),
        (LATER.isoformat(), "created", "P1", {**told, "night": "2026-01-07", "remote_id": "500001", "note": "so far"}),
    ]
    row = EffectRow(
        "P1",
        Kind.POSTING,
        "e1:10001",
        2,
        "entry e1",
        "customer 10001",
        "created",
        EFFECT.content,
        EFFECT.details,
        "500001",
        1,
        AT,
        0,
        None,
        "so far",
        NIGHT + timedelta(days=1),
        3,
    )
    assert journal.effect("P1") == row
    assert journal.effect("P2") is None
    assert list(journal.effects_since(2)) == [
        {
            "reference": "P1",
            "kind": "posting",
            "source": "e1:10001",
            "ordinal": 2,
            "chain": "entry e1",
            "state": "created",
            **content,
            "remote_id": "500001",
            "details": dict(EFFECT.details),
            "night": NIGHT + timedelta(days=1),
            "seq": 3,
        }
    ]
    assert list(journal.effects_since(3)) == []
    (stored,) = journal.db.execute("select data from event where seq = 2").fetchone()
    assert "blåbær" in stored
    assert stored == json.dumps(json.loads(stored), sort_keys=True, ensure_ascii=False)


def test_a_move_changes_the_state_alone_and_a_look_up_that_found_nothing_is_counted(journal):
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.move("P1", "uncertain", LATER, NIGHT, note="reset")
    assert journal.missed("P1", LATER, NIGHT) == 1
    assert last(journal) == [(LATER.isoformat(), "missed", "P1", {"night": "2026-01-06", "misses": 1})]
    row = journal.effect("P1")
    assert (row.misses, row.missed_night, row.seq, row.state, row.note) == (1, NIGHT, 4, "uncertain", "reset")
    assert journal.missed("P1", LATER, NIGHT) == 1
    assert journal.missed("P2", LATER, NIGHT) == 0
    journal.move("P1", "confirmed", LATER, NIGHT, remote_id="500001", note="found")
    row = journal.effect("P1")
    assert (row.remote_id, row.note, row.content, row.details) == ("500001", "found", EFFECT.content, EFFECT.details)
    with pytest.raises(JournalError, match=r"^no effect P2 in the journal$"):
        journal.move("P2", "confirmed", AT, NIGHT)
    assert journal.verify() is None


@pytest.mark.parametrize(
    ("states", "intents", "misses"),
    [
        (["intent", "later"], 0, 0),
        (["intent", "rejected"], 0, 0),
        (["intent", "uncertain"], 1, 1),
        (["intent", "uncertain", "absent", "intent"], 2, 0),
        (["intent", "uncertain", "absent", "intent", "later"], 0, 0),
        (["dropped"], 0, 0),
    ],
)
def test_what_is_proven_not_done_was_no_try(journal, states, intents, misses):
    for state in states:
        journal.record(EFFECT, state, AT, NIGHT)
        if state == "uncertain":
            journal.missed("P1", AT, NIGHT)
    row = journal.effect("P1")
    assert (row.intents, row.misses, row.missed_night) == (intents, misses, NIGHT if misses else None)
    assert row.intent_at == (None if states == ["dropped"] else AT)


def test_effects_are_listed_by_what_is_asked(journal):
    journal.record(EFFECT, "intent", AT, NIGHT)
    journal.record(
        replace(EFFECT, reference="A1", kind=Kind.VOID, source="P1"), "dropped", AT, NIGHT + timedelta(days=1)
    )
    journal.record(replace(EFFECT, reference="Z1", source=""), "rejected", AT, NIGHT)
    for asked, found in (
        ({}, ["A1", "P1", "Z1"]),
        ({"states": ("intent", "rejected")}, ["P1", "Z1"]),
        ({"kind": Kind.POSTING}, ["P1", "Z1"]),
        ({"source": "P1"}, ["A1"]),
        ({"source": ""}, ["Z1"]),
        ({"night": NIGHT}, ["P1", "Z1"]),
        ({"states": ("rejected",), "kind": Kind.POSTING, "night": NIGHT, "source": ""}, ["Z1"]),
        ({"states": ("rejected",), "kind": Kind.VOID}, []),
    ):
        assert [row.reference for row in journal.effects(**asked)] == found, asked


def test_what_a_person_answers_holds_and_stops(journal):
    at = AT.isoformat()
    journal.decide("CLAIM_UNKNOWN", "c 1", "ignore", "known", "person", AT)
    assert last(journal) == [
        (at, "decided", "CLAIM_UNKNOWN c 1", {"action": "ignore", "note": "known", "who": "person"})
    ]
    journal.decide("CLAIM_UNKNOWN", "c 1", "adopt", "asked", "other", LATER)
    assert journal.decisions() == {("CLAIM_UNKNOWN", "c 1"): "adopt"}
    assert table(journal, "decision") == [
        {
            "code": "CLAIM_UNKNOWN",
            "subject": "c 1",
            "action": "adopt",
            "note": "asked",
            "who": "other",
            "at": LATER.isoformat(),
        }
    ]
    journal.set_hold("customer 10001", "asked for time", NIGHT, "person", AT)
    held = {"reason": "asked for time", "until": "2026-01-06", "who": "person"}
    assert last(journal) == [(at, "held", "customer 10001", held)]
    journal.set_hold("Invoice 1", "x", None, "person", AT)
    assert journal.holds() == [
        {"subject": "Invoice 1", "reason": "x", "until": None, "who": "person", "at": at},
        {"subject": "customer 10001", **held, "at": at},
    ]
    assert journal.end_hold("Invoice 1", "other", LATER) is True
    assert last(journal) == [(LATER.isoformat(), "released", "Invoice 1", {"who": "other"})]
    before = journal.seq()
    assert journal.end_hold("Invoice 1", "other", LATER) is False
    assert (journal.seq(), [each["subject"] for each in journal.holds()]) == (before, ["customer 10001"])
    journal.pause(True, "person", AT)
    assert (last(journal), journal.paused()) == ([(at, "paused", "company", {"who": "person"})], True)
    journal.pause(False, "other", LATER)
    assert (last(journal), journal.paused()) == ([(LATER.isoformat(), "resumed", "company", {"who": "other"})], False)
    assert journal.meta()["paused"] == "no"
    assert journal.verify() is None
    journal.note("looked", "account", {"b": 1, "a": NIGHT}, LATER)
    assert last(journal) == [(LATER.isoformat(), "looked", "account", {"b": 1, "a": "2026-01-06"})]


@pytest.mark.parametrize(
    ("code", "subject", "action", "kinds"),
    [
        ("EFFECT_REFUSED", "P1", "retry", {Kind.POSTING, Kind.REDUCTION, Kind.HOLD, Kind.CASE_REFERENCE}),
        ("EFFECT_REFUSED", "P2", "retry", set()),
        ("CASE_FIELDS_REFUSED", "Invoice 1", "retry", {Kind.CASE_REFERENCE}),
        ("PAUSE_OF_UNKNOWN_ORIGIN", "Invoice 1", "resume", {Kind.HOLD}),
        ("CLAIM_SHOULD_STOP", "Invoice 1 disputed", "pause", {Kind.HOLD}),
        ("CLAIM_SHOULD_STOP", "Invoice 1 credited in full", "recall", {Kind.HOLD}),
        ("CLAIM_SHOULD_STOP", "Invoice 1 disputed", "leave", set()),
        ("CLAIM_SHOULD_STOP", "Invoice 12 disputed", "pause", set()),
    ],
)
@pytest.mark.parametrize("kind", [Kind.POSTING, Kind.REDUCTION, Kind.HOLD, Kind.CASE_REFERENCE])
def test_an_answer_that_allows_one_try_is_used_up_by_the_intent_of_what_it_is_about(
    journal, code, subject, action, kinds, kind
):
    effect = replace(EFFECT, kind=kind, content=replace(EFFECT.content, document="Invoice 1"))
    journal.decide(code, subject, action, "", "person", AT)
    journal.record(effect, "dropped", AT, NIGHT)
    assert len(journal.decisions()) == 1
    journal.record(effect, "intent", AT, NIGHT)
    used = [[code, subject]] if kind in kinds else []
    assert len(journal.decisions()) == 1 - len(used)
    assert last(journal)[-1][3]["used"] == used
    assert journal.verify() is None


TOTALS = {"transfer": {"sum": 2, "count": 1}}


def test_plans_are_kept_with_their_effects_and_the_newest_counts(journal):
    journal.store_plan("a" * 64, NIGHT, AT, 3, "approval", TOTALS, ["{1}", "{2}", "{3}"])
    told = {"night": "2026-01-06", "version": 3, "verdict": "approval", "totals": TOTALS}
    assert last(journal) == [(AT.isoformat(), "planned", "a" * 64, told)]
    row = {"hash": "a" * 64, **told, "made_at": AT.isoformat(), "state": "stored", "seq": 2}
    assert journal.plan("a" * 64) == row
    assert journal.plan("b" * 64) is None
    assert list(journal.planned("a" * 64)) == ["{1}", "{2}", "{3}"]
    assert journal.planned_at("a" * 64, [2, 0]) == ["{1}", "{3}"]
    journal.store_plan("b" * 64, NIGHT, LATER, 4, "automatic", {}, ["{4}"])
    journal.mark_plan("b" * 64, "dispatched", LATER, "night")
    assert last(journal) == [(LATER.isoformat(), "plan_dispatched", "b" * 64, {"who": "night"})]
    assert [(each["hash"][0], each["state"]) for each in journal.plans()] == [("b", "dispatched"), ("a", "superseded")]
    assert [each["hash"][0] for each in journal.plans(1)] == ["b"]
    journal.store_plan("a" * 64, NIGHT, LATER, 3, "automatic", TOTALS, ["{1}", "{2}", "{3}"])
    assert journal.plan("a" * 64) == {**row, "verdict": "automatic", "made_at": LATER.isoformat(), "seq": 5}
    assert len(table(journal, "planned_effect")) == 4
    journal.store_plan("b" * 64, NIGHT, LATER, 4, "automatic", {}, ["{4}"])
    assert [(each["hash"][0], each["state"]) for each in journal.plans()] == [("a", "superseded"), ("b", "dispatched")]
    assert journal.verify() is None
    assert table(journal, "plan")[0]["totals"] == '{"transfer": {"count": 1, "sum": 2}}'


def test_a_night_is_opened_and_closed_with_its_figures(journal):
    first = journal.night_started(NIGHT, AT)
    assert last(journal) == [(AT.isoformat(), "night_started", "2026-01-06", {})]
    running = {"night": "2026-01-06", "started_at": AT.isoformat(), "ended_at": None, "outcome": "running"}
    assert journal.nights() == [{**running, "summary": {}, "seq": first}]
    second = journal.night_started(NIGHT + timedelta(days=1), LATER)
    summary = {"b": 1, "a": NIGHT}
    journal.night_ended(first, NIGHT, LATER, "done", summary)
    told = {"outcome": "done", "summary": {"b": 1, "a": "2026-01-06"}}
    assert last(journal) == [(LATER.isoformat(), "night_ended", "2026-01-06", told)]
    assert [each["seq"] for each in journal.nights()] == [second, first]
    assert journal.nights()[1] == {**running, "ended_at": LATER.isoformat(), **told, "seq": first}
    assert len(journal.nights(1)) == 1
    assert journal.verify() is None


def finding(journal):
    return {name: value for name, value in journal.findings(all_states=True)[0].items() if name != "id"}


def test_a_finding_lives_in_the_log_and_in_its_row(journal):
    journal.see_findings(NIGHT, AT, [("A", "s", "text", 5)])
    at, seen = AT.isoformat(), {"text": "text", "amount": 5, "last_night": "2026-01-06"}
    assert last(journal) == [(at, "found", "A s", {**seen, "night": "2026-01-06"})]
    new = {
        "code": "A",
        "subject": "s",
        **seen,
        "first_night": "2026-01-06",
        "state": "open",
        "note": "",
        "came_back": 0,
        "gone_night": None,
        "ignored_until": None,
        "assigned_to": "",
        "who": "",
        "acted_at": None,
        "acted_night": None,
    }
    assert finding(journal) == new
    journal.ignore_finding(1, NIGHT + timedelta(days=2), "wait", "person", LATER)
    ignored = {"until": "2026-01-08", "note": "wait", "who": "person"}
    assert last(journal) == [(LATER.isoformat(), "ignored", "finding 1", ignored)]
    acted = {"note": "wait", "who": "person", "acted_at": LATER.isoformat(), "acted_night": "2026-01-06"}
    assert finding(journal) == {**new, **acted, "state": "ignored", "ignored_until": "2026-01-08"}
    before = journal.seq()
    journal.see_findings(NIGHT + timedelta(days=1), LATER, [("A", "s", "more", 6)])
    assert journal.seq() == before
    assert (finding(journal)["text"], finding(journal)["amount"], finding(journal)["state"]) == ("more", 6, "ignored")
    journal.see_findings(NIGHT + timedelta(days=2), LATER, [("A", "s", "more", 6)])
    assert last(journal) == [(LATER.isoformat(), "due_again", "A s", {"night": "2026-01-08"})]
    again = {**new, **acted, "text": "more", "amount": 6, "last_night": "2026-01-08"}
    assert finding(journal) == again
    journal.assign_finding(1, "colleague", "theirs", "person", LATER)
    assigned = {"to": "colleague", "note": "theirs", "who": "person"}
    assert last(journal) == [(LATER.isoformat(), "assigned", "finding 1", assigned)]
    assert finding(journal) == {**again, "assigned_to": "colleague"}
    journal.see_findings(NIGHT + timedelta(days=3), LATER, [])
    assert last(journal) == [(LATER.isoformat(), "gone", "A s", {"night": "2026-01-09"})]
    gone = {**again, "assigned_to": "colleague", "state": "closed", "gone_night": "2026-01-09"}
    assert finding(journal) == gone
    assert journal.findings() == []
    before = journal.seq()
    journal.see_findings(NIGHT + timedelta(days=4), LATER, [])
    assert journal.seq() == before
    journal.resolve_finding(1, "over", "person", AT)
    assert last(journal) == [(at, "resolved", "finding 1", {"note": "over", "who": "person"})]
    assert finding(journal)["state"] == "closed"
    journal.see_findings(NIGHT + timedelta(days=5), LATER, [("A", "s", "text", 5)])
    back = finding(journal)
    assert (back["state"], back["first_night"], back["came_back"]) == ("open", "2026-01-11", 1)
    assert [e["kind"] for e in journal.finding_events(journal.finding(1))] == [
        "found", "ignored", "due_again", "assigned", "gone", "resolved", "found",
    ]  # fmt: skip
    assert journal.verify() is None
    assert journal.finding(2) is None
    with pytest.raises(JournalError, match=r"^there is no finding 2 in the journal$"):
        journal.resolve_finding(2, "", "person", AT)


def test_a_run_that_looked_for_some_codes_leaves_findings_of_others_as_they_are(journal):
    journal.see_findings(NIGHT, AT, [("A", "s", "t", None), ("B", "s", "t", None), ("C", "s", "t", None)])
    journal.see_findings(NIGHT, AT, [("C", "s", "t", None)], looked_for=["B", "C"])
    assert [(each["code"], each["state"]) for each in journal.findings(all_states=True)] == [
        ("A", "open"),
        ("B", "closed"),
        ("C", "open"),
    ]


def test_findings_are_listed_the_oldest_first(journal):
    journal.see_findings(NIGHT, AT, [("B", "s", "t", None)])
    journal.see_findings(NIGHT - timedelta(days=1), AT, [("B", "s", "t", None), ("A", "s", "t", None)])
    assert [each["code"] for each in journal.findings()] == ["A", "B"]


def test_a_backup_is_whole_closed_to_others_and_opened_by_a_reader(journal, tmp_path):
    journal.decide("A", "s", "ignore", "", "person", AT)
    target = tmp_path / "copy" / "journal.sqlite"
    target.parent.mkdir()
    (target.parent / "journal.partial").write_text("left over")
    journal.backup(target)
    assert [path.name for path in target.parent.iterdir()] == ["journal.sqlite"]
    assert target.stat().st_mode & 0o777 == 0o600
    reader = Journal(target.parent, "nordlys", "t1", AT, read_only=True)
    assert (reader.decisions(), reader.seq(), reader.verify()) == (journal.decisions(), journal.seq(), None)
    assert reader.db.execute("pragma journal_mode").fetchone()[0] == "delete"
    assert reader.seal_of(reader.seq()) == journal.seal_of(journal.seq())
    assert reader.seal_of(99) == ""
    reader.close()


def test_what_moves_an_effect_as_none_may_is_illegal_in_the_log():
    told = {"kind": "posting", "source": "s", "ordinal": 1, "content": {}, "details": {}, "night": "n"}
    told |= {"remote_id": None, "note": ""}
    entries = [
        {"seq": 1, "at": "t", "kind": "missed", "subject": "A", "data": {}},
        {"seq": 2, "at": "t", "kind": "uncertain", "subject": "B", "data": told},
        {"seq": 3, "at": "t", "kind": "absent", "subject": "B", "data": told},
        {"seq": 4, "at": "t", "kind": "confirmed", "subject": "B", "data": told},
    ]
    sums = replay(entries, frozenset({("absent", "confirmed")}))
    assert sums.illegal == [
        (1, "A was looked for before it was known"),
        (2, "B went from nothing to uncertain"),
        (3, "B went from uncertain to absent"),
    ]
    assert sums.effects.keys() == {"B"}
    assert sums.effects["B"]["state"] == "confirmed"
