"""Answers to `unconfirmed.POINTS` that take a write: on a test company only, one krone that is voided again.

Every step is undone by the next. What could not be undone is told by name, for a person to undo.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent, Permanent, Refused, Uncertain
from cloudcollect_pipeline.erp.port import CaseFields, NewPayment, PaymentLine, PostedPayment
from cloudcollect_pipeline.erp.visma_net import codec
from cloudcollect_pipeline.erp.visma_net.client import VismaNet
from cloudcollect_pipeline.erp.visma_net.probe import (
    INVOICES,
    NEAR,
    Case,
    Invoice,
    Payment,
    Reader,
    moment,
    not_settled,
    server_time,
    void_by_number,
    void_rows_on,
)
from cloudcollect_pipeline.erp.visma_net.unconfirmed import Settled
from cloudcollect_pipeline.web import HttpRefused, Web

ACCEPTED, REFUSED = "accepted", "refused"
"""What follows the method and the cash account in the answer about them; after a refusal the ERP's own words."""
AMOUNT = 100
"""Øre of the payment that a write probe makes and voids."""
READS = 20
READ_EVERY = 3.0
"""Reads, and seconds between them, until what was queued has happened."""


@dataclass
class Tried:
    """What a write probe settled, and what it could not undo: for a person to do in the ERP."""

    settled: dict[str, Settled] = field(default_factory=dict[str, Settled])
    left: list[str] = field(default_factory=list[str])


def try_out(erp: VismaNet, web: Web, currency: str, clock: Clock, offset: timedelta) -> Tried:
    """On a test company only: a krone paid on an open invoice and voided, a case number set and cleared.

    Every step is undone by the next one. Where that fails, `left` says what a person must undo.
    """
    tried, reader = Tried(), Reader(web)
    invoice = next(
        (
            each
            for each in reader.invoices(("status", "Open"))
            if each.currency_id == currency and each.balance >= 1 and not _case_of(each).case_number
        ),
        None,
    )
    if invoice is None:
        missing = not_settled("the company has no open invoice of a krone without a case number; make one")
        return Tried(dict.fromkeys(("payment_method", "release", "void_release", "case_fields"), missing))
    reference = f"DOC{clock.now():%y%m%d%H%M%S}"  # as long as the pipeline's own
    _refusal(erp, reference, currency, clock, tried)
    _case(web, reader, invoice, "case_fields", tried)
    paid = next((each for each in reader.invoices(("status", "Closed")) if not _case_of(each).case_number), None)
    if paid is None:
        tried.settled["case_fields_closed"] = not_settled("there is no paid invoice without a case number yet")
    else:
        _case(web, reader, paid, "case_fields_closed", tried)
    _payment(erp, reader, invoice, reference, currency, clock, offset, tried)
    return tried


def pair_of(method: str, cash_account: str) -> str:
    """How an answer names what it is about: it says nothing of another method or account."""
    return f"{method} on {cash_account}"


def _not_allowed(refused: Refused) -> bool:
    """Whether it is the token that was refused: that says nothing about the question."""
    return isinstance(refused, HttpRefused) and refused.status in (401, 403)


def _refusal(erp: VismaNet, reference: str, currency: str, clock: Clock, tried: Tried) -> None:
    """A payment of a customer that cannot exist, which must be refused."""
    nobody = NewPayment(f"NON{reference[3:]}", "NO-SUCH-1", currency, AMOUNT, night_of(clock.now()), "doctor", ())
    try:
        made = erp.create_payment(nobody)
    except HttpRefused as refused:
        if _not_allowed(refused):
            tried.settled["refusal_status"] = not_settled(str(refused))
            return
        tried.settled["refusal_status"] = Settled(str(refused.status), f"a business error is answered {refused.status}")
    except Uncertain as failure:
        tried.settled["refusal_status"] = Settled("5xx", f"a business error proves nothing: {failure}")
    except CounterpartyError as failure:
        tried.settled["refusal_status"] = not_settled(str(failure))
    else:
        tried.left.append(f"payment {made.id} of a customer that should not exist: delete it")


def _case_of(invoice: Invoice) -> Case:
    return invoice.debt_collection or Case()


def _case(web: Web, reader: Reader, invoice: Invoice, key: str, tried: Tried) -> None:
    path = f"{INVOICES}/{codec.key_segment(invoice.reference_number)}"
    before = _case_of(invoice)
    try:
        web.write("PUT", path, codec.case_body(CaseFields("DOCTOR-1", "test", ""), "test"))
    except Refused as refused:
        tried.settled[key] = (
            not_settled(str(refused)) if _not_allowed(refused) else Settled("no", f"refused: {refused}")
        )
        return
    except CounterpartyError as failure:
        tried.settled[key] = not_settled(str(failure))
        if isinstance(failure, NotSent):
            return
    undo = f"the debt collection fields of invoice {invoice.reference_number}: set them back by hand"
    try:
        shown = _case_of(reader.invoice(invoice.reference_number)).case_number == "DOCTOR-1"
        if key not in tried.settled:
            tried.settled[key] = (
                Settled("yes", "the invoice takes a case number and shows it")
                if shown
                else Settled("no", "the invoice accepts a case number and does not show it")
            )
        fields = CaseFields("", before.case_status or "", before.case_url or "")
        web.write("PUT", path, codec.case_body(fields, before.case_type or ""))
        now = _case_of(reader.invoice(invoice.reference_number))
    except CounterpartyError as failure:
        tried.left.append(f"{undo} ({failure})")
        return
    if now.case_number:
        tried.left.append(f"{undo} (the number stayed)")


def _payment(
    erp: VismaNet,
    reader: Reader,
    invoice: Invoice,
    reference: str,
    currency: str,
    clock: Clock,
    offset: timedelta,
    tried: Tried,
) -> None:
    settled, number = tried.settled, invoice.reference_number
    pair = pair_of(erp.settings.payment_method, erp.settings.suspense_cash_account)
    lines = (PaymentLine("Invoice", number, AMOUNT),)
    text = "cloudcollect doctor: is voided at once"
    krone = NewPayment(reference, invoice.customer.number, currency, AMOUNT, night_of(clock.now()), text, lines)
    try:
        made = erp.create_payment(krone)
    except Refused as refused:
        said = refused.text if isinstance(refused, HttpRefused) else str(refused)
        settled["payment_method"] = (
            not_settled(str(refused))
            if _not_allowed(refused)
            else Settled(f"{pair} {REFUSED}: {said}", "the ERP refuses a payment of this method and account")
        )
        return
    except Uncertain as failure:
        settled["payment_method"] = not_settled(str(failure))
        tried.left.append(f"a payment with reference {reference} may have been made: look for it and void it")
        return
    except CounterpartyError as failure:
        settled["payment_method"] = not_settled(str(failure))
        return
    settled["payment_method"] = Settled(
        f"{pair} {ACCEPTED}", "the ERP takes a payment of this method on this cash account"
    )
    try:
        _live_and_die(erp, reader, reference, made.id, number, clock, offset, settled)
    except CounterpartyError as failure:
        undo = f"payment {made.id} of one krone on invoice {number}: look whether it is voided, and void it if not"
        tried.left.append(f"{undo} ({failure})")


def _live_and_die(
    erp: VismaNet,
    reader: Reader,
    reference: str,
    payment: str,
    invoice: str,
    clock: Clock,
    offset: timedelta,
    settled: dict[str, Settled],
) -> None:
    """Release it, look at what moved, void it, look again."""
    shown = _the(reader, "Payment", payment)
    kept = shown.payment_ref == reference
    settled["reference_length"] = Settled(
        "kept" if kept else "cut",
        f"a reference of {len(reference)} characters came back {'' if kept else 'not '}as sent",
    )
    settled["time_zone"] = _clock_of(shown.last_modified_date_time, offset, server_time(reader, clock))
    by_invoice = payment in {each.ref_nbr for each in reader.payments(("invoiceRefNbr", invoice))}
    settled["unreleased_by_invoice"] = Settled(
        "yes" if by_invoice else "no", f"the unreleased payment is {'' if by_invoice else 'not '}found by its invoice"
    )
    before = reader.invoice(invoice).last_modified_date_time
    clock.sleep(1.0)  # or a clock that moves could show the same moment
    erp.release_payment("Payment", payment)
    waited = _wait(lambda: erp.payment("Payment", payment), clock, f"payment {payment} was not released")
    settled["release"] = _when(waited, "released")
    moved = reader.invoice(invoice).last_modified_date_time != before
    settled["invoice_clock"] = Settled("moves" if moved else "stays", "by a payment that was applied to it just now")
    erp.void_payment(payment)
    voiding = erp.payment("VoidPayment", payment)
    released = voiding is not None and voiding.status not in ("Balanced", "Hold")
    if not released:
        erp.release_payment("VoidPayment", payment)
        _wait(lambda: erp.payment("VoidPayment", payment), clock, f"VoidPayment {payment} was not released")
    settled["void_release"] = Settled(
        "yes" if released else "no",
        "voiding releases the VoidPayment" if released else "the VoidPayment must be released by itself",
    )
    settled["void_by_number"] = void_by_number(reader)
    settled["void_rows"] = void_rows_on(reader.invoice(invoice), payment)


def _the(reader: Reader, kind: str, number: str) -> Payment:
    for payment in reader.payments(("paymentNbr", number), ("paymentType", kind)):
        if payment.ref_nbr == number:
            return payment
    raise Permanent(f"{kind} {number} is not listed although it was made just now")


def _wait(read: Callable[[], PostedPayment | None], clock: Clock, failed: str) -> int:
    """How many reads it took until the payment was released."""
    for attempt in range(READS):
        payment = read()
        if payment is not None and payment.status not in ("Balanced", "Hold"):
            return attempt
        clock.sleep(READ_EVERY)
    raise Permanent(f"{failed} within {READS * READ_EVERY:.0f} seconds")


def _when(waited: int, what: str) -> Settled:
    if waited == 0:
        return Settled("at once", f"it was {what} by the first read")
    return Settled("later", f"it was {what} after {waited * READ_EVERY:.0f} seconds")


def _clock_of(text: str, offset: timedelta, now: datetime | None) -> Settled:
    told = moment(text)
    if told is None:
        return not_settled(f"a payment's moment is not one without a zone: {text[:40]}")
    if now is None:
        return not_settled("no answer bore a date, and this machine's clock may be wrong")
    if abs(offset) <= NEAR:
        return not_settled("local time is UTC now, so there is nothing to tell apart")
    ahead = told - now
    if abs(ahead - offset) <= NEAR:
        return Settled("local", "a record made just now is dated in local time")
    if abs(ahead) <= NEAR:
        return Settled("utc", "a record made just now is dated in UTC")
    return not_settled(f"a record made just now is dated {ahead} from UTC, which is neither UTC nor local time")
