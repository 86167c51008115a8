"""A second, real agency: one that takes cases and tells payments unsplit, and leaves everything else to people."""

import pytest

from cloudcollect_pipeline.sandbox.world import World
from tests.stories.test_shapes import lose_ledger, postings
from tests.story import START, Story, ends_equal, lose_journal, spoil, transferred


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path, world=World.empty(START, agency="debitura"))


def with_agency(story: Story, **changes) -> Story:
    company = story.settings.companies[story.slug]
    changed = company.model_copy(update={"agency": company.agency.model_copy(update=changes)})
    story.settings = story.settings.model_copy(update={"companies": {story.slug: changed}})
    return story


@pytest.fixture
def agreed(story):
    """It is agreed that a payment is principal."""
    return with_agency(story, unallocated="principal")


def letters(story: Story) -> list[str]:
    """What a person is asked to send."""
    found = story.with_journal(lambda journal: journal.findings())
    told = [finding["text"] for finding in found if finding["code"] == "CAPABILITY_MISSING"]
    return [text.partition("; write to it: ")[2] for text in told]


def case_number(story: Story, document) -> str:
    return f"DBT{int(story.claim(document).id.partition('_')[2]):05d}"


def test_a_receivable_is_handed_over_and_its_case_is_shown_on_the_invoice(story):
    invoice = transferred(story)
    story.night()
    assert invoice.case_number == case_number(story, invoice)
    ends_equal(story, invoice)


def test_a_payment_waits_for_a_person_unless_it_is_agreed_to_be_principal(story):
    invoice = transferred(story)
    story.collect(invoice, 2000)
    story.night()
    assert postings(story, invoice.customer.number) == []
    assert "ENTRY_UNALLOCATED" in story.findings()


def test_a_payment_that_is_principal_is_posted_and_tied(agreed):
    invoice = transferred(agreed)
    agreed.collect(invoice, 2000)
    agreed.night()
    assert postings(agreed, invoice.customer.number) == [(2000, False)]
    ends_equal(agreed, invoice)


def test_a_deleted_payment_takes_its_posting_back(agreed):
    invoice = transferred(agreed)
    kept, deleted = agreed.collect(invoice, 2000), agreed.collect(invoice, 1500)
    agreed.night()
    agreed.agency.reverse(deleted)
    agreed.night()
    assert postings(agreed, invoice.customer.number) == [(2000, False), (1500, True)]
    ends_equal(agreed, invoice)
    assert kept.principal == 2000


def test_a_payment_deleted_and_registered_anew_is_posted_anew(agreed):
    invoice = transferred(agreed)
    first = agreed.collect(invoice, 2000)
    agreed.night()
    agreed.agency.reverse(first)
    agreed.agency.receive(agreed.claim(invoice), 2000, on=first.value_date)
    ends_equal(agreed, invoice)
    assert postings(agreed, invoice.customer.number) == [(2000, True), (2000, False)]


def test_a_payment_changed_in_its_place_is_posted_anew(agreed):
    invoice = transferred(agreed)
    paid = agreed.collect(invoice, 2000)
    agreed.night()
    agreed.agency.reverse(paid, 500)
    ends_equal(agreed, invoice)
    assert postings(agreed, invoice.customer.number) == [(2000, True), (1500, False)]


def test_a_payment_that_was_deleted_while_the_ledger_was_lost_takes_its_posting_back(agreed):
    invoice = transferred(agreed)
    paid = agreed.collect(invoice, 2000)
    agreed.night()
    lose_ledger(agreed)
    agreed.agency.reverse(paid)
    agreed.quiet(3)
    assert postings(agreed, invoice.customer.number) == [(2000, True)]
    ends_equal(agreed, invoice)


def test_a_payment_on_no_case_may_leave_the_list_again(story):
    """It is asked for by itself; two of them, so that their order is asked about too."""
    invoice = transferred(story)
    paid = [story.collect(invoice, amount) for amount in (2000, 1000)]
    spoil(story, "agency", "/Payments", lambda payment: payment.update(invoice=None), count=10**6)
    story.night()
    assert len(story.findings()["ENTRY_UNALLOCATED"]) == 2
    story.agency.reverse(paid[0])
    story.quiet()
    assert len(story.findings()["ENTRY_UNALLOCATED"]) == 1


def test_a_case_made_on_trial_is_not_taken_for_the_real_one(story):
    on_trial = with_agency(story, options={"test_cases": "true"})
    invoice = transferred(on_trial)
    lose_journal(on_trial)
    lose_ledger(on_trial)
    with_agency(story, options={})
    story.quiet()
    [reference] = story.findings()["EFFECT_QUARANTINED"]
    assert story.claim(invoice).reference == reference


@pytest.mark.parametrize("fault", ["html", "truncated", "status_before"])
def test_a_list_that_was_not_read_whole_makes_nothing_vanish(agreed, fault):
    invoice = transferred(agreed)
    agreed.collect(invoice, 2000)
    agreed.night()
    agreed.world.agency_faults.add(fault, "GET", "^/Payments$", count=9)
    agreed.night()
    assert postings(agreed, invoice.customer.number) == [(2000, False)]
    assert "agency entries" in agreed.findings()["FEED_INCOMPLETE"]
    agreed.world.agency_faults.clear()
    ends_equal(agreed, invoice)


def test_a_payment_to_us_becomes_a_letter_and_is_adopted_when_the_agency_has_booked_it(story):
    invoice = transferred(story)
    payment = story.erp.pay(invoice, 1500)
    story.night()
    reference, day = story.claim(invoice).reference, payment.on
    assert letters(story) == [
        f"Case {case_number(story, invoice)} (our reference {reference}), Invoice {invoice.number}: the debtor has "
        f"paid us NOK 15.00 on {day} (Payment {payment.number}). Please register it as received by us."
    ]
    booked = story.agency.book_direct(story.claim(invoice), 1500)
    story.night()
    assert letters(story) == []
    story.decide("CREDITOR_ENTRY_UNKNOWN", f"adopt Payment {payment.number}")
    assert booked.reference is None
    ends_equal(story, invoice)


def test_a_claim_that_must_be_raised_becomes_a_letter_and_is_adopted_when_its_case_shows_it(story):
    invoice = story.receivable(6000)
    paid = story.erp.pay(invoice, 2000)
    story.night()
    story.erp.void(paid)
    story.night()
    claim = story.claim(invoice)
    assert letters(story) == [
        f"Case {case_number(story, invoice)} (our reference {claim.reference}), Invoice {invoice.number}: NOK 20.00 "
        f"that Payment {paid.number} had paid before the claim was yours is owed again. Please raise the claim by it."
    ]
    story.agency.raise_by_hand(claim, 2000)
    story.night()
    assert story.findings() == {}
    ends_equal(story, invoice)


@pytest.mark.parametrize(
    ("after", "asked"),
    [
        ("pause", "please pause the case until we write again (excluded)."),
        ("recall", "please stop collecting and close the case as withdrawn by us (excluded)."),
    ],
)
def test_an_exclusion_after_the_transfer_becomes_a_letter(tmp_path, after, asked):
    story = Story(tmp_path, world=World.empty(START, agency="debitura"), excluded_after_transfer=after)
    invoice = transferred(story)
    story.erp.exclude(invoice)
    story.night()
    (letter,) = letters(story)
    assert letter.endswith(asked)


def test_a_letter_holds_nothing_personal(story):
    invoice = transferred(story)
    story.erp.pay(invoice, 1500)
    story.night()
    assert not any(word in letter for letter in letters(story) for word in ("Debtor", "Ærlig", "Storgata", "Oslo"))


@pytest.mark.parametrize("fault", ["lost_after", "html", "truncated", "status_after"])
def test_a_case_whose_answer_was_lost_is_found_and_not_made_again(story, fault):
    invoice = story.receivable()
    story.world.agency_faults.add(fault, "POST", "^/cases$")
    story.night()
    ends_equal(story, invoice)
    assert story.world.truth()[story.slug].claims == {f"Invoice {invoice.number}": 1}


def test_an_unsigned_agreement_is_a_finding_with_its_link_and_the_transfer_follows_the_signature(story):
    gates = story.world.agency_api
    gates.unsigned = ["MissingDebtCollectionContract", "MissingPowerOfAttorney"]
    invoice, other = story.receivable(), story.receivable(4000)
    for _ in range(2):
        story.night()
        found = story.with_journal(lambda journal: journal.findings())
        told = [(each["subject"], each["text"]) for each in found if each["code"] == "AGREEMENT_UNSIGNED"]
        assert [subject for subject, _ in told] == ["MissingDebtCollectionContract, MissingPowerOfAttorney"]
        assert told[0][1].endswith(" https://creditor.debitura.example/sign/all")
    gates.unsigned = []
    story.night()
    assert story.findings() == {}
    ends_equal(story, invoice, other)


def test_a_refusal_that_no_signature_mends_is_not_tried_again(story):
    story.agency.refuse_next("NoPartnerAvailable")
    story.receivable()
    story.night()
    story.night()
    assert set(story.findings()) == {"EFFECT_REFUSED"}
    assert story.world.truth()[story.slug].claims == {}


def test_a_case_whose_text_a_person_changed_is_not_handed_over_again(story):
    invoice = transferred(story)
    story.world.agency_api.describe(story.claim(invoice), "Consulting")
    story.quiet(2)
    assert set(story.findings()) == {"CONTRACT_BROKEN"}
    assert story.world.truth()[story.slug].claims == {f"Invoice {invoice.number}": 1}


def attaching(tmp_path):
    return Story(tmp_path, world=World.empty(START, agency="debitura"), attach_pdf=True)


def test_the_invoice_s_pdf_follows_its_case(tmp_path):
    story = attaching(tmp_path)
    invoice = transferred(story)
    assert [file["fileName"] for file in story.world.agency_api.files[story.claim(invoice).id]] == [
        f"Invoice-{invoice.number}.pdf"
    ]
    ends_equal(story, invoice)
    assert story.findings() == {}


@pytest.mark.parametrize(("path", "said"), [("/files$", "upload Invoice-"), ("^/cases$", "the answer was lost")])
def test_a_pdf_that_may_not_be_there_is_a_task_until_a_person_has_done_it(tmp_path, path, said):
    story = attaching(tmp_path)
    invoice = story.receivable()
    story.world.agency_faults.add("lost_after", "POST", path)
    story.quiet(3)
    ((subject, text),) = [
        (finding["subject"], finding["text"])
        for finding in story.with_journal(lambda journal: journal.findings())
        if finding["code"] == "LEFT_TO_DO"
    ]
    assert subject == f"Invoice {invoice.number}"
    assert said in text
    story.decide("LEFT_TO_DO", "done")
    ends_equal(story, invoice)
    assert story.findings() == {}
