"""Money that has come in and stands on no invoice yet: its customer has paid, and nothing of theirs is handed over."""

import json

import pytest

from cloudcollect_pipeline.sandbox.erp import DocumentType
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.http import Response
from tests.story import ends_equal

PAYMENT, PREPAYMENT = DocumentType.PAYMENT, DocumentType.PREPAYMENT


def registered(story, invoice):
    """Registered at the bank, and neither matched nor released."""
    return story.erp.draft_payment(invoice.customer, 6000)


def on_hold(story, invoice):
    return story.erp.draft_payment(invoice.customer, 6000, hold=True)


def prepaid(story, invoice):
    return story.erp.draft_payment(invoice.customer, 6000, document_type=PREPAYMENT)


def more_than_it_names(story, invoice):
    """A draft for another invoice of theirs, of more than that one owes."""
    other = story.erp.invoice(invoice.customer, 1000)
    return story.erp.draft_payment(invoice.customer, 6000, [Line(other, 1000)])


def of_the_parent(story, invoice):
    return story.erp.receive(invoice.customer.parent, 6000)


def registered_for_the_parent(story, invoice):
    return story.erp.draft_payment(invoice.customer.parent, 6000)


def reserved(story, invoice):
    """Released, and put on hold afterwards."""
    payment = story.erp.receive(invoice.customer, 6000)

    def changed(answer):
        told = json.loads(answer.body)
        for row in told if isinstance(told, list) else [told]:
            if row.get("refNbr") == payment.number:
                row["status"] = "Reserved"
        return Response(answer.status, answer.headers, json.dumps(told).encode())

    story.world.erp_faults.add("mutate", "GET", "/v1/customerPayment", count=10_000, mutate=changed)
    return payment


WAYS = (registered, on_hold, prepaid, more_than_it_names, of_the_parent, registered_for_the_parent, reserved)


@pytest.mark.parametrize("pays", WAYS)
@pytest.mark.parametrize("after_the_plan", [False, True])
def test_who_has_paid_is_not_handed_over_though_the_money_stands_on_no_invoice(story, pays, after_the_plan):
    invoice = story.receivable(6000, customer=story.customer(parent=story.customer(name="Parent")))
    if after_the_plan:
        story.morning()
        with story.opened() as night:
            plan = night.prepare_plan().plan
            assert [effect.source for effect in plan.effects] == [f"Invoice {invoice.number}"]
            pays(story, invoice)
            night.carry_out(night.approve(plan.hash))
    else:
        pays(story, invoice)
        [held] = [each for each in story.night().plan.plan.held_back if each.document == f"Invoice {invoice.number}"]
        assert held.failed == ("NO_UNAPPLIED_CREDIT",)
    assert story.agency.claim_for(story.slug, invoice.number) is None


def test_a_draft_that_is_taken_away_again_holds_nothing_back(story):
    invoice = story.receivable(6000)
    draft = registered(story, invoice)
    story.night()
    story.erp.delete(draft)
    story.night()
    ends_equal(story, invoice)
