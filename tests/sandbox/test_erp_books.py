from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.sandbox.erp import (
    BooksError,
    Document,
    DocumentType,
    ErpCompany,
    ErpSettings,
    Status,
)
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.erp.documents import RECEIVABLES, VoidRows
from cloudcollect_pipeline.sandbox.erp.ledger import Entry

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
TODAY = date(2026, 1, 5)


def company(clock: VirtualClock | None = None, settings: ErpSettings | None = None) -> ErpCompany:
    clock = clock or VirtualClock(START)
    books = ErpCompany("nordlys", "tenant-1", "Nordlys AS", clock.now, settings)
    books.add_customer(name="Debtor 1")
    return books


def rows(document: Document) -> list[tuple[str, int]]:
    return [(row.paying.type, row.net) for row in document.settled_by if row.released and not row.voided]


def test_an_invoice_is_released_with_a_kid_and_posted_with_its_vat():
    books = company()
    invoice = books.invoice("10001", 125_00, TODAY, date(2026, 1, 19))
    assert (invoice.status, invoice.balance, invoice.number) == (Status.OPEN, 125_00, "100001")
    assert invoice.kid.isdigit()
    assert [books.balance(account) for account in ("1500", "3000", "2700")] == [125_00, -100_00, -25_00]


@pytest.mark.parametrize(
    ("paid", "balance", "status", "unapplied", "payment_status"),
    [
        (40_00, 60_00, Status.OPEN, 0, Status.CLOSED),
        (100_00, 0, Status.CLOSED, 0, Status.CLOSED),
        (130_00, 0, Status.CLOSED, 30_00, Status.OPEN),
    ],
)
def test_a_payment_settles_up_to_the_balance_and_the_rest_stays_unapplied(
    paid: int, balance: int, status: Status, unapplied: int, payment_status: Status
):
    books = company()
    invoice = books.invoice("10001", 100_00)
    payment = books.pay(invoice, paid, cash_account="1510", reference="ABC")
    assert (invoice.balance, invoice.status) == (balance, status)
    assert (payment.balance, payment.status) == (unapplied, payment_status)
    assert (books.balance("1510"), books.balance("1500")) == (paid, 100_00 - paid)
    assert books.payments_with_reference("ABC") == [payment]


def test_the_words_of_the_pipeline_name_the_types_of_the_vendor():
    books = company()
    charge = books.invoice("10001", 70_00, document_type="OverdueCharge")
    assert (charge.type, books.balance("3900")) == (DocumentType.OVERDUE_CHARGE, -70_00)


def test_taking_an_application_back_appends_a_negative_row():
    books = company()
    invoice = books.invoice("10001", 100_00)
    payment = books.pay(invoice, 100_00)
    books.unapply(payment, invoice, 30_00)
    assert rows(invoice) == [("Payment", 100_00), ("Payment", -30_00)]
    assert (invoice.balance, invoice.status) == (30_00, Status.OPEN)
    assert (payment.balance, payment.status) == (30_00, Status.OPEN)


def test_a_credit_note_counts_only_when_it_is_matched():
    books = company()
    invoice = books.invoice("10001", 100_00)
    note = books.credit_note("10001", 60_00)
    assert (invoice.balance, note.status, note.balance) == (100_00, Status.OPEN, 60_00)
    books.match(note, invoice, 25_00)
    assert (invoice.balance, note.balance, note.status) == (75_00, 35_00, Status.OPEN)
    books.unmatch(note, invoice)
    assert (invoice.balance, note.balance) == (100_00, 60_00)


@pytest.mark.parametrize(
    ("void_rows", "visible"),
    [
        (VoidRows.MARKED, []),
        (VoidRows.NEGATIVE, [("Payment", 60_00), ("Payment", -10_00), ("VoidPayment", -50_00)]),
    ],
)
def test_voiding_a_payment_reopens_what_it_settled(void_rows: VoidRows, visible: list[tuple[str, int]]):
    books = company(settings=ErpSettings(void_rows=void_rows))
    invoice = books.invoice("10001", 100_00)
    payment = books.pay(invoice, 60_00, reference="R")
    books.unapply(payment, invoice, 10_00)
    voiding = books.void(payment)
    assert (payment.status, payment.balance) == (Status.VOIDED, 0)
    assert (voiding.status, voiding.number, voiding.amount) == (Status.CLOSED, payment.number, -60_00)
    assert (invoice.balance, rows(invoice), books.balance("1920")) == (100_00, visible, 0)
    assert books.payments_with_reference("R") == [payment]


def test_a_started_void_changes_nothing_until_it_is_released():
    books = company()
    invoice = books.invoice("10001", 100_00)
    payment = books.pay(invoice, 60_00)
    voiding = books.start_void(payment)
    assert (payment.status, invoice.balance, voiding.status) == (Status.CLOSED, 40_00, Status.BALANCED)
    books.release(voiding)
    assert (payment.status, invoice.balance) == (Status.VOIDED, 100_00)


def test_a_void_reverses_what_people_left_of_the_applications():
    books = company()
    invoice, other = books.invoice("10001", 100_00), books.invoice("10001", 50_00)
    payment = books.pay(invoice, 60_00)
    voiding = books.start_void(payment)
    books.unapply(payment, invoice, 20_00)
    books.apply(payment, other, 20_00)
    books.release(voiding)
    assert (invoice.balance, other.balance) == (100_00, 50_00)


def test_write_offs_of_documents_and_of_lines_go_to_the_write_off_account():
    books = company()
    invoice = books.invoice("10001", 100_00)
    payment = books.pay(invoice, 98_00, write_off=1_00)
    assert (invoice.balance, payment.status) == (1_00, Status.CLOSED)
    written = books.write_off(invoice)
    assert (invoice.status, written.type, written.status) == (Status.CLOSED, DocumentType.WRITE_OFF, Status.CLOSED)
    assert (books.balance("7770"), books.balance("1500")) == (2_00, 0)
    books.void(payment)
    assert (invoice.balance, books.balance("7770"), books.balance("1500")) == (99_00, 1_00, 99_00)


def test_a_draft_names_its_invoice_without_settling_it_and_can_be_deleted():
    books = company()
    invoice = books.invoice("10001", 100_00)
    draft = books.draft_payment("10001", 80_00, [Line(invoice, 80_00)], cash_account="1510", reference="R")
    assert (draft.status, invoice.balance, books.balance("1510")) == (Status.BALANCED, 100_00, 0)
    assert [row.released for row in invoice.settled_by] == [False]
    books.delete(draft)
    assert (invoice.settled_by, books.payments_with_reference("R")) == ([], [])


def test_a_draft_whose_invoice_was_paid_meanwhile_cannot_be_released():
    books = company()
    invoice = books.invoice("10001", 100_00)
    draft = books.draft_payment("10001", 80_00, [Line(invoice, 80_00)])
    books.pay(invoice, 50_00)
    with pytest.raises(BooksError, match="exceeds the document balance"):
        books.release(draft)
    assert draft.status is Status.BALANCED


def test_a_parent_may_pay_for_a_child_but_not_a_stranger():
    books = company()
    child = books.add_customer(parent="10001")
    stranger = books.add_customer()
    invoice = books.invoice(child, 100_00)
    assert books.pay(invoice, 40_00, customer="10001").customer.number == "10001"
    with pytest.raises(BooksError):
        books.pay(invoice, 10_00, customer=stranger)


def test_a_refund_empties_the_payment():
    books = company()
    payment = books.receive("10001", 90_00)
    refund = books.refund(payment, 90_00)
    assert (payment.status, refund.status, books.balance("1920"), books.balance("1500")) == (
        Status.CLOSED,
        Status.CLOSED,
        0,
        0,
    )


@pytest.mark.parametrize(("days", "level"), [(13, 0), (14, 1), (27, 1), (28, 2), (42, 3), (56, 3)])
def test_dunning_raises_the_level_once_for_each_fourteen_days(days: int, level: int):
    books = company()
    invoice = books.invoice("10001", 100_00, TODAY, TODAY)
    for day in range(days + 1):
        books.run_dunning(TODAY + timedelta(days=day))
    assert invoice.dunning_level == level


@pytest.mark.parametrize("reason", ["excluded", "customer excluded", "revoked", "paid", "overdue charge", "draft"])
def test_dunning_leaves_out_what_is_exempt(reason: str):
    books = company()
    kind = DocumentType.OVERDUE_CHARGE if reason == "overdue charge" else DocumentType.INVOICE
    invoice = books.invoice("10001", 100_00, TODAY, TODAY, kind, released=reason != "draft")
    prepare: dict[str, Callable[[], object]] = {
        "excluded": lambda: books.exclude(invoice),
        "customer excluded": lambda: books.exclude(invoice.customer),
        "revoked": lambda: books.revoke(invoice),
        "paid": lambda: books.pay(invoice, 100_00),
    }
    prepare.get(reason, lambda: None)()
    assert books.run_dunning(TODAY + timedelta(days=20)) == []


def test_dunning_with_a_fee_charges_each_customer_once():
    books = company()
    for _ in range(2):
        books.invoice("10001", 100_00, TODAY, TODAY)
    books.run_dunning(TODAY + timedelta(days=14), fee=35_00)
    assert [charge.amount for charge in books.documents(DocumentType.OVERDUE_CHARGE)] == [35_00]


@pytest.mark.parametrize("moves", [False, True])
def test_whether_an_application_moves_the_invoices_clock_is_a_setting(moves: bool):
    clock = VirtualClock(START)
    books = company(clock, ErpSettings(invoice_touched_by_application=moves))
    invoice = books.invoice("10001", 100_00)
    clock.sleep(60)
    payment = books.pay(invoice, 100_00)
    assert (invoice.modified_at > START) is moves
    assert payment.modified_at > START
    clock.sleep(60)
    books.run_dunning(TODAY + timedelta(days=90))
    books.set_due_date(invoice, date(2026, 3, 1))
    assert invoice.modified_at == clock.now()


def test_what_changed_since_a_moment_comes_latest_first():
    clock = VirtualClock(START)
    books = company(clock)
    first, second = books.invoice("10001", 1_00), books.invoice("10001", 2_00)
    clock.sleep(60)
    third = books.invoice("10001", 3_00)
    books.exclude(first)
    assert list(books.changed_since(clock.now(), DocumentType.INVOICE)) == [first, third]
    assert second in books.changed_since(START, DocumentType.INVOICE)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda books: books.invoice("10001", 1_00, date(2025, 12, 31)),
        lambda books: books.receive("10001", 1_00, date(2025, 12, 31)),
        lambda books: books.voucher(date(2025, 12, 31), "", [Entry("1920", 1), Entry("3000", -1)]),
    ],
    ids=["invoice", "payment", "voucher"],
)
def test_nothing_is_posted_in_a_closed_period(forbidden: Callable[[ErpCompany], object]):
    books = company()
    books.close_period("202512")
    with pytest.raises(BooksError, match="closed"):
        forbidden(books)
    books.reopen_period("202512")
    forbidden(books)


def test_a_period_with_unreleased_payments_cannot_be_closed():
    books = company()
    draft = books.draft_payment("10001", 1_00)
    with pytest.raises(BooksError, match="unreleased"):
        books.close_period("202601")
    books.release(draft)
    books.close_period("202601")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Entry("1920", 2), Entry("3000", -1)], "balanced"),
        ([Entry("9999", 1), Entry("3000", -1)], "cannot be found"),
        ([Entry("1500", 1), Entry("3000", -1)], "control account"),
        ([Entry("1515", 1), Entry("3000", -1)], "inactive"),
        ([Entry("1920", 0)], "empty"),
    ],
)
def test_a_voucher_must_balance_on_accounts_that_may_be_used(entries: list[Entry], message: str):
    books = company()
    books.deactivate("1515")
    with pytest.raises(BooksError, match=message):
        books.voucher(TODAY, "", entries)
    assert books.journal == []


def test_a_queued_release_is_carried_out_by_the_clock_when_nobody_reads():
    clock = VirtualClock(START)
    books = company(clock)
    draft = books.draft_payment("10001", 5_00, cash_account="1510")
    books.queue_release(draft)
    assert (draft.status, books.balance("1510")) == (Status.BALANCED, 0)
    clock.sleep(60)
    assert books.balance("1510") == 5_00


def test_people_find_every_release_that_is_due_carried_out():
    clock = VirtualClock(START)
    books = company(clock)
    drafts = [books.draft_payment("10001", 5_00) for _ in range(3)]
    for draft in drafts:
        books.queue_release(draft)
    clock.sleep(60)
    books.void(drafts[2])
    assert [draft.status for draft in drafts] == [Status.OPEN, Status.OPEN, Status.VOIDED]


ACTIONS = ("pay", "receive", "apply", "unapply", "void", "credit", "match", "unmatch", "write_off", "refund", "invoice")


@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 5), st.integers(0, 5), st.integers(1, 120_00))),
    st.sampled_from(VoidRows),
)
def test_the_customer_ledger_is_account_1500_whatever_people_do(
    steps: list[tuple[str, int, int, int]], void_rows: VoidRows
):
    books = company(settings=ErpSettings(void_rows=void_rows))
    invoices = [books.invoice("10001", 100_00) for _ in range(2)]
    payments = [books.receive("10001", 50_00)]
    notes = [books.credit_note("10001", 30_00)]
    for action, first, second, amount in steps:
        invoice, payment = invoices[first % len(invoices)], payments[second % len(payments)]
        note = notes[second % len(notes)]
        try:
            match action:
                case "pay":
                    payments.append(books.pay(invoice, amount))
                case "receive":
                    payments.append(books.receive("10001", amount, document_type="Prepayment"))
                case "apply":
                    books.apply(payment, invoice, amount)
                case "unapply":
                    books.unapply(payment, invoice, amount)
                case "void":
                    books.void(payment)
                case "credit":
                    notes.append(books.credit_note("10001", amount))
                case "match":
                    books.match(note, invoice, amount)
                case "unmatch":
                    books.unmatch(note, invoice)
                case "write_off":
                    books.write_off(invoice, amount)
                case "refund":
                    books.refund(payment, amount)
                case _:
                    invoices.append(books.invoice("10001", amount, document_type="DebitNote"))
        except BooksError:
            pass
        assert books.customer_ledger() == books.balance("1500")
    for document in books.documents():
        if document.type in RECEIVABLES:
            assert document.amount - document.balance == sum(net for _, net in rows(document))
            assert 0 <= document.balance <= document.amount
            assert (document.status is Status.CLOSED) is (document.balance == 0)
    assert sum(line.amount for line in books.journal) == 0
