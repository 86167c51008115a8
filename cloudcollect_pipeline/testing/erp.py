"""What the night relies on in an ERP. Subclass `ErpContract`, say how to reach a test company, and run the checks.

Everything is posted on the suspense account of a company that is there for tests; nothing is undone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

from cloudcollect_pipeline.domain.errors import NotSent, Refused, Uncertain
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
from cloudcollect_pipeline.testing.kit import Contract, Unsupported, all_of, expect, needed, raises, rows_of
from cloudcollect_pipeline.testing.proxy import FaultyServer

AMOUNT = 12_345
REFERENCE = "KITPOSTING00001"
POLLS = 5
"""Reads within which a queued release must be done."""


@dataclass
class ErpRig:
    """An adapter that reaches a test company through a faulty server.

    `invoice` is open with at least 1,000 kroner; `accounts` are two ledger accounts, the first the suspense account.
    `tells_changes`: whether this ERP refuses to overwrite what has changed since it was read. `put_clock` sets its
    clock so far ahead of ours; without it the clock is not checked.
    """

    erp: Erp
    server: FaultyServer
    today: date
    customer: str
    invoice: DocumentKey
    accounts: tuple[str, str]
    currency: str = "NOK"
    tells_changes: bool = True
    put_clock: Callable[[timedelta], None] | None = None

    @property
    def port(self) -> Erp:
        """The adapter."""
        return self.erp

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


class ErpContract(Contract[ErpRig]):
    """Subclass it and define `rig`. Under pytest name the class `Test…`; `run_contract` runs it without pytest."""

    side = "erp"
    tables: ClassVar = {"documents": "receivable", "payments": "payment", "customers": "customer"}
    main = "documents"

    def prepare(self, rig: ErpRig) -> None:
        """The invoice is there."""
        rig.erp.documents([rig.invoice])

    def write(self, rig: ErpRig) -> tuple[Callable[[], object], Callable[[], bool]]:
        """A payment is posted."""
        return lambda: rig.erp.create_payment(rig.payment()), lambda: len(self._found(rig)) == 1

    def test_the_invoice_is_in_the_documents(self) -> None:
        """The feed shows the open invoice as a row that keeps the ledger's contract, and so does a read by key."""
        with self.rig() as rig:
            for records in (all_of(rig.erp, "documents"), rig.erp.documents([rig.invoice])):
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

    def test_a_case_is_not_written_on_an_invoice_that_has_changed(self) -> None:
        """With the record it was judged by, a case is written while that holds; afterwards it is `NotSent`."""
        with self.rig() as rig:
            if not (rig.erp.capabilities.case_fields and rig.tells_changes):
                raise Unsupported("judged_by")
            (record,) = rig.erp.documents([rig.invoice])
            rig.erp.set_case_fields(rig.invoice, CaseFields("KIT-1", "DEMAND", ""), record)
            with raises("a case judged by what the invoice was before", NotSent):
                rig.erp.set_case_fields(rig.invoice, CaseFields("KIT-2", "DEMAND", ""), record)
            (row,) = rows_of("erp", rig.erp.feeds["documents"], rig.erp.documents([rig.invoice]))
            expect(row["case_number"] == "KIT-1", f"the invoice shows case {row['case_number']}")

    def test_how_far_its_clock_is_ahead_is_told(self) -> None:
        """An ERP whose clock is put ahead or back is told to be so, to the minute."""
        with self.rig() as rig:
            put_clock = needed(rig.put_clock, "put_clock")
            for ahead in (timedelta(0), timedelta(hours=1), -timedelta(minutes=10)):
                put_clock(ahead)
                rig.erp.documents([rig.invoice])
                told = rig.erp.clock_skew
                if told is None:
                    raise Unsupported("clock_skew")
                expect(abs(told - ahead) < timedelta(minutes=1), f"ahead by {ahead}, it is told to be by {told}")

    def test_periods_stand_in_order_and_today_is_in_one(self) -> None:
        """Periods are told by start date, without gaps around today."""
        with self.rig() as rig:
            periods = rig.erp.periods()
            expect(periods == sorted(periods, key=lambda period: period.start), "periods are not in order")
            expect(sum(p.start <= rig.today <= p.end for p in periods) == 1, "today is not in exactly one period")

    # -- helpers

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


def _key(key: DocumentKey) -> tuple[str, str]:
    return key.document_type, key.number
