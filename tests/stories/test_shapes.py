"""The three shapes in which agencies tell what they received: per payment, as a balance per claim, or unsplit."""

import pytest

from tests.story import Story, ends_equal, lose_journal, transferred


@pytest.fixture
def balances(story):
    """An agency that shows no payments, only what it has received per claim."""
    return told_as(story, "balances")


def told_as(story: Story, allocation: str) -> Story:
    settings = story.agency.settings
    settings.capabilities = type(settings.capabilities)(allocation=allocation)
    return story


def postings(story, customer):
    """Amount of each payment of ours on the suspense account, with whether it was voided."""
    made = [p for p in story.erp.documents("Payment") if (p.customer.number, p.cash_account) == (customer, "1510")]
    return [(p.amount, p.status == "Voided") for p in made]


def lose_ledger(story):
    for path in [*(story.data / story.slug).glob("ledger.duckdb*")]:
        path.unlink()


def test_each_rise_of_a_balance_is_posted_once(balances):
    invoice = transferred(balances)
    balances.collect(invoice, 2000, interest=30, fees=350)
    balances.night()
    balances.collect(invoice, 1500)
    balances.night()
    assert postings(balances, invoice.customer.number) == [(2000, False), (1500, False)]
    ends_equal(balances, invoice)


def test_a_fallen_balance_takes_back_the_newest_posting(balances):
    invoice = transferred(balances)
    balances.collect(invoice, 2000)
    balances.night()
    bounced = balances.collect(invoice, 1500)
    balances.night()
    balances.agency.reverse(bounced)
    balances.night()
    assert postings(balances, invoice.customer.number) == [(2000, False), (1500, True)]
    ends_equal(balances, invoice)


def test_a_balance_that_falls_in_the_middle_of_a_payment_is_posted_anew(balances):
    invoice = transferred(balances)
    paid = balances.collect(invoice, 2000)
    balances.night()
    balances.agency.reverse(paid, 500)
    ends_equal(balances, invoice)
    assert sum(amount for amount, voided in postings(balances, invoice.customer.number) if not voided) == 1500


def test_settlements_that_name_claims_are_booked_against_their_oldest_money(balances):
    invoice, other = transferred(balances), transferred(balances, 4000)
    for amount in (2000, 1000):
        balances.collect(invoice, amount)
        balances.collect(other, amount)
        balances.night()
    balances.agency.settle(balances.slug, balances.world.today)
    balances.collect(invoice, 700)
    balances.night()
    statement = balances.results[-1].statement
    assert (statement.settled, [item.open for item in statement.items]) == (6000, [700])
    ends_equal(balances, invoice, other)


def test_money_that_bounces_after_its_settlement_is_owed_until_the_next_one(balances):
    invoice = transferred(balances)
    paid = balances.collect(invoice, 2000)
    balances.night()
    balances.agency.settle(balances.slug, balances.world.today)
    balances.night()
    balances.agency.reverse(paid)
    balances.night()
    assert [item.open for item in balances.results[-1].statement.items] == [-2000]
    balances.agency.settle(balances.slug, balances.world.today)
    ends_equal(balances, invoice)
    assert balances.results[-1].statement.items == ()


@pytest.mark.parametrize("lost", ["ledger", "journal"])
def test_a_lost_file_makes_no_posting_twice(balances, lost):
    invoice = transferred(balances)
    for amount in (2000, 1500):
        balances.collect(invoice, amount)
        balances.night()
    lose_ledger(balances) if lost == "ledger" else lose_journal(balances)
    balances.quiet(3)
    assert postings(balances, invoice.customer.number) == [(2000, False), (1500, False)]
    ends_equal(balances, invoice)


def test_a_payment_that_is_not_split_waits_for_a_person(story):
    told_as(story, "gross")
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.night()
    assert postings(story, invoice.customer.number) == []
    assert set(story.findings()) >= {"ENTRY_UNALLOCATED"}


def test_a_payment_that_is_not_split_is_posted_where_it_is_agreed_to_be_principal(story):
    told_as(story, "gross")
    company = story.settings.companies[story.slug]
    agreed = company.model_copy(update={"agency": company.agency.model_copy(update={"unallocated": "principal"})})
    story.settings = story.settings.model_copy(update={"companies": {story.slug: agreed}})
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.night()
    assert postings(story, invoice.customer.number) == [(2000, False)]
    assert "ENTRY_UNALLOCATED" not in story.findings()
    ends_equal(story, invoice)
