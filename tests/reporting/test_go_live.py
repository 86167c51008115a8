"""A company that goes live with money at the agency: the account starts from a list, and every proof holds on it."""

from dataclasses import replace
from datetime import date

import pytest

from cloudcollect_pipeline.reporting.identities import proofs
from cloudcollect_pipeline.reporting.tables import tables
from cloudcollect_pipeline.reporting.words import words
from cloudcollect_pipeline.sandbox.erp.ledger import Entry
from tests.reporting.conftest import read_all
from tests.story import Story


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)


def by_hand(story, principal):
    """Money that the agency received on a claim handed over by hand before go-live."""
    old = story.erp.invoice(story.customer(), 9000, date(2024, 10, 1), date(2024, 10, 15))
    first = next(iter(story.agency.account(story.slug).claims.values()))
    order = replace(first.order, reference=f"BYHAND{old.number}", document_number=old.number, principal=9000)
    claim, _ = story.agency.create_claim(story.slug, order)
    return story.agency.receive(claim, principal, on=story.world.today)


def assert_proofs_hold(story):
    for night, books in read_all(story).items():
        lines = [line for proof in proofs(books, tables(books, words("en"))).values() for line in proof]
        assert [line for line in lines if not line.right] == [], night


def test_a_company_goes_live_with_a_balance_that_the_agency_settles_later(story):
    ours = story.receivable(6000)
    story.night()
    entry = by_hand(story, 2500)
    story.erp.voucher(date(2024, 12, 31), "Before go-live", (Entry("1510", 2500), Entry("1920", -2500)))
    item = {"entry": entry.id, "customer": "10002", "amount": "25.00", "value_date": date(2024, 12, 31)}
    story.change_accounts(opening_balance="25.00", opening_items=[item])
    story.collect(ours, 1000)
    statement = story.night().statement
    assert statement.ties
    assert (statement.opening, statement.closing, statement.ledger) == (2500, 3500, 3500)
    assert [(i.entry, i.open) for i in statement.items if i.documents == "at go-live"] == [(entry.id, 2500)]
    assert_proofs_hold(story)
    story.world.pay_out(story.slug, story.agency.settle(story.slug, story.world.today))
    statement = story.night().statement
    assert statement.ties
    assert (statement.closing, statement.ledger, statement.items) == (0, 0, ())
    story.assert_quiet()
    assert not story.findings()
    assert_proofs_hold(story)


def test_money_on_a_claim_handed_over_by_hand_stays_out_of_every_proof(story):
    ours = story.receivable(6000)
    story.night()
    by_hand(story, 2500)
    story.collect(ours, 1000)
    statement = story.night().statement
    assert statement.ties
    assert (statement.closing, statement.agency_unsettled) == (1000, 1000)
    settlement = story.agency.settle(story.slug, story.world.today)
    story.night()
    assert story.findings()["SETTLEMENT_WAITS"] == [f"settlement {settlement.number}"]
    assert story.results[-1].statement.ties
    assert_proofs_hold(story)


def test_the_settlements_of_the_books_say_whether_the_bank_has_paid(story):
    invoice = story.receivable(6000)
    story.night()
    story.collect(invoice, 3000)
    story.night()
    settlement = story.agency.settle(story.slug, story.world.today)
    story.night()
    waiting = story.world.today
    story.world.pay_out(story.slug, settlement)
    story.night()
    books = read_all(story)
    (then,), (now,) = books[waiting].settlements, books[story.world.today].settlements
    assert (then.payout, then.paid, then.paid_on) == ("expected", 0, None)
    assert (now.payout, now.paid, now.paid_on) == ("received", settlement.net, waiting)
