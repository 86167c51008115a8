"""Stories of settlements: what is booked for them, what is not, and whether the money comes."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.story import ends_equal, lay_back, spoil


def collected(story, principal=3000, **options):
    """An invoice on which the agency has received money, posted."""
    invoice = story.receivable(6000)
    story.night()
    entry = story.collect(invoice, principal, **options)
    story.night()
    return invoice, entry


def settle(story, **options):
    return story.agency.settle(story.slug, story.world.today, **options)


def misprint(story, **changes):
    """The agency's settlements reach us with other figures, kroner as text, until further notice."""
    story.world.agency_faults.clear()
    spoil(story, "agency", r"/v1/settlements$", lambda record: record["totals"].update(changes), count=99)


def kroner(amount):
    return str(Decimal(amount) / 100)


def voucher_of(story, number=-1):
    """Account -> amount of the voucher booked, øre."""
    vouchers = [b for b in story.erp.ledger.batches.values() if b.module == "GL" and any(x.reference for x in b.lines)]
    return {line.account: line.amount for line in vouchers[number].lines}


def test_the_voucher_splits_what_the_settlement_splits(story):
    story.change_accounts(fees_kept_by="creditor")
    story.agency.settings.pass_on_fees = True
    invoice, _ = collected(story, 3000, interest=120, fees=300)
    settlement = settle(story, expenses=400)
    story.night()
    assert voucher_of(story) == {
        "1510": -3000,
        "8050": -120,
        "3900": -300,
        "7790": 150,
        "7798": 400,
        "2710": 38,
        "1515": settlement.net,
    }
    ends_equal(story, invoice)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fees_booked": "net"}, {"1510": -3000, "3900": 150 - 120, "2710": 38, "1515": 2932}),
        ({"vat_registered": False}, {"1510": -3000, "8050": -120, "7790": 188, "1515": 2932}),
        (
            {"changes": [{"valid_from": date(2026, 1, 1), "commission_cost": "7770"}]},
            {"1510": -3000, "8050": -120, "7770": 150, "2710": 38, "1515": 2932},
        ),
        (
            {"changes": [{"valid_from": date(2027, 1, 1), "commission_cost": "7770"}]},
            {"1510": -3000, "8050": -120, "7790": 150, "2710": 38, "1515": 2932},
        ),
    ],
    ids=["net", "not VAT-registered", "terms of today", "terms of next year"],
)
def test_the_voucher_follows_the_terms_of_its_day(story, changes, expected):
    story.change_accounts(**changes)
    collected(story, 3000, interest=120)
    settle(story)
    story.night()
    assert voucher_of(story) == expected


def test_a_cancelled_settlement_is_taken_back_as_it_was_booked_whatever_the_terms_are_now(story):
    invoice, _ = collected(story)
    settlement = settle(story)
    story.night()
    booked = voucher_of(story)
    story.change_accounts(fees_booked="net")
    story.agency.cancel_settlement(settlement)
    story.night()
    assert voucher_of(story) == {account: -amount for account, amount in booked.items()}
    assert story.erp.balance("1510") == 3000
    settle(story)
    story.night()
    assert story.erp.balance("1510") == 0
    ends_equal(story, invoice)


def test_a_voucher_that_an_older_journal_knows_as_not_booked_is_taken_back_with_its_settlement(story, tmp_path):
    """The copy is of a night on which the ERP did not tell its periods; the next booked it, on other terms."""
    invoice, _ = collected(story)
    settlement = settle(story)
    story.world.erp_faults.add("status_before", "GET", "/financialperiod", count=9)
    story.night()
    assert story.erp.balance("1510") == 3000
    story.world.erp_faults.clear()
    folder = story.data / story.slug
    shutil.copy(folder / "journal.sqlite", tmp_path / "old.sqlite")
    story.change_accounts(fees_booked="net")
    story.night()
    booked = voucher_of(story)
    assert story.erp.balance("1510") == 0
    lay_back(story, tmp_path / "old.sqlite")
    story.agency.cancel_settlement(settlement)
    story.quiet(4)
    assert voucher_of(story) == {account: -amount for account, amount in booked.items()}
    assert story.erp.balance("1510") == 3000
    ends_equal(story, invoice)


def test_a_negative_net_is_booked_and_collected_by_the_agency(story):
    invoice, entry = collected(story)
    story.world.pay_out(story.slug, settle(story))
    story.night()
    story.agency.reverse(entry)
    settlement = settle(story)
    assert settlement.net < 0
    story.world.pay_out(story.slug, settlement)
    ends_equal(story, invoice)
    assert story.erp.balance("1510") == 0
    assert story.erp.balance("1515") == 0
    assert not story.findings()


@pytest.mark.parametrize("off_by", [1, 100])
def test_a_settlement_that_does_not_add_up_is_not_booked(story, off_by):
    collected(story)
    settlement = settle(story)
    misprint(story, net=kroner(settlement.net + off_by))
    result = story.night()
    assert not result.plan.plan.effects
    (finding,) = [f for f in story.with_journal(lambda j: j.findings()) if f["code"] == "SETTLEMENT_DOES_NOT_ADD_UP"]
    assert finding["amount"] == off_by


def test_a_difference_within_the_tolerance_is_booked_and_said(story):
    story.change_accounts(rounding_tolerance=Decimal("0.05"))
    invoice, _ = collected(story)
    settlement = settle(story)
    misprint(story, net=kroner(settlement.net + 2))
    story.night()
    assert voucher_of(story)["7770"] == -2
    assert story.findings()["SETTLEMENT_ROUNDED"] == [f"settlement {settlement.number}"]
    story.assert_mirrored(invoice)
    story.assert_ties()


def test_an_unknown_vat_rate_is_not_booked(story):
    story.agency.settings.vat_rate = 1800
    collected(story)
    settle(story)
    assert not story.night().plan.plan.effects
    assert "SETTLEMENT_VAT_UNKNOWN" in story.findings()


@pytest.mark.parametrize(("vat", "booked"), [(38 + 100, True), (38 + 72, False)])
def test_vat_beyond_the_lines_must_be_a_known_rate_on_the_expenses(story, vat, booked):
    """Expenses have no lines: 400 of them with a quarter of VAT, or with 18 per cent, which is no rate."""
    collected(story)
    settlement = settle(story, expenses=400)
    misprint(story, vat=kroner(vat), net=kroner(settlement.net - (vat - settlement.vat)))
    story.night()
    assert ("SETTLEMENT_VAT_UNKNOWN" not in story.findings()) == booked
    assert (story.erp.balance("1510") == 0) == booked


def test_interest_that_the_agency_should_keep_is_not_booked(story):
    story.change_accounts(interest_kept_by="agency")
    collected(story, interest=120)
    settle(story)
    assert not story.night().plan.plan.effects
    assert "SETTLEMENT_AGAINST_TERMS" in story.findings()


def test_a_settlement_changed_after_it_was_booked_is_a_finding_and_the_voucher_stands(story):
    collected(story)
    settlement = settle(story)
    story.night()
    misprint(story, net=kroner(settlement.net - 100), expenses=kroner(100))
    result = story.night()
    assert not result.plan.plan.effects
    assert "SETTLEMENT_CHANGED" in story.findings()
    assert result.statement.ties


def test_a_voucher_may_be_left_as_a_draft_for_a_person_to_release(story):
    story.change_accounts(settlement_voucher="draft")
    invoice, _ = collected(story)
    settle(story)
    story.night()
    assert "SETTLEMENT_DRAFT" in story.findings()
    assert story.erp.balance("1510") == 3000
    story.assert_quiet()
    (draft,) = [b for b in story.erp.ledger.batches.values() if b.module == "GL" and b.status.value == "Balanced"]
    story.erp.post_voucher(draft)
    ends_equal(story, invoice)
    assert story.erp.balance("1510") == 0
    assert "SETTLEMENT_DRAFT" not in story.findings()


def test_a_draft_whose_settlement_was_cancelled_meanwhile_says_so(story):
    story.change_accounts(settlement_voucher="draft")
    collected(story)
    settlement = settle(story)
    story.night()
    story.agency.cancel_settlement(settlement)
    story.night()
    (finding,) = [f for f in story.with_journal(lambda j: j.findings()) if f["code"] == "SETTLEMENT_DRAFT"]
    assert finding["text"].endswith("is not released, and was CANCELLED meanwhile: delete the draft, do not release it")
    (draft,) = [b for b in story.erp.ledger.batches.values() if b.module == "GL" and b.status.value == "Balanced"]
    story.erp.ledger.delete(draft)
    for _ in range(3):
        story.night()
    assert "SETTLEMENT_DRAFT" not in story.findings()
    assert story.erp.balance("1510") == 3000


def test_a_payout_that_comes_is_matched_by_number_and_amount(story):
    collected(story)
    settlement = settle(story)
    story.night()
    (expected,) = story.results[-1].statement.payouts
    assert (expected.settlement, expected.net, expected.state) == (settlement.number, settlement.net, "expected")
    story.world.pay_out(story.slug, settlement)
    assert story.night().statement.payouts == ()
    assert story.erp.balance("1515") == 0
    assert not story.findings()


def test_a_payout_of_another_amount_is_a_finding_with_both(story):
    collected(story)
    settlement = settle(story)
    story.night()
    story.world.pay_out(story.slug, settlement, settlement.net - 100)
    story.night()
    (finding,) = [f for f in story.with_journal(lambda j: j.findings()) if f["code"] == "PAYOUT_DIFFERS"]
    assert (finding["subject"], finding["amount"]) == (f"settlement {settlement.number}", -100)
    story.world.pay_out(story.slug, settlement, 100)
    story.night()
    assert not story.findings()


def test_a_payout_that_never_comes_ages_into_a_finding(story):
    collected(story)
    settlement = settle(story)
    story.night()
    story.morning(14)
    story.night()
    assert "PAYOUT_OVERDUE" not in story.findings()
    story.morning(3)
    story.night()
    assert story.findings()["PAYOUT_OVERDUE"] == [f"settlement {settlement.number}"]


def test_money_that_is_never_settled_ages_into_a_finding(story):
    _, entry = collected(story)
    story.world.advance(story.world.now + timedelta(days=91))
    story.night()
    assert story.findings()["ENTRY_NOT_SETTLED"][0].startswith(entry.id)


@pytest.mark.parametrize(
    ("business", "interest", "codes"),
    [(False, 91, set()), (False, 92, {"INTEREST_ABOVE_LAW"}), (True, 9000, set())],
    ids=["within", "above", "a business may have agreed to more"],
)
def test_interest_above_the_laws_rate_is_a_finding_for_private_debtors(story, business, interest, codes):
    # 60.00 from 1 December 2025 is charged 12.00 % from 1 January; the rate of 2025's second half is not entered
    customer = story.customer(business=business, organisation_number="923609016" if business else None)
    invoice = story.receivable(6000, customer=customer, due=date(2025, 12, 1))
    story.night()
    story.erp.set_due_date(invoice, date(2025, 12, 31))
    story.morning(40)
    story.collect(invoice, 3000, interest=interest)
    story.night()
    assert set(story.findings()) - {"DUE_DATE_MOVED"} == codes


def test_a_rate_nobody_entered_is_said_and_nothing_is_guessed(story):
    collected(story, interest=9000)
    assert set(story.findings()) == {"RATE_UNKNOWN"}


def test_an_opening_list_that_does_not_add_up_is_refused(story):
    item = {"entry": "ent_1", "customer": "10002", "amount": "25.00", "value_date": date(2024, 12, 31)}
    with pytest.raises(ValueError, match=r"opening_items add up to 25\.00, opening_balance is 24\.00"):
        story.change_accounts(opening_balance="24.00", opening_items=[item])


def test_what_is_paid_on_a_claim_handed_over_by_hand_is_booked_once_a_person_says_that_it_is_posted(story):
    ours = story.receivable(6000)
    story.night()
    before_us = story.erp.invoice(story.customer(), 5000, date(2024, 11, 1), date(2024, 11, 15))
    order = replace(story.claim(ours).order, reference="BYHAND", document_number=before_us.number, principal=5000)
    story.agency.create_claim(story.slug, order)
    story.collect(ours, 2000)
    story.agency.receive(story.agency.claim_for(story.slug, before_us.number), 1000, on=story.world.today)
    story.erp.pay(before_us, 1000, cash_account="1510")
    settle(story)
    story.quiet(2)
    assert "SETTLEMENT_WAITS" in story.findings()
    assert story.erp.balance("1510") == 3000
    story.decide("SETTLEMENT_WAITS", "book")
    story.quiet(2)
    assert "SETTLEMENT_WAITS" not in story.findings()
    assert voucher_of(story)["1510"] == -3000
    assert story.erp.balance("1510") == 0
    story.assert_ties()
