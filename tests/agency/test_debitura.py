"""The adapter for Debitura's Customer API, against a sandbox of its shape behind a real HTTP client."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from cloudcollect_pipeline.agency.balances import EntriesOfBalances
from cloudcollect_pipeline.agency.debitura import HEADER, Debitura, connect
from cloudcollect_pipeline.agency.debitura.client import exact
from cloudcollect_pipeline.agency.port import Agency as AgencyPort
from cloudcollect_pipeline.agency.port import Debtor, Held, KnownEntry, NewClaim
from cloudcollect_pipeline.agency.unlisted import EntriesStillListed, ListsAll
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import Gated, NotSent, Refused, Uncertain, Unreadable
from cloudcollect_pipeline.erp.port import Receipt
from cloudcollect_pipeline.sandbox.agency import Agency, Claim
from cloudcollect_pipeline.sandbox.debitura import DebituraApi, debitura_settings
from cloudcollect_pipeline.sandbox.debitura.records import uuid
from cloudcollect_pipeline.sandbox.faults import Faults
from cloudcollect_pipeline.sandbox.http import AnswerLost, Request, Response
from cloudcollect_pipeline.settings import AgencySettings, SettingsError
from cloudcollect_pipeline.testing.kit import Broken, rows_of
from cloudcollect_pipeline.web import HeaderKey, HttpRefused, Web

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
URL = "https://debitura.example"
DEBTOR = Debtor("10001", "Privatkunde Ås", False, None, "Skogstien 4", "1430", "Ås", "NO", None, "+47 000 10001")
REFERENCE = "ABCDEFGHIJKLMN2"
CLAIM = NewClaim(
    REFERENCE, "Invoice", "200001", "2000018", date(2025, 11, 15), date(2025, 12, 15), 10_050, 6_005, "NOK", 1,
    date(2025, 12, 30), DEBTOR, None,
)  # fmt: skip


class Line:
    """A sandbox agency at one end, the adapter at the other, faults in between."""

    def __init__(self, *, test_cases: bool = False) -> None:
        self.clock = VirtualClock(START)
        self.books = Agency(self.clock, debitura_settings())
        self.api = DebituraApi(self.books, self.clock, {"key": "nordlys"})
        self.faults = Faults()
        self.handler = self.faults.wrap(self.api.handle)
        self.asked: list[httpx.Request] = []
        web = Web(URL, HeaderKey(HEADER, "key", URL), clock=self.clock, transport=httpx.MockTransport(self._carry))
        self.adapter = Debitura(web, "inkasso", self.clock, test_cases=test_cases)

    def _carry(self, sent: httpx.Request) -> httpx.Response:
        self.asked.append(sent)
        request = Request.to(sent.method, sent.url.raw_path.decode(), dict(sent.headers), sent.content)
        try:
            answer = self.handler(request)
        except AnswerLost:
            raise httpx.ReadError("closed", request=sent) from None
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    def claim(self, number: int = 1, **changes: Any) -> Claim:
        receipt = self.adapter.create_claim(
            replace(CLAIM, reference=f"REF{number}", number=f"{200_000 + number}", **changes)
        )
        self.books.tick()
        return next(c for c in self.books.account("nordlys").claims.values() if uuid(c.id) == receipt.id)

    def all(self, feed: str) -> list[dict[str, Any]]:
        return [json.loads(raw) for page in self.adapter.pages(feed, None) for raw in page]

    def ids(self, feed: str = "entries") -> list[str]:
        return sorted(record["id"] for record in self.all(feed))

    def spoil(self, path: str, change: Callable[[Any], None], method: str = "GET", **options: Any) -> None:
        def mutate(answer: Response) -> Response:
            told = json.loads(answer.body)
            change(told)
            return Response(answer.status, answer.headers, json.dumps(told).encode())

        self.faults.add("mutate", method, path, mutate=mutate, **options)


@pytest.fixture
def line() -> Line:
    return Line()


def case(**changes: Any) -> bytes:
    told = {
        "id": uuid("clm_1"), "dateCreated": "2026-01-05T03:00:00.1234567Z", "dateUpdated": None, "currency": "NOK",
        "reference": "Q8OAXF3W", "creditorReference": REFERENCE, "claimDescription": "Invoice 200001",
        "grossAmount": 60.05, "remainder": 60.05, "totalAddedFees": 0, "lifecycle": "Active", "closeCode": None,
    }  # fmt: skip
    return json.dumps({**told, **changes}).encode()


def payment(**changes: Any) -> bytes:
    told = {
        "id": uuid("ent_1"), "dateCreated": "2026-01-05T03:00:00Z", "date": "2026-01-04T00:00:00Z", "grossAmount": 20.5,
        "recipient": "CollectionPartner", "currency": "NOK", "invoice": {"invoiceId": uuid("clm_1")},
    }  # fmt: skip
    return json.dumps({**told, **changes}).encode()


def row(line: Line, feed: str, raw: bytes) -> dict[str, Any]:
    (found,) = rows_of("agency", line.adapter.feeds[feed], [exact(raw)])
    return found


def test_the_adapter_is_an_agency_that_lists_everything(line: Line) -> None:
    agency: AgencyPort = line.adapter
    assert isinstance(agency, ListsAll)


# -- words


@pytest.mark.parametrize(
    ("lifecycle", "close_code", "status", "hold"),
    [
        ("PendingContractSigning", None, "SUBMITTED", "NONE"),
        ("Pending contract signing", None, "SUBMITTED", "NONE"),
        ("PendingVerificationInternal", None, "SUBMITTED", "NONE"),
        ("Pending Verification", None, "SUBMITTED", "NONE"),
        ("Leads", None, "SUBMITTED", "NONE"),
        ("Collecting Quotes", None, "SUBMITTED", "NONE"),
        ("NeedsAdditionalDetails", None, "NEEDS_INFO", "NONE"),
        ("More Info Required", None, "NEEDS_INFO", "NONE"),
        ("LeadsQuoteGiven", None, "NEEDS_INFO", "NONE"),
        ("Pending Quote Selection", None, "NEEDS_INFO", "NONE"),
        ("Active", None, "ACTIVE", "NONE"),
        ("Paused", None, "ACTIVE", "PAUSED"),
        ("Merged", None, "MERGED", "NONE"),
        ("Closed", "Paid", "CLOSED", "NONE"),
        ("Closed", "Partially paid", "WITHDRAWN", "NONE"),
        ("Closed", "Case never started", "REJECTED", "NONE"),
        ("Closed", "Case never started - Internal", "REJECTED", "NONE"),
        ("Closed", "Invalid Case Data", "REJECTED", "NONE"),
        ("Closed", "No Quotes Received", "REJECTED", "NONE"),
        ("Closed", "Quotes Expired – Not Accepted", "REJECTED", "NONE"),
        ("Closed", "Debtor Insolvent/Bankrupt", "WITHDRAWN", "NONE"),
        ("Closed", "Debtor Untraceable", "WITHDRAWN", "NONE"),
        ("Closed", "Disputed – Legal Action Declined by Client", "WITHDRAWN", "NONE"),
        ("Closed", "Withdrawn by Client", "WITHDRAWN", "NONE"),
        ("Closed", "Pre-Legal Exhausted – No Payment", "WITHDRAWN", "NONE"),
        ("Closed", "PreLegalExhaustedNoPayment", "WITHDRAWN", "NONE"),
        ("Closed", "Statute of Limitations Expired", "WITHDRAWN", "NONE"),
        ("Closed", "Settlement Rejected by Client", "WITHDRAWN", "NONE"),
        ("Closed", "Unresponsive Client", "WITHDRAWN", "NONE"),
        ("Closed", "Uneconomical to Pursue", "WITHDRAWN", "NONE"),
        ("Closed", "Other", "WITHDRAWN", "NONE"),
    ],
)
def test_lifecycles_and_close_codes_become_statuses(line, lifecycle, close_code, status, hold):
    found = row(line, "claims", case(lifecycle=lifecycle, closeCode=close_code))
    assert (found["status"], found["hold"]) == (status, hold)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"document_type": "Invoice", "document_number": "200001", "reference": REFERENCE, "stage": None}),
        ({"claimDescription": "DebitNote 7 a"}, {"document_type": "DebitNote", "document_number": "7 a"}),
        ({"creditorReference": "200009", "claimDescription": "Consulting"}, {"document_number": "200009"}),
        ({"creditorReference": None, "claimDescription": None}, {"document_number": "Q8OAXF3W"}),
        ({"currentEngagementPhase": "Pre-legal"}, {"stage": "DEMAND"}),
        ({"currentEngagementPhase": "Legal"}, {"stage": "LEGAL"}),
        ({"currentEngagementPhase": "Enforcement"}, {"stage": "ENFORCEMENT"}),
        ({"disputeStatus": "Yes, the claim is disputed"}, {"disputed": True}),
        ({"disputeStatus": "No, the claim is not disputed"}, {"disputed": False}),
        ({"disputeStatus": "Don't Know"}, {"disputed": False}),
    ],
)
def test_a_case_becomes_a_claim(line, changes, expected):
    found = row(line, "claims", case(**changes))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "open_"),
    [
        ({"remainder": 40.05}, 40_05),
        ({"remainder": 90.05, "totalAddedFees": 30, "allocationOutstanding": {"principal": 60.05}}, 60_05),
    ],
)
def test_the_open_principal_is_what_is_told_as_such_or_the_rest_where_nothing_was_added(line, changes, open_):
    assert row(line, "claims", case(**changes))["principal_open"] * 100 == open_


@pytest.mark.parametrize(
    ("feed", "raw", "said"),
    [
        ("claims", case(lifecycle="Archived"), "status must be one of"),
        ("claims", case(lifecycle="Closed", closeCode="Something new"), "status must be one of"),
        ("claims", case(lifecycle="Closed"), "status must be one of"),
        ("claims", case(currentEngagementPhase="Appeal"), "stage must be one of"),
        ("claims", case(disputeStatus="Perhaps"), "disputed is missing"),
        ("claims", case(claimDescription="Consulting"), "document_number is missing"),
        ("claims", case(totalAddedFees=30), "principal_open is missing"),
        ("claims", case(grossAmount=60.055), "principal is missing or not an amount"),
        ("entries", payment(recipient="Court"), "kind is missing"),
        ("entries", payment(grossAmount=20.005), "amount is missing or not an amount"),
        ("entries", payment(invoice=None, grossAmount="x"), "amount is missing"),
        ("entries", payment(date=None), "value_date is missing"),
    ],
)
def test_what_is_not_understood_is_set_aside_with_its_reason(line, feed, raw, said):
    with pytest.raises(Broken, match=said):
        row(line, feed, raw)


@pytest.mark.parametrize(
    ("recipient", "kind", "received_by", "bucket"),
    [
        ("CollectionPartner", "AGENCY_PAYMENT", "AGENCY", "unallocated"),
        ("Platform", "AGENCY_PAYMENT", "AGENCY", "unallocated"),
        ("Creditor", "DIRECT_PAYMENT", "CREDITOR", "principal"),
    ],
)
def test_a_payment_becomes_an_entry_by_its_recipient(line, recipient, kind, received_by, bucket):
    found = row(line, "entries", payment(recipient=recipient))
    assert (found["kind"], found["received_by"], found["cancelled"]) == (kind, received_by, False)
    assert [(line["claim_id"], line["bucket"], line["amount"] * 100) for line in found["lines"]] == [
        (uuid("clm_1"), bucket, 2050)
    ]


@pytest.mark.parametrize(
    ("written", "ore"),
    [("20.5", 2050), ("20.50", 2050), ("20", 2000), ("1234567890123.45", 123456789012345), ("0.1", 10)],
)
def test_an_amount_is_read_as_it_is_written(line, written, ore):
    raw = payment().replace(b'"grossAmount": 20.5', f'"grossAmount": {written}'.encode())
    assert row(line, "entries", raw)["amount"] * 100 == ore


@pytest.mark.parametrize("written", ["20.500000000000000001", "0.30000000000000004", "2e1", "20.505", "1e400"])
def test_an_amount_that_is_not_exact_to_the_ore_is_refused_and_not_rounded(line, written):
    raw = payment().replace(b'"grossAmount": 20.5', f'"grossAmount": {written}'.encode())
    with pytest.raises(Broken, match="amount is missing or not an amount"):
        row(line, "entries", raw)


def test_a_record_without_odd_numbers_is_kept_byte_for_byte():
    raw = b'{ "id": "1",  "grossAmount": 20.50 }'
    assert exact(raw) == raw


# -- reading


def test_all_cases_and_payments_are_read_over_many_pages(line):
    claim = line.claim()
    for _ in range(250):
        line.books.receive(claim, 1, force=True)
    assert len(line.all("entries")) == 250
    assert [len(page) for page in line.adapter.pages("entries", START)] == [100, 100, 50]
    assert line.ids("claims") == line.ids("cases") == [uuid(claim.id)]
    assert list(line.adapter.pages("settlements", None)) == []
    with pytest.raises(ValueError, match="no feed"):
        list(line.adapter.pages("payments", None))


def test_a_payment_made_while_the_list_is_read_shifts_it_and_it_is_read_again(line):
    claim = line.claim()
    for _ in range(150):
        line.books.receive(claim, 1, force=True)
    line.spoil("^/Payments$", lambda _: line.books.receive(claim, 1, force=True))
    assert len(line.ids()) == 151


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told["page"].update(currentPage=7), "another page"),
        (lambda told: told["page"].update(totalResults=9), "kept changing"),
        (lambda told: told.update(payments=None), "kept changing"),
        (lambda told: told["payments"].append(told["payments"][0] | {"id": uuid("ent_99")}), "kept changing"),
        (lambda told: told.pop("page"), "not what the description promises"),
        (lambda told: told["payments"][0].pop("id"), "not what the description promises"),
    ],
)
def test_a_list_that_is_not_whole_is_not_read_at_all(line, change, said):
    line.books.receive(line.claim(), 1000)
    line.spoil("^/Payments$", change, count=9)
    with pytest.raises(Unreadable, match=said):
        line.all("entries")


def test_cases_and_payments_are_read_again_by_id(line):
    first, second = line.claim(1), line.claim(2)
    paid = line.books.receive(second, 1000)
    asked = [uuid(second.id), uuid(first.id), uuid("clm_9"), "no-id"]
    assert {json.loads(raw)["id"] for raw in line.adapter.claims(asked)} == {uuid(first.id), uuid(second.id)}
    assert [json.loads(raw)["id"] for raw in line.adapter.entries([uuid(paid.id), uuid("ent_9"), "no-id"])] == [
        uuid(paid.id)
    ]
    assert (line.adapter.claims([]), line.adapter.settlements(["x"])) == ([], [])
    with pytest.raises(TypeError, match="Debitura is said to tell balances"):
        EntriesOfBalances(line.adapter, lambda claims: {})


def test_a_filter_that_is_overlooked_is_noticed(line):
    line.claim(1)
    line.claim(2)
    line.spoil("^/cases$", lambda told: told["cases"][0].update(id=uuid("clm_7")))
    with pytest.raises(Unreadable, match="not asked for"):
        line.adapter.claims([uuid("clm_1")])


def test_test_cases_are_a_world_of_their_own():
    line = Line(test_cases=True)
    line.claim()
    assert json.loads(line.asked[0].content)["isTest"] is True
    assert len(line.ids("claims")) == 1
    line.adapter._test_cases = False
    assert (line.ids("claims"), line.adapter.claims([uuid("clm_1")])) == ([], [])


# -- deleted payments


def known(line: Line) -> list[KnownEntry]:
    return [
        KnownEntry(uuid(e.id), uuid(e.lines[0].claim.id), "AGENCY", "NOK", e.amount, e.value_date, e.recorded_at)
        for e in line.books.account("nordlys").entries.values()
        if e.kind == "AGENCY_PAYMENT"
    ]


def still_listed(line: Line) -> dict[str, bool]:
    """Entry -> cancelled, of everything that comes back."""
    agency = EntriesStillListed(line.adapter, line.adapter, lambda: known(line))
    records = [raw for page in agency.pages("entries", None) for raw in page]
    return {each["entry_id"]: each["cancelled"] for each in rows_of("agency", agency.feeds["entries"], records)}


def test_a_deleted_payment_comes_back_cancelled_as_it_was(line):
    claim = line.claim()
    kept, deleted = (line.books.receive(claim, amount) for amount in (1000, 2000))
    line.clock.set(START + timedelta(days=1))
    line.books.reverse(deleted)
    line.clock.set(START + timedelta(days=2))
    assert still_listed(line) == {uuid(kept.id): False, uuid(deleted.id): True}
    (raw,) = line.adapter.unlisted([entry for entry in known(line) if entry.entry_id == uuid(deleted.id)])
    found = row(line, "entries", raw)
    assert (found["amount"] * 100, found["kind"], found["value_date"]) == (2000, "AGENCY_PAYMENT", deleted.value_date)
    assert found["updated_at"] == START + timedelta(days=1), "as the webhook log says"


def test_without_a_webhook_log_a_deletion_counts_from_now(line):
    line.books.reverse(line.books.receive(line.claim(), 1000))
    line.clock.set(START + timedelta(days=2))
    line.faults.add("status_before", "GET", "^/webhooks/events", count=9)
    (raw,) = line.adapter.unlisted(known(line))
    assert row(line, "entries", raw)["updated_at"] >= START + timedelta(days=2)


def test_a_payment_that_slipped_between_two_pages_is_found_on_its_case(line):
    claim = line.claim()
    paid = [line.books.receive(claim, 10) for _ in range(3)]

    def slip(told: Any) -> None:
        told["payments"].pop(1)
        told["page"]["totalResults"] -= 1

    line.spoil("^/Payments$", slip)
    assert still_listed(line) == {uuid(entry.id): False for entry in paid}


@pytest.mark.parametrize("fault", ["html", "truncated", "status_before"])
def test_nothing_vanishes_when_the_case_cannot_be_asked(line, fault):
    line.books.reverse(line.books.receive(line.claim(), 1000))
    line.faults.add(fault, "GET", "/cases/.*/payments", count=9)
    with pytest.raises(Exception, match="payments"):
        still_listed(line)


def test_another_account_s_empty_list_makes_nothing_vanish(line):
    line.books.receive(line.claim(), 1000)
    standing = known(line)
    line.api.keys = {"key": "somebody-else"}
    agency = EntriesStillListed(line.adapter, line.adapter, lambda: standing)
    with pytest.raises(Unreadable, match="both gone"):
        list(agency.pages("entries", None))


# -- looking up


def test_what_is_held_is_found_by_its_reference(line):
    claim = line.claim()
    assert line.adapter.find(["REF1", "REF9", "REF1"]) == {
        "REF1": Held("REF1", "claim", uuid(claim.id), "Invoice 200001", "NOK", 6_005)
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told.update(creditorReference="REF2"), "another reference"),
        (lambda told: told.update(grossAmount=60.055), "an amount that is none"),
        (lambda told: told.pop("id"), "not what the description promises"),
    ],
)
def test_a_look_up_with_another_answer_is_not_believed(line, change, said):
    line.claim()
    line.spoil("by-creditor-reference", change)
    with pytest.raises(Unreadable, match=said):
        line.adapter.find(["REF1"])


def test_a_404_that_is_not_the_agency_s_is_no_answer(line):
    line.faults.add("status_before", "GET", "by-creditor-reference", status=404, body=b"<html>")
    with pytest.raises(Unreadable):
        line.adapter.find(["REF1"])


# -- handing over


def test_a_case_is_handed_over_as_the_description_asks(line):
    receipt = line.adapter.create_claim(CLAIM)
    assert receipt == Receipt(uuid("clm_1"))
    sent = line.asked[-1]
    assert sent.headers["xapikey"] == "key"
    assert "authorization" not in sent.headers
    assert sent.headers["idempotency-key"].startswith(f"{REFERENCE}-20260105-")
    assert b'"amountToRecover":60.05,' in sent.content
    assert json.loads(sent.content) == {
        "creditorReference": REFERENCE,
        "claimDescription": "Invoice 200001",
        "comments": "Payment reference (KID) 2000018. Reminders sent: 1, the last one on 2025-12-30",
        "currencyCode": "NOK",
        "amountToRecover": 60.05,
        "date": "2025-11-15T00:00:00Z",
        "dueDate": "2025-12-15T00:00:00Z",
        "isTest": False,
        "debtor": {
            "type": "Private", "name": "Privatkunde Ås", "address": "Skogstien 4", "zipCode": "1430", "city": "Ås",
            "countryAlpha2": "NO", "phone": "+47 000 10001",
        },
    }  # fmt: skip


def test_the_same_case_sent_again_the_same_day_is_one_case(line):
    assert line.adapter.create_claim(CLAIM) == line.adapter.create_claim(CLAIM)
    assert len(line.ids("claims")) == 1


def test_the_pdf_follows_the_case(line):
    claim = line.claim(pdf=b"%PDF-1.4 \r\n--invoice")
    (file,) = line.api.files[claim.id]
    assert (file["fileName"], file["documentType"]) == ("Invoice-200001.pdf", "OriginalInvoice")


@pytest.mark.parametrize(
    ("fault", "options", "said"),
    [
        ("lost_after", {}, "no answer that can be trusted"),
        ("status_before", {"status": 500}, "answered 500"),
        ("status_before", {"status": 415, "body": b"{}"}, "answered 415"),
        ("retry_429", {}, "429"),
        ("html", {}, "not what the description promises"),
    ],
)
def test_a_pdf_that_was_not_taken_is_said_and_the_case_stands(line, fault, options, said):
    line.faults.add(fault, "POST", "/files$", **options)
    receipt = line.adapter.create_claim(replace(CLAIM, pdf=b"%PDF"))
    assert receipt.id == uuid("clm_1")
    assert said in receipt.left
    assert "upload Invoice-200001.pdf to case" in receipt.left


def test_a_pdf_beyond_25_mb_is_not_sent(line):
    receipt = line.adapter.create_claim(replace(CLAIM, pdf=bytes(25 * 1024 * 1024 + 1)))
    assert "larger than 25 MB" in receipt.left
    assert len(line.asked) == 1


def test_a_gate_names_what_is_missing_and_where_to_sign_and_opens_the_next_day(line):
    line.api.unsigned = ["MissingPowerOfAttorney"]
    with pytest.raises(Gated) as gate:
        line.adapter.create_claim(CLAIM)
    assert (gate.value.what, gate.value.link) == (
        "MissingPowerOfAttorney",
        "https://creditor.debitura.example/sign/all",
    )
    line.api.unsigned = []
    with pytest.raises(Gated):
        line.adapter.create_claim(CLAIM)  # the refusal is stored under the day's key
    line.clock.set(START + timedelta(days=1))
    line.adapter.create_claim(CLAIM)
    assert len(line.ids("claims")) == 1


def problems(*found: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"businessErrors": list(found), **more}).encode()


SIGN = {"type": "MissingKyc", "message": "x", "solutionUrl": "https://sign.example/kyc"}
NOBODY = {"type": "NoPartnerAvailable", "message": "Ola Nordmann", "solutionUrl": None}


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (422, problems(SIGN), Gated, "MissingKyc"),
        (422, problems(SIGN, signingHandoff={"combinedSigningUrl": None}), Gated, "MissingKyc"),
        (422, problems(NOBODY), HttpRefused, "NoPartnerAvailable"),
        (422, problems(SIGN, NOBODY), HttpRefused, "MissingKyc, NoPartnerAvailable"),
        (422, problems({**SIGN, "solutionUrl": "javascript:alert(1)"}), HttpRefused, "MissingKyc"),
        (422, problems({**SIGN, "type": "a b"}), Gated, r"\?"),
        (422, b"{}", HttpRefused, "answered 422"),
        (400, b'{"Debtor.Name": ["Ola Nordmann is too long"]}', HttpRefused, "not accepted: Debtor.Name"),
        (401, b"{}", HttpRefused, "401"),
        (422, b"<html>", Uncertain, "422"),
        (500, b"{}", Uncertain, "500"),
        (429, b"{}", NotSent, "429"),
    ],
)
def test_each_refusal_has_its_meaning_and_tells_nothing_personal(line, status, body, error, said):
    line.faults.add("status_before", "POST", "^/cases$", status=status, body=body)
    with pytest.raises(error, match=said) as raised:
        line.adapter.create_claim(CLAIM)
    assert type(raised.value) is error
    assert "Nordmann" not in str(raised.value)


def test_an_answer_about_another_reference_is_uncertain(line):
    line.spoil("^/cases$", lambda told: told.update(creditorReference="OTHER"), "POST")
    with pytest.raises(Uncertain, match="another reference"):
        line.adapter.create_claim(CLAIM)


def test_an_amount_the_agency_does_not_take_is_refused(line):
    with pytest.raises(Refused):
        line.adapter.create_claim(replace(CLAIM, currency="XXX"))
    assert line.all("claims") == []


# -- settings


@pytest.mark.parametrize("options", [{"test_cases": "yes"}, {"test": "true"}])
def test_an_option_that_is_none_is_said(options):
    settings = AgencySettings.model_validate(
        {"id": "debitura", "adapter": "debitura", "base_url": URL, "api_key": "key", "options": options}
    )
    with pytest.raises(SettingsError, match="test_cases"):
        connect(settings, VirtualClock(START), None, {})
