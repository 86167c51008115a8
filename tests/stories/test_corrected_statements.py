"""Corrections, the agency's and the bookkeeper's: what comes out even in the end leaves nothing to look at."""

import pytest

from cloudcollect_pipeline.sandbox.erp.ledger import Entry as BankEntry
from tests.story import ends_equal, transferred


def settled(story, principal=3000, **options):
    """A settlement of money that the agency has received on a new receivable, booked."""
    invoice = transferred(story)
    story.collect(invoice, principal)
    story.night()
    settlement = story.agency.settle(story.slug, story.world.today, **options)
    story.night()
    return settlement


def corrected(story, settlement, number=None, **options):
    """The agency cancels a settlement and publishes it anew, under the same number if it is given."""
    story.agency.cancel_settlement(settlement)
    again = story.agency.settle(story.slug, story.world.today, **options)
    if number:
        again.number = number
        story.agency._publish_settlement(again)
    story.night()
    return again


def bank(story, amount, text):
    """A line of the bank: so much came in."""
    story.erp.voucher(None, text, (BankEntry("1920", amount, text), BankEntry("1515", -amount, text)))


def by_hand(story, amount):
    """A bookkeeper moves money on the suspense account."""
    entries = (BankEntry("1920", -amount), BankEntry("1510", amount))
    return story.erp.voucher(None, "moved", entries)


def told(story, code):
    """Subject -> amount of the findings of a code."""
    return {f["subject"]: f["amount"] for f in story.with_journal(lambda j: j.findings()) if f["code"] == code}


@pytest.mark.parametrize("expenses", [0, 100])
def test_a_statement_corrected_under_its_own_number_is_paid_out_once(story, expenses):
    first = settled(story)
    again = corrected(story, first, number=first.number, expenses=expenses)
    story.world.pay_out(story.slug, again)
    ends_equal(story)
    assert (story.erp.balance("1510"), story.erp.balance("1515")) == (0, 0)
    assert not story.findings()


@pytest.mark.parametrize("corrections", [1, 2])
def test_what_was_paid_on_a_cancelled_statement_counts_for_the_one_that_replaces_it(story, corrections):
    first = settled(story)
    story.world.pay_out(story.slug, first)
    last = first
    for expenses in range(100, 100 + corrections):
        story.night()
        last = corrected(story, last, expenses=expenses)
    assert told(story, "PAYOUT_DIFFERS") == {f"settlement {last.number}": first.net - last.net}
    story.world.pay_out(story.slug, last, last.net - first.net)
    ends_equal(story)
    assert (story.erp.balance("1510"), story.erp.balance("1515")) == (0, 0)
    assert not story.findings()
    story.morning(30)
    story.night()
    assert not story.findings()


def test_a_correction_that_changes_nothing_asks_for_no_money(story):
    first = settled(story)
    story.world.pay_out(story.slug, first)
    story.night()
    corrected(story, first)
    ends_equal(story)
    assert not story.findings()


def test_what_was_paid_on_a_statement_that_nothing_replaces_is_told_as_too_much(story):
    first = settled(story)
    story.world.pay_out(story.slug, first)
    story.night()
    story.agency.cancel_settlement(first)
    story.quiet(2)
    assert told(story, "PAYOUT_DIFFERS") == {f"settlement {first.number}": first.net}


def test_a_correction_paid_in_full_beside_what_was_paid_before_is_told_until_that_goes_back(story):
    first = settled(story)
    story.world.pay_out(story.slug, first)
    story.night()
    again = corrected(story, first, expenses=100)
    story.world.pay_out(story.slug, again)
    story.night()
    assert told(story, "PAYOUT_DIFFERS") == {f"settlement {first.number}": first.net}
    bank(story, -first.net, f"Tilbakebetaling {first.number}")
    story.night()
    assert not story.findings()


@pytest.mark.parametrize("short", [0, 100])
def test_a_bank_line_that_names_two_statements_pays_both_of_them(story, short):
    first, second = settled(story), settled(story, 500)
    bank(story, first.net + second.net - short, f"Utbetaling {first.number} og {second.number}")
    story.night()
    differs = {f"settlement {second.number}": -short} if short else {}
    assert told(story, "PAYOUT_DIFFERS") == differs
    if short:
        bank(story, short, f"Resten av {second.number}")
    ends_equal(story)
    assert not story.findings()
    assert story.erp.balance("1515") == 0


def test_a_statement_that_comes_after_the_bank_line_naming_it_is_known_by_it(story):
    first = settled(story)
    number = str(int(first.number) + 1)
    bank(story, first.net + 469, f"Utbetaling {first.number}/{number}")
    story.night()
    assert told(story, "PAYOUT_DIFFERS") == {f"settlement {first.number}": 469}
    second = settled(story, 500)
    assert (second.number, second.net) == (number, 469)
    story.night()
    assert not story.findings()


def test_a_statement_that_a_bank_line_only_mentions_is_still_awaited(story):
    first, second = settled(story), settled(story, 500)
    bank(story, first.net, f"Utbetaling {first.number}, neste er {second.number}")
    story.night()
    assert {p.settlement: p.state for p in story.results[-1].statement.payouts} == {second.number: "expected"}
    story.morning(20)
    story.night()
    assert told(story, "PAYOUT_OVERDUE") == {f"settlement {second.number}": second.net}


def test_a_movement_by_hand_that_is_reversed_leaves_nothing_to_look_at(story):
    transferred(story)
    by_hand(story, -3000)
    story.night()
    assert list(told(story, "FOREIGN_MOVEMENT").values()) == [-3000]
    by_hand(story, 3000)
    story.night()
    assert not story.findings()
    statement = story.results[-1].statement
    assert [m["amount"] for m in statement.foreign_movements] == [-3000, 3000]
    ends_equal(story)


def test_one_reversal_answers_for_the_oldest_of_two_movements_by_hand(story):
    transferred(story)
    moved = []
    for amount in (-3000, -3000, -1000, 3000):
        moved.append(by_hand(story, amount))
        story.night()
    subjects = [f"batch {batch.number} line 2" for batch in moved[1:3]]
    assert told(story, "FOREIGN_MOVEMENT") == dict(zip(subjects, (-3000, -1000), strict=True))
    by_hand(story, 3000)
    by_hand(story, 1000)
    ends_equal(story)
    assert not story.findings()


def test_a_foreign_payment_that_is_voided_is_not_the_partner_of_a_movement_by_hand(story):
    invoice = transferred(story)
    by_hand(story, -1000)
    payment = story.erp.pay(invoice, 1000, cash_account="1510")
    story.night()
    assert "FOREIGN_MOVEMENT" not in story.findings()
    assert "FOREIGN_SUSPENSE_PAYMENT" in story.findings()
    story.erp.void(payment)
    story.quiet(2)
    assert list(told(story, "FOREIGN_MOVEMENT").values()) == [-1000]
