"""Stories of what the ERP's lists do not tell, tell twice or tell late, and of what is read by key because of it."""

import json
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.nightly import Night
from tests.story import Story, ends_equal, transferred

INVOICES = 20
UNTIL_OLD = 9
"""Nights after which a dunning letter no longer makes its receivables be listed."""


def reads_by_key(story):
    """The numbers of the invoices that are read by key from now on, in a list that fills."""
    numbers = []
    handler = story.world.erp_handler

    def noted(request):
        found = re.fullmatch(r"/v1/customerinvoice/(\d+)", request.path)
        if found and request.method == "GET":
            numbers.append(found[1])
        return handler(request)

    story.world.erp_handler = noted
    return numbers


def handed_over(story, count=INVOICES):
    invoices = [story.receivable(6000) for _ in range(count)]
    story.quiet(UNTIL_OLD)
    return invoices


def test_every_transferred_open_receivable_has_one_turn_in_seven_nights_and_missed_turns_are_made_up_for(story):
    invoices = handed_over(story)
    read, turns = reads_by_key(story), []
    for _ in range(7):
        read.clear()
        story.night()
        turns.append(sorted(read))
    assert sorted(number for turn in turns for number in turn) == [invoice.number for invoice in invoices]
    assert max(len(turn) for turn in turns) < INVOICES / 2
    night = 7
    for missed in (0, 2, 5, 6, 9):
        read.clear()
        story.morning(missed)
        story.night()
        due = {number for skipped in range(missed + 1) for number in turns[(night + skipped) % 7]}
        night += missed + 1
        assert sorted(read) == sorted(due), missed


def test_what_is_paid_recalled_or_was_just_read_gets_no_turn(tmp_path):
    story = Story(tmp_path, excluded_after_transfer="recall")
    paid, recalled, ours, changed = (transferred(story) for _ in range(4))
    story.erp.pay(paid, 6000)
    story.erp.exclude(recalled)
    story.quiet(UNTIL_OLD)
    read = reads_by_key(story)
    for _ in range(7):
        story.erp.set_due_date(changed, changed.due)
        story.night()
    assert read == [ours.number]


def test_a_change_that_moves_no_clock_is_seen_within_seven_nights(story):
    invoices = handed_over(story, 8)
    story.erp.settings.document_touched_by_edit = False
    for invoice in invoices:
        story.erp.set_due_date(invoice, story.world.today + timedelta(days=60))
    for _ in range(7):
        story.night()
    assert [story.claim(invoice).hold for invoice in invoices] == ["PAUSED"] * 8
    ends_equal(story, *invoices)


@pytest.mark.parametrize("late", [0, 5])
def test_what_is_dunned_is_handed_over_whether_its_clock_moves_or_not(story, late):
    """The letter may bear an earlier date than the night on which it was released."""
    story.erp.settings.document_touched_by_dunning = False
    invoice = story.erp.invoice(story.customer(), 10_000, date(2025, 11, 17), date(2025, 12, 1))
    story.quiet(3)
    story.erp.run_dunning(story.world.today - timedelta(days=late))
    story.night()
    assert story.claim(invoice).principal == 10_000


def test_after_an_outage_of_a_week_a_change_that_moved_no_clock_is_seen_in_the_first_night(story):
    invoice = transferred(story)
    story.erp.settings.document_touched_by_edit = False
    story.erp.set_due_date(invoice, story.world.today + timedelta(days=60))
    story.morning(7)
    story.night()
    assert story.claim(invoice).hold == "PAUSED"


def test_a_turn_that_could_not_be_read_is_read_on_the_next_night_and_holds_up_nothing(story):
    invoice, other = transferred(story), transferred(story)
    story.quiet(UNTIL_OLD)
    story.morning(7)
    story.erp.pay(other, 1000)
    story.world.erp_faults.add("status_before", "GET", rf"/customerinvoice/{invoice.number}$", count=9)
    result = story.night()
    assert story.findings()["FEED_INCOMPLETE"] == ["erp documents by key"]
    assert result.dispatched.counts["reduction"] == {"confirmed": 1}
    story.world.erp_faults.clear()
    read = reads_by_key(story)
    story.night()
    assert invoice.number in read
    ends_equal(story, invoice, other)


def test_a_payment_whose_invoice_could_not_be_read_is_read_again_on_the_next_night(story):
    invoice = transferred(story)
    story.erp.pay(invoice, 1000)
    story.morning()
    story.world.erp_faults.add("status_before", "GET", rf"/customerinvoice/{invoice.number}$", count=99)
    story.night()
    assert story.open_at_agency(invoice) == 6000
    story.world.erp_faults.clear()
    story.night()
    assert story.open_at_agency(invoice) == 5000
    ends_equal(story, invoice)


def known_rows(story):
    """How many versions of rows the mirror holds of each table."""
    with story.opened() as night:
        return {
            table: night.ledger.value(f"select count(*) from {table}")
            for table in ("receivable", "payment", "customer")
        }


def test_when_an_upgrade_moves_every_clock_all_is_read_again_and_nothing_happens(story):
    paid, collected, credited = (transferred(story) for _ in range(3))
    story.erp.pay(paid, 1000)
    story.collect(collected, 2500)
    story.erp.match(story.erp.credit_note(credited.customer, 500), credited, 500)
    story.quiet(3)
    before = known_rows(story)
    story.morning()
    story.erp.move_clocks()
    with story.opened() as night:
        plan = night.prepare_plan()
        read = night.result.mirrored["erp"]
        result = night.carry_out()
    assert read.staged == {"receivable": 3, "payment": 3, "customer": 3}
    assert read.changed == {"receivable": 0, "payment": 0, "customer": 0}
    assert not plan.plan.effects
    assert not result.findings
    assert known_rows(story) == before
    ends_equal(story, paid, collected, credited)


def test_a_company_whose_long_reads_run_in_the_background_has_the_same_nights(story):
    company = story.settings.companies[story.slug]
    erp = company.erp.model_copy(update={"background": "long"})
    story.settings.companies[story.slug] = company.model_copy(update={"erp": erp})
    invoice = transferred(story)
    story.collect(invoice, 2500)
    story.night()
    assert invoice.balance == 3500
    ends_equal(story, invoice)


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (timedelta(minutes=4), None),
        (timedelta(minutes=-4), None),
        (timedelta(minutes=6), "6.0 minutes ahead of ours"),
        (timedelta(minutes=-6), "6.0 minutes behind ours"),
        (timedelta(hours=-7), "420.0 minutes behind ours"),
    ],
)
def test_an_erps_clock_that_is_off_is_told_and_the_finding_ends_when_it_is_right(story, ahead, told):
    story.erp.settings.clock_ahead = ahead
    (found,) = [f.text for f in story.night().findings if f.code == "CLOCK_SKEW"] or [None]
    assert found == (told and f"the ERP's clock is {told}")
    story.erp.settings.clock_ahead = timedelta(0)
    story.night()
    assert not story.findings()


@pytest.mark.parametrize("behind", [timedelta(seconds=30), timedelta(hours=7), timedelta(hours=20)])
def test_what_an_erp_with_a_clock_behind_ours_changes_is_read_even_without_an_overlap(story, behind):
    company = story.settings.companies[story.slug]
    erp = company.erp.model_copy(update={"overlap_hours": 0})
    story.settings.companies[story.slug] = company.model_copy(update={"erp": erp})
    invoice = transferred(story)
    story.erp.settings.clock_ahead = -behind
    story.night()
    for left in (5000, 4000):
        story.erp.pay(invoice, 1000)
        story.night()
        assert story.open_at_agency(invoice) == left
    story.erp.settings.clock_ahead = timedelta(0)
    ends_equal(story, invoice)


@pytest.mark.parametrize("hours", [9, 20, 30, 24 * 20, 24 * 365, 24 * 366])
def test_a_clock_of_ours_that_ran_ahead_for_a_night_leaves_nothing_unread(story, hours):
    """What happens the day after lies before the moment that the clock told."""
    paid, credited, collected = (transferred(story) for _ in range(3))
    story.morning()
    ahead = Ahead(story.world.clock, timedelta(hours=hours))
    with Night.open(story.slug, story.settings, ahead, transport=story.transport, parallel=1, patience=0) as night:
        night.run()
    story.erp.pay(paid, 1000)
    story.erp.match(story.erp.credit_note(credited.customer, 1500), credited, 1500)
    story.collect(collected, 2500)
    if hours > 48:
        accept_clock(story)
    story.night()
    assert (story.open_at_agency(paid), story.open_at_agency(credited)) == (5000, 4500)
    assert collected.balance == 3500
    ends_equal(story, paid, credited, collected)


@dataclass(frozen=True)
class Ahead:
    """A clock that is ahead of the world's."""

    clock: Clock
    by: timedelta

    def now(self):
        return self.clock.now() + self.by

    def sleep(self, seconds):
        self.clock.sleep(seconds)


def accept_clock(story):
    company = story.settings.companies[story.slug]
    journal = Journal(story.data / story.slug, story.slug, company.erp.tenant_id, story.world.now)
    journal.accept_clock(story.world.now, "person")
    journal.close()


LEFT_OUT = frozenset(
    ["applications", "dunningLetterLevel", "dunningLetterDate", "excludeDebtCollection", "revoked", "debtCollection"]
)


def test_what_a_read_by_number_leaves_out_is_not_taken_for_none(story):
    story.erp.settings.left_out_by_number = LEFT_OUT
    paid, held, late = (transferred(story) for _ in range(3))
    story.erp.pay(paid, 1000)
    story.erp.exclude(held)
    story.night()
    assert story.open_at_agency(paid) == 5000
    assert story.claim(held).hold == "PAUSED"
    before = known_rows(story)
    for _ in range(8):  # each has its turn to be read by number
        assert not story.night().plan.plan.effects
    assert known_rows(story) == before
    assert story.claim(held).hold == "PAUSED"
    story.collect(late, 2500)
    ends_equal(story, paid, held, late)
    assert not story.findings()


def test_an_exclusion_after_the_plan_stops_the_transfer_though_a_read_by_number_does_not_show_it(story):
    transferred(story)
    story.erp.settings.left_out_by_number = frozenset({"excludeDebtCollection"})
    invoice = story.receivable(6000)
    story.morning()
    with story.opened() as night:
        assert len(night.prepare_plan().plan.effects) == 1
        story.erp.exclude(invoice)
        result = night.carry_out()
    assert result.dispatched.counts["transfer"] == {"dropped": 1}


def without_claims(answer):
    return replace(answer, body=json.dumps(json.loads(answer.body) | {"items": []}).encode())


def test_a_claim_that_the_agency_never_lists_is_asked_for_by_its_id_for_two_weeks(story):
    asked = []

    def noted(answer):
        asked.append(story.world.today)
        return without_claims(answer)

    invoice = story.receivable(6000)
    story.world.agency_faults.add(
        "mutate", "GET", r"/v1/claims$", query="^(?!.*id=)", count=10**6, mutate=without_claims
    )
    story.world.agency_faults.add("mutate", "GET", r"/v1/claims$", query="(^|&)id=", count=10**6, mutate=noted)
    story.quiet(20)
    made = story.claim(invoice).received_at.date()
    assert {(day - made).days for day in asked} == set(range(1, 15))
    assert "EFFECT_NOT_LISTED" in story.findings()


@pytest.mark.parametrize("by_id_too", [False, True], ids=["lists alone", "reads by id too"])
def test_a_claim_that_no_list_tells_in_time_is_asked_for_by_its_id(story, by_id_too):
    """Lists lag for two nights, longer than they are read back."""
    invoice = story.receivable(6000)
    story.world.agency_faults.add(
        "mutate", "GET", r"/v1/claims$", query="" if by_id_too else "^(?!.*id=)", count=10**6, mutate=without_claims
    )
    story.quiet(3)
    assert story.claim(invoice)
    assert "EFFECT_NOT_LISTED" in story.findings() or not by_id_too
    story.world.agency_faults.clear()
    story.night()
    assert "EFFECT_NOT_LISTED" not in story.findings()
    story.erp.pay(invoice, 2000)
    ends_equal(story, invoice)
    assert story.open_at_agency(invoice) == 4000
