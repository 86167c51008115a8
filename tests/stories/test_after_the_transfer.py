"""Stories of what people change and ask after a transfer: addresses, questions, policies that ask first."""

import pytest

from cloudcollect_pipeline.dispatch.dispatcher import PHASES
from tests.story import Story, ends_equal, lose_journal, spoil, transferred


def kinds(result):
    return [str(effect.kind) for effect in result.plan.plan.effects]


def test_a_changed_address_reaches_the_agency_once(story):
    invoice = transferred(story)
    story.assert_quiet()
    story.erp.change_customer(invoice.customer.number, address="Nygata 2", city="Bergen", postal_code="5003")
    assert kinds(story.night()) == ["debtor"]
    told = story.claim(invoice).order.debtor
    assert (told.address, told.postal_code, told.city) == ("Nygata 2", "5003", "Bergen")
    ends_equal(story, invoice)


def test_an_address_told_is_nowhere_in_plan_journal_or_findings(story):
    invoice = transferred(story)
    story.erp.change_customer(invoice.customer.number, address="Hemmeliggata 7")
    story.night()
    noted = story.with_journal(
        lambda j: [str(e) for e in j.events()] + [p for x in j.plans() for p in j.planned(x["hash"])]
    )
    assert noted
    assert not any("Hemmeliggata" in text for text in noted)


def test_an_answer_lost_about_an_address_is_told_again(story):
    invoice = transferred(story)
    story.erp.change_customer(invoice.customer.number, address="Nygata 2")
    story.world.agency_faults.add("lost_before", "PUT", r"/debtor$")
    story.night()
    assert story.claim(invoice).order.debtor.address != "Nygata 2"
    story.quiet(2)
    assert story.claim(invoice).order.debtor.address == "Nygata 2"
    ends_equal(story, invoice)


def test_an_agency_that_cannot_be_told_of_addresses_is_not_asked_to(story):
    story.agency.settings.capabilities = type(story.agency.settings.capabilities)(update_debtor=False, questions=False)
    invoice = transferred(story)
    story.erp.change_customer(invoice.customer.number, address="Nygata 2")
    assert not kinds(story.night())


def test_after_a_lost_journal_every_debtor_is_told_once(story):
    invoice = transferred(story)
    lose_journal(story)
    story.erp.change_customer(invoice.customer.number, address="Nygata 2")
    story.quiet(3)
    assert story.claim(invoice).order.debtor.address == "Nygata 2"
    ends_equal(story, invoice)


def test_the_agencys_question_is_a_finding_and_its_answer_is_sent_once(story):
    invoice = transferred(story)
    question = story.agency.question(story.claim(invoice), "Was it delivered to Storgata 1?")
    assert not kinds(story.night())
    assert story.findings()["AGENCY_ASKS"] == [question.id]
    story.decide("AGENCY_ASKS", "answer Delivered on 3 May")
    assert kinds(story.night()) == ["answer"]
    assert question.answer == "Delivered on 3 May"
    ends_equal(story, invoice)
    assert not story.findings()
    (finding,) = [f for f in story.with_journal(lambda j: j.findings(all_states=True)) if f["code"] == "AGENCY_ASKS"]
    assert "Storgata" not in finding["text"]


def test_an_answer_the_agency_refuses_is_asked_for_again(story):
    invoice = transferred(story)
    question = story.agency.question(story.claim(invoice), "Which contract?")
    story.night()
    story.decide("AGENCY_ASKS", "answer Contract 7")
    story.agency.answer(story.slug, question.id, "Contract 8")
    question.answer, kept = None, question.answer
    story.night()
    assert question.answer == "Contract 7" != kept


@pytest.mark.parametrize(("answer", "hold"), [("pause", "PAUSED"), ("recall", "RECALLED"), ("leave", "NONE")])
def test_a_policy_that_asks_waits_for_the_answer_and_does_it(tmp_path, answer, hold):
    story = Story(tmp_path, excluded_after_transfer="ask")
    invoice = transferred(story)
    claim = story.claim(invoice)
    story.erp.exclude(invoice, True)
    assert not kinds(story.night())
    assert story.findings()["CLAIM_SHOULD_STOP"] == [f"Invoice {invoice.number} excluded"]
    story.decide("CLAIM_SHOULD_STOP", answer)
    story.quiet(2)
    assert claim.hold == hold
    assert "CLAIM_SHOULD_STOP" not in story.findings()
    story.assert_quiet()


def test_a_pause_that_was_asked_for_ends_with_its_reason_and_is_asked_for_anew(tmp_path):
    story = Story(tmp_path, excluded_after_transfer="ask")
    invoice = transferred(story)
    for _ in range(2):
        story.erp.exclude(invoice, True)
        story.night()
        story.decide("CLAIM_SHOULD_STOP", "pause")
        story.night()
        assert story.claim(invoice).hold == "PAUSED"
        story.erp.exclude(invoice, False)
        story.night()
        assert story.claim(invoice).hold == "NONE"
    ends_equal(story, invoice)
    assert not story.findings()


@pytest.mark.parametrize(("answer", "hold"), [("pause", "PAUSED"), ("recall", "RECALLED")])
def test_an_answer_about_a_claim_is_not_used_up_by_what_else_is_reported_on_it_first(tmp_path, answer, hold):
    """Each phase of a night is a process of its own, and asks anew what people answered."""
    story = Story(tmp_path, excluded_after_transfer="ask")
    invoice = transferred(story)
    story.erp.exclude(invoice, True)
    story.night()
    story.decide("CLAIM_SHOULD_STOP", answer)
    story.erp.pay(invoice, 1000)
    story.morning()
    with story.opened() as night:
        plan = night.prepare_plan().plan
        assert {effect.kind for effect in plan.effects} == {"reduction", "hold"}
    for phase, _ in PHASES:
        with story.opened() as night:
            night.dispatch((phase,), plan.hash)
    assert story.claim(invoice).hold == hold
    assert not story.with_journal(lambda journal: journal.decisions())
    with story.opened() as night:
        assert night.journal.verify() is None


def test_an_answer_to_one_reason_says_nothing_about_another(tmp_path):
    story = Story(tmp_path, excluded_after_transfer="ask", disputed_after_transfer="ask")
    invoice = transferred(story)
    story.erp.exclude(invoice, True)
    story.night()
    story.decide("CLAIM_SHOULD_STOP", "leave")
    story.night()
    assert "CLAIM_SHOULD_STOP" not in story.findings()
    story.with_journal(lambda j: j.set_hold(f"Invoice {invoice.number}", "disputed", None, "ops", story.world.now))
    story.night()
    assert story.findings()["CLAIM_SHOULD_STOP"] == [f"Invoice {invoice.number} disputed"]
    story.decide("CLAIM_SHOULD_STOP", "pause")
    story.night()
    assert story.claim(invoice).hold == "PAUSED"


def credit_in_full(story, invoice):
    story.erp.match(story.erp.credit_note(invoice.customer, 6000, story.world.today), invoice, 6000)


def write_off_in_full(story, invoice):
    story.erp.write_off(invoice)
    story.night()
    story.decide("WRITE_OFF_ABOVE_TOLERANCE", "accept")


@pytest.mark.parametrize(
    ("policy", "settle"),
    [("credited_after_transfer", credit_in_full), ("written_off_after_transfer", write_off_in_full)],
)
@pytest.mark.parametrize(
    ("says", "hold", "asks"), [("report", "NONE", 0), ("ask", "NONE", 1), ("recall", "RECALLED", 0)]
)
def test_what_is_credited_or_written_off_in_full_is_reported_and_recalled_only_by_the_settings(
    tmp_path, policy, settle, says, hold, asks
):
    story = Story(tmp_path, **{policy: says})
    invoice = transferred(story)
    settle(story, invoice)
    story.quiet(3)
    claim = story.claim(invoice)
    assert (claim.principal_open, claim.hold) == (0, hold)
    assert len(story.findings().get("CLAIM_SHOULD_STOP", [])) == asks
    if asks:
        story.decide("CLAIM_SHOULD_STOP", "recall")
        story.night()
        assert claim.hold == "RECALLED"
    ends_equal(story, invoice)


def test_a_part_credited_claim_is_not_recalled(tmp_path):
    story = Story(tmp_path, credited_after_transfer="recall")
    invoice = transferred(story)
    story.erp.match(story.erp.credit_note(invoice.customer, 2000, story.world.today), invoice, 2000)
    story.erp.pay(invoice, 4000)
    ends_equal(story, invoice)
    assert story.claim(invoice).hold == "NONE"


def test_a_customer_whose_country_is_empty_is_told_of_once(story):
    def without_country(card):
        for name in ("mainAddress", "invoiceAddress"):
            if card.get(name):
                card[name]["country"] = {"id": ""}

    spoil(story, "erp", "/customer(/|$)", without_country, count=10**6)
    invoice = transferred(story)
    assert story.claim(invoice).order.debtor.country == "NO"
    assert kinds(story.night()) == []
    assert kinds(story.night()) == []
