"""Money and claims that count once, however they are told: by a parent, twice, from before, or again."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.cli import explain
from cloudcollect_pipeline.reporting.published import snapshot
from cloudcollect_pipeline.sandbox.agency.books import Line
from tests.stories.test_several_agencies import OTHER, Agencies
from tests.story import Story, ends_equal, transferred


def test_what_a_bookkeeper_posted_for_the_parent_is_not_posted_once_more(story):
    parent = story.customer(name="Konsernet AS")
    invoice = story.receivable(6000, customer=story.customer(name="Datteren AS", parent=parent))
    story.night()
    story.collect(invoice, 2000)
    by_hand = story.erp.pay(invoice, 2000, cash_account="1510", customer=parent)
    story.night()
    assert invoice.balance == 4000
    assert {"EFFECT_BLOCKED", "FOREIGN_SUSPENSE_PAYMENT"} <= story.findings().keys()
    story.erp.void(by_hand)
    ends_equal(story, invoice)
    assert invoice.balance == story.open_at_agency(invoice) == 4000


def test_who_may_have_paid_by_the_parent_is_not_handed_over(story):
    parent = story.customer(name="Konsernet AS")
    invoice = story.receivable(6000, customer=story.customer(name="Datteren AS", parent=parent))
    by_hand = story.erp.pay(invoice, 2000, cash_account="1510", customer=parent)
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    with snapshot(story.settings, story.slug) as seen:
        assert "NO_FOREIGN_PAYMENT: void it" in str(explain._explained(seen, invoice.number).as_json())
    story.erp.void(by_hand)
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is not None


def test_what_is_told_of_a_parents_payment_names_what_was_reported_of_it(story):
    parent = story.customer(name="Konsernet AS")
    invoice = transferred(story, customer=story.customer(name="Datteren AS", parent=parent))
    payment = story.erp.pay(invoice, 2000, customer=parent)
    story.night()
    assert story.open_at_agency(invoice) == 4000
    with snapshot(story.settings, story.slug) as seen:
        told = str(explain._explained(seen, payment.number).as_json())
    assert "reported 20,00 = 0,00" in told
    assert "settles no receivable at the agency" not in told


def taken_up_again(story, claim):
    claim.rejected = False
    story.agency._changed(claim)


def test_a_claim_that_the_agency_takes_up_again_beside_a_new_one_is_told(story):
    invoice = transferred(story)
    first = story.claim(invoice)
    story.agency.reject(first)
    story.night()
    story.decide("NEW_EPISODE", "approve")
    story.night()
    assert "CLAIM_LIVE_TWICE" not in story.findings()
    taken_up_again(story, first)
    story.night()
    assert story.findings()["CLAIM_LIVE_TWICE"] == [f"Invoice {invoice.number}"]
    story.agency.reject(first)
    story.night()
    assert "CLAIM_LIVE_TWICE" not in story.findings()


def test_a_claim_that_is_taken_up_again_beside_one_at_another_agency_is_told_by_both(tmp_path):
    story = Agencies(tmp_path, ({}, {}), companies=("nordlys",))
    invoice = transferred(story)
    [first] = story.claims_at("nordlys", invoice)
    story.all_nights()
    story.agency.reject(first)
    story.all_nights(2)
    other = "nordlys" + OTHER
    with story.opened(other) as night:
        subject = f"Invoice {invoice.number} episode 2"
        night.journal.decide("NEW_EPISODE", subject, "approve", "", "person", story.world.now)
    story.night(slug=other)
    taken_up_again(story, first)
    story.all_nights(2)
    for slug in ("nordlys", other):
        with story.opened(slug) as night:
            assert [f["subject"] for f in night.journal.findings() if f["code"] == "CLAIM_LIVE_TWICE"] == [
                f"Invoice {invoice.number}"
            ]


def credited(story, invoice, amount):
    story.erp.match(story.erp.credit_note(invoice.customer, amount, story.world.today), invoice, amount)


def written_off(story, invoice, amount):
    story.erp.write_off(invoice, amount)


@pytest.mark.parametrize("settled", [credited, written_off])
def test_a_claim_is_not_recalled_for_what_was_settled_before_it_was_made(tmp_path, settled):
    story = Story(tmp_path, credited_after_transfer="recall", written_off_after_transfer="recall")
    before = story.receivable(10_000)
    settled(story, before, 5000)
    after = transferred(story, 10_000)
    assert story.claim(before).principal == 5000
    story.collect(before, 5000)
    settled(story, after, 10_000)
    for _ in range(4):
        story.night()
        for subject in story.findings().get("WRITE_OFF_ABOVE_TOLERANCE", ()):
            story.decide("WRITE_OFF_ABOVE_TOLERANCE", "accept", subject)
    assert before.balance == after.balance == 0
    assert (story.claim(before).hold, story.claim(after).hold) == ("NONE", "RECALLED")


def test_what_several_credit_notes_credit_in_full_is_so_to_the_ore(tmp_path):
    """A division had made floats of kroner, and 3253,11 was not reached by an atom."""
    story = Story(tmp_path, credited_after_transfer="recall")
    invoice = transferred(story, 325_311)
    for amount in (26_458, 130_654, 133_428, 34_771):
        credited(story, invoice, amount)
    story.night()
    story.night()
    assert invoice.balance == story.open_at_agency(invoice) == 0
    assert story.claim(invoice).hold == "RECALLED"


def received_twice(story, *amounts):
    """The same money under two entries, the second a minute later."""
    first = story.agency.receive_many(dict(amounts), on=story.world.today)
    story.world.advance(story.world.now + timedelta(minutes=1))
    story.agency.receive_many(dict(reversed(amounts)), on=story.world.today)
    return first


def test_what_repeats_an_entry_waits_though_some_of_the_first_is_taken_back(story):
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    story.night()
    story.agency.reverse(first, 100)
    story.night()
    assert "ENTRY_REPEATED" in story.findings()
    assert story.world.truth()[story.slug].suspense_balance == 1900
    story.agency.reverse(first, 1900)
    story.night()
    story.night()
    assert "ENTRY_REPEATED" not in story.findings()
    assert story.world.truth()[story.slug].suspense_balance == 2000


def test_of_two_entries_alike_the_one_that_is_not_posted_waits_whichever_came_first(story):
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    reversal = story.agency.reverse(first)
    story.night()
    assert story.world.truth()[story.slug].suspense_balance == 2000
    goes_back(story, reversal)
    for _ in range(2):
        story.night()
        assert story.findings()["ENTRY_REPEATED"] == [first.id]
        assert story.world.truth()[story.slug].suspense_balance == 2000
    story.decide("ENTRY_REPEATED", "post")
    story.night()
    assert "ENTRY_REPEATED" not in story.findings()
    assert story.world.truth()[story.slug].suspense_balance == 4000


def told_late(story):
    """A posted entry, and one like it that was recorded before and is told after."""
    invoice = transferred(story)
    posted = story.agency.receive_many({story.claim(invoice): 2000}, on=story.world.today)
    story.night()
    late = story.agency.receive_many({story.claim(invoice): 2000}, on=posted.value_date)
    late.recorded_at = posted.recorded_at - timedelta(minutes=1)
    story.agency._publish_entry(late)
    return posted, late


def test_an_entry_that_is_told_late_waits_where_one_like_it_is_posted(story):
    _, late = told_late(story)
    for _ in range(2):
        story.night()
        assert story.findings()["ENTRY_REPEATED"] == [late.id]
        assert story.world.truth()[story.slug].suspense_balance == 2000


def test_a_posting_that_gave_way_to_a_smaller_one_is_no_repeat_until_that_is_made(story):
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    story.night()
    story.decide("ENTRY_REPEATED", "post")
    story.night()
    story.agency.reverse(first, 500)
    story.world.erp_faults.add("status_before", "POST", r"/v1/customerPayment$", count=10**6, status=503)
    story.night()
    assert story.world.truth()[story.slug].suspense_balance == 2000
    story.world.erp_faults.clear()
    ends_equal(story, invoice)
    assert story.world.truth()[story.slug].suspense_balance == 3500


def the_other(story, first):
    return next(e for e in story.agency.account(story.slug).entries.values() if e is not first)


def posted_late(story):
    """Of two entries alike the one recorded first is posted last, by a person's answer; the other one is returned."""
    posted, _ = told_late(story)
    story.night()
    story.decide("ENTRY_REPEATED", "post")
    story.night()
    assert story.world.truth()[story.slug].suspense_balance == 4000
    return posted


@pytest.mark.parametrize(
    "fails", [("lost_before", {}), ("status_before", {"status": 503})], ids=["lost", "answered 503"]
)
def test_what_was_posted_beside_a_payment_of_its_own_is_posted_anew_without_another_question(story, fails):
    posted = posted_late(story)
    story.agency.reverse(posted, 500)
    how, more = fails
    story.world.erp_faults.add(how, "POST", r"/v1/customerPayment$", count=1, **more)
    for _ in range(5):
        story.night()
        assert "ENTRY_REPEATED" not in story.findings()
    assert story.world.truth()[story.slug].suspense_balance == 3500


def test_a_third_payment_like_two_that_were_answered_for_waits(story):
    posted = posted_late(story)
    claim = story.claim(next(iter(story.erp.documents("Invoice"))))
    third = story.agency.receive_many({claim: 2000}, on=posted.value_date)
    story.night()
    assert story.findings()["ENTRY_REPEATED"] == [third.id]
    assert story.world.truth()[story.slug].suspense_balance == 4000


def test_a_repeated_entry_that_was_taken_back_in_full_is_asked_about_no_more(story):
    """Though its customer has news every night: a write-off that a person accepted."""
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    story.night()
    assert story.findings()["ENTRY_REPEATED"] == [the_other(story, first).id]
    story.agency.reverse(the_other(story, first))
    story.erp.write_off(invoice, 500)
    story.night()
    story.decide("WRITE_OFF_ABOVE_TOLERANCE", "accept")
    for _ in range(3):
        story.night()
        assert "ENTRY_REPEATED" not in story.findings()


def test_more_taken_back_of_a_repeated_entry_than_it_held_is_told(story):
    invoice = transferred(story)
    second = the_other(story, received_twice(story, (story.claim(invoice), 2000)))
    story.night()
    story.agency.reverse(second)
    story.agency._correct(second, "REVERSAL", [Line(story.claim(invoice), "principal", -500)])
    story.quiet(2)
    assert "ENTRY_TAKES_BACK_TOO_MUCH" in story.findings()


def test_a_posting_that_a_person_voided_gives_way_to_no_other_entry(story):
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    reversal = story.agency.reverse(first)
    story.night()
    goes_back(story, reversal)
    story.night()
    assert story.findings()["ENTRY_REPEATED"] == [first.id]
    [posting] = story.erp.documents("Payment")
    story.erp.void(posting.number)
    story.quiet(2)
    assert story.world.truth()[story.slug].suspense_balance == 0
    assert story.findings()["ENTRY_REPEATED"] == [first.id]
    assert "POSTING_VOIDED_BY_HAND" in story.findings()


def goes_back(story, reversal):
    """What was taken back was not, says the agency."""
    reversal.cancelled = True
    story.agency._weigh(reversal.lines, -1)
    story.agency._publish_entry(reversal)


@pytest.mark.parametrize("too_much", [0, 500])
def test_an_entry_that_comes_back_waits_where_one_like_it_was_posted_meanwhile(story, too_much):
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    story.night()
    reversals = [story.agency.reverse(first)]
    if too_much:
        line = Line(story.claim(invoice), "principal", -too_much)
        reversals.append(story.agency._correct(first, "REVERSAL", [line]))
    story.quiet(2)
    for reversal in reversed(reversals):
        goes_back(story, reversal)
    for _ in range(2):
        story.night()
        assert story.findings()["ENTRY_REPEATED"] == [first.id]
        assert story.world.truth()[story.slug].suspense_balance == 2000


def test_an_entry_that_comes_back_waits_where_one_like_it_is_posted_under_the_customers_former_number(story):
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    reversal = story.agency.reverse(first)
    story.night()
    goes_back(story, reversal)
    story.erp.renumber(invoice.customer, "20002")
    for _ in range(2):
        story.night()
        assert story.findings()["ENTRY_REPEATED"] == [first.id]
        assert story.world.truth()[story.slug].suspense_balance == 2000


def test_an_entry_that_comes_back_waits_where_one_like_it_may_have_been_posted(story):
    """The answer to its posting was lost, and the ERP's list lags for a night."""
    invoice = transferred(story)
    first = received_twice(story, (story.claim(invoice), 2000))
    reversal = story.agency.reverse(first)
    story.world.erp_faults.add("lost_after", "POST", r"/v1/customerPayment$", count=1)
    story.night()
    goes_back(story, reversal)
    [posting] = story.erp.documents("Payment")

    def without_it(answer):
        rows = json.loads(answer.body)
        return replace(answer, body=json.dumps([row for row in rows if row["refNbr"] != posting.number]).encode())

    story.world.erp_faults.add("mutate", "GET", r"/customerPayment$", count=10**6, mutate=without_it)
    story.night()
    story.world.erp_faults.clear()
    story.quiet()
    assert story.findings()["ENTRY_REPEATED"] == [first.id]
    assert story.world.truth()[story.slug].suspense_balance == 2000


def test_what_repeats_an_entry_is_known_by_its_lines_in_any_order(story):
    customer = story.customer()
    one, two = (story.receivable(6000, customer=customer) for _ in range(2))
    story.night()
    received_twice(story, (story.claim(one), 1000), (story.claim(two), 500))
    story.night()
    assert "ENTRY_REPEATED" in story.findings()
    assert story.world.truth()[story.slug].suspense_balance == 1500


def test_money_of_before_go_live_is_booked_on_that_day_so_that_the_account_ties(story):
    invoice = transferred(story)
    go_live = story.settings.companies[story.slug].go_live
    story.agency.receive(story.claim(invoice), 2000, on=go_live - timedelta(days=12))
    story.night()
    [posting] = [payment for payment in story.erp.documents("Payment") if payment.reference]
    assert posting.on == go_live > date(2000, 1, 1)
    assert "POSTING_IN_CLOSED_PERIOD" in story.findings()
    story.quiet()
    story.assert_ties()
