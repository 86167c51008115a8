"""The morning of a company, read from what its nights published."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

import pytest

from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.gate import dispatchable
from cloudcollect_pipeline.reporting.morning import read_morning
from cloudcollect_pipeline.reporting.nights import missing_nights
from cloudcollect_pipeline.reporting.published import NotPublished, snapshot
from tests.story import Story, transferred

EIGHT = datetime(2026, 1, 12, 7, tzinfo=UTC)


def run(night: int, *made_up_for: int) -> dict:
    day = date(2026, 1, night).isoformat()
    return {"night": day, "summary": {"made_up_for": [date(2026, 1, n).isoformat() for n in made_up_for]}}


@pytest.mark.parametrize(
    ("runs", "missing"),
    [
        ([], []),
        ([run(12)], []),
        ([run(11)], [12]),
        ([run(12), run(10)], [11]),
        ([run(12, 9, 10, 11), run(8)], []),
        ([run(12, 10, 11), run(8)], [9]),
        ([run(12), run(12), run(11)], []),
    ],
)
def test_a_night_is_missing_until_it_was_run_or_made_up_for(runs, missing):
    assert missing_nights(runs, EIGHT) == tuple(date(2026, 1, n) for n in missing)


def test_tonight_is_not_missing_before_four(tmp_path):
    before, after = (datetime(2026, 1, 12, hour, tzinfo=UTC) for hour in (2, 3))
    assert missing_nights([run(11)], before) == ()
    assert missing_nights([run(11)], after) == (date(2026, 1, 12),)


def morning(story: Story, **later: int):
    with snapshot(story.settings, story.slug) as seen:
        return read_morning(seen, story.world.now + timedelta(**later))


def test_before_the_first_night_it_says_so(tmp_path):
    story = Story(tmp_path)
    with pytest.raises(NotPublished, match="has not been run yet"):
        morning(story)


def test_it_tells_what_the_night_did_what_is_open_and_what_waits(tmp_path):
    story = Story(tmp_path)
    invoice = transferred(story, 600_000)
    story.collect(invoice, 250_000)
    story.receivable(5_000)
    story.night()
    told = morning(story)
    assert told.verdict == "good"
    assert told.dispatched["posting"]["confirmed"] == {"count": 1, "sum": 250_000}
    assert told.dispatched["transfer"]["confirmed"] == {"count": 1, "sum": 5_000}
    assert (told.statement["closing"], told.statement["ledger"], told.open_items) == (250_000, 250_000, 1)
    assert [balance.closing for balance in told.trend] == [0, 250_000]
    assert told.as_json()["verdict"] == "good"


def test_money_that_stands_for_more_than_a_fortnight_and_a_new_finding_are_told_with_their_age(tmp_path):
    story = Story(tmp_path)
    invoice = transferred(story, 600_000)
    story.collect(invoice, 250_000)
    story.night()
    story.quiet(13)
    assert morning(story).old_items == ()
    stranger = story.erp.pay(invoice, 10_000, cash_account="1510")
    story.night()
    told = morning(story)
    assert [(item.open, item.age) for item in told.old_items] == [(250_000, told.oldest_days)]
    assert told.oldest_days > 14
    assert told.verdict == "person"
    assert {need.code for need in told.needs if need.new} >= {"FOREIGN_SUSPENSE_PAYMENT"}
    assert told.new_findings + told.old_findings == len(told.needs)
    story.night()
    again = morning(story)
    assert {need.age for need in again.needs if need.code == "FOREIGN_SUSPENSE_PAYMENT"} == {1}
    assert again.new_findings < told.new_findings
    story.erp.void(stranger)
    story.quiet(1)
    assert not [need for need in morning(story).needs if need.code == "FOREIGN_SUSPENSE_PAYMENT"]


def test_nights_without_a_run_are_missing_and_that_outweighs_a_finding(tmp_path):
    story = Story(tmp_path)
    story.receivable(600_000)
    story.night()
    told = morning(story, days=2)
    assert told.verdict == "missing"
    assert len(told.missing_nights) == 2


def test_a_run_that_died_did_not_end_its_night_even_when_a_person_publishes_since(tmp_path):
    story = Story(tmp_path)
    story.receivable(600_000)
    story.night()
    ended = story.world.today
    story.morning()
    with story.opened() as night:
        night.land_and_mirror()
    with story.opened() as night:
        night.publish()
    told = morning(story)
    assert (told.night, told.verdict, told.missing_nights) == (ended, "missing", (story.world.today,))


@pytest.mark.parametrize(("seconds", "waits"), [(0, True), (24 * 3600, True), (24 * 3600 + 1, False)])
def test_a_plan_waits_as_long_as_the_gate_takes_an_approval(tmp_path, seconds, waits):
    story = Story(tmp_path)
    story.receivable(600_000)
    story.night(approve=False)
    with snapshot(story.settings, story.slug) as seen:
        (plan,) = seen.journal.plans(1)
        now = datetime.fromisoformat(plan["made_at"]) + timedelta(seconds=seconds)
        waiting = seen.waiting_plan(now)
        with pytest.raises(NothingSent, match="waits for approval" if waits else "older than 24 hours"):
            dispatchable(seen.journal, now)
        assert (waiting and waiting["hash"]) == (plan["hash"] if waits else None)
        told = read_morning(seen, now).waiting
        assert (told is not None) is waits


def test_a_published_file_that_cannot_be_read_is_no_company_that_never_ran(tmp_path):
    story = Story(tmp_path)
    story.night()
    (story.data / story.slug / "published" / "journal.sqlite").write_bytes(b"")
    with pytest.raises(sqlite3.OperationalError):
        morning(story)
