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
