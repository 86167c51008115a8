"""Stories of what changes between the plan and the send, of answers that are used up, and of what stays unexplained."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.sandbox.http import Response
from tests.story import Story, ends_equal, lay_back, lose_journal, transferred


def slow_claims(story, seconds, then=lambda: None):
    """Every claim takes the agency so long; after the first one, something else happens too."""
    happens = iter([then])

    def later(response):
        story.world.advance(story.world.now + timedelta(seconds=seconds))
        next(happens, lambda: None)()
        return response

    story.world.agency_faults.add("mutate", "POST", r"/v1/claims$", mutate=later, count=9)


def test_what_a_slow_agency_keeps_waiting_is_read_again_and_sent_the_same_night(story):
    transferred(story)
    invoices = [story.receivable(6000) for _ in range(5)]
    slow_claims(story, 40)
    result = story.night()
    assert result.dispatched.counts["transfer"] == {"confirmed": 5}
    story.world.agency_faults.clear()
    ends_equal(story, *invoices)


def test_a_payment_while_a_slow_agency_keeps_the_transfer_waiting_is_seen(story):
    transferred(story)
    invoices = [story.receivable(6000) for _ in range(4)]
    slow_claims(story, 40, lambda: story.erp.pay(invoices[3], 1000))
    result = story.night()
    assert result.dispatched.counts["transfer"] == {"confirmed": 3, "dropped": 1}
    story.world.agency_faults.clear()
    story.night()
    assert story.claim(invoices[3]).principal == 5000
    ends_equal(story, *invoices)


@pytest.mark.parametrize("policy", ["pause", "recall"])
def test_a_recall_whose_reason_is_gone_before_it_is_sent_is_not_sent(tmp_path, policy):
    story = Story(tmp_path, excluded_after_transfer=policy)
    invoice = transferred(story)
    story.erp.exclude(invoice, True)
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan()
        assert [effect.kind for effect in plan.plan.effects] == ["hold"]
        story.erp.exclude(invoice, False)
        result = night.carry_out()
    assert result.dispatched.counts["hold"] == {"dropped": 1}
    assert story.claim(invoice).hold == "NONE"
    ends_equal(story, invoice)


def test_a_dispute_settled_before_the_pause_is_sent_is_not_paused(story):
    invoice = transferred(story)
    story.agency.dispute(story.claim(invoice))
    story.morning()
    with story.opened() as night:
        assert len(night.prepare_plan().plan.effects) == 1
        story.agency.dispute(story.claim(invoice), False)
        result = night.carry_out()
    assert result.dispatched.counts["hold"] == {"dropped": 1}
    ends_equal(story, invoice)


def test_a_retry_is_used_up_by_one_try(story):
    transferred(story)
    invoice = story.receivable(6000)
    story.agency.refuse_next()
    story.night()
    assert not story.night().plan.plan.effects
    story.agency.refuse_next()
    story.decide("EFFECT_REFUSED", "retry")
    assert len(story.night().plan.plan.effects) == 1
    assert not story.night().plan.plan.effects
    story.decide("EFFECT_REFUSED", "retry")
    story.night()
    ends_equal(story, invoice)
    assert not story.findings()


def test_each_new_episode_needs_its_own_approval(tmp_path):
    story = Story(tmp_path, excluded_after_transfer="recall")
    invoice = transferred(story)
    for episode in (2, 3):
        story.erp.exclude(invoice, True)
        story.night()
        story.erp.exclude(invoice, False)
        assert not story.night().plan.plan.effects
        assert story.findings()["NEW_EPISODE"] == [f"Invoice {invoice.number} episode {episode}"]
        story.decide("NEW_EPISODE", "approve")
        story.night()
    ends_equal(story, invoice)
    assert len(story.agency.account(story.slug).claims) == 3


def test_a_cancelled_reduction_that_is_left_so_is_asked_about_once(story):
    invoice = transferred(story)
    story.erp.pay(invoice, 2000)
    story.night()
    (entry,) = [e for e in story.agency.account(story.slug).entries.values() if e.reference]
    story.agency.cancel_reduction(entry)
    story.night()
    story.decide("REDUCTION_CANCELLED", "ignore")
    assert not story.night().plan.plan.effects
    assert "REDUCTION_CANCELLED" not in story.findings()


def test_a_posting_moved_into_a_later_period_is_timing_until_its_day(story):
    invoice = transferred(story)
    story.collect(invoice, 2500)
    story.erp.close_period(f"{story.world.today:%Y%m}")
    statement = story.night().statement
    assert statement.ties
    assert (statement.closing, statement.ledger, statement.dated_later) == (0, 0, 2500)
    story.morning((date(2026, 2, 1) - story.world.today).days)
    statement = story.night().statement
    assert statement.ties
    assert (statement.closing, statement.ledger, statement.dated_later) == (2500, 2500, 0)
    ends_equal(story, invoice)


def test_a_difference_that_nothing_explains_is_a_finding(story):
    invoice = transferred(story)
    claim = story.claim(invoice)
    claim.principal_open -= 500
    story.agency.dispute(claim)
    story.agency.dispute(claim, False)
    story.quiet(2)
    assert story.findings()["BALANCES_DIFFER"] == [f"Invoice {invoice.number}"]


def test_a_difference_that_a_finding_names_is_not_told_twice(story):
    invoice = transferred(story)
    story.agency.book_direct(story.claim(invoice), 1000)
    story.quiet(2)
    assert set(story.findings()) == {"CREDITOR_ENTRY_UNKNOWN"}


def test_a_pause_of_ours_is_asked_about_after_the_journal_was_lost(story):
    invoice = transferred(story)
    story.erp.exclude(invoice, True)
    story.night()
    assert story.claim(invoice).hold == "PAUSED"
    lose_journal(story)
    story.erp.exclude(invoice, False)
    story.quiet(2)
    assert story.claim(invoice).hold == "PAUSED"
    story.decide("PAUSE_OF_UNKNOWN_ORIGIN", "resume")
    story.night()
    assert story.claim(invoice).hold == "NONE"
    ends_equal(story, invoice)
    assert not story.findings()


def test_a_second_pause_of_ours_that_an_older_journal_lacks_is_asked_about(story, tmp_path):
    """That journal knows of the first pause and that it ended: of the second it cannot know whose it was."""
    invoice = transferred(story)
    claim = story.claim(invoice)
    for disputed in (True, False):
        story.agency.dispute(claim, disputed)
        story.night()
    assert claim.hold == "NONE"
    folder = story.data / story.slug
    shutil.copy(folder / "journal.sqlite", tmp_path / "old.sqlite")
    story.agency.dispute(claim)
    story.night()
    assert claim.hold == "PAUSED"
    lay_back(story, tmp_path / "old.sqlite")
    story.agency.dispute(claim, False)
    story.quiet(3)
    assert "PAUSE_OF_UNKNOWN_ORIGIN" in story.findings()
    story.decide("PAUSE_OF_UNKNOWN_ORIGIN", "resume")
    story.night()
    assert claim.hold == "NONE"
    story.agency.pause(claim)
    story.quiet(3)
    assert claim.hold == "PAUSED"


def test_a_pause_that_an_older_journal_takes_for_ours_is_asked_about(story, tmp_path):
    """It lacks that ours has ended, and that the pause which stands now is the agency's own."""
    invoice = transferred(story)
    claim = story.claim(invoice)
    story.agency.dispute(claim)
    story.night()
    assert claim.hold == "PAUSED"
    folder = story.data / story.slug
    shutil.copy(folder / "journal.sqlite", tmp_path / "old.sqlite")
    story.agency.dispute(claim, False)
    story.night()
    assert claim.hold == "NONE"
    story.agency.pause(claim)
    lay_back(story, tmp_path / "old.sqlite")
    story.quiet(3)
    assert claim.hold == "PAUSED"
    assert "PAUSE_OF_UNKNOWN_ORIGIN" in story.findings()


def test_an_older_journal_laid_back_sends_nothing_before_a_person_has_looked_at_what_it_lost(story, tmp_path):
    """It lacks that somebody held a receivable back, and that they paused the company."""
    transferred(story)
    shutil.copy(story.data / story.slug / "journal.sqlite", tmp_path / "old.sqlite")
    disputed = story.receivable(7000)
    story.with_journal(
        lambda journal: journal.set_hold(f"Invoice {disputed.number}", "", None, "test", story.world.now)
    )
    story.night()
    story.with_journal(lambda journal: journal.pause(True, "test", story.world.now))
    lay_back(story, tmp_path / "old.sqlite")
    for _ in range(2):
        story.night(approve=False)
    waits = story.night(approve=False)
    assert "an older journal was laid back" in "; ".join(waits.plan.reasons)
    assert story.agency.claim_for(story.slug, disputed.number) is None
    story.night(approve=True)
    assert story.agency.claim_for(story.slug, disputed.number) is not None
    another = story.receivable(8000)
    story.night(approve=False)
    assert story.agency.claim_for(story.slug, another.number) is not None


def test_after_a_lost_journal_the_first_sending_night_still_asks_from_go_live_on(story):
    transferred(story)
    invoice = story.receivable(6000)
    lose_journal(story)
    story.quiet(3)
    ends_equal(story, invoice)
    kinds = [event["kind"] for event in story.with_journal(lambda journal: journal.events())]
    assert kinds.index("intent") < kinds.index("quiet_ended")


def test_an_agency_that_lists_almost_nothing_stops_the_plan(tmp_path):
    story = Story(tmp_path, attach_pdf=False)
    invoices = [story.receivable(6000) for _ in range(45)]
    story.quiet(3)
    story.erp.pay(invoices[0], 1000)
    with story.opened() as night:
        night.ledger.db.execute(
            "update claim set valid_to = 1 where claim_id in (select claim_id from claim "
            "order by claim_id desc limit 40)"
        )
    story.world.agency_faults.add(
        "mutate",
        "GET",
        r"/v1/claims$",
        query="(^|&)id=",
        count=10**6,
        mutate=lambda answer: replace(answer, body=json.dumps(json.loads(answer.body) | {"items": []}).encode()),
    )
    result = story.night(approve=False)
    assert "waits for approval" in result.not_sent
    assert any("agency claims: only 5 of 45" in reason for reason in result.plan.reasons)


@pytest.mark.parametrize(
    ("path", "code"),
    [(r"/customerPayment$", "EFFECT_REFUSED"), (r"/action/release$", "POSTING_NOT_RELEASED")],
    ids=["create", "release"],
)
def test_a_refusal_in_the_erps_own_words_names_nobody(story, path, code):
    invoice = transferred(story)
    story.collect(invoice, 2500)
    said = '{"message": "Customer Debtor Ærlig, Storgata 1, is blocked; see Ærligs other invoices."}'.encode()
    story.world.erp_faults.add("status_before", "POST", path, status=400, body=said)
    story.night()
    (finding,) = [f for f in story.with_journal(lambda journal: journal.findings()) if f["code"] == code]
    assert "is blocked" in finding["text"]
    noted = [str(event) for event in story.with_journal(lambda journal: journal.events())]
    assert not any(word in text for text in (finding["text"], *noted) for word in ("Ærlig", "Storgata"))


def test_a_claim_handed_over_by_hand_before_go_live_is_left_alone(story):
    ours = transferred(story)
    old = story.erp.invoice(story.customer(), 5000, date(2024, 11, 1), date(2024, 11, 15))
    newer = story.erp.invoice(story.customer(), 5000, date(2025, 11, 1), date(2025, 11, 15))
    for number, document in enumerate((old, newer)):
        order = replace(story.claim(ours).order, reference=f"BYHAND{number}", document_number=document.number)
        story.agency.create_claim(story.slug, order)
    story.night()
    claim = story.agency.claim_for(story.slug, newer.number)
    assert story.findings()["CLAIM_UNKNOWN"] == [claim.id]


@pytest.mark.parametrize("known", [True, False])
def test_a_second_claim_that_the_agency_holds_under_our_reference_is_not_ours(story, known):
    """An agency whose own retry went wrong: the first stands, a person is told of the second, and nights go on."""
    invoice = transferred(story)
    first = story.claim(invoice)
    story.agency.settings.allow_duplicates = True
    if not known:
        lose_journal(story)
    del story.agency.account(story.slug).references[first.reference]
    second, _ = story.agency.create_claim(story.slug, first.order)
    story.erp.pay(invoice, 2000)
    story.quiet(2)
    assert story.findings()["CLAIM_UNKNOWN"] == [second.id]
    assert (first.principal_open, second.principal_open) == (4000, 6000)


def test_what_a_person_chose_to_leave_explains_just_that_difference(story):
    invoice = transferred(story)
    story.erp.write_off(invoice, 2000)
    story.night()
    story.decide("WRITE_OFF_ABOVE_TOLERANCE", "keep")
    story.quiet(2)
    assert not story.findings()
    claim = story.claim(invoice)
    claim.principal_open -= 500
    story.agency.dispute(claim)
    story.agency.dispute(claim, False)
    story.quiet(2)
    assert "BALANCES_DIFFER" in story.findings()


def test_a_creditor_entry_left_alone_explains_its_difference(story):
    invoice = transferred(story)
    story.agency.book_direct(story.claim(invoice), 1000)
    story.night()
    story.decide("CREDITOR_ENTRY_UNKNOWN", "ignore")
    story.quiet(2)
    assert not story.findings()


def test_a_case_number_is_not_written_on_an_invoice_that_changes_right_before(story):
    invoice = transferred(story)

    def changed(response):
        story.erp.set_due_date(invoice, invoice.due)
        return response

    story.world.erp_faults.add("mutate", "GET", rf"/customerinvoice/{invoice.number}$", mutate=changed, count=9)
    story.agency.tick()
    result = story.night()
    assert result.dispatched.counts["case_reference"] == {"later": 1}
    assert not invoice.case_number
    story.world.erp_faults.clear()
    story.night()
    assert invoice.case_number
    ends_equal(story, invoice)


def test_a_claim_that_a_list_left_out_for_good_is_read_by_key_once_a_guard_has_found_it_changed(story):
    invoice = transferred(story)
    story.night()

    def without_claims(answer):
        return Response(answer.status, answer.headers, json.dumps({"items": [], "next_cursor": None}).encode())

    story.collect(invoice, 1000)
    faults = story.world.agency_faults
    faults.add("mutate", "GET", r"/v1/claims$", query="updated_since", count=99, mutate=without_claims)
    story.quiet(3)
    faults.clear()
    story.erp.pay(invoice, 2000)
    story.quiet(2)
    assert story.open_at_agency(invoice) == 3000
    ends_equal(story, invoice)


def test_a_reduction_that_the_agency_cancels_is_not_raised_again_when_the_payment_bounces(story):
    invoice = transferred(story)
    payment = story.erp.pay(invoice, 2000)
    story.night()
    [entry] = [e for e in story.agency.account(story.slug).entries.values() if e.reference]
    story.agency.cancel_reduction(entry)
    story.erp.void(payment)
    for _ in range(3):
        story.night()
        assert (invoice.balance, story.open_at_agency(invoice)) == (6000, 6000)
