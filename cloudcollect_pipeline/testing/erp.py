"""What the night relies on in an ERP. Subclass `ErpContract`, say how to reach a test company, and run the checks.

Everything is posted on the suspense account of a company that is there for tests; nothing is undone.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cloudcollect_pipeline.domain.errors import (
    CounterpartyError,
    NotSent,
    Permanent,
    Refused,
    Transient,
    Uncertain,
    Unreadable,
)
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    DocumentKey,
    Erp,
    NewPayment,
    NewVoucher,
    PaymentLine,
    PostedPayment,
    VoucherLine,
)
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.testing.kit import Unsupported, columns_of, expect, raises, rows_of
from cloudcollect_pipeline.testing.proxy import FaultyServer

FEEDS = {"documents": "receivable", "payments": "payment", "customers": "customer"}
AMOUNT = 12_345
REFERENCE = "KITPOSTING00001"
POLLS = 5
"""Reads within which a queued release must be done."""


@dataclass
class ErpRig:
    """An adapter that reaches a test company through a faulty server.

    `invoice` is open with at least 1,000 kroner; `accounts` are two ledger accounts, the first the suspense account.
    """

    erp: Erp
    server: FaultyServer
    today: date
    customer: str
    invoice: DocumentKey
    accounts: tuple[str, str]
    currency: str = "NOK"

    def payment(self, **changes: Any) -> NewPayment:
        """A payment of the agency's on the invoice."""
        line = PaymentLine(self.invoice.document_type, self.invoice.number, AMOUNT)
        told = {"reference": REFERENCE, "customer": self.customer, "currency": self.currency, "amount": AMOUNT}
        return NewPayment(**{**told, "payment_date": self.today, "text": "kit", "lines": (line,), **changes})

    def voucher(self) -> NewVoucher:
        """A settlement's voucher in small."""
        suspense, other = self.accounts
        lines = (VoucherLine(suspense, -AMOUNT, "kit"), VoucherLine(other, AMOUNT, "kit"))
        return NewVoucher("KITVOUCHER00001", self.today, self.currency, "kit", lines)


class ErpContract:
    """Subclass it and define `rig`. Under pytest name the class `Test…`; `run_contract` runs it without pytest."""

    def rig(self) -> AbstractContextManager[ErpRig]:
        """A test company with the adapter in front of it, until the block ends."""
        raise NotImplementedError("define rig() to return a context manager of an ErpRig")

    # -- first half: the adapter alone

    def test_every_feed_is_mapped_to_its_table(self) -> None:
        """The feeds are documents, payments and customers, each mapped to exactly its table's columns."""
        with self.rig() as rig:
            feeds = rig.erp.feeds
            expect(set(feeds) == set(FEEDS), f"feeds must be {sorted(FEEDS)}, are {sorted(feeds)}")
            for name, table in FEEDS.items():
                wanted = {"n", *(column.name for column in TABLES[table].columns)}
                found = set(columns_of("erp", feeds[name]))
                expect(found == wanted, f"{name}: missing {sorted(wanted - found)}, too many {sorted(found - wanted)}")

    def test_the_invoice_is_in_the_documents(self) -> None:
        """The feed shows the open invoice as a row that keeps the ledger's contract, and so does a read by key."""
        with self.rig() as rig:
            for records in (_all(rig.erp, "documents"), rig.erp.documents([rig.invoice])):
                rows = rows_of("erp", rig.erp.feeds["documents"], records)
                mine = [r for r in rows if (r["document_type"], r["number"]) == _key(rig.invoice)]
                expect(len(mine) == 1, f"{rig.invoice} is there {len(mine)} times")
                told = (mine[0]["customer"], mine[0]["status"])
                expect(told == (rig.customer, "Open"), f"{rig.invoice} is told as {told}")

    def test_what_is_not_there_is_left_out(self) -> None:
        """Unknown keys are left out: no error, and no other record in their place."""
        with self.rig() as rig:
            unknown = DocumentKey("Invoice", "KIT/0+0")
            expect(rig.erp.documents([unknown]) == [], "documents must leave an unknown key out")
            expect(rig.erp.customers(["KIT/0+0"]) == [], "customers must leave an unknown number out")
            expect(rig.erp.payment("Payment", "KIT/0+0") is None, "payment must be None for an unknown number")
            expect(rig.erp.voucher("KIT00") is None, "voucher must be None for an unknown number")

    def test_a_feed_may_be_read_again(self) -> None:
        """Reading a feed twice gives the same records."""
        with self.rig() as rig:
            first, second = (_all(rig.erp, "documents") for _ in range(2))
            expect(sorted(first) == sorted(second), "the second reading differs")

    def test_a_payment_is_created_unreleased_and_found_by_its_reference(self) -> None:
        """Creating is not releasing; the look-up by reference finds it with all that was said."""
        with self.rig() as rig:
            payment = rig.payment()
            receipt = rig.erp.create_payment(payment)
            found = self._found(rig)
            expect([each.number for each in found] == [receipt.id], f"the look-up finds {[e.number for e in found]}")
            told = (found[0].status, found[0].customer, found[0].amount, found[0].currency, found[0].lines)
            wanted = ("Balanced", payment.customer, payment.amount, payment.currency, payment.lines)
            expect(told == wanted, f"created as {told}, not {wanted}")

    def test_a_released_payment_settles_its_invoice(self) -> None:
        """After the release the payment is closed, the invoice lower, and the suspense account higher by the same."""
        with self.rig() as rig:
            before = self._balance(rig)
            number = rig.erp.create_payment(rig.payment()).id
            expect(self._release(rig, "Payment", number) == "Closed", "after its release it is not closed")
            expect(before - self._balance(rig) == AMOUNT, f"the invoice went down by {before - self._balance(rig)} øre")
            moved = [m.amount for m in self._movements(rig) if m.document == number]
            expect(moved == [AMOUNT], f"the suspense account shows {moved} øre for it")

    def test_a_voided_payment_is_undone(self) -> None:
        """A void is a document of its own; released, the payment is voided and the invoice open as before."""
        with self.rig() as rig:
            before = self._balance(rig)
            number = rig.erp.create_payment(rig.payment()).id
            self._release(rig, "Payment", number)
            rig.erp.void_payment(number)
            self._release(rig, "VoidPayment", number)
            voided = rig.erp.payment("Payment", number)
            expect(voided is not None and voided.status == "Voided", f"after its void it is {voided}")
            expect(self._balance(rig) == before, "the invoice is not open as before")
            moved = sum(m.amount for m in self._movements(rig) if m.document == number)
            expect(moved == 0, f"the suspense account still shows {moved} øre")

    def test_a_voucher_is_created_released_and_found(self) -> None:
        """A voucher is found by its reference, and released it moves both accounts."""
        with self.rig() as rig:
            voucher = rig.voucher()
            number = rig.erp.create_voucher(voucher).id
            rig.erp.release_voucher(number)
            for _ in range(POLLS):
                if (read := rig.erp.voucher(number)) is not None and read.status != "Balanced":
                    break
            found = [each for each in rig.erp.posted_vouchers(rig.today) if each.reference == voucher.reference]
            expect([each.number for each in found] == [number], f"the look-up finds {found}")
            moved = [m.amount for m in self._movements(rig) if m.document == number]
            expect(moved == [-AMOUNT], f"the suspense account shows {moved} øre for it")

    def test_a_payment_beyond_the_balance_of_its_invoice_is_refused(self) -> None:
        """A definite no is `Refused`, and nothing is there afterwards."""
        with self.rig() as rig:
            amount = self._balance(rig) + 1
            line = PaymentLine(rig.invoice.document_type, rig.invoice.number, amount)
            with raises(
                "a payment of one øre too much", Refused, Uncertain
            ):  # an ERP that answers a business error with 500 leaves it open
                rig.erp.create_payment(rig.payment(amount=amount, lines=(line,)))
            expect(self._found(rig) == [], "a refused payment is there all the same")

    def test_the_case_is_shown_on_the_invoice(self) -> None:
        """Number, status and link of the case can be read back from the invoice."""
        with self.rig() as rig:
            if not rig.erp.capabilities.case_fields:
                raise Unsupported("case_fields")
            rig.erp.set_case_fields(rig.invoice, CaseFields("KIT-1", "DEMAND", "https://agency.example/KIT-1"))
            (row,) = rows_of("erp", rig.erp.feeds["documents"], rig.erp.documents([rig.invoice]))
            expect(row["case_number"] == "KIT-1", f"the invoice shows case {row['case_number']}")

    def test_periods_stand_in_order_and_today_is_in_one(self) -> None:
        """Periods are told by start date, without gaps around today."""
        with self.rig() as rig:
            periods = rig.erp.periods()
            expect(periods == sorted(periods, key=lambda period: period.start), "periods are not in order")
            expect(sum(p.start <= rig.today <= p.end for p in periods) == 1, "today is not in exactly one period")

    # -- second half: the way is bad

    def test_a_posting_without_an_answer_is_uncertain_and_found(self) -> None:
        """The connection ends after the payment was made: `Uncertain`, one request, and the look-up knows it."""
        self._hurt("lost_after", {}, Uncertain, made=True)

    def test_a_posting_that_never_arrived_is_not_found(self) -> None:
        """The connection ends before the payment was made: nobody can tell, and the look-up tells."""
        self._hurt("lost_before", {}, Uncertain, made=False)

    def test_a_server_error_says_nothing_about_the_posting(self) -> None:
        """A 5xx with the effect done is `Uncertain`, never tried again by the adapter."""
        self._hurt("status_after", {"status": 502}, Uncertain, made=True)

    def test_a_success_that_cannot_be_read_is_uncertain(self) -> None:
        """A web page with status 200 is no receipt."""
        self._hurt("html", {}, Uncertain, made=True)

    def test_too_many_requests_is_not_sent(self) -> None:
        """429 says for certain that nothing was done: `NotSent`."""
        self._hurt("retry_429", {}, NotSent, made=False)

    def test_a_page_that_cannot_be_read_is_told(self) -> None:
        """A feed whose page is a web page or half a page raises; it never ends early as if it were whole."""
        for fault in ("html", "truncated"):
            with self.rig() as rig:
                rig.erp.documents([rig.invoice])  # so that a token is there
                rig.server.faults.add(fault, "GET", count=99)
                with raises(f"a page that is {fault}", Unreadable, Transient, Permanent):
                    _all(rig.erp, "documents")

    def test_a_passing_failure_of_a_read_is_not_noticed(self) -> None:
        """One 503 on a read is tried again, and the record is there."""
        with self.rig() as rig:
            rig.erp.documents([rig.invoice])
            rig.server.faults.add("status_before", "GET", status=503)
            expect(len(rig.erp.documents([rig.invoice])) == 1, "the invoice was not read")

    # -- helpers

    def _hurt(self, fault: str, options: dict[str, Any], error: type[CounterpartyError], *, made: bool) -> None:
        with self.rig() as rig:
            rig.erp.documents([rig.invoice])  # so that a token is there, and only the payment is written
            before = rig.server.writes()
            rig.server.faults.add(fault, "POST", **options)
            try:
                with raises(f"create_payment answered with {fault}", error):
                    rig.erp.create_payment(rig.payment())
            finally:
                writes = rig.server.writes() - before
                expect(writes == 1, f"the adapter made {writes} attempts; a write makes one")
            expect(len(self._found(rig)) == made, f"the look-up {'does not know' if made else 'knows'} the payment")

    def _release(self, rig: ErpRig, document_type: str, number: str) -> str | None:
        """Ask for the release and read the document until it is done: an ERP may only queue it."""
        rig.erp.release_payment(document_type, number)
        read = None
        for _ in range(POLLS):
            read = rig.erp.payment(document_type, number)
            if read is not None and read.status not in ("Balanced", "Hold"):
                break
        return read.status if read else None

    def _found(self, rig: ErpRig) -> list[PostedPayment]:
        since = rig.today - timedelta(days=1)
        return [each for each in rig.erp.posted_payments(since) if each.reference == REFERENCE]

    def _balance(self, rig: ErpRig) -> int:
        (row,) = rows_of("erp", rig.erp.feeds["documents"], rig.erp.documents([rig.invoice]))
        return int(row["balance"] * 100)

    def _movements(self, rig: ErpRig) -> list[Any]:
        return list(rig.erp.movements(rig.accounts[0], rig.today, rig.today))


def _all(erp: Erp, feed: str) -> list[bytes]:
    return [record for page in erp.pages(feed, None) for record in page]


def _key(key: DocumentKey) -> tuple[str, str]:
    return key.document_type, key.number
