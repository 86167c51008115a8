"""Plans without an effect: nobody needs to look at them, and they let nothing go out unseen."""

from datetime import timedelta

import pytest

from tests.stories.test_settlements import collected, settle
from tests.stories.test_unreadable import known_for_long, not_to_be_read
from tests.story import spoil, transferred


def run(story, *missed_days_ago):
    """The next night, with these nights before it made up for; nobody approves anything."""
    with story.opened() as night:
        night.makes_up_for = [story.world.today - timedelta(days=days) for days in missed_days_ago]
        return night.run()


def erp_is_down(story):
    story.world.erp_faults.add("status_before", "GET", "/v1/customerinvoice", count=10**6, status=503)


def test_a_plan_that_waits_for_a_look_at_missed_nights_is_not_sent_after_a_night_that_could_plan_nothing(story):
    transferred(story)
    story.quiet(2)
    story.morning(3)
    invoice = story.receivable(5000)
    assert "waits for approval" in run(story, 1, 2).not_sent
    erp_is_down(story)
    story.morning()
    empty = run(story)
    assert empty.plan.plan.totals == {}
    story.world.erp_faults.clear()
    story.morning()
    following = run(story)
    assert "waits for approval" in following.not_sent
    assert "makes up for 2 nights" in following.plan.reasons[0]
    assert following.made_up_for == empty.made_up_for
    assert story.agency.claim_for(story.slug, invoice.number) is None
    assert not story.night(approve=True).not_sent
    story.claim(invoice)
    story.receivable(4000)
    after = story.night(approve=False)
    assert (after.not_sent, after.made_up_for) == ("", ())


def test_what_a_run_for_missed_nights_could_not_read_waits_for_a_look_on_the_night_that_can(story):
    transferred(story)
    story.quiet(2)
    story.morning(3)
    invoice = story.receivable(5000)
    erp_is_down(story)
    assert run(story, 1, 2).plan.plan.totals == {}
    story.world.erp_faults.clear()
    story.morning()
    assert "waits for approval" in run(story).not_sent
    assert story.agency.claim_for(story.slug, invoice.number) is None


def test_missed_nights_in_which_there_was_nothing_to_do_are_over_once_all_was_read(story):
    transferred(story)
    story.quiet(2)
    story.morning(3)
    assert len(run(story, 1, 2).made_up_for) == 2
    assert story.night().made_up_for == ()
    story.receivable(5000)
    following = story.night(approve=False)
    assert (following.not_sent, following.made_up_for) == ("", ())


def waits_for_a_look(story):
    """The next night's plan still stands for two missed ones."""
    story.morning()
    after = run(story)
    assert ("waits for approval" in after.not_sent, len(after.made_up_for)) == (True, 2)


def test_what_a_run_for_missed_nights_had_to_set_aside_waits_for_a_look_once_it_is_understood(story):
    transferred(story)
    story.quiet(2)
    story.morning(3)
    invoice = story.receivable(5000)
    spoil(story, "erp", "/customerinvoice", lambda row: row.update(excludeDebtCollection="perhaps"), count=10**6)
    assert run(story, 1, 2).plan.plan.totals == {}
    story.world.erp_faults.clear()
    waits_for_a_look(story)
    assert story.agency.claim_for(story.slug, invoice.number) is None


def test_a_receivable_that_a_run_for_missed_nights_could_not_read_by_its_number_waits_for_a_look(story):
    named, _ = known_for_long(story, 2)
    story.morning(3)
    story.erp.pay(named, 500)
    not_to_be_read(story, named)
    assert run(story, 1, 2).plan.plan.totals == {}
    story.world.erp_faults.clear()
    waits_for_a_look(story)
    assert story.open_at_agency(named) == 6000


def test_a_settlement_that_a_run_for_missed_nights_had_to_set_aside_waits_for_a_look(story):
    collected(story)
    story.quiet(2)
    story.morning(3)
    settle(story)
    spoil(story, "agency", "/v1/settlements$", lambda row: row.update(status="PERHAPS"), count=10**6)
    assert run(story, 1, 2).plan.plan.totals == {}
    story.world.agency_faults.clear()
    waits_for_a_look(story)
    assert story.world.truth()[story.slug].vouchers == {}


@pytest.mark.parametrize("count", [2, 8])
def test_what_a_run_for_missed_nights_could_not_read_on_its_turn_waits_for_a_look(story, count):
    """Its due date was moved, which moves no clock in the ERP: its turn alone tells."""
    documents = known_for_long(story, count)
    story.erp.settings.document_touched_by_edit = False
    story.morning(7)
    for document in documents:
        not_to_be_read(story, document)
        story.erp.set_due_date(document, story.world.today + timedelta(days=60))
    assert run(story, *range(1, 8)).plan.plan.totals == {}
    story.world.erp_faults.clear()
    story.morning()
    after = run(story)
    assert ("waits for approval" in after.not_sent, len(after.made_up_for)) == (True, 7)
    assert {story.claim(document).hold for document in documents} == {"NONE"}
