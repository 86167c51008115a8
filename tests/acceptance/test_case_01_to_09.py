"""Acceptance cases 1 to 9: who pays whom and when, credit notes, and agency money that comes and goes.

An invoice is 60 kroner and handed over on the first night unless a case says otherwise.
"""

from datetime import timedelta

import pytest

from cloudcollect_pipeline.sandbox.agency import Settings as AgencySettings
from cloudcollect_pipeline.sandbox.erp.books import Line


def test_case_01_paid_the_day_before_the_transfer_is_not_transferred(case):
    paid, part_paid = case.receivable(), case.receivable()
    case.erp.pay(paid, 6000)
    case.erp.pay(part_paid, 2000)
    case.night()
    assert case.agency.claim_for(case.slug, paid.number) is None
    assert case.claim(part_paid).principal == 4000
    assert case.journal("transfer") == [("confirmed", 4000)]
    case.settled()
    assert case.kinds() == []


@pytest.mark.parametrize(("how", "rule"), [("not matched yet", "NO_UNAPPLIED_CREDIT"), ("a draft", "NO_UNRELEASED")])
def test_case_01_money_in_the_erp_the_day_before_the_transfer_holds_it_back_until_it_is_matched(case, how, rule):
    invoice = case.receivable()
    if how == "a draft":
        payment = case.erp.draft_payment(invoice.customer, 6000, [Line(invoice, 6000)])
    else:
        payment = case.erp.receive(invoice.customer, 6000)
    case.night()
    assert case.held_back(invoice) == {rule}
    if how == "a draft":
        case.erp.release(payment)
    else:
        case.erp.apply(payment, invoice, 6000)
    case.settled()
    assert case.claims() == []


@pytest.mark.parametrize("paid", [6000, 2500])
def test_case_02_paid_after_the_transfer_before_the_agency_has_opened_the_case(tell, paid):
    case = tell(agency=AgencySettings(opens_after=timedelta(days=2)))
    invoice = case.handed_over()
    case.erp.pay(invoice, paid)
    case.night()
    assert (case.claim(invoice).case, case.open_at_agency(invoice)) == (None, 6000 - paid)
    case.morning(2)
    case.agency.tick()
    case.night()
    assert case.claim(invoice).status == ("CLOSED" if paid == 6000 else "ACTIVE")
    assert invoice.case_number == case.claim(invoice).case.number
    case.settled(invoice)
    assert case.journal("reduction") == [("confirmed", paid)]


def test_case_03_paid_to_both_parties_on_the_same_day_leaves_the_customer_a_credit(case):
    invoice = case.handed_over()
    case.erp.pay(invoice, 6000)
    case.collect(invoice, 6000)
    case.night()
    [posting] = case.postings()
    assert (invoice.balance, case.open_at_agency(invoice), posting.amount, posting.balance) == (0, 0, 6000, 6000)
    assert case.journal("reduction") == []
    case.settled(invoice, findings=("POSTING_LEAVES_CREDIT",))
    another = case.erp.invoice(invoice.customer, 6000)
    case.erp.apply(posting, another, 6000)
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert (another.balance, case.erp.balance("1510")) == (0, 0)


@pytest.mark.parametrize("first", ["creditor", "agency"])
def test_case_03_paid_to_both_parties_one_after_the_other(case, first):
    invoice = case.handed_over()
    if first == "creditor":
        case.erp.pay(invoice, 6000)
        case.night()
        case.collect(invoice, 6000)  # the agency holds it as an overpayment, and owes it to the debtor
    else:
        case.collect(invoice, 6000)
        case.night()
        case.erp.receive(invoice.customer, 6000)
    case.settled(invoice)
    assert (invoice.balance, case.open_at_agency(invoice)) == (0, 0)
    assert case.erp.balance("1510") == (0 if first == "creditor" else 6000)


@pytest.mark.parametrize("first", ["creditor", "agency"])
@pytest.mark.parametrize("second", ["creditor", "agency"])
def test_case_04_a_partial_payment_then_the_rest(case, first, second):
    invoice = case.handed_over()
    for receiver, amount in ((first, 2500), (second, 3500)):
        if receiver == "creditor":
            case.erp.pay(invoice, amount)
        else:
            case.collect(invoice, amount)
        case.night()
        case.assert_mirrored(invoice)
    case.settled(invoice)
    told = {"creditor": case.journal("reduction"), "agency": case.journal("posting")}
    for receiver, effects in told.items():
        paid = [amount for who, amount in ((first, 2500), (second, 3500)) if who == receiver]
        assert effects == [("confirmed", amount) for amount in paid]
        assert receiver == "creditor" or case.erp.balance("1510") == sum(paid)
    assert (invoice.balance, case.claim(invoice).status) == (0, "CLOSED")


@pytest.mark.parametrize(
    ("credited", "matched"), [(6000, 6000), (2000, 2000), (9000, 6000)], ids=["in full", "in part", "more than open"]
)
def test_case_05_a_credit_note_lowers_the_claim_by_what_is_matched(case, credited, matched):
    invoice = case.handed_over()
    note = case.erp.credit_note(invoice.customer, credited)
    case.erp.match(note, invoice, matched)
    case.night()
    assert case.open_at_agency(invoice) == 6000 - matched
    assert case.kinds() == ["CREDIT"]
    next_invoice = case.receivable(customer=invoice.customer.number)
    case.night()
    if credited > matched:
        assert case.held_back(next_invoice) == {"NO_UNAPPLIED_CREDIT"}
        case.erp.match(note, next_invoice, credited - matched)
        case.night()
    assert case.claim(next_invoice).principal == 6000 - (credited - matched)
    case.settled(invoice, next_invoice)
    assert case.journal("reduction") == [("confirmed", matched)]


def test_case_06_a_credit_note_posted_but_not_matched_is_not_reported_and_holds_new_transfers_back(case):
    invoice = case.handed_over()
    note = case.erp.credit_note(invoice.customer, 2000)
    waiting = case.receivable(customer=invoice.customer.number)
    result = case.night()
    assert not result.plan.plan.effects
    assert case.held_back(waiting) == {"NO_UNAPPLIED_CREDIT"}
    case.settled(invoice)
    assert (case.journal("reduction"), case.open_at_agency(invoice)) == ([], 6000)
    case.erp.match(note, invoice, 2000)
    case.night()
    case.settled(invoice, waiting)
    assert (case.journal("reduction"), case.open_at_agency(invoice)) == ([("confirmed", 2000)], 4000)


def test_case_07_a_payment_unmatched_after_being_reported_is_taken_back(case):
    invoice = case.handed_over()
    payment = case.erp.pay(invoice, 2500)
    case.night()
    case.erp.unapply(payment, invoice)
    case.night()
    assert case.open_at_agency(invoice) == 6000
    case.settled(invoice)
    case.erp.apply(payment, invoice, 2000)
    case.night()
    case.settled(invoice)
    assert case.journal("reduction") == [("confirmed", 2500), ("confirmed", -2500), ("confirmed", 2000)]
    assert set(case.kinds()) == {"DIRECT_PAYMENT"}


@pytest.mark.parametrize("reversed_", [3000, 1000], ids=["whole", "part"])
def test_case_08_agency_payment_reversed_before_it_is_settled(case, reversed_):
    invoice = case.handed_over()
    entry = case.collect(invoice, 3000)
    case.night()
    case.agency.reverse(entry, reversed_)
    case.night()
    case.settled(invoice)
    left = 3000 - reversed_
    assert (invoice.balance, case.erp.balance("1510")) == (6000 - left, left)
    assert [posting.amount for posting in case.postings()] == ([left] if left else [])
    assert (case.journal("void"), case.journal("reduction")) == ([("confirmed", 3000)], [])
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert case.erp.balance("1510") == 0


@pytest.mark.parametrize("reversed_", [3000, 1000], ids=["whole", "part"])
def test_case_08_agency_payment_reversed_after_it_was_settled(case, reversed_):
    invoice = case.handed_over()
    entry = case.collect(invoice, 3000)
    case.night()
    case.agency.settle(case.slug, case.world.today)
    case.night()
    assert case.erp.balance("1510") == 0
    case.agency.reverse(entry, reversed_)
    case.night()
    case.settled(invoice)
    assert (invoice.balance, case.erp.balance("1510")) == (3000 + reversed_, -reversed_)
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert case.erp.balance("1510") == 0
    assert case.journal("settlement") == [("confirmed", 3000), ("confirmed", -reversed_)]


@pytest.mark.parametrize("booked", [True, False], ids=["after it was booked", "before it was booked"])
def test_case_09_a_settlement_cancelled_and_reissued_is_booked_once(case, booked):
    invoice = case.handed_over()
    case.collect(invoice, 3000)
    case.night()
    cancelled = case.agency.settle(case.slug, case.world.today)
    if booked:
        case.night()
        assert case.erp.balance("1510") == 0
    case.agency.cancel_settlement(cancelled)
    case.settled(invoice)
    assert (case.erp.balance("1510"), case.erp.balance("1515")) == (3000, 0)
    reissued = case.agency.settle(case.slug, case.world.today, expenses=500)
    assert reissued.replaces == cancelled.id
    case.settled(invoice)
    assert (case.erp.balance("1510"), case.erp.balance("1515")) == (0, reissued.net)
    vouchers = [("confirmed", 3000), ("confirmed", -3000), ("confirmed", 3000)]
    assert case.journal("settlement") == (vouchers if booked else vouchers[-1:])


def test_case_09_a_cancelled_settlement_that_shows_nothing_any_more_is_mirrored_as_it_was_booked(case):
    invoice = case.handed_over()
    case.collect(invoice, 3000)
    case.night()
    cancelled = case.agency.settle(case.slug, case.world.today)
    case.night()

    def emptied(items):
        for item in items:
            if item["status"] == "CANCELLED":
                item.update(lines=[], totals=dict.fromkeys(item["totals"], "0.00"))
        return items

    case.agency_shows("settlements", emptied)
    case.agency.cancel_settlement(cancelled)
    case.settled(invoice)
    assert (case.erp.balance("1510"), case.erp.balance("1515")) == (3000, 0)
    case.agency.settle(case.slug, case.world.today)
    case.settled(invoice)
    assert case.erp.balance("1510") == 0
