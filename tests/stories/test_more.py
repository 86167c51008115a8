"""Stories beside the rules: what else has gone wrong in such integrations, and must not here."""

import shutil
from datetime import date, timedelta

import pytest

from tests.story import Crash, Story, crash_after, ends_equal, lay_back, transferred


def test_part_payment_on_the_day_of_the_transfer(story):
    invoice = story.receivable(6000)
    story.erp.pay(invoice, 2000, on=story.world.today)
    story.night()
    assert story.claim(invoice).principal == 4000
    story.erp.pay(invoice, 500, on=story.world.today)
    story.night()
    assert story.open_at_agency(invoice) == 3500
    ends_equal(story, invoice)


def test_payment_between_the_plan_and_the_send_drops_the_transfer(story):
    invoice = story.receivable(6000)
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan()
        story.erp.pay(invoice, 2000)
        night.approve(plan.plan.hash)
        night.carry_out()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    story.night()
    assert story.claim(invoice).principal == 4000
    ends_equal(story, invoice)


def test_money_taken_back_after_the_plan_is_not_posted_though_the_mirror_has_learnt_of_it_meanwhile(story):
    invoice = transferred(story)
    entry = story.collect(invoice, 2500)
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan()
        story.agency.reverse(entry)
        night.read_again()  # as after a plan that waits for a person
    with story.opened() as night:
        night.carry_out(night.approve(plan.plan.hash))
    assert [p.number for p in story.erp.documents("Payment") if p.cash_account == "1510"] == []
    story.night()
    ends_equal(story, invoice)


def test_transfer_found_again_keeps_its_baseline_though_the_journal_knows_an_earlier_try(story, tmp_path):
    invoice = story.receivable(6000)
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan()
        payment = story.erp.pay(invoice, 2000)
        night.carry_out(night.approve(plan.plan.hash))  # dropped: another balance than planned
    folder = story.data / story.slug
    shutil.copy(folder / "journal.sqlite", tmp_path / "old.sqlite")
    story.night()
    assert story.claim(invoice).principal == 4000
    lay_back(story, tmp_path / "old.sqlite")
    story.quiet(3)
    story.erp.void(payment)
    story.night()
    assert story.open_at_agency(invoice) == 6000
    ends_equal(story, invoice)


def test_a_slow_pdf_does_not_send_what_the_guard_read_long_before(tmp_path):
    story = Story(tmp_path, attach_pdf=True)
    invoice = story.receivable(6000)

    def slowly(answer):
        story.world.advance(story.world.now + timedelta(minutes=5))
        story.erp.pay(invoice, 2000)
        return answer

    story.world.erp_faults.add("mutate", "GET", r"/print", mutate=slowly)
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    story.night()
    assert story.claim(invoice).principal == 4000
    ends_equal(story, invoice)


def test_release_that_fails_leaves_the_payment_balanced_and_is_finished_not_repeated(story):
    invoice = transferred(story)
    story.collect(invoice, 2500)
    for _ in range(4):
        story.erp.fail_next_release("the period is being closed")
    story.night()
    drafts = [p for p in story.erp.documents("Payment") if p.cash_account == "1510"]
    assert [p.status.value for p in drafts] == ["Balanced"]
    assert story.results[-1].statement.in_transit == 2500
    assert story.results[-1].statement.ties
    assert "POSTING_NOT_RELEASED" in story.findings()
    for _ in range(4):
        story.night()
    assert [p.number for p in story.erp.documents("Payment") if p.cash_account == "1510"] == [drafts[0].number]
    assert invoice.balance == 3500
    ends_equal(story, invoice)


def test_crash_after_the_create_of_a_posting_is_found_and_released(story):
    invoice = transferred(story)
    story.collect(invoice, 2500)
    crash_after(story.world.erp_faults, "POST", r"/customerPayment$")
    story.morning()
    with pytest.raises(Crash), story.opened() as night:
        night.run()
    story.night()
    assert invoice.balance == 3500
    ends_equal(story, invoice)


def test_journal_restored_from_two_nights_ago(story):
    invoice = transferred(story)
    folder = story.data / story.slug
    shutil.copy(folder / "journal.backup.sqlite", folder.parent / "old.sqlite")
    story.erp.pay(invoice, 1000)
    story.night()
    story.collect(invoice, 2000)
    story.night()
    lay_back(story, folder.parent / "old.sqlite")
    result = story.night()
    assert "12 hours" in result.not_sent or not result.plan.plan.effects
    ends_equal(story, invoice)
    assert (invoice.balance, story.erp.balance("1510")) == (3000, 2000)


def posted_and_forgotten(story):
    """A transferred invoice with 20 kroner posted, of which the journal that was put back knows nothing."""
    invoice = transferred(story)
    folder = story.data / story.slug
    shutil.copy(folder / "journal.backup.sqlite", folder.parent / "old.sqlite")
    story.collect(invoice, 2000)
    story.night()
    lay_back(story, folder.parent / "old.sqlite")
    return invoice


@pytest.mark.parametrize(
    "unread",
    [
        ("erp", r"/customerinvoice$"),
        ("erp", r"/journaltransaction$"),
        ("agency", r"/claims$"),
        ("agency", r"/entries$"),
        ("agency", r"/settlements$"),
    ],
)
def test_a_restored_journal_waits_twelve_hours_from_when_both_sides_were_read_whole(story, unread):
    """One look is not enough: a list that lags may hide from it what the journal has forgotten."""
    invoice = posted_and_forgotten(story)
    side, path = unread
    faults = story.world.erp_faults if side == "erp" else story.world.agency_faults
    faults.add("status_before", "GET", path, count=99)
    assert "12 hours" in story.night().not_sent
    faults.clear()
    assert "12 hours" in story.night().not_sent
    story.night()
    with story.opened() as night:
        assert night.journal.quiet_until() is None
    ends_equal(story, invoice)


def test_the_last_look_of_a_restored_journal_must_be_a_whole_one_too(story):
    invoice = posted_and_forgotten(story)
    assert "12 hours" in story.night().not_sent
    story.collect(invoice, 1000)
    story.world.erp_faults.add("status_before", "GET", r"/journaltransaction$", count=99)
    result = story.night()
    assert "erp vouchers; nothing is written" in result.not_sent
    assert result.plan.plan.effects
    story.world.erp_faults.clear()
    assert not story.night().not_sent
    with story.opened() as night:
        assert night.journal.quiet_until() is None
    ends_equal(story, invoice)


def test_nothing_of_a_customer_is_handed_over_while_a_posting_of_ours_is_under_way(story):
    """It may be more than is owed, and a list that lags would not tell of the credit."""
    invoice = transferred(story)
    story.collect(invoice, 2500)
    story.world.erp_faults.add("status_before", "POST", "/action/release$", status=500)
    story.night()
    other = story.receivable(4000, customer=invoice.customer.number)
    result = story.night()
    [held] = [each for each in result.plan.plan.held_back if each.document == f"Invoice {other.number}"]
    assert held.failed == ("NO_UNAPPLIED_CREDIT",)
    story.night()
    assert story.claim(other).principal == 4000
    ends_equal(story, invoice, other)


def test_excluded_after_the_transfer_pauses_the_claim_and_un_excluded_resumes_it(story):
    invoice = transferred(story)
    story.erp.exclude(invoice, True)
    story.night()
    assert story.claim(invoice).hold == "PAUSED"
    story.assert_quiet()
    story.erp.exclude(invoice, False)
    story.night()
    assert story.claim(invoice).hold == "NONE"
    ends_equal(story, invoice)


def test_a_pause_of_the_agencys_own_is_left_alone(story):
    invoice = transferred(story)
    story.agency.pause(story.claim(invoice))
    story.assert_quiet()
    assert story.claim(invoice).hold == "PAUSED"


def test_a_pause_that_the_agency_made_right_before_ours_stays_its_own(story):
    invoice = transferred(story)
    claim = story.claim(invoice)
    story.erp.exclude(invoice, True)
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan()
        story.agency.pause(claim)
        night.carry_out(plan.plan.hash)
    story.erp.exclude(invoice, False)
    story.quiet(3)
    assert claim.hold == "PAUSED"
    story.agency.pause(claim, False)
    assert claim.hold == "NONE"
    ends_equal(story, invoice)


def test_a_pause_of_ours_that_lands_late_is_ended_when_its_reason_is_gone(story):
    invoice = transferred(story)
    claim = story.claim(invoice)
    story.erp.exclude(invoice, True)
    story.world.agency_faults.add("lost_before", "PUT", "hold")
    story.night()
    assert claim.hold == "NONE"
    story.agency.set_hold(story.slug, claim.id, "PAUSED")  # the request arrives after all
    story.night()
    story.erp.exclude(invoice, False)
    story.night()
    assert claim.hold == "NONE"
    story.assert_quiet()


def test_a_pause_of_ours_that_never_lands_is_asked_for_again_on_the_next_night(story):
    invoice = transferred(story)
    story.erp.exclude(invoice, True)
    story.world.agency_faults.add("lost_before", "PUT", "hold")
    story.night()
    story.night()
    assert story.claim(invoice).hold == "PAUSED"
    story.assert_quiet()


def test_a_due_date_moved_later_pauses_until_it_has_passed(story):
    invoice = transferred(story)
    story.erp.set_due_date(invoice, date(2026, 1, 20))
    story.night()
    assert story.claim(invoice).hold == "PAUSED"
    assert "DUE_DATE_MOVED" in story.findings()
    story.morning(35)
    story.night()
    assert story.claim(invoice).hold == "NONE"
    assert "DUE_DATE_MOVED" not in story.findings()


def test_dunning_level_raised_by_the_erps_next_dunning_run_changes_nothing(story):
    invoice = transferred(story)
    story.morning(20)
    story.erp.run_dunning(story.world.today)
    assert invoice.dunning_level == 2
    ends_equal(story, invoice)
    assert len(story.agency.account(story.slug).claims) == 1


def test_two_companies_with_one_debtor_are_kept_apart(tmp_path):
    story = Story(tmp_path, companies=("nordlys", "sorvind"))
    invoices = {}
    for slug in ("nordlys", "sorvind"):
        story.slug = slug
        invoices[slug] = story.receivable(6000)
    story.night(slug="nordlys")
    story.night(slug="sorvind", same_night=True)
    story.slug = "nordlys"
    story.collect(invoices["nordlys"], 2000)
    story.slug = "sorvind"
    story.erp.pay(invoices["sorvind"], 1000)
    for slug in ("nordlys", "sorvind"):
        story.slug = slug
        story.night(slug=slug, same_night=slug == "sorvind")
        story.assert_mirrored()
        story.assert_ties()
    assert (invoices["nordlys"].balance, invoices["sorvind"].balance) == (4000, 5000)
    assert story.world.erp("sorvind").balance("1510") == 0


def test_a_finding_acted_on_by_a_person_and_the_books_converge(story):
    invoice = transferred(story)
    story.collect(invoice, 3000)
    story.night()
    posting = next(p for p in story.erp.documents("Payment") if p.cash_account == "1510")
    story.erp.void(posting)
    result = story.night()
    assert not result.plan.plan.effects
    assert "POSTING_VOIDED_BY_HAND" in story.findings()
    story.decide("POSTING_VOIDED_BY_HAND", "repost")
    story.night()
    assert invoice.balance == 3000
    ends_equal(story, invoice)
    assert not story.findings()


def test_a_person_types_our_reference_into_a_foreign_payment(story):
    invoice = transferred(story)
    entry = story.collect(invoice, 3000)
    foreign = story.erp.pay(invoice, 3000, cash_account="1510")
    story.night()
    assert "FOREIGN_SUSPENSE_PAYMENT" in story.findings()
    with story.opened() as night:
        ours = night.facts().name("posting", f"{entry.id}:{invoice.customer.number}", 1)
    story.erp.set_reference(foreign, ours)
    ends_equal(story, invoice)
    assert not story.findings()
    assert story.erp.balance("1510") == 3000


def test_a_posting_in_a_closed_period_moves_to_the_first_open_one(story):
    invoice = transferred(story)
    entry_day = story.world.today
    story.collect(invoice, 2500)
    story.morning(30)
    story.erp.close_period(f"{entry_day:%Y%m}")
    story.night()
    posting = next(p for p in story.erp.documents("Payment") if p.cash_account == "1510")
    assert posting.on == date(2026, 2, 1)
    assert "POSTING_IN_CLOSED_PERIOD" in story.findings()
    story.assert_mirrored(invoice)
    story.assert_ties()


def test_an_outage_of_three_nights_and_one_backfill_end_in_the_same_balances(tmp_path):
    books = {}
    for name, missed in (("nightly", ()), ("outage", (2, 3, 4))):
        story = Story(tmp_path / name)
        invoice = transferred(story)
        other = story.receivable(9000)
        for number in range(1, 7):
            if number == 2:
                story.erp.pay(invoice, 1000)
            if number == 3 and story.agency.claim_for(story.slug, other.number):
                story.collect(other, 2000)
            if number in missed:
                story.morning()
            else:
                story.night()
        story.assert_mirrored()
        story.assert_ties()
        books[name] = (invoice.balance, other.balance, story.erp.balance("1510"))
    assert books["nightly"] == books["outage"]


def test_three_lost_answers_in_a_row_stop_the_night(story):
    transferred(story)
    for _ in range(5):
        story.receivable(6000)
    for _ in range(5):
        story.world.agency_faults.add("lost_after", "POST", r"/v1/claims$")
    result = story.night()
    assert result.dispatched.counts["transfer"] == {"uncertain": 3}
    assert "DISPATCH_STOPPED" in story.findings()
    story.world.agency_faults.clear()
    ends_equal(story)


def test_a_5xx_is_uncertain_and_never_sent_again_the_same_night(story):
    transferred(story)
    invoice = story.receivable(6000)
    story.world.agency_faults.add("status_after", "POST", r"/v1/claims$", status=503)
    result = story.night()
    assert result.dispatched.counts["transfer"] == {"uncertain": 1}
    story.night(same_night=True)
    ends_equal(story, invoice)
    assert len(story.agency.account(story.slug).claims) == 2


def test_a_voucher_left_unreleased_is_finished_not_repeated(story):
    invoice = transferred(story)
    story.collect(invoice, 3000)
    story.night()
    story.agency.settle(story.slug, story.world.today)
    for _ in range(4):
        story.erp.fail_next_release("the ledger is being closed")
    story.night()
    assert story.erp.balance("1510") == 3000
    assert "POSTING_NOT_RELEASED" in story.findings()
    for _ in range(4):
        story.night()
    assert story.erp.balance("1510") == 0
    ends_equal(story, invoice)
    assert not story.findings()


def test_an_entry_over_two_invoices_that_is_reallocated_is_posted_anew_against_the_balances_after_its_void(story):
    customer = story.customer()
    first, second = (story.receivable(6000, customer=customer) for _ in range(2))
    story.night()
    claims = [story.claim(first), story.claim(second)]
    entry = story.agency.receive_many({claims[0]: 6000, claims[1]: 1000}, on=story.world.today)
    story.night()
    assert (first.balance, second.balance) == (0, 5000)
    story.agency.reallocate(entry, *claims, 1000)
    story.night()
    assert (first.balance, second.balance) == (1000, 4000)
    ends_equal(story, first, second)
    assert not story.findings()


def test_a_posting_applied_to_another_customers_invoice_is_named(story):
    ours, other = story.receivable(6000), story.receivable(6000)
    story.night()
    story.collect(ours, 3000)
    story.night()
    posting = next(p for p in story.erp.documents("Payment") if p.cash_account == "1510")
    story.erp.unapply(posting, ours, 500)
    story.erp.apply(posting, other, 500)
    assert not story.night().plan.plan.effects
    assert any(other.number in subject for subject in story.findings()["OWN_POSTING_MOVED"])
    story.erp.unapply(posting, other, 500)
    story.erp.apply(posting, ours, 500)
    ends_equal(story, ours, other)
    assert not story.findings()


def test_what_waits_behind_a_foreign_payment_is_listed(story):
    invoice = transferred(story)
    story.erp.pay(invoice, 1000, cash_account="1510")
    story.collect(invoice, 2000)
    story.night()
    finding = next(f for f in story.with_journal(lambda j: j.findings()) if f["code"] == "EFFECT_BLOCKED")
    assert f"Invoice {invoice.number}" in finding["text"]


def test_a_matched_credit_is_told_once_though_a_payment_follows(story):
    customer = story.customer()
    invoice = story.receivable(6000, customer=customer)
    story.night()
    story.erp.match(story.erp.credit_note(customer, 2000, story.world.today), invoice, 2000)
    story.night()
    story.erp.pay(invoice, 1000)
    result = story.night()
    assert [effect.content.amount for effect in result.plan.plan.effects] == [1000]
    assert story.open_at_agency(invoice) == 3000
    ends_equal(story, invoice)


def test_a_run_without_a_plan_closes_no_finding_it_did_not_look_for(story):
    invoice = transferred(story)
    story.agency.book_direct(story.claim(invoice), 1000)
    story.night()
    assert "CREDITOR_ENTRY_UNKNOWN" in story.findings()
    with story.opened() as night:
        night.carry_out()
    assert "CREDITOR_ENTRY_UNKNOWN" in story.findings()


def test_a_night_that_was_begun_and_not_finished_says_so(story):
    transferred(story)
    story.morning()
    with story.opened() as night:
        night.land("agency", "claims")
    newest = story.with_journal(lambda j: j.nights(1))[0]
    assert newest["outcome"] == "unfinished"


def test_a_settlement_dated_ahead_whose_answer_is_lost_is_booked_once(story):
    invoice = transferred(story)
    story.collect(invoice, 3000)
    story.night()
    story.agency.settle(story.slug, story.world.today.replace(day=story.world.today.day + 2))
    story.world.erp_faults.add("lost_after", "POST", r"/journaltransaction$")
    for _ in range(5):
        story.night()
    truth = story.world.truth()[story.slug]
    assert not truth.double_effects
    assert len([reference for reference in truth.vouchers if reference]) == 1
