"""What is unconfirmed about Visma.net: a probe's answers against a sandbox that can be either way, and what they do."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.erp.visma_net.probe import ask
from cloudcollect_pipeline.erp.visma_net.unconfirmed import POINTS, Settled, as_settled, page
from cloudcollect_pipeline.erp.visma_net.write_probe import Tried, try_out
from cloudcollect_pipeline.sandbox.erp import DocumentType, Status
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.erp.documents import VoidRows
from cloudcollect_pipeline.sandbox.erp.ledger import Entry, PaymentMethod
from cloudcollect_pipeline.sandbox.http import Response
from tests.erp.conftest import SETTINGS, Company

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 3, 2)
Plant = Callable[[Company], object]
BY = {point.key: point.by for point in POINTS}


@pytest.fixture(autouse=True)
def books(company: Company) -> None:
    """A company in which everything has happened once: paid, voided, credited, written off, dunned twice, in euro."""
    books = company.books
    books.payment_methods["INK"] = PaymentMethod("INK", "Inkasso", ("1510",))
    kari = books.add_customer("10001", "Kari Nordmann", business=False)
    long_ago = TODAY - timedelta(days=60)
    credited, voided, paid = (books.invoice(kari, 100_000, long_ago, long_ago) for _ in range(3))
    books.match(books.credit_note(kari, 20_000), credited, 15_000)
    books.void(books.pay(voided, 40_000))
    books.write_off(credited, 1_000)
    for on in (TODAY - timedelta(days=30), TODAY):
        books.run_dunning(on)
    company.clock.sleep(3 * 3600)
    books.pay(paid, 100_000, TODAY + timedelta(days=2))
    books.invoice(books.add_customer("10002", "Firma AS", currency="EUR"), 50_000, currency="EUR")
    books.draft_payment(kari, 500, [Line(credited, 500)], reference="DRAFT")


def offset(company: Company) -> timedelta:
    return company.clock.now().astimezone(OSLO).utcoffset() or timedelta(0)


def asked(company: Company) -> dict[str, Settled]:
    return dict(ask(company.web, SETTINGS, offset(company), "NOK", company.clock))


def tried(company: Company) -> Tried:
    done = Tried()
    try_out(company.erp, company.web, "NOK", company.clock, offset(company), done)
    return done


def state(company: Company) -> object:
    """What a write probe must leave as it was."""
    invoices = company.books.documents(DocumentType.INVOICE)
    cases = [(each.number, each.balance, each.case_number, each.case_status, each.case_type) for each in invoices]
    payments = company.books.documents(DocumentType.PAYMENT)
    live = [each.number for each in payments if each.reference[:3] in ("DOC", "NON") and each.status != Status.VOIDED]
    return cases, live, company.books.balance("1510")


def behaves(**changes: object) -> Plant:
    """The ERP as one reading of the public text has it."""

    def plant(company: Company) -> None:
        for name, value in changes.items():
            setattr(company.books.settings, name, value)

    return plant


ENTRIES = [Entry("1920", 500), Entry("1515", -500)]


def both_kinds_of_vouchers(company: Company) -> None:
    company.books.voucher(None, "released", ENTRIES)
    company.books.draft_voucher(TODAY, "draft", ENTRIES)


def ignoring(*filters: str, then: Plant = lambda company: None) -> Plant:
    """An ERP that does not heed these filters."""

    def plant(company: Company) -> None:
        then(company)
        company.ignored.update(filters)

    return plant


def paid_late(company: Company) -> None:
    """Paid on the day it is dated, days after the invoice was changed last."""
    company.clock.sleep(5 * 86400)
    company.books.pay(company.books.invoice("10001", 70_000), 70_000)
    old = next(each for each in company.books.documents(DocumentType.INVOICE) if each.status is Status.OPEN)
    company.books.pay(old, old.balance, company.clock.now().date())


def changed_later(company: Company) -> None:
    """More invoices of the customer than a page holds, changed after the first one."""
    company.clock.sleep(60)
    for _ in range(2):
        company.books.invoice("10001", 100)
    company.books.settings.max_page_size = 1


def lower_first(company: Company) -> None:
    """The filter keeps higher levels, and its first page shows none."""
    next(company.books.documents(DocumentType.INVOICE)).dunning_level = 1
    behaves(dunning_filter_from=True, max_page_size=1)(company)


def received(company: Company, days: int) -> None:
    for _ in range(days):
        company.clock.sleep(86400)
        company.books.receive("10001", 100, cash_account="1510")


def none_voided(company: Company) -> None:
    company.books._documents[DocumentType.VOID_PAYMENT].clear()
    company.books._recent[DocumentType.VOID_PAYMENT].clear()


def changed(answer: Response, change: Callable[[Any], Any]) -> Response:
    return Response(answer.status, answer.headers, json.dumps(change(json.loads(answer.body))).encode())


def refuses(company: Company, method: str, path: str, status: int) -> None:
    body = b'{"message": "Another process has updated the record."}'
    company.faults.add("status_before", method, path, status=status, body=body, count=99)


def as_before(answer: Response) -> Response:
    """An invoice that does not show yet what was applied to it."""
    return changed(answer, lambda invoice: {**invoice, "balance": 850.0})


def fewer_rows(answer: Response) -> Response:
    """A read by number that shows the first application only."""
    return changed(answer, lambda invoice: {**invoice, "applications": (invoice["applications"] or [])[:1]})


def at_par(answer: Response) -> Response:
    """Each currency is worth nearly as much as the krone."""
    return changed(
        answer, lambda rows: [{**row, "exchangeRate": 1.00001, "amountInCurrency": row["amount"]} for row in rows]
    )


def periods(company: Company, change: Callable[[Any], Any]) -> None:
    company.faults.add("mutate", "GET", "financialPeriod", mutate=partial(changed, change=change), count=9)


def adjustment(rows: Any) -> Any:
    """A thirteenth period on the last day of the year."""
    last = max((row for row in rows if row["year"] == 2026), key=lambda row: row["endDate"])
    return [*rows, {**last, "period": "202613", "startDate": last["endDate"]}]


def day_after(rows: Any) -> Any:
    ends = [date.fromisoformat(row["endDate"][:10]) + timedelta(days=1) for row in rows]
    return [{**row, "endDate": end.isoformat()} for row, end in zip(rows, ends, strict=True)]


def shut(rows: Any) -> Any:
    return [{**row, "closedInCustomerLedger": True} for row in rows]


def apart(rows: Any) -> Any:
    """Every other period: no end meets a beginning."""
    return sorted(rows, key=lambda row: row["startDate"])[::2]


def cut(answer: Response) -> Response:
    """References lose their last characters."""
    return Response(answer.status, answer.headers, re.sub(rb'("paymentRef": ?"[^"]{12})[^"]*', rb"\1", answer.body))


def undunned(company: Company) -> None:
    for invoice in company.books.documents(DocumentType.INVOICE):
        invoice.dunning_level = 0


READS: list[tuple[str, Plant, str]] = [
    ("time_zone", behaves(), "local"),
    ("time_zone", behaves(zone=ZoneInfo("UTC")), ""),
    ("filter_clock", behaves(), "same"),
    ("invoice_clock", behaves(), ""),
    ("invoice_clock", lambda c: paid_late(c), "stays"),
    ("page_size", behaves(max_page_size=200), "200"),
    ("credit_notes_listed", behaves(), "no"),
    ("credit_notes_listed", behaves(unfiltered_payments=frozenset({DocumentType.CREDIT_NOTE})), "yes"),
    ("write_offs_listed", behaves(), "no"),
    ("write_offs_listed", behaves(unfiltered_payments=frozenset({DocumentType.WRITE_OFF})), "yes"),
    ("unreleased_by_invoice", behaves(), "no"),
    ("unreleased_by_invoice", behaves(invoice_filter_sees_unreleased=True), "yes"),
    ("void_by_number", behaves(), "Payment"),
    ("void_rows", behaves(), "marked"),
    ("credit_note_word", behaves(credit_note_word="Credit Memo"), "Credit Memo"),
    ("by_key", behaves(), "whole"),
    ("by_key", behaves(left_out_by_number=frozenset({"applications"})), "lacks"),
    ("by_key", behaves(left_out_by_number=frozenset({"excludeDebtCollection"})), "lacks"),
    ("by_key", undunned, ""),
    ("void_rows", behaves(left_out_by_number=frozenset({"applications"})), ""),
    ("expand_defaults", behaves(), "lacks"),
    ("dunning_filter", behaves(), "exact"),
    ("dunning_filter", behaves(dunning_filter_from=True), "from"),
    ("foreign_currency", behaves(), "amount"),
    ("period_end", behaves(), "last_day"),
    ("period_name", behaves(), "year first"),
    ("period_end", lambda c: periods(c, adjustment), "last_day"),
    ("period_end", lambda c: periods(c, day_after), "day_after"),
    ("period_end", lambda c: periods(c, apart), ""),
    ("movement_dates", behaves(), ""),
    ("movement_dates", lambda c: received(c, 1), ""),
    ("movement_dates", lambda c: received(c, 2), "kept"),
    ("movement_dates", ignoring("fromDate", "toDate", then=lambda c: received(c, 1)), ""),
    ("movement_dates", ignoring("fromDate", "toDate", then=lambda c: received(c, 2)), "ignored"),
    ("voucher_lists", behaves(), ""),
    ("voucher_lists", lambda c: both_kinds_of_vouchers(c), "both"),
    ("quota", behaves(rate_limit=5_000), "5000"),
    # a filter that is not heeded, or a page that is not the whole list, tells nothing that it seems to tell
    ("time_zone", ignoring("lastModifiedDateTime", then=behaves(zone=ZoneInfo("UTC"))), ""),
    ("filter_clock", ignoring("lastModifiedDateTime"), "ignored"),
    ("filter_clock", lambda c: changed_later(c), ""),
    ("credit_notes_listed", ignoring("paymentType"), ""),
    ("credit_notes_listed", behaves(max_page_size=1), ""),
    ("unreleased_by_invoice", ignoring("status"), "no"),
    ("unreleased_by_invoice", ignoring("invoiceRefNbr"), ""),
    ("void_by_number", ignoring("paymentType", then=lambda c: none_voided(c)), ""),
    ("credit_note_word", ignoring("paymentType"), ""),
    ("dunning_filter", ignoring("dunningLevel"), "ignored"),
    ("dunning_filter", lambda c: lower_first(c), ""),
    ("voucher_lists", ignoring("releasedBatch", then=lambda c: both_kinds_of_vouchers(c)), "both"),
    ("voucher_lists", ignoring("releasedBatch", then=lambda c: c.books.voucher(None, "released", ENTRIES)), ""),
    ("by_key", lambda c: c.faults.add("mutate", "GET", "customerinvoice/", mutate=fewer_rows, count=99), "lacks"),
    ("foreign_currency", lambda c: c.faults.add("mutate", "GET", "customerinvoice$", mutate=at_par, count=99), ""),
]


@pytest.mark.parametrize(("key", "plant", "value"), READS)
def test_reads_settle_what_they_can(company: Company, key: str, plant: Plant, value: str) -> None:
    plant(company)
    told = asked(company)[key]
    assert told.value == value, told
    assert told.says


def test_every_point_that_reads_settle_is_asked_and_nothing_is_written(company: Company) -> None:
    assert set(asked(company)) == {key for key, by in BY.items() if by == "reads"}
    assert {request.method for request in company.requests} == {"GET"}
    assert len(company.requests) < 80


def test_an_empty_company_settles_little_and_says_what_is_missing(company: Company) -> None:
    company.books.customers.clear()
    company.books._recent_customers.clear()
    for kind in DocumentType:
        company.books._documents[kind].clear()
        company.books._recent[kind].clear()
    told = asked(company)
    assert {key for key, each in told.items() if each.value} == {"period_end", "period_name", "quota"}
    assert all(each.says.startswith("not settled: ") for each in told.values() if not each.value)


def test_a_zone_is_not_told_by_a_clock_that_no_answer_showed(company: Company) -> None:
    def undated(answer: Response) -> Response:
        return Response(answer.status, {k: v for k, v in answer.headers.items() if k.lower() != "date"}, answer.body)

    company.faults.add("mutate", mutate=undated, count=999)
    assert asked(company)["time_zone"].value == ""
    assert tried(company).settled["time_zone"].value == ""


def test_a_hundred_credit_notes_that_show_nothing_cost_a_few_reads(company: Company) -> None:
    company.books.settings.left_out_by_number = frozenset({"applications"})
    for _ in range(60):
        company.books.match(company.books.credit_note("10001", 100), company.books.invoice("10001", 100), 100)
    asked(company)
    assert len(company.requests) < 80


def test_a_point_that_cannot_be_asked_does_not_stop_the_others(company: Company) -> None:
    company.faults.add("status_before", "GET", "/v1/customerPayment", count=1000, status=403)
    told = asked(company)
    assert told["void_rows"].says.startswith("could not be asked: GET /v1/customerPayment answered 403")
    assert told["dunning_filter"].value == "exact"


WRITES: list[tuple[str, Plant, str]] = [
    ("payment_method", behaves(), "INK on 1510 accepted"),
    ("payment_method", lambda c: c.books.payment_methods.pop("INK"), "INK on 1510 refused: PaymentMethodID"),
    ("time_zone", behaves(), "local"),
    ("time_zone", behaves(zone=ZoneInfo("UTC")), "utc"),
    ("release", behaves(release_reads=0), "at once"),
    ("release", behaves(release_reads=9), "later"),
    ("void_release", behaves(), "no"),
    ("void_release", behaves(void_releases=True), "yes"),
    ("invoice_clock", behaves(), "stays"),
    ("invoice_clock", behaves(invoice_touched_by_application=True), "moves"),
    ("unreleased_by_invoice", behaves(invoice_filter_sees_unreleased=True), "yes"),
    ("void_rows", behaves(), "marked"),
    ("void_rows", behaves(void_rows=VoidRows.NEGATIVE), "negative"),
    ("case_fields", behaves(), "yes"),
    ("case_fields", behaves(frozen_statuses=frozenset({Status.OPEN, Status.CLOSED})), "no"),
    ("case_fields_closed", behaves(), "yes"),
    ("case_fields_closed", behaves(frozen_statuses=frozenset({Status.CLOSED})), "no"),
    ("reference_length", behaves(), "kept"),
    ("reference_length", lambda c: c.faults.add("mutate", "GET", "customerPayment", mutate=cut, count=99), "cut"),
    ("refusal_status", behaves(), "400"),
    ("refusal_status", behaves(business_error_status=500), "500"),
    # neither a lost answer nor a gateway's is the ERP's word
    ("refusal_status", lambda c: c.faults.add("lost_before", "POST", "customerPayment$"), ""),
    ("refusal_status", lambda c: c.faults.add("status_before", "POST", "customerPayment$", status=503), ""),
    ("refusal_status", lambda c: c.faults.add("status_before", "POST", "customerPayment$", count=9), ""),
    ("case_fields", behaves(left_out_by_number=frozenset({"debtCollection"})), ""),
    ("case_fields", lambda c: refuses(c, "PUT", "customerinvoice", 409), ""),
    ("case_fields", lambda c: refuses(c, "PUT", "customerinvoice", 412), ""),
    ("payment_method", lambda c: refuses(c, "POST", "customerPayment$", 409), ""),
    ("payment_method", lambda c: periods(c, shut), ""),
    ("invoice_clock", lambda c: c.faults.add("mutate", "GET", "invoice/", mutate=as_before, count=99), ""),
    ("release", lambda c: behaves(release_reads=9, release_seconds=999)(c), "later"),
]


@pytest.mark.parametrize(("key", "plant", "value"), WRITES)
def test_writes_settle_the_rest_and_are_undone(company: Company, key: str, plant: Plant, value: str) -> None:
    plant(company)
    before = state(company)
    done = tried(company)
    found = done.settled[key]
    assert found.value.startswith(value) if value else not found.value, found
    assert [left for left in done.left if "may have been made" not in left] == []
    assert state(company) == before
    assert set(done.settled) <= set(BY)


def test_every_point_that_writes_settle_is_settled_by_them(company: Company) -> None:
    assert {key for key, by in BY.items() if by == "writes"} <= set(tried(company).settled)


STEPS: list[tuple[str, str, int]] = [
    # the first payment that is sent is the one that must be refused
    ("POST", "/v1/customerPayment$", 1),
    ("POST", "/action/release", 0),
    ("POST", "/action/void", 0),
    ("POST", "/action/release", 1),
    ("PUT", "/v1/customerinvoice", 0),
    ("PUT", "/v1/customerinvoice", 2),
]
"""Each write of a probe, by its place among those of its path."""


@pytest.mark.parametrize(("method", "path", "skip"), STEPS)
def test_what_a_lost_answer_did_is_found_and_undone(company: Company, method: str, path: str, skip: int) -> None:
    before = state(company)
    company.faults.add("lost_after", method, path, skip=skip)
    assert tried(company).left == []
    assert state(company) == before


@pytest.mark.parametrize(("method", "path", "skip"), [*STEPS, ("GET", "/customerinvoice/", 1), ("GET", "invoice/", 7)])
def test_a_probe_that_is_interrupted_undoes_what_it_made(company: Company, method: str, path: str, skip: int) -> None:
    def interrupted(answer: Response) -> Response:
        raise KeyboardInterrupt

    before, done = state(company), Tried()
    company.faults.add("mutate", method, path, skip=skip, mutate=interrupted)
    with pytest.raises(KeyboardInterrupt):
        try_out(company.erp, company.web, "NOK", company.clock, offset(company), done)
    assert done.left == []
    assert state(company) == before


def test_a_probe_that_is_interrupted_while_it_undoes_names_what_is_left(company: Company) -> None:
    def interrupted(answer: Response) -> Response:
        raise KeyboardInterrupt

    done = Tried()
    company.faults.add("mutate", "POST", "/action/void", mutate=interrupted)
    company.faults.add("mutate", "POST", "/action/release", skip=1, mutate=interrupted)
    with pytest.raises(KeyboardInterrupt):
        try_out(company.erp, company.web, "NOK", company.clock, offset(company), done)
    (left,) = done.left
    assert left.startswith("payment 500004 of one krone")


@pytest.mark.parametrize(
    ("method", "path", "skip", "left"),
    [
        ("POST", "/action/void", 0, " of one krone on invoice 100001: look whether it is voided"),
        ("POST", "/action/release", 0, " of one krone on invoice 100001: look whether it is voided"),
        ("POST", "/v1/customerPayment$", 1, "may have been made: look for it and void it"),
        ("PUT", "/v1/customerinvoice", 1, "the debt collection fields of invoice 100001"),
    ],
)
def test_what_could_not_be_undone_is_left_to_a_person_by_name(
    company: Company, method: str, path: str, skip: int, left: str
) -> None:
    company.faults.add("status_before", method, path, skip=skip, count=99)
    assert any(left in told for told in tried(company).left)


def test_a_field_that_stays_set_is_left_to_a_person_also_where_the_number_is_gone(company: Company) -> None:
    def stuck(answer: Response) -> Response:
        return changed(answer, lambda one: {**one, "debtCollection": {**one["debtCollection"], "caseType": "Inkasso"}})

    company.faults.add("mutate", "GET", "/customerinvoice/", mutate=stuck, skip=2)
    (told,) = tried(company).left
    assert "the debt collection fields of invoice 100001" in told


def test_what_an_earlier_probe_left_is_told_by_the_next(company: Company) -> None:
    """As after a process that was killed."""
    tried(company)
    assert tried(company).left == []
    killed = company.books.draft_payment("10001", 100, [], reference="DOC260302030000")
    invoice = next(company.books.documents(DocumentType.INVOICE))
    company.books.set_case(invoice, "DOCTOR-1")
    left = " ".join(tried(company).left)
    assert f"payment {killed.number} of an earlier probe" in left
    assert f"the debt collection fields of invoice {invoice.number}" in left


def test_a_case_that_the_list_does_not_show_is_not_overwritten(company: Company) -> None:
    def without(answer: Response) -> Response:
        return changed(answer, lambda rows: [{**row, "debtCollection": None} for row in rows])

    for invoice in list(company.books.documents(DocumentType.INVOICE)):
        company.books.set_case(invoice, "A-1")
    company.faults.add("mutate", "GET", "/customerinvoice$", mutate=without, count=99)
    before = state(company)
    assert tried(company).settled["case_fields"].value == ""
    assert "PUT" not in {request.method for request in company.requests}
    assert state(company) == before


def test_a_case_is_tried_with_the_words_that_the_pipeline_would_send(company: Company) -> None:
    tried(company)
    sent = next(json.loads(request.body) for request in company.requests if request.method == "PUT")
    assert sent["debtCollectionCaseType"]["value"] == SETTINGS.case_type
    assert sent["debtCollectionCaseStatus"]["value"] == ""


def test_a_token_that_may_not_write_says_nothing_about_the_questions(company: Company) -> None:
    forbidden = b'{"message": "The token lacks the scope for this call."}'
    for method in ("POST", "PUT"):
        company.faults.add("status_before", method, "/v1/", count=99, status=403, body=forbidden)
    done = tried(company)
    assert {key: done.settled[key].value for key in ("case_fields", "payment_method", "refusal_status")} == {
        "case_fields": "",
        "payment_method": "",
        "refusal_status": "",
    }
    assert done.left == []


def test_without_an_open_invoice_nothing_is_written(company: Company) -> None:
    for invoice in list(company.books.documents(DocumentType.INVOICE)):
        if invoice.status is Status.OPEN:
            company.books.set_case(invoice, "A-1")
    done = tried(company)
    assert {each.value for each in done.settled.values()} == {""}
    assert {request.method for request in company.requests} == {"GET"}


# -- what the adapter does with an answer ----------------------------------------------------------------------------


def test_without_answers_the_adapter_is_as_it_was() -> None:
    assert as_settled(SETTINGS, {}) == SETTINGS
    assert as_settled(SETTINGS, dict.fromkeys(BY, "something else")) == SETTINGS


@pytest.mark.parametrize(
    ("answers", "changes"),
    [
        ({"time_zone": "utc"}, {"time_zone": "UTC"}),
        ({"time_zone": "local"}, {}),
        ({"page_size": "200"}, {"page_size": 200}),
        ({"page_size": "1000"}, {}),
        ({"page_size": "0"}, {}),
        ({"case_fields": "no"}, {"case_fields": False}),
        ({"credit_notes_listed": "yes"}, {"credit_notes_listed": True}),
        ({"write_offs_listed": "yes"}, {"write_offs_listed": True}),
        ({"by_key": "whole"}, {"whole_by_number": True}),
        ({"by_key": "lacks"}, {}),
    ],
)
def test_an_answer_sets_what_it_is_about_and_nothing_else(answers: dict[str, str], changes: dict[str, object]) -> None:
    assert as_settled(SETTINGS, answers) == replace(SETTINGS, **changes)  # type: ignore[arg-type]


def test_a_list_that_holds_credit_notes_and_write_offs_is_read_once(company: Company) -> None:
    every = frozenset({DocumentType.CREDIT_NOTE, DocumentType.WRITE_OFF})
    before = sorted({raw for each in company.erp.pages("payments", None) for raw in each})
    customers = sorted(set(company.erp.payments_of(["10001"])))
    company.books.settings.unfiltered_payments = every
    known = company.with_settings(credit_notes_listed=True, write_offs_listed=True)
    company.requests.clear()
    assert plain(raw for each in known.pages("payments", None) for raw in each) == plain(before)
    assert len(company.requests) == 1
    assert set(plain(customers)) <= set(plain(known.payments_of(["10001"])))
    assert known.capabilities.unfiltered_payments_include_credit_notes


def plain(raws: Iterable[bytes]) -> list[tuple[str, str]]:
    return sorted({(row["type"], row["refNbr"]) for row in map(json.loads, raws)})


def test_where_the_clock_is_utc_filters_are_in_utc(company: Company) -> None:
    company.books.settings.zone = ZoneInfo("UTC")
    new = company.books.invoice("10001", 100)
    known = company.with_settings(time_zone="UTC", overlap=timedelta(0))
    since = company.clock.now() - timedelta(minutes=1)
    page_ = next(known.pages("documents", since))
    assert f'"referenceNumber":"{new.number}"'.encode() in b"".join(page_).replace(b" ", b"")


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_page_lists_what_the_code_lists() -> None:
    written = (ROOT / "docs" / "unconfirmed.md").read_text(encoding="utf-8")
    assert written == "".join(f"{line}\n" for line in page()), (
        "write it anew: python -m cloudcollect_pipeline.erp.visma_net.unconfirmed > docs/unconfirmed.md"
    )


def test_every_point_is_named_once_and_has_a_safe_behaviour() -> None:
    assert len(BY) == len(POINTS)
    assert all(point.until_then and point.question.endswith("?") for point in POINTS)
