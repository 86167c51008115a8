"""A customer gets another number in the ERP: what was done under the old one stays done."""

from tests.story import ends_equal, transferred


def test_what_was_posted_for_a_customer_is_not_posted_again_under_another_number(story):
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.night()
    story.erp.renumber(invoice.customer, "20002")
    story.quiet(3)
    assert (invoice.balance, story.open_at_agency(invoice), story.erp.balance("1510")) == (4000, 4000, 2000)
    assert len([p for p in story.erp.documents("Payment") if p.cash_account == "1510"]) == 1
    assert len(story.findings()["POSTING_CUSTOMER_CHANGED"]) == 1
    story.collect(invoice, 1500)
    story.quiet(3)
    assert (invoice.balance, story.open_at_agency(invoice), story.erp.balance("1510")) == (2500, 2500, 3500)
    story.assert_ties()


def test_who_is_held_back_is_so_under_another_number_too(story):
    invoice = story.receivable(6000)
    old = invoice.customer.number
    story.erp.exclude(invoice.customer, True)
    story.night()
    story.erp.exclude(invoice.customer, False)
    story.with_journal(lambda j: j.set_hold(f"customer {old}", "asked for time", None, "ops", story.world.now))
    story.erp.renumber(invoice.customer, "20002")
    other = story.receivable(4000, customer="20002")
    story.night()
    for each in (invoice, other):
        assert story.agency.claim_for(story.slug, each.number) is None
    story.with_journal(lambda j: j.end_hold(f"customer {old}", "ops", story.world.now))
    story.night()
    ends_equal(story, invoice, other)


def settle(story):
    return story.agency.settle(story.slug, story.world.today)


def test_a_statement_is_booked_although_one_of_its_customers_has_another_number_now(story):
    invoices = [story.receivable(amount) for amount in (6000, 7000, 8000)]
    story.night()
    for invoice in invoices:
        story.collect(invoice, 2000)
    story.night()
    story.erp.renumber(invoices[0].customer, "20002")
    settle(story)
    ends_equal(story, *invoices)
    assert story.erp.balance("1510") == 0
    assert set(story.findings()) == {"POSTING_CUSTOMER_CHANGED"}


def test_two_customers_of_one_entry_keep_their_shares_when_one_gets_another_number(story):
    one, other = story.receivable(6000), story.receivable(7000)
    story.night()
    entry = story.collect(one, 2000)
    story.agency.reallocate(entry, story.claim(one), story.claim(other), 500)
    story.night()
    story.erp.renumber(one.customer, "20002")
    story.night()
    settle(story)
    ends_equal(story, one, other)
    assert story.erp.balance("1510") == 0


def test_what_the_agency_changes_under_the_new_number_waits_until_the_posting_is_voided(story):
    """The fix of the finding: void it, and it is posted anew as it should be. Nobody posts by hand."""
    invoice = transferred(story)
    entry = story.collect(invoice, 2000)
    story.night()
    story.erp.renumber(invoice.customer, "20002")
    story.agency.reverse(entry, 500)
    settle(story)
    story.quiet(2)
    assert {"POSTING_CUSTOMER_CHANGED", "SETTLEMENT_WAITS"} <= set(story.findings())
    assert story.erp.balance("1510") == 2000
    (posting,) = [p for p in story.erp.documents("Payment") if p.cash_account == "1510"]
    story.erp.void(posting)
    ends_equal(story, invoice)
    assert (invoice.balance, story.erp.balance("1510")) == (4500, 0)
    assert not story.findings()


def test_a_posting_voided_after_its_statement_was_booked_is_made_anew_under_the_new_number(story):
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.night()
    story.erp.renumber(invoice.customer, "20002")
    settle(story)
    story.quiet(2)
    assert story.erp.balance("1510") == 0
    (posting,) = [p for p in story.erp.documents("Payment") if p.cash_account == "1510"]
    story.erp.void(posting)
    ends_equal(story, invoice)
    assert (invoice.balance, story.erp.balance("1510")) == (4000, 0)
    assert not story.findings()
