"""Postings of ours on another cash account than the one the settings name: neither made again nor released."""

from dataclasses import replace

import pytest

from tests.story import transferred


def open_account(ledger, number, like):
    ledger.accounts[number] = replace(ledger.accounts[like], number=number)
    ledger.cash_accounts[number] = number
    for method in list(ledger.payment_methods.values()):
        ledger.payment_methods[method.id] = replace(method, cash_accounts=(*method.cash_accounts, number))


def postings(story):
    return [(p.status.value, p.cash_account) for p in story.erp.documents("Payment") if p.reference]


@pytest.mark.parametrize("released", [False, True])
def test_a_posting_that_a_person_moved_to_another_cash_account_is_not_made_again(story, released):
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.world.erp_faults.add("status_before", "POST", "/action/release", count=5, status=503)
    story.night()
    story.world.erp_faults.clear()
    [draft] = [p for p in story.erp.documents("Payment") if p.reference]
    story.erp.set_cash_account(draft, "1920")
    if released:
        story.erp.release(draft)
    story.quiet(3)
    assert postings(story) == [("Closed" if released else "Balanced", "1920")]
    assert story.open_at_agency(invoice) == 4000
    assert "cash account 1920" in story.findings()["POSTING_ON_OTHER_ACCOUNT"]


def test_nothing_is_posted_again_when_the_settings_name_another_account_and_a_person_looks_first(story):
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.quiet(2)
    open_account(story.erp.ledger, "1511", like="1510")
    company = story.settings.companies[story.slug]
    erp = company.erp.model_copy(update={"suspense_cash_account": "1511", "suspense_account": "1511"})
    moved = {**story.settings.companies, story.slug: company.model_copy(update={"erp": erp})}
    story.settings = story.settings.model_copy(update={"companies": moved})
    story.collect(invoice, 1000)
    result = story.night(approve=False)
    assert "waits for approval" in result.not_sent
    assert any("another now" in reason for reason in result.plan.reasons)
    story.quiet(2)
    assert sorted(account for _, account in postings(story)) == ["1510", "1511"]
    assert (invoice.balance, story.open_at_agency(invoice)) == (3000, 3000)
    assert story.findings()["POSTING_ON_OTHER_ACCOUNT"] == ["cash account 1510"]
