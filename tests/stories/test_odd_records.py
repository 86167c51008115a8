"""Claims that must stop, or may go on, when a record of theirs says something that nobody understands."""

from datetime import timedelta

import httpx
import pytest

from cloudcollect_pipeline.dispatch.dispatcher import RECHECK
from cloudcollect_pipeline.planning.plan import make_plan
from tests.story import Story, spoil, transferred

ODD = {
    "the invoice's exclusion": ("erp", "/customerinvoice", lambda row: row.update(excludeDebtCollection="perhaps")),
    "the customer's exclusion": ("erp", "/customer(/|$)", lambda row: row.update(excludeDebtCollection="yes")),
    "the claim's status": ("agency", "/claims", lambda row: row.update(status="PAYMENT_PLAN")),
}


@pytest.mark.parametrize(("side", "path", "odd"), ODD.values(), ids=ODD)
def test_a_claim_on_the_hold_list_is_paused_whatever_else_nobody_understands(story, side, path, odd):
    invoice = transferred(story)
    story.night()
    spoil(story, side, path, odd, count=10**6)
    story.with_journal(
        lambda journal: journal.set_hold(f"Invoice {invoice.number}", "disputed", None, "person", story.world.now)
    )
    story.night()
    assert story.claim(invoice).hold == "PAUSED"


def excluded_no_longer(tmp_path):
    """A claim that is paused, whose customer is excluded no more on the next morning."""
    story = Story(tmp_path, excluded_after_transfer="pause")
    invoice = transferred(story)
    customer = story.erp.customer(invoice.customer)
    story.erp.exclude(customer)
    story.night()
    assert story.claim(invoice).hold == "PAUSED"
    story.erp.exclude(customer, False)
    story.morning()
    return story, invoice, customer


@pytest.mark.parametrize(("side", "path", "odd"), ODD.values(), ids=ODD)
def test_a_claim_goes_on_only_on_what_is_understood(tmp_path, side, path, odd):
    """Its customer is no longer excluded when the plan is made, and is again before it is carried out."""
    story, invoice, customer = excluded_no_longer(tmp_path)
    with story.opened() as night:
        plan = night.prepare_plan().plan
        assert plan.totals["hold"]
        story.erp.exclude(customer)
        spoil(story, side, path, odd, count=10**6)
        night.carry_out(night.approve(plan.hash))
    assert story.claim(invoice).hold == "PAUSED"


LEFT_OUT = ("status_before", "GET", r"/customer/[^/]+$")
"""The ERP says that there is no such customer when it is asked for by its number."""


def test_a_claim_does_not_go_on_while_the_erp_leaves_its_customer_out(tmp_path):
    """Mirrored as excluded no longer, and excluded again since the plan."""
    story, invoice, customer = excluded_no_longer(tmp_path)
    with story.opened() as night:
        plan = night.prepare_plan().plan
        story.erp.exclude(customer)
        story.world.erp_faults.add(*LEFT_OUT, count=9, status=404)
        sent = night.carry_out(night.approve(plan.hash))
    assert sent.dispatched.counts["hold"] == {"dropped": 1}
    assert story.claim(invoice).hold == "PAUSED"


def disputed_there(story, invoice):
    story.agency.dispute(story.claim(invoice))


def due_later(story, invoice):
    story.erp.set_due_date(invoice, story.world.today + timedelta(days=60))


def excluded(story, invoice):
    story.erp.exclude(story.erp.customer(invoice.customer))


def credited(story, invoice):
    story.erp.apply(story.erp.credit_note(invoice.customer, 6000), invoice, 6000)


@pytest.mark.parametrize(
    ("happens", "hold"),
    [(disputed_there, "PAUSED"), (due_later, "PAUSED"), (excluded, "PAUSED"), (credited, "RECALLED")],
)
def test_who_must_stop_does_though_the_erp_leaves_the_customer_out(tmp_path, happens, hold):
    story = Story(tmp_path, credited_after_transfer="recall", excluded_after_transfer="pause")
    invoice = transferred(story)
    happens(story, invoice)
    story.world.erp_faults.add(*LEFT_OUT, count=10**6, status=404)
    story.quiet(2)
    assert story.claim(invoice).hold == hold


class Slow(httpx.BaseTransport):
    """To ask for one invoice by its number takes long, and fails. Notes how old the look-up was at each posting."""

    def __init__(self, story, number):
        self.beneath, self.story, self.path = story.transport, story, f"/customerinvoice/{number}"
        self.looked_up, self.ages = story.world.now, []

    def handle_request(self, request):
        now, path = self.story.world.now, request.url.path
        if path.endswith(self.path):
            self.story.world.advance(now + timedelta(seconds=110))
            raise httpx.ReadTimeout("slow")
        if path.endswith("/customerPayment"):
            if request.method == "POST":
                self.ages.append(now - self.looked_up)
            elif b"docDate" in request.url.query:
                self.looked_up = now
        return self.beneath.handle_request(request)


def test_what_is_posted_long_after_its_group_was_taken_apart_is_looked_up_again(story):
    documents = [transferred(story) for _ in range(8)]
    for _ in range(9):  # until no list brings their dunning as news
        story.night()
    for document in documents:
        story.collect(document, 1000)
    story.transport = slow = Slow(story, documents[0].number)
    story.night()
    assert [document.balance for document in documents] == [6000, *[5000] * 7]
    assert len(slow.ages) == 7
    assert max(slow.ages) <= RECHECK


class SlowList(httpx.BaseTransport):
    """To look up what the ERP holds of the plan's postings takes eleven minutes."""

    def __init__(self, story):
        self.beneath, self.story, self.asked = story.transport, story, 0

    def handle_request(self, request):
        if (
            request.method == "GET"
            and request.url.path.endswith("/customerPayment")
            and b"docDate" in request.url.query
        ):
            self.asked += 1
            self.story.world.advance(self.story.world.now + timedelta(minutes=11))
        return self.beneath.handle_request(request)


def test_a_look_up_that_takes_long_is_not_too_old_for_what_is_sent_on_it(story):
    documents = [transferred(story) for _ in range(3)]
    for document in documents:
        story.collect(document, 1000)
    story.transport = slow = SlowList(story)
    story.night()
    assert [document.balance for document in documents] == [5000] * 3
    assert slow.asked == 2  # the first may have stood still after it was answered


class StandsStill(httpx.BaseTransport):
    """The process stands still once the ERP has answered what it holds; a bookkeeper posts what the agency received."""

    def __init__(self, story, document, how_long):
        self.beneath, self.story, self.document, self.how_long = story.transport, story, document, how_long

    def handle_request(self, request):
        answer = self.beneath.handle_request(request)
        looked_up = request.url.path.endswith("/customerPayment") and b"docDate" in request.url.query
        if request.method == "GET" and looked_up and self.document:
            self.story.erp.pay(self.document, 1000, cash_account="1510")
            self.document = None
            self.story.world.advance(self.story.world.now + self.how_long)
        return answer


@pytest.mark.parametrize("how_long", [timedelta(minutes=12), timedelta(hours=3)])
def test_what_a_bookkeeper_posted_while_the_process_stood_still_is_not_posted_once_more(story, how_long):
    document = transferred(story)
    story.collect(document, 1000)
    story.transport = StandsStill(story, document, how_long)
    story.night()
    assert document.balance == 5000
    assert story.world.truth()[story.slug].suspense_balance == 1000


class SlowEntries(httpx.BaseTransport):
    """Each request for entries takes eleven minutes once it was looked up what the ERP holds of the plan's postings.

    Within the first of them a bookkeeper may post what the agency received.
    """

    def __init__(self, story, document=None, looking=timedelta(0)):
        self.beneath, self.story, self.document, self.looking = story.transport, story, document, looking
        self.looked_at, self.asked = None, 0

    def handle_request(self, request):
        path = request.url.path
        if request.method == "GET" and path.endswith("/customerPayment") and b"docDate" in request.url.query:
            self.looked_at = self.story.world.now
            self.story.world.advance(self.story.world.now + self.looking)
        elif request.method == "GET" and "entries" in path and self.looked_at:
            self.asked += 1
            if self.document and self.asked == 1:
                self.story.erp.pay(self.document, 1000, cash_account="1510")
            self.story.world.advance(self.story.world.now + timedelta(minutes=11))
        elif request.method == "POST" and path.endswith("/customerPayment"):
            assert self.story.world.now - self.looked_at <= RECHECK
        return self.beneath.handle_request(request)


def test_what_a_bookkeeper_posted_while_entries_were_read_for_long_is_not_posted_once_more(story):
    document = transferred(story)
    story.collect(document, 1000)
    story.transport = slow = SlowEntries(story, document)
    story.night()
    assert slow.asked > 1
    assert document.balance == 5000
    assert story.world.truth()[story.slug].suspense_balance == 1000


def test_money_is_posted_though_both_entries_and_what_is_looked_up_take_long(story):
    document = transferred(story)
    story.collect(document, 1000)
    story.transport = SlowEntries(story, looking=timedelta(minutes=2))
    story.night()
    assert document.balance == 5000


@pytest.mark.parametrize("number", ['10"1', "10'1", "10\\1", "10/1", "10~1"])
def test_money_on_an_invoice_of_any_number_is_posted(story, number):
    invoice = transferred(story, number=number, kid="")
    story.collect(invoice, 1000)
    story.night()
    assert invoice.balance == 5000
    story.quiet()
    with story.opened() as night:
        make_plan(night.ledger, night.facts())
        assert night.ledger.rows("from customer_to_plan") == []
