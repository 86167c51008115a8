"""The adapter against the sandbox's Visma.net: every call of the port, and what goes wrong on the way."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest

from cloudcollect_pipeline.domain.errors import NotSent, Permanent, Refused, Transient, Uncertain, Unreadable
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    CashAccount,
    DocumentKey,
    Erp,
    LedgerAccount,
    Movement,
    NewPayment,
    NewVoucher,
    PaymentLine,
    Period,
    PostedPayment,
    PostedVoucher,
    VoucherLine,
)
from cloudcollect_pipeline.erp.port import PaymentMethod as PaymentMethodFound
from cloudcollect_pipeline.erp.visma_net import codec
from cloudcollect_pipeline.sandbox.erp import DocumentType, Status
from cloudcollect_pipeline.sandbox.erp.ledger import PaymentMethod
from cloudcollect_pipeline.sandbox.faults import FaultKind
from cloudcollect_pipeline.sandbox.http import Response
from cloudcollect_pipeline.web import HttpRefused
from tests.erp.conftest import Company

TODAY = date(2026, 3, 2)
REFERENCE = "ABCDEFGHIJKLMNO"
Mapped = Callable[[Feed, Iterable[bytes]], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def books(company: Company) -> None:
    company.books.payment_methods["INK"] = PaymentMethod("INK", "Inkasso", ("1510",))
    company.books.add_customer("10001", "Kari Nordmann", business=False)
    company.books.add_customer("10002", "Firma AS", organisation_number="974760673")


def keys(pages: Iterator[list[bytes]], *fields: str) -> list[tuple[str, ...]]:
    return [tuple(json.loads(raw)[name] for name in fields) for page in pages for raw in page]


def posting(amount: int = 50_000, *lines: PaymentLine, reference: str = REFERENCE, on: date = TODAY) -> NewPayment:
    return NewPayment(reference, "10001", "NOK", amount, on, "Sak 1", lines)


def voucher(*amounts: tuple[str, int], on: date = TODAY) -> NewVoucher:
    lines = tuple(VoucherLine(account, amount, "Oppgjør 7") for account, amount in amounts)
    return NewVoucher(REFERENCE, on, "NOK", "Oppgjør 7", lines)


def test_the_adapter_is_an_erp(company: Company) -> None:
    erp: Erp = company.erp
    assert erp.tenant == "tenant-1"
    assert set(erp.feeds) == {"documents", "payments", "customers"}


def test_every_kind_of_receivable_is_in_the_documents(company: Company, mapped: Mapped) -> None:
    invoice = company.books.invoice("10001", 100_000, date(2026, 1, 5))
    note = company.books.invoice("10002", 5_000, document_type="DebitNote")
    charge = company.books.invoice("10002", 7_000, document_type="OverdueCharge")
    company.books.pay(invoice, 40_000, date(2026, 2, 1), reference="OCR")
    raws = [raw for page in company.erp.pages("documents", None) for raw in page]
    rows = mapped(company.erp.feeds["documents"], raws)
    shown = [(row["document_type"], row["number"], row["status"], row["balance"]) for row in rows]
    assert shown == [
        ("Invoice", invoice.number, "Open", Decimal("600.00")),
        ("DebitNote", note.number, "Open", Decimal("50.00")),
        ("OverdueCharge", charge.number, "Open", Decimal("70.00")),
    ]
    (application,) = rows[0]["applications"]
    assert (application["document_type"], application["amount"], application["released"]) == (
        "Payment",
        Decimal(400),
        True,
    )


def test_payments_credit_notes_and_write_offs_are_in_the_payments(company: Company, mapped: Mapped) -> None:
    books = company.books
    invoice = books.invoice("10001", 100_000)
    payment = books.pay(invoice, 40_000)
    note = books.credit_note("10001", 20_000)
    books.match(note, invoice, 15_000)
    written_off = books.write_off(invoice, 1_000)
    books.void(payment)
    raws = [raw for page in company.erp.pages("payments", None) for raw in page]
    rows = {(row["document_type"], row["number"]): row for row in mapped(company.erp.feeds["payments"], raws)}
    assert set(rows) == {
        ("Payment", payment.number),
        ("VoidPayment", payment.number),
        ("CreditNote", note.number),
        ("WriteOff", written_off.number),
    }
    assert rows["CreditNote", note.number]["balance"] == Decimal("50.00")
    assert rows["Payment", payment.number]["status"] == "Voided"


def test_customers_show_whether_they_are_businesses(company: Company, mapped: Mapped) -> None:
    raws = [raw for page in company.erp.pages("customers", None) for raw in page]
    rows = mapped(company.erp.feeds["customers"], raws)
    assert [(row["number"], row["business"]) for row in rows] == [("10001", False), ("10002", True)]


def test_only_what_changed_since_is_read_with_an_overlap(company: Company) -> None:
    old = company.books.invoice("10001", 100)
    company.clock.sleep(10 * 3600)
    new = company.books.invoice("10001", 100)
    since = company.clock.now()
    assert keys(company.erp.pages("documents", since), "referenceNumber") == [(new.number,)]
    wide = company.with_settings(overlap=timedelta(hours=11))
    assert keys(wide.pages("documents", since), "referenceNumber") == [(old.number,), (new.number,)]


@pytest.mark.parametrize(
    ("since", "written"),
    [
        (datetime(2026, 3, 2, 3, tzinfo=UTC), "2026-03-01 22:00:00"),
        (datetime(2026, 7, 2, 3, tzinfo=UTC), "2026-07-01 23:00:00"),
        (datetime(2026, 10, 25, 1, 30, 59, 999, tzinfo=UTC), "2026-10-24 21:30:59"),
    ],
)
def test_the_filter_is_local_time_without_zone(company: Company, since: datetime, written: str) -> None:
    list(company.erp.pages("customers", since))
    request = company.requests[-1]
    assert request.get("lastModifiedDateTime") == written
    assert request.get("lastModifiedDateTimeCondition") == ">="


@pytest.mark.parametrize("parallel", [1, 4])
def test_rows_that_shift_between_pages_are_not_lost(company: Company, parallel: int) -> None:
    books = company.books
    books.settings.order_by_modified, books.settings.max_page_size = True, 5
    invoices = []
    for _ in range(23):
        invoices.append(books.invoice("10001", 100))
        company.clock.sleep(1)
    read: set[tuple[str, ...]] = set()
    pages = company.with_settings(parallel=parallel).pages("documents", None)
    for place, page in enumerate(pages):
        read |= set(keys(iter([page]), "referenceNumber"))
        if place < 2:
            company.clock.sleep(1)
            books.exclude(invoices[place])  # moves it, and everything after it, to another place
    assert read == {(invoice.number,) for invoice in invoices}


def test_fresh_reads_leave_out_what_is_missing(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    charge = company.books.invoice("10001", 100, document_type="OverdueCharge")
    wanted = [
        DocumentKey("Invoice", invoice.number),
        DocumentKey("Invoice", "999999"),
        DocumentKey("OverdueCharge", charge.number),
        DocumentKey("DebitNote", "A/1"),
    ]
    found = company.erp.documents(wanted)
    assert [json.loads(raw)["referenceNumber"] for raw in found] == [invoice.number, charge.number]
    assert [json.loads(raw)["number"] for raw in company.erp.customers(["10002", "x", "10001"])] == ["10002", "10001"]


EVERYTHING = (
    "applications",
    "dunningLetterLevel",
    "dunningLetterDate",
    "revoked",
    "excludeDebtCollection",
    "debtCollection",
)


@pytest.mark.parametrize("left_out", [*((name,) for name in EVERYTHING if name != "dunningLetterDate"), EVERYTHING])
@pytest.mark.parametrize("kind", ["Invoice", "DebitNote", "OverdueCharge"])
def test_what_a_read_by_number_leaves_out_is_read_in_the_list(
    company: Company, mapped: Mapped, kind: str, left_out: tuple[str, ...]
) -> None:
    books, long_ago = company.books, TODAY - timedelta(days=60)
    *_, document = (books.invoice("10001", 1_000, long_ago, long_ago, document_type=kind) for _ in range(3))
    books.pay(document, 300)
    document.dunning_level, document.revoked = 1, True
    books.exclude(document)
    books.settings.left_out_by_number = frozenset(left_out)
    (row,) = mapped(company.erp.feeds["documents"], company.erp.documents([DocumentKey(kind, document.number)]))
    listed = mapped(company.erp.feeds["documents"], chain.from_iterable(company.erp.pages("documents", None)))
    del row["n"]
    assert row in [{name: value for name, value in each.items() if name != "n"} for each in listed]
    assert (row["dunning_level"], row["revoked"], len(row["applications"])) == (1, True, 1)


def test_a_read_by_number_that_is_known_to_be_whole_asks_for_no_list(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    company.books.settings.left_out_by_number = frozenset({"debtCollection"})
    key = DocumentKey("Invoice", invoice.number)
    for whole, requests in ((False, 2), (True, 1)):
        company.requests.clear()
        assert len(company.with_settings(whole_by_number=whole).documents([key])) == 1
        assert len(company.requests) == requests


def test_a_receivable_that_neither_read_shows_whole_is_not_believed(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    company.books.settings.left_out_by_number = frozenset({"applications"})
    company.faults.add(
        FaultKind.MUTATE, path="customerinvoice$", mutate=lambda answer: Response(200, answer.headers, b"[]"), count=9
    )
    with pytest.raises(Unreadable, match="leaves something out"):
        company.erp.documents([DocumentKey("Invoice", invoice.number)])


def test_a_number_with_reserved_characters_is_reached(company: Company) -> None:
    company.books.add_customer("A/1&b")
    assert len(company.erp.customers(["A/1&b"])) == 1


def test_another_record_than_asked_for_is_not_believed(company: Company) -> None:
    company.faults.add(
        FaultKind.MUTATE,
        path="customer/",
        mutate=lambda answer: Response(200, {}, answer.body.replace(b"10001", b"10009")),
    )
    with pytest.raises(Unreadable, match="another record"):
        company.erp.customers(["10001"])


def test_only_receivables_are_documents(company: Company) -> None:
    with pytest.raises(ValueError):
        company.erp.documents([DocumentKey("Payment", "1")])
    with pytest.raises(ValueError):
        next(company.erp.pages("vouchers", None))


def test_open_payments_of_a_customer_are_those_neither_closed_nor_voided(company: Company) -> None:
    books = company.books
    invoice = books.invoice("10001", 100_000)
    books.pay(invoice, 1_000)
    books.void(books.pay(invoice, 2_000))
    unapplied = books.receive("10001", 3_000)
    draft = books.draft_payment("10001", 4_000)
    held = books.draft_payment("10001", 5_000, hold=True)
    note = books.credit_note("10001", 6_000)
    books.receive("10002", 7_000)
    found = company.erp.payments_of(["10001"])
    assert keys(iter([found]), "refNbr") == [(each.number,) for each in (unapplied, draft, held, note)]


def test_a_payment_is_created_balanced_and_released(company: Company) -> None:
    invoice = company.books.invoice("10001", 100_000)
    charge = company.books.invoice("10001", 7_000, document_type="OverdueCharge")
    lines = (PaymentLine("Invoice", invoice.number, 43_001), PaymentLine("OverdueCharge", charge.number, 6_999))
    receipt = company.erp.create_payment(posting(50_000, *lines))
    created = company.erp.payment("Payment", receipt.id)
    assert created is not None
    assert (created.status, created.reference, created.amount, created.lines) == ("Balanced", REFERENCE, 50_000, lines)
    assert (created.customer, created.cash_account, created.payment_date) == ("10001", "1510", TODAY)
    company.erp.release_payment("Payment", receipt.id)
    released = company.erp.payment("Payment", receipt.id)
    assert released is not None
    assert released.status == "Closed"
    assert company.books.balance("1510") == 50_000


def test_a_void_is_released_by_itself_and_bears_the_same_number(company: Company) -> None:
    invoice = company.books.invoice("10001", 100_000)
    number = company.erp.create_payment(posting(50_000, PaymentLine("Invoice", invoice.number, 50_000))).id
    company.erp.release_payment("Payment", number)
    assert company.erp.payment("VoidPayment", number) is None
    company.erp.void_payment(number)
    voiding = company.erp.payment("VoidPayment", number)
    assert voiding is not None
    assert voiding.status == "Balanced"
    company.erp.release_payment("VoidPayment", number)
    voided, voiding = company.erp.payment("Payment", number), company.erp.payment("VoidPayment", number)
    assert voided is not None
    assert voiding is not None
    assert (voided.status, voiding.status, voiding.amount) == ("Voided", "Closed", -50_000)
    assert voiding.lines == (PaymentLine("Invoice", invoice.number, -50_000),)
    assert invoice.balance == 100_000


def test_rows_of_one_document_are_added_up(company: Company) -> None:
    invoice = company.books.invoice("10001", 100_000)
    payment = company.books.pay(invoice, 50_000, cash_account="1510", reference=REFERENCE)
    company.books.unapply(payment, invoice, 20_000)
    found = company.erp.payment("Payment", payment.number)
    assert found is not None
    assert found.lines == (PaymentLine("Invoice", invoice.number, 30_000),)
    company.books.unapply(payment, invoice, 30_000)
    found = company.erp.payment("Payment", payment.number)
    assert found is not None
    assert found.lines == ()


def test_a_failed_release_leaves_the_payment_balanced(company: Company) -> None:
    number = company.erp.create_payment(posting()).id
    company.books.fail_next_release("Account '1510' is inactive.")
    company.erp.release_payment("Payment", number)
    payment = company.erp.payment("Payment", number)
    assert payment is not None
    assert payment.status == "Balanced"
    company.erp.release_payment("Payment", number)
    assert company.books.document(number).status is Status.BALANCED
    payment = company.erp.payment("Payment", number)
    assert payment is not None
    assert payment.status == "Open"


def test_an_action_that_answers_that_it_failed_is_refused(company: Company) -> None:
    number = company.erp.create_payment(posting()).id
    body = b'{"actionResult": "Failed", "errorInfo": "VismaId: 1. Error: Period is closed"}'
    company.faults.add(FaultKind.MUTATE, path="release", mutate=lambda _: Response(200, {}, body))
    with pytest.raises(HttpRefused, match="Period is closed") as refusal:
        company.erp.release_payment("Payment", number)
    assert refusal.value.text == "Period is closed"


def over_application(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    company.erp.create_payment(posting(50_000, PaymentLine("Invoice", invoice.number, 50_000)))


def closed_period(company: Company) -> None:
    company.books.close_period("202601")
    company.erp.create_payment(posting(on=date(2026, 1, 15)))


def wrong_cash_account(company: Company) -> None:
    company.with_settings(suspense_cash_account="1920").create_payment(posting())


def frozen_invoice(company: Company) -> None:
    company.books.settings.frozen_statuses = frozenset({Status.OPEN})
    invoice = company.books.invoice("10001", 100)
    company.erp.set_case_fields(DocumentKey("Invoice", invoice.number), CaseFields("A-1", "x", "u"))


def void_of_balanced(company: Company) -> None:
    company.erp.void_payment(company.erp.create_payment(posting()).id)


def unbalanced_account(company: Company) -> None:
    company.erp.create_voucher(voucher(("1500", 100), ("1510", -100)))


def missing_payment(company: Company) -> None:
    company.erp.release_payment("Payment", "999")


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (over_application, "exceeds the document balance"),
        (closed_period, "01-2026' is closed"),
        (wrong_cash_account, "not allowed for payment method"),
        (frozen_invoice, "invalid for processing"),
        (void_of_balanced, "invalid for processing"),
        (unbalanced_account, "control account"),
        (missing_payment, "cannot be found"),
    ],
)
def test_what_the_books_refuse_is_refused_with_their_reason(
    company: Company, act: Callable[[Company], None], told: str
) -> None:
    with pytest.raises(HttpRefused, match=told) as refusal:
        act(company)
    assert "VismaId" not in str(refusal.value)


def test_a_business_error_as_500_is_uncertain_all_the_same(company: Company) -> None:
    company.books.settings.business_error_status = 500
    with pytest.raises(Uncertain):
        over_application(company)


@pytest.mark.parametrize(
    ("fault", "options", "expected", "written"),
    [
        (FaultKind.LOST_AFTER, {}, Uncertain, 1),
        (FaultKind.LOST_BEFORE, {}, Uncertain, 0),
        (FaultKind.STATUS_AFTER, {"status": 503}, Uncertain, 1),
        (FaultKind.STATUS_BEFORE, {"status": 502}, Uncertain, 0),
        (FaultKind.HTML, {}, Uncertain, 1),
        (FaultKind.RETRY_429, {}, NotSent, 0),
        (FaultKind.MUTATE, {"mutate": lambda answer: Response(201, {}, b"")}, Uncertain, 1),
        (FaultKind.MUTATE, {"mutate": lambda answer: Response(201, {"location": "https://x/"}, b"")}, Uncertain, 1),
        (FaultKind.MUTATE, {"mutate": lambda answer: Response(200, answer.headers, b"")}, Uncertain, 1),
    ],
)
@pytest.mark.parametrize("kind", ["payment", "voucher"])
def test_a_create_is_sent_once_whatever_comes_back(
    company: Company, kind: str, fault: FaultKind, options: dict[str, Any], expected: type[Exception], written: int
) -> None:
    company.faults.add(fault, "POST", **options)
    create = {
        "payment": lambda: company.erp.create_payment(posting()),
        "voucher": lambda: company.erp.create_voucher(voucher(("1510", -100), ("1920", 100))),
    }[kind]
    with pytest.raises(expected):
        create()
    assert [request.method for request in company.requests].count("POST") == 1
    payments = company.books.payments_with_reference(REFERENCE)
    assert len(payments) + len(company.books.vouchers_with_reference(REFERENCE)) == written
    found: list[PostedPayment | PostedVoucher] = [
        *company.erp.posted_payments(TODAY),
        *company.erp.posted_vouchers(TODAY),
    ]
    assert [each.reference for each in found] == [REFERENCE] * written


@pytest.mark.parametrize("fault", [FaultKind.HTML, FaultKind.TRUNCATED, FaultKind.LOST_AFTER])
def test_an_unclear_answer_to_an_action_is_uncertain(company: Company, fault: FaultKind) -> None:
    number = company.erp.create_payment(posting()).id
    company.faults.add(fault, "POST")
    with pytest.raises(Uncertain):
        company.erp.release_payment("Payment", number)


def test_the_look_up_finds_dated_suspense_payments_and_all_unreleased_ones(company: Company) -> None:
    books = company.books
    ours = books.receive("10001", 1_000, date(2026, 2, 20), "1510", REFERENCE)
    books.receive("10001", 2_000, date(2026, 2, 10), "1510", "TOO EARLY")
    books.receive("10001", 3_000, date(2026, 2, 20), "1920", "BANK")
    draft = books.draft_payment("10001", 4_000, (), date(2026, 1, 10), "1510", "OLD DRAFT")
    held = books.draft_payment("10001", 5_000, (), date(2026, 1, 10), "1920", "HELD", hold=True)
    voided = books.receive("10001", 6_000, date(2026, 2, 21), "1510", "VOIDED")
    books.void(voided)
    found = {
        (each.document_type, each.number): each.reference for each in company.erp.posted_payments(date(2026, 2, 15))
    }
    assert found == {
        ("Payment", draft.number): "OLD DRAFT",
        ("Payment", held.number): "HELD",
        ("Payment", ours.number): REFERENCE,
        ("Payment", voided.number): "VOIDED",
        ("VoidPayment", voided.number): books.document(voided.number, DocumentType.VOID_PAYMENT).reference,
    }


def test_the_case_is_shown_on_the_invoice_and_nothing_else_changes(company: Company) -> None:
    invoice = company.books.invoice("10001", 100, due=date(2026, 3, 20))
    fields = CaseFields("A-4711", "Purring", "https://agency.test/A-4711")
    company.erp.set_case_fields(DocumentKey("Invoice", invoice.number), fields)
    assert (invoice.case_number, invoice.case_status, invoice.case_url) == (fields.number, fields.status, fields.url)
    assert (invoice.due, invoice.case_type) == (date(2026, 3, 20), "Inkasso")


def test_the_case_is_written_with_the_version_it_was_judged_by_and_no_further_read(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    key, fields = DocumentKey("Invoice", invoice.number), CaseFields("A-1", "Purring", "")
    (judged_by,) = company.erp.documents([key])
    tag = company.web.read(f"/v1/customerinvoice/{invoice.number}").headers["etag"]
    company.requests.clear()
    company.erp.set_case_fields(key, fields, judged_by)
    assert [(request.method, request.headers["if-match"]) for request in company.requests] == [("PUT", tag)]
    assert invoice.case_number == "A-1"


def test_a_case_is_not_written_on_an_invoice_that_changed_since_it_was_judged(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    key = DocumentKey("Invoice", invoice.number)
    (judged_by,) = company.erp.documents([key])
    company.books.set_due_date(invoice, date(2026, 5, 1))
    with pytest.raises(NotSent, match="changed since it was read"):
        company.erp.set_case_fields(key, CaseFields("A-1", "Purring", ""), judged_by)
    assert not invoice.case_number


@pytest.mark.parametrize("version", ['"AAA"', "null", '""', "17", r'"A\r\nX: 1"', r'"W/\"AA\""'])
def test_a_version_that_cannot_stand_in_a_header_is_left_out(company: Company, version: str) -> None:
    invoice = company.books.invoice("10001", 100)
    company.requests.clear()
    judged_by = f'{{"timeStamp": {version}}}'.encode()
    with suppress(NotSent):
        company.erp.set_case_fields(DocumentKey("Invoice", invoice.number), CaseFields("A", "", ""), judged_by)
    sent = company.requests[-1].headers.get("if-match")
    assert sent == ('"AAA"' if version == '"AAA"' else None)


def test_other_documents_have_no_case_and_nothing_is_sent(company: Company) -> None:
    with pytest.raises(Refused):
        company.erp.set_case_fields(DocumentKey("DebitNote", "1"), CaseFields("A", "", ""))
    assert company.requests == []


def test_a_voucher_is_created_with_our_reference_found_and_released(company: Company) -> None:
    number = company.erp.create_voucher(voucher(("1510", -90_000), ("1920", 80_000), ("7770", 10_000))).id
    (found,) = company.erp.posted_vouchers(TODAY)
    assert (found.number, found.reference, found.status, found.currency) == (number, REFERENCE, "Balanced", "NOK")
    assert [(line.account, line.amount) for line in found.lines] == [
        ("1510", -90_000),
        ("1920", 80_000),
        ("7770", 10_000),
    ]
    company.erp.release_voucher(number)
    list(company.erp.posted_vouchers(TODAY))
    (found,) = company.erp.posted_vouchers(TODAY)
    assert found.status == "Closed"
    assert company.books.balance("1510") == -90_000


@pytest.mark.parametrize(
    "odd",
    [
        {"status": None},
        {"currencyId": None},
        {"journalTransactionLines": [{"accountNumber": "3000", "debitAmount": 10.123}]},
        {"journalTransactionLines": [{"accountNumber": None, "debitAmount": 10}]},
    ],
)
def test_a_voucher_of_somebody_that_cannot_be_read_hides_none_of_ours(odd: dict[str, object]) -> None:
    """The list holds the whole general ledger: nothing would be sent while one voucher in it is odd."""
    line = {"accountNumber": "1510", "referenceNumber": REFERENCE, "creditAmount": 900}
    ours = {"batchNumber": "GL2", "status": "Posted", "currencyId": "NOK", "journalTransactionLines": [line]}
    raws = [json.dumps(each).encode() for each in ({**ours, "batchNumber": "GL1", "description": "Lønn", **odd}, ours)]
    if "journalTransactionLines" not in odd:
        raws[0] = raws[0].replace(REFERENCE.encode(), b"")
    theirs, found = codec.posted_vouchers(raws, "vouchers")
    assert (found.number, found.reference, found.status, found.currency) == ("GL2", REFERENCE, "Closed", "NOK")
    assert [(line.account, line.amount) for line in found.lines] == [("1510", -90_000)]
    assert (theirs.number, theirs.reference) == ("GL1", "Lønn")


def test_amounts_of_ours_that_cannot_be_read_are_not_those_that_were_booked() -> None:
    line = {"accountNumber": "1510", "referenceNumber": REFERENCE, "creditAmount": 900.001}
    ours = {"batchNumber": "GL2", "status": "Posted", "currencyId": "NOK", "journalTransactionLines": [line]}
    (found,) = codec.posted_vouchers([json.dumps(ours).encode()], "vouchers")
    assert (found.reference, found.lines) == (REFERENCE, ())


def test_a_batch_cut_by_a_page_is_put_together(company: Company) -> None:
    company.books.settings.max_page_size = 4
    for _ in range(4):
        company.erp.create_voucher(voucher(("1510", -90_000), ("1920", 80_000), ("7770", 10_000)))
    found = list(company.erp.posted_vouchers(TODAY))
    assert [len(each.lines) for each in found] == [3, 3, 3, 3]
    assert {sum(line.amount for line in each.lines) for each in found} == {0}


def test_a_voucher_that_does_not_add_up_is_never_sent(company: Company) -> None:
    with pytest.raises(ValueError, match=REFERENCE):
        company.erp.create_voucher(voucher(("1510", -90_000), ("1920", 80_000)))
    assert company.requests == []


def test_movements_are_the_accounts_lines_between_two_days(company: Company) -> None:
    company.books.settings.max_page_size = 2
    early = company.books.receive("10001", 1_000, date(2026, 1, 31), "1510")
    payment = company.books.receive("10001", 2_000, date(2026, 2, 1), "1510")
    number = company.erp.create_voucher(voucher(("1510", -90_000), ("1920", 90_000), on=date(2026, 2, 28))).id
    company.erp.release_voucher(number)
    company.clock.sleep(3600)
    company.books.receive("10001", 4_000, date(2026, 3, 1), "1510")
    found = list(company.erp.movements("1510", date(2026, 2, 1), date(2026, 2, 28)))
    assert [(each.module, each.document, each.amount, each.posting_date) for each in found] == [
        ("AR", payment.number, 2_000, date(2026, 2, 1)),
        ("GL", number, -90_000, date(2026, 2, 28)),
    ]
    everything: list[Movement] = list(company.erp.movements("1510", date(2026, 1, 1), date(2026, 12, 31)))
    assert sum(each.amount for each in everything) == company.books.balance("1510")
    assert everything[0].document == early.number


def test_a_period_is_open_only_where_everything_can_be_posted(company: Company) -> None:
    company.books.close_period("202601")
    company.books.close_period("202602", ["CA"])
    months = {each.period: each for each in company.erp.periods()}
    assert months["202601"] == Period("202601", date(2026, 1, 1), date(2026, 1, 31), False)
    assert not months["202602"].open
    assert months["202603"] == Period("202603", date(2026, 3, 1), date(2026, 3, 31), True)
    assert list(months) == sorted(months)


def test_the_printed_document_is_a_pdf(company: Company) -> None:
    invoice = company.books.invoice("10001", 100)
    assert company.erp.pdf(DocumentKey("Invoice", invoice.number)).startswith(b"%PDF-")
    company.faults.add(FaultKind.HTML, path="print")
    with pytest.raises(Unreadable, match="not a PDF"):
        company.erp.pdf(DocumentKey("Invoice", invoice.number))
    with pytest.raises(Permanent):
        company.erp.pdf(DocumentKey("OverdueCharge", "1"))


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        (FaultKind.HTML, {}, Unreadable),
        (FaultKind.TRUNCATED, {}, Unreadable),
        (FaultKind.STATUS_BEFORE, {"status": 500, "count": 3}, Transient),
        (FaultKind.STATUS_BEFORE, {"status": 403}, Permanent),
        (FaultKind.STATUS_BEFORE, {"status": 404}, Permanent),
    ],
)
def test_a_read_that_fails_says_how(
    company: Company, fault: FaultKind, options: dict[str, Any], expected: type[Exception]
) -> None:
    company.faults.add(fault, "GET", **options)
    with pytest.raises(expected, match="/v1/customer"):
        list(company.erp.pages("customers", None))


def test_a_passing_failure_of_a_read_is_not_noticed(company: Company) -> None:
    company.faults.add(FaultKind.LOST_AFTER, "GET", count=2)
    assert len(keys(company.erp.pages("customers", None), "number")) == 2


def test_the_token_is_fetched_again_when_it_has_expired(company: Company) -> None:
    list(company.erp.pages("customers", None))
    company.clock.sleep(2 * 3600)
    list(company.erp.pages("customers", None))


def test_money_is_sent_as_exact_numbers(company: Company) -> None:
    company.erp.create_payment(posting(1_234_567_890_123))
    body = company.requests[-1].body
    assert b'"paymentAmount":{"value":12345678901.23}' in body
    assert b'"hold":{"value":false}' in body


def test_registers_tell_how_accounts_and_payment_methods_are_set_up(company: Company) -> None:
    company.books.deactivate("1515")
    accounts = {account.number: account for account in company.erp.accounts()}
    assert accounts["1510"] == LedgerAccount("1510", active=True, cash=True, control=False)
    assert accounts["1515"] == LedgerAccount("1515", active=False, cash=False, control=False)
    assert accounts["1500"].control
    assert CashAccount("1510", "1510", "NOK") in company.erp.cash_accounts()
    assert PaymentMethodFound("INK", active=True) in company.erp.payment_methods()


def test_payments_show_which_method_is_used_on_which_cash_account(company: Company) -> None:
    assert company.erp.paid_by(TODAY) == set()
    company.erp.create_payment(posting())
    assert company.erp.paid_by(TODAY) == {("INK", "1510")}
    assert company.erp.paid_by(TODAY + timedelta(days=1)) == set()


def test_a_register_that_was_cut_is_unreadable_and_no_proof_that_something_is_missing(company: Company) -> None:
    def cut(answer: Response) -> Response:
        rows = [{**row, "metadata": {"totalCount": 12, "maxPageSize": 5}} for row in json.loads(answer.body)[:5]]
        return Response(answer.status, answer.headers, json.dumps(rows).encode())

    company.faults.add("mutate", "GET", "/v1/account", mutate=cut)
    with pytest.raises(Unreadable, match="only 5 of 12 records came"):
        company.erp.accounts()


@pytest.mark.parametrize(
    ("path", "read", "row"),
    [
        ("/v1/account", "accounts", {"active": True}),
        ("/v1/cashaccount", "cash_accounts", {"number": None}),
        ("/v1/paymentmethod", "payment_methods", {"paymentMethodID": 4}),
    ],
)
def test_a_register_that_breaks_its_contract_is_unreadable(
    company: Company, path: str, read: str, row: dict[str, Any]
) -> None:
    company.faults.add(
        "mutate", "GET", path, mutate=lambda answer: Response(200, answer.headers, json.dumps([row]).encode())
    )
    with pytest.raises(Unreadable, match=f"GET {path}"):
        getattr(company.erp, read)()
