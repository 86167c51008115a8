"""The mission, sentence by sentence: each promise of the product as a night or two against both sets of books."""

from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.domain.calendar import OSLO
from tests.story import Story


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)


def held_back(result):
    return {item.document: set(item.failed) for item in result.plan.plan.held_back}


def test_what_the_dunning_process_picked_is_transferred_and_nothing_else(story):
    picked = story.receivable(6000)
    unpicked = story.erp.invoice(story.customer(), 6000, date(2025, 11, 17), date(2025, 12, 1))
    story.night()
    assert story.claim(picked).principal == 6000
    assert story.agency.claim_for(story.slug, unpicked.number) is None


@pytest.mark.parametrize("on", ["invoice", "customer"])
def test_what_is_excluded_from_dunning_is_never_transferred(story, on):
    invoice = story.receivable(6000)
    story.erp.exclude(invoice if on == "invoice" else invoice.customer, True)
    result = story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    code = "NOT_EXCLUDED" if on == "invoice" else "CUSTOMER_NOT_EXCLUDED"
    assert code in held_back(result)[f"Invoice {invoice.number}"]


def test_fourteen_full_days_and_a_banking_day_pass_before_a_transfer(story):
    due = date(2026, 1, 7)
    invoice = story.erp.invoice(story.customer(), 6000, date(2025, 12, 20), due)
    transferred_on = None
    for _ in range(25):
        story.morning()
        story.erp.run_dunning(story.world.today)
        if story.world.today > due:
            invoice.dunning_level, invoice.dunning_date = 1, due + timedelta(days=1)
            story.erp.set_due_date(invoice, due)
        story.night(same_night=True)
        if story.agency.claim_for(story.slug, invoice.number):
            transferred_on = story.world.today
            break
    # 7 January + 14 days = Wednesday the 21st; one banking day more.
    assert transferred_on == date(2026, 1, 22)


@pytest.mark.parametrize("how", ["paid", "credited", "on the hold list", "customer on the hold list"])
def test_what_is_paid_credited_or_disputed_is_never_transferred(story, how):
    invoice = story.receivable(6000)
    if how == "paid":
        story.erp.pay(invoice, 6000)
    elif how == "credited":
        story.erp.match(story.erp.credit_note(invoice.customer, 6000, story.world.today), invoice, 6000)
    else:
        subject = f"Invoice {invoice.number}" if how == "on the hold list" else f"customer {invoice.customer.number}"
        story.with_journal(lambda j: j.set_hold(subject, "disputed", None, "person", story.world.now))
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None


def test_a_payment_in_the_erp_is_reported_to_the_agency(story):
    invoice = story.receivable(6000)
    story.night()
    story.erp.pay(invoice, 2500)
    story.night()
    assert story.open_at_agency(invoice) == 3500
    story.erp.pay(invoice, 3500)
    story.night()
    assert story.open_at_agency(invoice) == 0
    story.assert_quiet()


def test_a_payment_to_the_agency_is_posted_against_1510_on_the_customers_invoice(story):
    invoice = story.receivable(6000)
    story.night()
    value_date = story.world.today
    story.collect(invoice, 2500, interest=300, fees=70)
    story.night()
    posting = next(p for p in story.erp.documents("Payment") if p.cash_account == "1510")
    assert (invoice.balance, posting.amount, posting.on, story.erp.balance("1510")) == (3500, 2500, value_date, 2500)
    story.assert_mirrored(invoice)
    story.assert_ties()
    story.assert_quiet()


def test_a_credit_note_is_reported_once_it_is_matched_and_not_before(story):
    customer = story.customer()
    invoice = story.receivable(6000, customer=customer)
    story.night()
    note = story.erp.credit_note(customer, 2000, story.world.today)
    assert not story.night().plan.plan.effects
    assert story.open_at_agency(invoice) == 6000
    story.erp.match(note, invoice, 2000)
    story.night()
    assert story.open_at_agency(invoice) == 4000
    credit = next(e for e in story.agency.account(story.slug).entries.values() if e.kind == "CREDIT")
    assert credit.amount == 2000


def test_the_agencys_case_number_stands_on_the_erp_invoice(story):
    invoice = story.receivable(6000)
    story.night()
    story.morning()
    story.agency.tick()
    story.night(same_night=True)
    case = story.claim(invoice).case
    assert invoice.case_number == case.number
    story.agency.rekey(case)
    story.night()
    assert invoice.case_number == case.number
    story.assert_quiet()


def test_the_customer_ledger_is_right_on_both_sides_after_money_went_both_ways(story):
    customer = story.customer()
    first, second = (story.receivable(amount, customer=customer) for amount in (6000, 9000))
    story.night()
    story.erp.pay(first, 1000)
    story.collect(first, 2000)
    story.collect(second, 9000)
    story.night()
    story.assert_mirrored()
    story.assert_ties()
    assert (first.balance, second.balance, story.erp.balance("1510")) == (3000, 0, 11000)


def test_the_agencys_settlement_clears_1510(story):
    invoice = story.receivable(600000)
    story.night()
    story.collect(invoice, 400000, interest=5000, fees=3500)
    story.night()
    settlement = story.agency.settle(story.slug, story.world.today)
    story.night()
    assert story.erp.balance("1510") == 0
    assert story.erp.balance("1515") == settlement.net
    story.assert_ties()
    story.assert_quiet()
    story.agency.cancel_settlement(settlement)
    story.night()
    assert story.erp.balance("1510") == 400000
    assert story.erp.balance("1515") == 0
    story.assert_ties()
    story.agency.settle(story.slug, story.world.today)
    story.night()
    assert story.erp.balance("1510") == 0
    story.assert_ties()
    story.assert_quiet()


def test_every_night_is_a_date_in_oslo(story):
    story.night()
    assert story.results[-1].night == story.world.now.astimezone(OSLO).date()
