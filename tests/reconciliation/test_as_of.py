"""A past night's books, read again from a later snapshot, are the books of that night."""

import json
from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.reconciliation.as_of import NoSuchNight, lay_as_of
from cloudcollect_pipeline.reconciliation.statement import make_statement
from cloudcollect_pipeline.reporting.published import Snapshot, snapshot
from tests.story import Story, lose_journal


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)


def statement_of(seen: Snapshot, night: date):
    cut = lay_as_of(seen.ledger, seen.journal, night)
    return make_statement(seen.ledger, night, cut.moment, seen.settings)


def stored(seen: Snapshot) -> dict[date, dict]:
    rows = seen.ledger.rows("select night, body from published.statement order by night, seq")
    return {row["night"]: json.loads(row["body"]) for row in rows}


def assert_every_night_can_be_read_again(story: Story) -> int:
    with snapshot(story.settings, story.slug) as seen:
        nights = stored(seen)
        for night, body in nights.items():
            again = statement_of(seen, night).as_json()
            assert {name: again[name] for name in again if name != "made_at"} == {
                name: body[name] for name in body if name != "made_at"
            }, night
    return len(nights)


def busy_weeks(story: Story) -> None:
    """Money at both parties, reversed, stuck, paid out, cancelled, and a stranger on the account."""
    first, second = story.receivable(6000), story.receivable(8000)
    story.night()
    entry = story.collect(first, 2500)
    story.night()
    story.collect(second, 3000)
    story.erp.pay(first, 1000)
    story.erp.fail_next_release("the period is being closed")
    story.night()
    stranger = story.erp.pay(second, 100, cash_account="1510")
    story.night()
    story.agency.reverse(entry, 500)
    story.agency.settle(story.slug, story.world.today)
    story.erp.void(stranger)
    story.quiet(3)
    settlement = story.agency.settle(story.slug, story.world.today)
    story.quiet(2)
    if settlement:
        story.agency.cancel_settlement(settlement)
    story.quiet(2)


def test_every_past_statement_is_found_again(story):
    busy_weeks(story)
    assert assert_every_night_can_be_read_again(story) > 8


def test_an_item_that_was_settled_later_is_open_on_the_night_before(story):
    invoice = story.receivable(6000)
    story.night()
    story.collect(invoice, 2500)
    story.night()
    collected = story.world.today
    story.agency.settle(story.slug, story.world.today)
    story.quiet(2)
    with snapshot(story.settings, story.slug) as seen:
        (item,) = statement_of(seen, collected).items
        assert item.open == 2500
        assert statement_of(seen, story.world.today).items == ()
        (item,) = statement_of(seen, collected).items
        assert item.open == 2500


def test_what_was_confirmed_later_does_not_count_before(story):
    invoice = story.receivable(6000)
    story.world.agency_faults.add("lost_before", "POST", r"/v1/claims$")
    story.quiet(4)
    story.collect(invoice, 2500)
    story.night()
    story.agency.settle(story.slug, story.world.today)
    story.world.erp_faults.add("lost_after", "POST", r"/journaltransaction")
    unanswered = story.night()
    assert unanswered.statement.closing == 2500
    story.quiet(4)
    assert story.results[-1].statement.settled == 2500
    assert_every_night_can_be_read_again(story)


def test_past_nights_outlive_a_lost_journal(story):
    invoice = story.receivable(6000)
    story.night()
    story.collect(invoice, 2500)
    story.quiet(2)
    lose_journal(story)
    story.quiet(3)
    with snapshot(story.settings, story.slug) as seen:
        for night, body in stored(seen).items():
            again = statement_of(seen, night)
            assert (again.closing, again.ledger, again.ties) == (body["closing"], body["ledger"], body["ties"]), night


def test_a_night_that_was_not_is_named(story):
    story.night()
    with snapshot(story.settings, story.slug) as seen, pytest.raises(NoSuchNight, match="there are nights from"):
        lay_as_of(seen.ledger, seen.journal, story.world.today + timedelta(days=1))
