"""Stories of money at the agency that is settled, allocated and settled again: each ends with books that tie."""

from datetime import timedelta

from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.erp.documents import DocumentType
from tests.story import Story, ends_equal, spoil, transferred


def settle_again(story, entry):
    """An agency that pays the same money out twice."""
    account = story.agency.account(story.slug)
    entry.settlement = None
    account.unsettled[entry.id] = entry
    return story.agency.settle(story.slug, story.world.today)


def test_a_settlement_over_two_customers_waits_until_both_shares_are_posted(story):
    first, second = story.receivable(6000), story.receivable(6000)
    story.night()
    entry = story.collect(first, 5000)
    story.night()
    foreign = story.erp.pay(second, 100, cash_account="1510")
    story.agency.reallocate(entry, story.claim(first), story.claim(second), 2000)
    story.agency.settle(story.slug, story.world.today)
    story.night()
    assert "SETTLEMENT_WAITS" in story.findings()
    assert story.erp.balance("1510") == 3000 + 100
    story.erp.void(foreign)
    story.quiet(2)
    assert story.erp.balance("1510") == 0
    ends_equal(story, first, second)
    assert not story.findings()


def test_a_settlement_waits_while_a_posting_of_the_right_amount_gives_way_and_may_not_be_made_anew(story):
    """Reallocated between two invoices of one customer, whose account shows a stranger's payment meanwhile."""
    customer = story.customer()
    first, second = story.receivable(6000, customer=customer), story.receivable(6000, customer=customer)
    story.night()
    entry = story.collect(first, 4000)
    story.night()
    foreign = story.erp.receive(customer, 100, cash_account="1510")
    story.agency.reallocate(entry, story.claim(first), story.claim(second), 1000)
    story.agency.settle(story.slug, story.world.today)
    story.night()
    assert "SETTLEMENT_WAITS" in story.findings()
    assert story.erp.balance("1510") == 100
    story.erp.void(foreign)
    story.quiet(3)
    assert story.erp.balance("1510") == 0
    ends_equal(story, first, second)
    assert not story.findings()


def test_an_entry_in_two_published_settlements_is_booked_once_until_the_agency_cancels_one(story):
    invoice = transferred(story)
    entry = story.collect(invoice, 3000)
    story.night()
    story.agency.settle(story.slug, story.world.today)
    story.night()
    again = settle_again(story, entry)
    result = story.night()
    assert not result.plan.plan.effects
    assert "SETTLEMENT_REPEATS" in story.findings()
    assert story.erp.balance("1510") == 0
    assert result.statement.ties
    story.agency.cancel_settlement(again)
    story.agency.account(story.slug).unsettled.clear()
    ends_equal(story, invoice)
    assert not story.findings()


def test_what_the_agency_takes_back_while_the_process_stands_still_after_asking_for_it_is_not_posted(story):
    """Between the guard's look at the entries and its look at the receivables two hours go by."""
    invoice = transferred(story)
    entry = story.collect(invoice, 3000)

    def stand_still(answer):
        story.world.advance(story.world.now + timedelta(hours=2))
        story.agency.reverse(entry)
        return answer

    story.world.agency_faults.add("mutate", "GET", "/entries$", skip=1, mutate=stand_still)  # landing asks first
    story.night()
    assert story.open_at_agency(invoice) == 6000
    assert not [*story.erp.documents(DocumentType.PAYMENT)]
    ends_equal(story, invoice)


def test_an_agency_that_takes_over_a_minute_to_list_its_entries_keeps_no_posting_waiting(story):
    invoice = transferred(story)
    story.collect(invoice, 3000)

    def slowly(answer):
        story.world.advance(story.world.now + timedelta(seconds=70))
        return answer

    story.world.agency_faults.add("mutate", "GET", "/entries$", count=99, mutate=slowly)
    story.night()
    assert invoice.balance == 3000
    story.world.agency_faults.clear()
    ends_equal(story, invoice)


def test_money_that_is_allocated_later_is_posted_then(story):
    invoice = transferred(story)
    entry = story.agency.receive_unallocated(story.claim(invoice), 3000, on=story.world.today)
    story.night()
    assert story.findings()["ENTRY_UNALLOCATED"] == [entry.id]
    assert invoice.balance == 6000
    story.agency.allocate(entry, story.claim(invoice), 1000)
    story.night()
    assert "ENTRY_UNALLOCATED" in story.findings()
    assert invoice.balance == 6000
    story.agency.allocate(entry, story.claim(invoice), 2000)
    story.night()
    assert invoice.balance == 3000
    ends_equal(story, invoice)
    assert not story.findings()


def test_money_taken_back_without_saying_of_which_payment_is_a_finding(story):
    def nameless(entry):
        if entry["kind"] == "REVERSAL":
            entry["reverses"] = None

    invoice = transferred(story)
    entry = story.collect(invoice, 6000)
    story.night()
    story.agency.reverse(entry, 2000)
    spoil(story, "agency", "entries", nameless, count=10**6)
    story.quiet(2)
    assert len(story.findings()["ENTRY_TAKES_BACK_TOO_MUCH"]) == 1


def test_a_partial_reversal_of_money_on_an_old_claim_is_taken_back_from_the_new_one(tmp_path):
    story = Story(tmp_path, excluded_after_transfer="recall")
    invoice = transferred(story)
    old = story.claim(invoice)
    story.erp.exclude(invoice, True)
    story.night()
    story.erp.exclude(invoice, False)
    story.night()
    story.decide("NEW_EPISODE", "approve")
    story.night()
    new = story.claim(invoice)
    assert new is not old
    entry = story.agency.receive(old, 3000, on=story.world.today, force=True)
    story.quiet(2)
    assert (invoice.balance, new.principal_open) == (3000, 3000)
    story.agency.reverse(entry, 1000)
    story.quiet(3)
    assert (invoice.balance, new.principal_open) == (4000, 4000)
    ends_equal(story)
    assert not story.findings()


def stuck_draft(story, invoice, amount):
    """A posting that was created, and whose invoice is paid before it can be released."""
    story.collect(invoice, amount)
    story.erp.fail_next_release("the period is being closed")
    story.night()
    (draft,) = [p for p in story.erp.documents("Payment") if p.cash_account == "1510"]
    story.erp.pay(invoice, 6000)
    story.quiet(2)
    assert draft.status.value == "Balanced"
    assert "POSTING_NOT_RELEASED" in story.findings()
    return draft


def test_a_draft_that_can_never_be_released_is_made_again_once_a_person_has_deleted_it(story):
    invoice = transferred(story)
    draft = stuck_draft(story, invoice, 2500)
    story.erp.delete(draft)
    result = story.night()
    assert not result.dispatched.counts["posting"]
    story.quiet(2)
    (posting,) = [p for p in story.erp.documents("Payment") if p.cash_account == "1510"]
    assert (posting.status.value, posting.balance) == ("Open", 2500)
    assert "POSTING_LEAVES_CREDIT" in story.findings()
    assert "POSTING_NOT_RELEASED" not in story.findings()
    story.quiet(2)
    story.assert_ties()
    assert story.erp.balance("1510") == 2500


def test_a_draft_of_someone_else_that_was_deleted_holds_nothing_back_any_more(story):
    transferred(story)
    invoice = story.receivable(4000)
    draft = story.erp.draft_payment(invoice.customer, 4000, [Line(invoice, 4000)])
    story.night()
    assert story.agency.claim_for(story.slug, invoice.number) is None
    story.erp.delete(draft)
    story.night()
    assert story.claim(invoice).principal == 4000
    ends_equal(story, invoice)


def test_a_deleted_voucher_is_made_again(story):
    invoice = transferred(story)
    story.collect(invoice, 3000)
    story.night()
    story.agency.settle(story.slug, story.world.today)
    story.erp.fail_next_release("the ledger is being closed")
    story.night()
    draft = next(b for b in story.erp.ledger.batches.values() if b.module == "GL" and b.status.value == "Balanced")
    story.erp.ledger.delete(draft)
    story.quiet(4)
    assert story.erp.balance("1510") == 0
    ends_equal(story, invoice)
    assert not story.findings()
