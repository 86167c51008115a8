"""Stories of customers that belong together: a parent pays for its children, the agency collects from a child."""

import pytest

from cloudcollect_pipeline.sandbox.erp import DocumentType
from cloudcollect_pipeline.sandbox.erp.books import Line
from tests.story import ends_equal


@pytest.fixture
def family(story):
    """A parent's number and a transferred invoice of each of its two children."""
    parent = story.customer(name="Parent")
    invoices = [story.receivable(6000, customer=story.customer(name="Child", parent=parent)) for _ in range(2)]
    story.night()
    return parent, invoices


def told(story, invoice):
    """The principal of what was reported to the agency on an invoice, entry by entry."""
    claim = story.claim(invoice)
    entries = story.agency.account(story.slug).entries.values()
    return [line.amount for entry in entries if entry.reference for line in entry.lines if line.claim is claim]


def test_what_a_parent_pays_of_a_childs_invoice_is_reported_once(story, family):
    parent, (invoice, other) = family
    story.erp.pay(invoice, 2000, customer=parent)
    story.quiet(3)
    assert told(story, invoice) == [2000]
    assert told(story, other) == []
    ends_equal(story, invoice, other)


def test_one_payment_of_a_parent_for_several_children_is_reported_on_each_claim(story, family):
    parent, (first, second) = family
    payment = story.erp.draft_payment(parent, 5000, [Line(first, 1000), Line(second, 4000)])
    story.erp.release(payment)
    story.quiet(3)
    assert (told(story, first), told(story, second)) == ([1000], [4000])
    ends_equal(story, first, second)


def test_a_voided_payment_of_a_parent_is_taken_back_on_the_childs_claim(story, family):
    parent, (invoice, other) = family
    payment = story.erp.pay(invoice, 2000, customer=parent)
    story.quiet(2)
    story.erp.void(payment)
    story.quiet(2)
    assert story.open_at_agency(invoice) == 6000
    ends_equal(story, invoice, other)


def test_an_invoice_that_its_parent_has_partly_paid_is_transferred_with_the_rest(story):
    parent = story.customer(name="Parent")
    invoice = story.receivable(6000, customer=story.customer(name="Child", parent=parent))
    story.erp.pay(invoice, 2000, customer=parent)
    story.night()
    assert story.claim(invoice).principal == 4000
    assert told(story, invoice) == []
    ends_equal(story, invoice)


def test_money_the_agency_received_for_a_childs_invoice_is_posted_on_the_child(story, family):
    _, (invoice, other) = family
    story.collect(invoice, 2500)
    story.night()
    (posting,) = [p for p in story.erp.documents(DocumentType.PAYMENT) if p.cash_account == "1510"]
    assert posting.customer is invoice.customer
    assert invoice.balance == 3500
    ends_equal(story, invoice, other)
