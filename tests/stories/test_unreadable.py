"""A record that cannot be read or understood right before a write: what rests on it waits, and nothing else."""

import re
from datetime import timedelta

import httpx
import pytest

from tests.story import ends_equal, spoil, transferred


def not_to_be_read(story, document):
    path = rf"/v1/customerinvoice/{document.number}$"
    story.world.erp_faults.add("status_before", "GET", path, count=10**6, status=500)


def test_a_receivable_that_cannot_be_read_by_its_number_keeps_only_itself_from_being_handed_over(story):
    *healthy, poisoned = [story.receivable(6000) for _ in range(6)]
    healthy.append(story.receivable(7000))
    not_to_be_read(story, poisoned)
    story.night()
    assert story.agency.claim_for(story.slug, poisoned.number) is None
    assert all(story.agency.claim_for(story.slug, document.number) for document in healthy)
    assert story.findings() == {}
    story.night()
    [finding] = story.with_journal(lambda journal: journal.findings())
    assert finding["code"] == "EFFECT_NOT_SENT"
    assert poisoned.number in finding["text"]
    story.world.erp_faults.clear()
    story.quiet()
    assert story.agency.claim_for(story.slug, poisoned.number) is not None
    assert story.findings() == {}


def test_one_unreadable_invoice_keeps_no_other_from_its_posting(story):
    documents = [transferred(story) for _ in range(4)]
    for document in documents:
        story.collect(document, 1000)
    not_to_be_read(story, documents[1])
    story.night()
    story.night()
    assert [document.balance for document in documents] == [5000, 6000, 5000, 5000]
    assert len(story.findings()["EFFECT_NOT_SENT"]) == 1
    story.world.erp_faults.clear()
    ends_equal(story, *documents)


def test_an_unreadable_invoice_that_a_payment_names_keeps_only_itself_waiting(story):
    named, other = transferred(story), transferred(story)
    for _ in range(12):  # until its dunning is no news any more, and no list brings it
        story.night()
    story.erp.pay(named, 500)
    story.collect(other, 1000)
    not_to_be_read(story, named)
    story.night()
    assert other.balance == 5000
    assert story.open_at_agency(named) == 6000
    assert story.findings()["FEED_INCOMPLETE"] == [f"Invoice {named.number}"]
    story.world.erp_faults.clear()
    ends_equal(story, named, other)
    assert story.open_at_agency(named) == 5500


def test_where_nothing_can_be_read_by_its_number_nothing_is_sent_and_little_is_asked(story):
    for _ in range(64):
        story.receivable(6000)
    story.world.erp_faults.add("status_before", "GET", r"/v1/customerinvoice/[^/]+$", count=10**6, status=500)
    story.transport = counted = ByNumber(story.transport)
    result = story.night()
    assert result.dispatched.counts["transfer"] == {"dropped": 64}
    assert len(counted.asked) < 3 * 64  # a read that fails is tried three times


class ByNumber(httpx.BaseTransport):
    """Takes down which invoices are asked for by their number."""

    def __init__(self, beneath):
        self.beneath, self.asked = beneath, []

    def handle_request(self, request):
        if found := re.search(r"/customerinvoice/([^/]+)$", request.url.path):
            self.asked.append(found[1])
        return self.beneath.handle_request(request)


def known_for_long(story, count):
    """Transferred receivables that no list brings any more, each read by its number tonight."""
    documents = [story.receivable(6000) for _ in range(count)]
    story.night()
    story.morning(9)
    story.night()
    return documents


def asked_each_night(story, nights, before=lambda night: None):
    """Which invoices are asked for by their number on each of these nights."""
    story.transport = noted = ByNumber(story.transport)
    told = []
    for night in range(nights):
        noted.asked.clear()
        before(night)
        story.night()
        told.append(set(noted.asked))
    return told


def test_a_receivable_that_cannot_be_read_on_its_turn_makes_no_other_be_read_more_often(story):
    *healthy, poisoned = known_for_long(story, 8)
    not_to_be_read(story, poisoned)
    asked = asked_each_night(story, 10)
    for document in healthy:
        assert sum(document.number in night for night in asked) in (1, 2), document.number
    its_turn = next(night for night, numbers in enumerate(asked) if poisoned.number in numbers)
    assert all(poisoned.number in numbers for numbers in asked[its_turn:])
    story.transport = once_more = ByNumber(story.transport)
    story.night(same_night=True)
    assert set(once_more.asked) == {poisoned.number}
    [finding] = story.with_journal(lambda journal: journal.findings())
    assert (finding["code"], finding["subject"]) == ("FEED_INCOMPLETE", "erp documents by key")
    assert f"Invoice {poisoned.number}" in finding["text"]
    story.world.erp_faults.clear()
    ends_equal(story, poisoned, *healthy)
    assert story.findings() == {}


def test_a_change_of_what_could_not_be_read_on_its_turn_is_seen_on_the_night_it_can_be(story):
    changed, other = known_for_long(story, 2)
    story.erp.settings.document_touched_by_edit = False
    story.erp.set_due_date(changed, story.world.today + timedelta(days=60))
    not_to_be_read(story, changed)
    for _ in range(8):
        story.night()
    assert story.claim(changed).hold != "PAUSED"
    story.world.erp_faults.clear()
    story.night()
    assert story.claim(changed).hold == "PAUSED"
    ends_equal(story, changed, other)


def test_what_could_not_be_read_on_its_turn_is_not_asked_for_again_after_dispatch(story):
    documents = known_for_long(story, 12)
    for document in documents:
        not_to_be_read(story, document)
    story.transport = noted = ByNumber(story.transport)
    story.morning(7)
    with story.opened() as night:
        night.prepare_plan()
        before = len(noted.asked)
        night.carry_out()
    assert before >= 12
    assert len(noted.asked) == before
    story.world.erp_faults.clear()
    [numbers] = asked_each_night(story, 1)
    assert numbers == {document.number for document in documents}


def test_a_receivable_that_a_payment_names_is_asked_for_until_it_can_be_read_and_the_payments_before_no_more(story):
    named, *others = known_for_long(story, 7)
    story.erp.pay(named, 500)
    not_to_be_read(story, named)
    asked = asked_each_night(story, 6, lambda night: story.erp.pay(others[night], 6000))
    assert all(named.number in numbers for numbers in asked)
    assert others[0].number in asked[0]
    assert not {others[0].number, others[1].number} & asked[-1]
    assert [story.open_at_agency(document) for document in (named, *others)] == [6000] + [0] * 6
    with story.opened() as night:
        assert night.facts().unread == (f"Invoice {named.number}",)
    assert story.findings()["FEED_INCOMPLETE"] == [f"Invoice {named.number}"]
    story.world.erp_faults.clear()
    story.night()
    with story.opened() as night:
        assert night.facts().unread == ()
    ends_equal(story, named, *others)
    assert story.findings() == {}


def test_where_many_that_payments_name_cannot_be_read_the_first_are_named_and_all_are_read_later(story):
    documents = known_for_long(story, 7)
    for document in documents:
        story.erp.pay(document, 100)
        not_to_be_read(story, document)
    story.night()
    texts = {f["subject"]: f["text"] for f in story.with_journal(lambda journal: journal.findings())}
    assert "erp documents" in texts
    first = ", ".join(f"Invoice {document.number}" for document in documents[:5])
    assert (
        texts["erp documents by key"] == f"receivables that payments name could not be read by key: {first} and 2 more"
    )
    story.world.erp_faults.clear()
    story.morning(4)
    ends_equal(story, *documents)
    assert [story.open_at_agency(document) for document in documents] == [5900] * 7


def test_one_unreadable_invoice_keeps_no_other_from_being_read_again_that_a_guard_found_changed(story):
    excluded, poisoned = story.receivable(6000), story.receivable(6000)
    hold(story, excluded, poisoned)
    story.night()
    story.morning(12)
    story.night()
    release(story, excluded, poisoned)
    not_to_be_read(story, poisoned)
    excluded.excluded = True  # and no clock moves
    excluded.version += 1
    assert story.night().dispatched.counts["transfer"] == {"dropped": 2}
    result = story.night()
    assert f"Invoice {excluded.number}" in [held.document for held in result.plan.plan.held_back]
    assert result.dispatched.counts["transfer"] == {"dropped": 1}


def hold(story, *documents):
    for document in documents:
        name = f"Invoice {document.number}"
        story.with_journal(lambda journal, name=name: journal.set_hold(name, "wait", None, "test", story.world.now))


def release(story, *documents):
    for document in documents:
        name = f"Invoice {document.number}"
        story.with_journal(lambda journal, name=name: journal.end_hold(name, "test", story.world.now))


@pytest.mark.parametrize("mine", [False, True], ids=["on another account", "bearing a reference like ours"])
def test_a_payment_of_nobodys_business_that_cannot_be_read_keeps_nothing_from_being_posted(story, mine):
    paid, collected = transferred(story), transferred(story)
    theirs = story.erp.pay(paid, 500)

    def odd(payment):
        if payment["refNbr"] == theirs.number:
            payment |= {"paymentAmount": 500.125} | ({"paymentRef": "ABCDEFGHIJKLMN2"} if mine else {})

    spoil(story, "erp", "customerPayment", odd, count=10**6)
    story.collect(collected, 1000)
    result = story.night()
    assert collected.balance == (6000 if mine else 5000)
    assert ("could not be asked" in result.not_sent) is mine


ODD_PAYMENTS = {
    "an unknown status": lambda payment: payment.update(status="PendingApproval"),
    "an unknown type": lambda payment: payment.update(type="CashSale"),
    "no balance": lambda payment: payment.update(availableBalance=None),
    "too many decimals": lambda payment: payment.update(availableBalance=6000.125),
}


@pytest.mark.parametrize("odd", ODD_PAYMENTS.values(), ids=ODD_PAYMENTS)
def test_a_payment_that_nobody_understands_keeps_its_customer_back_after_the_plan_too(story, odd):
    paid, other = story.receivable(6000), story.receivable(6000)

    def meanwhile():
        story.erp.receive(paid.customer, 6000)
        spoil(story, "erp", "customerPayment", odd, count=10**6)

    carried_out_after(story, meanwhile)
    assert story.agency.claim_for(story.slug, paid.number) is None
    assert story.agency.claim_for(story.slug, other.number) is not None


def test_a_customer_whose_exclusion_nobody_understands_is_kept_back_after_the_plan_too(story):
    invoice = story.receivable(6000)

    def meanwhile():
        spoil(story, "erp", "/customer(/|$)", lambda card: card.update(excludeDebtCollection="yes"), count=10**6)

    carried_out_after(story, meanwhile)
    assert story.agency.claim_for(story.slug, invoice.number) is None


def test_an_odd_customer_card_keeps_nobody_from_being_paused(story):
    invoice = transferred(story)
    spoil(story, "erp", "/customer(/|$)", lambda card: card.update(excludeDebtCollection="yes"), count=10**6)
    story.agency.dispute(story.claim(invoice))
    story.night()
    assert story.claim(invoice).hold == "PAUSED"


def test_what_a_person_dismissed_is_no_more_to_the_guard_than_to_the_plan(story):
    invoice = story.receivable(6000)
    payment = story.erp.receive(invoice.customer, 100)
    spoil(story, "erp", "customerPayment", lambda row: row.update(status="PendingApproval"), count=10**6)
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    story.decide("CONTRACT_BROKEN", "dismiss", f"payments Payment {payment.number}")
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is not None


def test_money_is_posted_on_an_invoice_whose_odd_record_was_dismissed(story):
    invoice = transferred(story)
    spoil(story, "erp", "/customerinvoice", lambda row: row.update(excludeDebtCollection="perhaps"), count=10**6)
    story.night()
    story.decide("CONTRACT_BROKEN", "dismiss", f"documents Invoice {invoice.number}")
    story.collect(invoice, 1000)
    story.night()
    assert invoice.balance == 5000


def carried_out_after(story, meanwhile):
    """A plan is made; something happens; a person approves it as it stands."""
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan().plan
        assert plan.effects
        meanwhile()
        night.carry_out(night.approve(plan.hash))


def test_invoices_that_become_unreadable_one_by_one_never_keep_the_others_waiting(story):
    documents = [story.receivable(6000) for _ in range(9)]
    story.night()
    story.morning(9)  # until no list brings their dunning as news
    story.night()
    for document in documents[:6]:
        not_to_be_read(story, document)
        story.erp.pay(document, 100)
        story.night()
    story.erp.pay(documents[7], 50)
    story.collect(documents[8], 1000)
    story.night()
    assert (story.open_at_agency(documents[7]), documents[8].balance) == (5950, 5000)
    assert len(story.findings()["FEED_INCOMPLETE"]) == 6


def test_however_many_have_long_been_unreadable_the_others_are_read(story):
    documents = known_for_long(story, 24)
    unreadable, paid, collected = documents[:13], documents[13:23], documents[23]
    for document in unreadable:
        not_to_be_read(story, document)
        story.erp.pay(document, 100)
        story.night()
    for document in paid:
        story.erp.pay(document, 50)
    story.collect(collected, 1000)
    story.night()
    assert [story.open_at_agency(document) for document in paid] == [5950] * 10
    assert [story.open_at_agency(document) for document in unreadable] == [6000] * 13
    assert collected.balance == 5000


def test_what_was_long_unreadable_on_its_turn_keeps_no_other_waiting_once_payments_name_it(story):
    documents = known_for_long(story, 9)
    unreadable, paid, collected = documents[:7], documents[7], documents[8]
    for some in (unreadable[:4], unreadable[4:]):
        for document in some:
            not_to_be_read(story, document)
        for _ in range(8):
            story.night()
    for document in unreadable:
        story.erp.pay(document, 100)
    story.erp.pay(paid, 50)
    story.collect(collected, 1000)
    story.night()
    assert (story.open_at_agency(paid), collected.balance) == (5950, 5000)
