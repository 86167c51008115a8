"""The gate: which stored plan may be carried out, and what is said of one that may not."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.gate import approve, dispatchable
from cloudcollect_pipeline.dispatch.journal import Journal

AT = datetime(2026, 1, 20, 3, tzinfo=UTC)
NIGHT = date(2026, 1, 20)
ONE, OTHER = "a" * 64, "ab" * 32
HOUR = timedelta(hours=1)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    journal.declare_new(AT, "test")
    yield journal
    journal.close()


def store(journal, name, verdict="automatic", at=AT):
    journal.store_plan(name, NIGHT, at, 1, verdict, {}, [])


def refused(journal, words, *given, now=AT):
    with pytest.raises(NothingSent, match=f"^{re.escape(words)}$"):
        dispatchable(journal, now, *given)


def test_the_newest_plan_is_taken_where_none_is_named(journal):
    refused(journal, "there is no plan; run plan_only first")
    store(journal, ONE)
    store(journal, OTHER)
    assert dispatchable(journal, AT) == OTHER


@pytest.mark.parametrize("named", ["a" * 8, "a" * 12, ONE])
def test_a_plan_is_named_by_eight_characters_at_least(journal, named):
    store(journal, ONE)
    assert dispatchable(journal, AT, named) == ONE


@pytest.mark.parametrize("named", ["", "a" * 7, "b" * 8, "a" * 65])
def test_a_name_that_stands_for_no_plan_is_said(journal, named):
    store(journal, ONE)
    words = f"no stored plan is named {named}; `cloudcollect plan` shows the newest (8 characters at least)"
    refused(journal, words, named)


def test_a_name_that_stands_for_two_plans_is_none(journal):
    for end in "bc":
        store(journal, "a" * 63 + end)
    with pytest.raises(NothingSent, match="no stored plan"):
        dispatchable(journal, AT, "a" * 8)
    assert dispatchable(journal, AT, "a" * 63 + "c").endswith("c")


def test_a_plan_is_good_for_a_day(journal):
    store(journal, ONE)
    assert dispatchable(journal, AT + 24 * HOUR) == ONE
    refused(
        journal, "plan aaaaaaaaaaaa is older than 24 hours; make a new one", now=AT + 24 * HOUR + timedelta.resolution
    )


def test_a_plan_that_gave_way_to_a_newer_one_is_not_taken(journal):
    store(journal, ONE)
    store(journal, OTHER)
    refused(journal, "plan aaaaaaaaaaaa has been superseded by a newer one", ONE)


def test_a_plan_that_wants_a_person_waits_until_it_is_approved(journal):
    store(journal, ONE, "approval")
    refused(journal, "plan aaaaaaaaaaaa waits for approval: `cloudcollect approve aaaaaaaaaaaa`")
    assert approve(journal, AT, "person", "a" * 8) == ONE
    assert dispatchable(journal, AT) == ONE
    event = journal.events()[-1]
    assert (event["kind"], event["subject"], event["data"], event["at"]) == (
        "plan_approved",
        ONE,
        {"who": "person"},
        AT.isoformat(),
    )


def test_what_needs_no_approval_is_not_approved_and_what_cannot_be_sent_cannot_be(journal):
    store(journal, ONE)
    before = journal.seq()
    assert approve(journal, AT, "person", ONE) == ONE
    assert journal.seq() == before
    with pytest.raises(NothingSent, match="older than 24 hours"):
        approve(journal, AT + 25 * HOUR, "person", ONE)
    with pytest.raises(NothingSent, match="no stored plan"):
        approve(journal, AT, "person", "b" * 8)


def test_a_plan_of_the_quiet_time_is_not_taken_once_that_is_over(tmp_path):
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    journal.landed(AT)
    words = (
        "plan aaaaaaaaaaaa was made while nothing might be written: the journal is new or restored, and what was read "
        "before cannot tell what it forgot; make a new one"
    )
    store(journal, ONE, at=AT + 11 * HOUR)
    assert dispatchable(journal, AT + 11 * HOUR) == ONE
    refused(journal, words, now=AT + 12 * HOUR)
    refused(journal, words, now=AT + 13 * HOUR)
    store(journal, OTHER, at=AT + 12 * HOUR)
    assert dispatchable(journal, AT + 13 * HOUR) == OTHER
    journal.close()
