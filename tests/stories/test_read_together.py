"""Stories that cross the borders of what was built apart: stops and reports, settlements that return, two agencies."""

from datetime import timedelta

import pytest

from cloudcollect_pipeline.sandbox.world import World
from tests.stories.test_debitura import with_agency
from tests.stories.test_settlements import collected, kroner, misprint, settle, voucher_of
from tests.stories.test_several_agencies import OTHER, Agencies
from tests.stories.test_shapes import postings, told_as
from tests.story import START, Story, ends_equal, lose_journal, spoil, transferred


def texts(story, code):
    return [f["text"] for f in story.with_journal(lambda j: j.findings()) if f["code"] == code]


def test_a_claim_whose_write_off_waits_for_an_answer_is_paused_when_it_is_disputed(tmp_path):
    story = Story(tmp_path, written_off_after_transfer="recall", disputed_after_transfer="pause")
    invoice = transferred(story)
    story.erp.write_off(invoice)
    story.agency.dispute(story.claim(invoice))
    story.night()
    assert "WRITE_OFF_ABOVE_TOLERANCE" in story.findings()
    assert story.claim(invoice).hold == "PAUSED"
    story.assert_quiet()


def publish_again(story, settlement):
    """The agency takes a cancellation back."""
    account = story.agency.account(story.slug)
    settlement.status = "PUBLISHED"
    for entry in settlement.entries:
        entry.settlement = settlement
        del account.unsettled[entry.id]
    account.to_replace.clear()
    story.agency._publish_settlement(settlement)


def test_a_settlement_that_is_cancelled_and_then_stands_again_is_booked_again(story):
    invoice, _ = collected(story)
    settlement = settle(story)
    story.night()
    story.agency.cancel_settlement(settlement)
    story.night()
    assert story.erp.balance("1510") == 3000
    publish_again(story, settlement)
    story.night()
    assert story.erp.balance("1510") == 0
    ends_equal(story, invoice)


@pytest.mark.parametrize("lost_before", ["it stands again", "its second cancellation"])
def test_a_settlement_cancelled_once_more_around_a_lost_journal_is_taken_back_once_more(story, lost_before):
    invoice, _ = collected(story)
    settlement = settle(story)
    story.night()
    story.agency.cancel_settlement(settlement)
    story.night()
    if lost_before == "it stands again":
        lose_journal(story)
    publish_again(story, settlement)
    story.quiet(3)
    assert story.erp.balance("1510") == 0
    if lost_before == "its second cancellation":
        lose_journal(story)
    story.agency.cancel_settlement(settlement)
    story.quiet(3)
    assert story.erp.balance("1510") == 3000
    assert not story.world.truth()[story.slug].double_effects
    ends_equal(story, invoice)


def test_a_new_episode_is_asked_for_with_the_dispute_that_the_recalled_claim_still_shows(tmp_path):
    story = Story(tmp_path, excluded_after_transfer="recall")
    invoice = transferred(story)
    story.agency.dispute(story.claim(invoice))
    story.erp.exclude(invoice, True)
    story.quiet(2)
    story.erp.exclude(invoice, False)
    story.quiet(2)
    assert "disputed" in texts(story, "NEW_EPISODE")[0]


@pytest.mark.parametrize("agreed", [False, True], ids=["waits", "agreed to be principal"])
def test_money_that_a_balance_does_not_allocate_is_told_unless_it_is_principal(story, agreed):
    told_as(story, "balances")
    if agreed:
        with_agency(story, unallocated="principal")
    invoice = transferred(story)
    entry = story.agency.receive_unallocated(story.claim(invoice), 2000, on=story.world.today)
    story.night()
    assert ("ENTRY_UNALLOCATED" in story.findings()) != agreed
    story.collect(invoice, 500)
    story.night()
    assert postings(story, invoice.customer.number) == [(2000, False)] * agreed + [(500, False)]
    story.agency.allocate(entry, story.claim(invoice), 2000)
    story.night()
    assert "ENTRY_UNALLOCATED" not in story.findings()
    ends_equal(story, invoice)


def test_a_settlement_that_pays_out_less_than_its_entries_carry_is_a_finding(story):
    collected(story)
    settlement = story.agency.settle(story.slug, story.world.today, slip=-1000)
    story.night()
    (told,) = texts(story, "SETTLEMENT_PAYS_LESS")
    assert told.startswith(f"settlement {settlement.number} leaves 10,00 of entry")
    story.assert_quiet()


def test_a_deleted_payment_that_comes_back_under_its_name_is_posted_again(tmp_path):
    story = with_agency(Story(tmp_path, world=World.empty(START, agency="debitura")), unallocated="principal")
    invoice = transferred(story)
    paid = story.collect(invoice, 2000)
    story.night()
    hidden = story.agency.account(story.slug).entries.pop(paid.id)
    story.night()
    assert postings(story, invoice.customer.number) == [(2000, True)]
    story.agency.account(story.slug).entries[paid.id] = hidden
    story.quiet(2)
    assert postings(story, invoice.customer.number) == [(2000, True), (2000, False)]
    ends_equal(story, invoice)


def test_money_on_a_claim_that_moved_to_another_agency_is_posted_there_and_told_here(tmp_path):
    story = Agencies(
        tmp_path, ({}, {"debtors": "business"}), companies=("nordlys",), routed_away_after_transfer="recall"
    )
    invoice = transferred(story)
    old = story.claim(invoice)
    story.all_nights()
    story.route("nordlys", debtors="business")
    story.route("nordlys" + OTHER)
    story.all_nights(4)
    (claim,) = story.claims_at("nordlys" + OTHER, invoice)
    paid = story.agency.receive(old, 1000, on=story.world.today, force=True)
    story.all_nights(3)
    assert (invoice.balance, claim.principal_open) == (5000, 5000)
    story.agency.reverse(paid)
    told = story.all_nights(3)
    assert (invoice.balance, claim.principal_open) == (6000, 6000)
    assert all(result.statement.ties and not result.plan.plan.effects for result in told.values())


def test_a_claim_made_by_hand_at_the_other_agency_keeps_this_one_away(tmp_path):
    story = Agencies(tmp_path, ({}, {"debtors": "business"}), companies=("nordlys",))
    invoice = transferred(story)
    spoil(story, "agency", r"/v1/claims$", lambda claim: claim.update(reference=None), count=9)
    lose_journal(story)
    for path in (story.data / "nordlys").glob("ledger.*"):
        path.unlink()
    story.all_nights()
    story.world.agency_faults.clear()
    invoice.case_number = ""
    story.route("nordlys", debtors="business")
    story.route("nordlys" + OTHER)
    story.night(slug="nordlys" + OTHER)
    assert story.agency.account("nordlys" + OTHER).by_document.get(invoice.number, []) == []


@pytest.mark.parametrize("hours", [-24 * 30, 24 * 30], ids=["our clock runs ahead", "our clock lags behind"])
def test_nothing_is_sent_by_a_clock_that_cannot_tell_what_is_due(story, hours):
    transferred(story)
    invoice = story.receivable()
    story.world.skew = timedelta(hours=hours)
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    assert "clock" in story.results[-1].not_sent
    assert "CLOCK_SKEW" in story.findings()
    with story.opened() as only_sending:  # it has read nothing of the ERP before
        sent = only_sending.carry_out(only_sending.approve(story.results[-1].plan.plan.hash))
    assert "clock" in sent.not_sent
    assert story.agency.claim_for(story.slug, invoice.number) is None
    story.world.skew = timedelta(0)
    ends_equal(story, invoice)


def test_a_settlement_whose_terms_shift_under_one_net_before_it_is_sent_is_judged_again(story):
    collected(story)
    settlement = settle(story)
    story.morning()
    with story.opened() as night:
        stored = night.prepare_plan()
        assert stored.plan.totals["settlement"]["count"] == 1
        misprint(story, principal=kroner(3100), commission=kroner(settlement.commission + 100))
        result = night.carry_out()
    assert result.dispatched.as_json() == {"settlement": {"dropped": {"count": 1, "sum": 3000}}}
    assert story.erp.balance("1510") == 3000
    story.world.agency_faults.clear()
    story.night()
    assert voucher_of(story)["1510"] == -3000
