"""Bad input: each gets a finding that names the record and what to do; the night goes on and nothing is lost."""

import re

import pytest

from cloudcollect_pipeline.dispatch.lock import CompanyBusy
from cloudcollect_pipeline.domain.errors import Permanent
from cloudcollect_pipeline.domain.finding import CATALOGUE
from tests.story import spoil, transferred


@pytest.mark.parametrize("kind", ["html", "truncated"])
def test_an_unreadable_page_leaves_its_feed_for_the_next_night_and_the_rest_goes_on(story, kind):
    invoice = transferred(story)
    story.collect(invoice, 1000)
    story.receivable(9000)
    story.world.agency_faults.add(kind, "GET", r"/v1/settlements$", count=2)
    result = story.night()
    assert story.findings()["FEED_INCOMPLETE"] == ["agency settlements"]
    assert invoice.balance == 5000
    assert result.dispatched.counts["transfer"]["confirmed"] == 1
    story.world.erp_faults.add(kind, "GET", r"/v1/customerinvoice$", count=2)
    story.receivable(8000)
    result = story.night()
    assert "erp documents" in story.findings()["FEED_INCOMPLETE"]
    assert not result.plan.plan.effects
    story.quiet(2)
    story.assert_mirrored()
    assert len(story.agency.account(story.slug).claims) == 3
    assert not story.findings()


@pytest.mark.parametrize(
    ("what", "change", "reason"),
    [
        ("a number that is not money", lambda r: r.update(balance="sixty"), "balance is missing or not an amount"),
        ("too many decimals", lambda r: r.update(balance=60.123), "balance is missing or not an amount"),
        ("a date that is not a date", lambda r: r.update(documentDueDate="soon"), "due_date is missing or not a date"),
        ("an unknown type", lambda r: r.update(documentType="Barter"), "document_type must be one of"),
        ("an unknown status", lambda r: r.update(status="Dreaming"), "status must be one of"),
        ("more open than invoiced", lambda r: r.update(balance=99999), "balance is larger than amount"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_a_document_that_breaks_its_contract_is_set_aside_and_fences_its_customer(story, what, change, reason):
    transferred(story)
    customer = story.customer()
    bad, good = story.receivable(7000, customer=customer), story.receivable(8000)

    def only_bad(record):
        if record["referenceNumber"] == bad.number:
            change(record)

    spoil(story, "erp", r"/v1/customerinvoice", only_bad, count=99)
    story.night()
    [subject] = story.findings()["CONTRACT_BROKEN"]
    assert bad.number in subject
    finding = story.with_journal(lambda j: j.findings())[0]
    assert reason in finding["text"], what
    assert story.agency.claim_for(story.slug, bad.number) is None
    assert story.claim(good).principal == 8000
    with story.opened() as night:
        [raw] = night.ledger.db.execute("select raw from persons.set_aside").fetchall()
    assert bad.number in raw[0]
    # Corrected at its source, it is read again and goes.
    story.world.erp_faults.clear()
    story.night()
    assert story.claim(bad).principal == 7000
    assert not story.findings()


def test_a_record_that_cannot_even_be_identified_stops_all_transfers_but_not_the_posting_of_agency_money(story):
    invoice = transferred(story)
    story.collect(invoice, 1000)
    waiting = story.receivable(7000)

    def nameless(record):
        if record["referenceNumber"] == waiting.number:
            record.update(referenceNumber=None, customer=None)

    spoil(story, "erp", r"/v1/customerinvoice$", nameless, count=2)
    story.night()
    assert story.agency.claim_for(story.slug, waiting.number) is None
    assert invoice.balance == 5000
    assert len(story.findings()["CONTRACT_BROKEN"]) == 1
    story.decide("CONTRACT_BROKEN", "dismiss")
    story.erp.set_due_date(waiting, waiting.due)
    story.night()
    assert story.claim(waiting).principal == 7000


def test_an_entry_whose_lines_do_not_add_up_is_not_posted(story):
    invoice = transferred(story)
    story.collect(invoice, 1000)
    spoil(story, "agency", r"/v1/entries$", lambda r: r.update(amount="999.00"), count=9)
    story.night()
    assert invoice.balance == 6000
    assert "CONTRACT_BROKEN" in story.findings()
    story.world.agency_faults.clear()
    story.quiet(2)
    assert invoice.balance == 5000


def test_a_payment_line_for_an_unknown_invoice_is_named(story):
    invoice = transferred(story)
    payment = story.erp.pay(invoice, 1000)

    def astray(record):
        if record["refNbr"] == payment.number:
            for line in record["paymentLines"]:
                line["refNbr"] = "999999"

    spoil(story, "erp", r"/v1/customerPayment$", astray, count=9)
    story.night()
    assert f"Payment {payment.number}" in story.findings()["PAYMENT_LINE_UNKNOWN_DOCUMENT"]
    story.world.erp_faults.clear()
    story.erp.set_reference(payment, "as it was")
    story.quiet(2)
    story.assert_mirrored(invoice)
    assert not story.findings()


def test_a_claim_that_we_did_not_transfer_is_a_finding_and_blocks_a_second_one(story):
    transferred(story)
    invoice = story.receivable(7000)

    def foreign(record):
        record["document"] = {"type": "Invoice", "number": invoice.number}
        record["reference"] = "SOMEBODYELSES00"

    spoil(story, "agency", r"/v1/claims$", foreign, count=1)
    story.night()
    assert "CLAIM_UNKNOWN" in story.findings()
    assert story.agency.claim_for(story.slug, invoice.number) is None


def test_an_entry_for_an_unknown_claim_is_not_posted(story):
    invoice = transferred(story)
    story.collect(invoice, 1000)

    def astray(record):
        for line in record["lines"]:
            line["claim_id"] = "clm_nobody"

    spoil(story, "agency", r"/v1/entries$", astray, count=9)
    story.night()
    assert invoice.balance == 6000
    assert "ENTRY_UNALLOCATED" in story.findings()


def test_a_payment_on_the_suspense_account_that_is_not_ours_is_a_finding_and_a_foreign_movement(story):
    invoice = transferred(story)
    story.erp.pay(invoice, 1000, cash_account="1510")
    story.night()
    assert {"FOREIGN_SUSPENSE_PAYMENT", "FOREIGN_MOVEMENT"} <= set(story.findings())
    assert story.results[-1].statement.foreign == 1000
    assert story.results[-1].statement.ties


def test_a_wrong_suspense_account_is_refused_by_the_erp_and_said_so(story):
    invoice = transferred(story)
    story.erp.deactivate("1510")
    story.collect(invoice, 1000)
    story.night()
    [reference] = story.findings()["EFFECT_REFUSED"]
    assert re.fullmatch("[A-Z2-7]{15}", reference)
    assert invoice.balance == 6000
    calls = len(list(story.erp.documents("Payment")))
    story.night()
    assert len(list(story.erp.documents("Payment"))) == calls
    assert "EFFECT_REFUSED" in story.findings()


def test_a_second_run_on_the_same_company_says_who_holds_it(story):
    with story.opened(who="the first run"), pytest.raises(CompanyBusy, match="the first run"), story.opened():
        pass


def test_a_token_for_the_wrong_tenant_stops_the_night_with_the_endpoint_and_what_to_do(story):
    story.world.erp_faults.add("status_before", "GET", r"/v1/customerinvoice$", status=401, count=4)
    story.morning()
    with pytest.raises(Permanent, match="401"), story.opened() as night:
        night.run()


def test_a_refused_transfer_is_planned_again_only_when_something_changed(story):
    transferred(story)
    invoice = story.receivable(7000)
    story.agency.refuse_next("debtor_unknown", "the debtor cannot be found")
    story.night()
    assert "EFFECT_REFUSED" in story.findings()
    assert not story.night().plan.plan.effects
    story.erp.pay(invoice, 500)
    story.night()
    assert story.claim(invoice).principal == 6500
    assert "EFFECT_REFUSED" not in story.findings()


def test_every_finding_seen_in_these_tests_is_in_the_catalogue(story):
    invoice = transferred(story)
    story.erp.pay(invoice, 1000, cash_account="1510")
    story.night()
    assert set(story.findings()) <= set(CATALOGUE)
