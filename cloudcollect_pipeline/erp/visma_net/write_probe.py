"""Answers to `unconfirmed.POINTS` that take a write: on a test company only, one krone that is voided again.

Whatever happens on the way, also an interruption, what was made is looked for and undone. What could not be undone is
told by name, for a person to undo; what a probe left that was killed is told by the next one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent, Permanent, Refused, Uncertain
from cloudcollect_pipeline.erp.port import CaseFields, NewPayment, PaymentLine
from cloudcollect_pipeline.erp.visma_net import codec
from cloudcollect_pipeline.erp.visma_net.client import VismaNet
from cloudcollect_pipeline.erp.visma_net.probe import (
    INVOICES,
    NEAR,
    RECENT,
    UNRELEASED,
    Case,
    Invoice,
    Payment,
    Reader,
    moment,
    not_settled,
    server_time,
    unreleased,
    unreleased_by_invoice,
    void_by_number,
    void_rows_on,
)
from cloudcollect_pipeline.erp.visma_net.unconfirmed import POINTS, Settled
from cloudcollect_pipeline.web import HttpRefused, Web

ACCEPTED, REFUSED = "accepted", "refused"
"""What follows the method and the cash account in the answer about them; after a refusal the ERP's own words."""
AMOUNT = 100
"""Øre of the payment that a write probe makes and voids."""
CASE = "DOCTOR-1"
"""The case number that a write probe sets and clears."""
READS = 10
READ_EVERY = 15.0
"""Reads, and seconds between them, until what was queued has happened: equal reads stay below five a minute."""
_OURS = re.compile(r"(DOC|NON)[0-9]{9,12}")
NOT_ALLOWED = (401, 403)
NOT_ABOUT_IT = (*NOT_ALLOWED, 404, 409, 412)
"""Refusals of the token, or of a record that is gone or was changed: they say nothing about the question."""
SERVER_ERROR = 500


@dataclass
class Tried:
    """What a write probe settled, and what it could not undo: for a person to do in the ERP."""

    settled: dict[str, Settled] = field(default_factory=dict[str, Settled])
    left: list[str] = field(default_factory=list[str])


def try_out(erp: VismaNet, web: Web, currency: str, clock: Clock, offset: timedelta, tried: Tried) -> None:
    """On a test company only: a krone paid on an open invoice and voided, a case number set and cleared.

    What comes of it is written into `tried` as it happens, so that it is known also after an interruption.
    """
    try:
        _try_out(erp, web, currency, clock, offset, tried)
    finally:
        _not_told(tried, "a step before it failed")


def _try_out(erp: VismaNet, web: Web, currency: str, clock: Clock, offset: timedelta, tried: Tried) -> None:
    reader, today = Reader(web), night_of(clock.now())
    listed = [each for status in ("Open", "Closed") for each in reader.invoices(("status", status))]
    tried.left += _left_over(listed, _dated(reader, today - RECENT))
    free = [each for each in listed if not _case_of(each).case_number]
    open_ = (each for each in free if each.status == "Open" and each.currency_id == currency and each.balance >= 1)
    invoice = next(open_, None)
    if invoice is None:
        _not_told(tried, "the company has no open invoice of a krone without a case number; make one")
        return
    if not any(period.open and period.start <= today <= period.end for period in erp.periods()):
        _not_told(tried, "the period of today is closed; open it")
        return
    _case(erp, web, reader, invoice, "case_fields", tried)
    paid = next((each for each in free if each.status == "Closed"), None)
    if paid is None:
        tried.settled["case_fields_closed"] = not_settled("there is no paid invoice without a case number yet")
    else:
        _case(erp, web, reader, paid, "case_fields_closed", tried)
    stamp, text = f"{clock.now():%y%m%d%H%M%S}", "cloudcollect doctor: is voided at once"
    nobody = NewPayment(f"NON{stamp}", "NO-SUCH-1", currency, AMOUNT, today, text, ())
    _refusal(erp, reader, nobody, clock, tried)
    # a reference as long as the pipeline's own
    lines = (PaymentLine("Invoice", invoice.reference_number, AMOUNT),)
    krone = NewPayment(f"DOC{stamp}", invoice.customer.number, currency, AMOUNT, today, text, lines)
    _payment(erp, reader, krone, clock, offset, tried)
    if tried.settled["refusal_status"].value == str(SERVER_ERROR) and "release" not in tried.settled:
        tried.settled["refusal_status"] = not_settled("the ERP may have been out of order: it took no payment at all")


def _not_told(tried: Tried, why: str) -> None:
    """What only writes settle and was not settled stays open, and why."""
    for point in POINTS:
        if point.by == "writes":
            tried.settled.setdefault(point.key, not_settled(why))


def pair_of(method: str, cash_account: str) -> str:
    """How an answer names what it is about: it says nothing of another method or account."""
    return f"{method} on {cash_account}"


def _left_over(invoices: Sequence[Invoice], payments: Sequence[Payment]) -> list[str]:
    """What stands of an earlier probe that could not end."""
    stand = [
        f"payment {each.ref_nbr} of an earlier probe: look whether it is voided, and void it if not"
        for each in payments
        if _OURS.fullmatch(each.payment_ref) and each.type == "Payment" and each.status != "Voided"
    ]
    return stand + [_set_back(each.reference_number) for each in invoices if _case_of(each).case_number == CASE]


def _dated(reader: Reader, since: date) -> list[Payment]:
    return reader.payments(("docDate", since.isoformat()), ("docDateCondition", ">="))


def _look_up(reader: Reader, payment: NewPayment) -> str:
    """The number of a payment that may have been made; `Permanent` if it is not listed."""
    for each in _dated(reader, payment.payment_date):
        if (each.type, each.payment_ref) == ("Payment", payment.reference):
            return each.ref_nbr
    raise Permanent("it is not listed")


def _set_back(invoice: str) -> str:
    return f"the debt collection fields of invoice {invoice}: set them back by hand"


@contextmanager
def _undone(tried: Tried, what: str, undo: Callable[[], object]) -> Iterator[None]:
    """However what is within ends, `undo` is called; where that fails, `what` is left to a person."""
    try:
        yield
    finally:
        done = False
        try:
            undo()
            done = True
        except CounterpartyError as failure:
            what = f"{what} ({failure})"
        finally:
            if not done:
                tried.left.append(what)


def _says_nothing(refused: Refused) -> bool:
    return isinstance(refused, HttpRefused) and refused.status in NOT_ABOUT_IT


def _refusal(erp: VismaNet, reader: Reader, nobody: NewPayment, clock: Clock, tried: Tried) -> None:
    """A payment of a customer that cannot exist, which must be refused."""
    key, may = "refusal_status", f"a payment with reference {nobody.reference} may have been made: look for it"
    try:
        number = erp.create_payment(nobody).id
    except HttpRefused as refused:
        told = Settled(str(refused.status), f"a business error is answered {refused.status}")
        tried.settled[key] = not_settled(str(refused)) if refused.status in NOT_ALLOWED else told
    except Uncertain as failure:
        if failure.status == SERVER_ERROR:
            tried.settled[key] = Settled(str(SERVER_ERROR), f"a business error proves nothing: {failure}")
            return
        tried.settled[key] = not_settled(str(failure))
        if failure.status is None:
            with _undone(tried, may, lambda: _void(erp, _look_up(reader, nobody), clock)):
                pass
    except CounterpartyError as failure:
        tried.settled[key] = not_settled(str(failure))
    except KeyboardInterrupt:
        with _undone(tried, may, lambda: _void(erp, _look_up(reader, nobody), clock)):
            raise
    else:
        made = f"payment {number} of a customer that should not exist: look whether it is voided, and void it if not"
        with _undone(tried, made, lambda: _void(erp, number, clock)):
            tried.settled[key] = not_settled(f"customer {nobody.customer} was taken for one")


def _case_of(invoice: Invoice) -> Case:
    return invoice.debt_collection or Case()


def _case(erp: VismaNet, web: Web, reader: Reader, invoice: Invoice, key: str, tried: Tried) -> None:
    """The case number alone, beside the type that the pipeline sends: other words are a question of their own."""
    path = f"{INVOICES}/{codec.key_segment(invoice.reference_number)}"

    def now() -> Case:
        read = _case_of(reader.invoice(invoice.reference_number))
        return Case(read.case_number or "", read.case_status or "", read.case_type or "", read.case_url or "")

    def put(case: Case) -> None:
        fields = CaseFields(case.case_number or "", case.case_status or "", case.case_url or "")
        web.write("PUT", path, codec.case_body(fields, case.case_type or ""))

    def undo() -> None:
        if not sent:
            return
        put(before)
        if (still := now()) != before:
            raise Permanent("the number stayed" if still.case_number else "they are not as they were")

    try:
        before = now()
    except CounterpartyError as failure:
        tried.settled[key] = not_settled(str(failure))
        return
    if before.case_number:
        tried.settled[key] = not_settled(f"invoice {invoice.reference_number} has a case that its list does not show")
        return
    sent = True
    with _undone(tried, _set_back(invoice.reference_number), undo):
        try:
            put(Case(CASE, before.case_status, erp.settings.case_type, before.case_url))
            shown = now().case_number == CASE
            tried.settled[key] = (
                Settled("yes", "the invoice takes a case number and shows it")
                if shown
                else not_settled("the invoice accepted a case number and did not show it")
            )
        except Refused as refused:
            sent = False
            told = Settled("no", f"refused: {refused}")
            tried.settled[key] = not_settled(str(refused)) if _says_nothing(refused) else told
        except CounterpartyError as failure:
            sent = not isinstance(failure, NotSent)
            tried.settled[key] = not_settled(str(failure))


def _payment(erp: VismaNet, reader: Reader, krone: NewPayment, clock: Clock, offset: timedelta, tried: Tried) -> None:
    settled, invoice = tried.settled, krone.lines[0].number
    pair = pair_of(erp.settings.payment_method, erp.settings.suspense_cash_account)
    try:
        number = erp.create_payment(krone).id
    except Refused as refused:
        said = refused.text if isinstance(refused, HttpRefused) else str(refused)
        told = Settled(f"{pair} {REFUSED}: {said}", "the ERP refuses a payment of this method and account")
        settled["payment_method"] = not_settled(str(refused)) if _says_nothing(refused) else told
        return
    except (Uncertain, KeyboardInterrupt) as failure:
        may = f"a payment with reference {krone.reference} may have been made: look for it and void it"
        with _undone(tried, may, lambda: _void(erp, _look_up(reader, krone), clock)):
            if isinstance(failure, KeyboardInterrupt):
                raise
            settled["payment_method"] = not_settled(str(failure))
        return
    except CounterpartyError as failure:
        settled["payment_method"] = not_settled(str(failure))
        return
    settled["payment_method"] = Settled(
        f"{pair} {ACCEPTED}", "the ERP takes a payment of this method on this cash account"
    )
    made = f"payment {number} of one krone on invoice {invoice}: look whether it is voided, and void it if not"
    with _undone(tried, made, lambda: _void(erp, number, clock)):
        try:
            _live_and_die(erp, reader, krone.reference, number, invoice, clock, offset, settled)
        except CounterpartyError as failure:
            _not_told(tried, str(failure))


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
    if unreleased(shown):
        settled["unreleased_by_invoice"] = unreleased_by_invoice(reader, shown, invoice)
    before = reader.invoice(invoice)
    clock.sleep(1.0)  # or a clock that moves could show the same moment
    erp.release_payment("Payment", payment)
    waited = _wait(lambda: _released(erp, "Payment", payment), clock, f"payment {payment} was not released")
    settled["release"] = _when(waited, "released")
    after = reader.invoice(invoice)
    by = "by a payment that was applied to it just now"
    if after.last_modified_date_time != before.last_modified_date_time:
        settled["invoice_clock"] = Settled("moves", by)
    elif after.balance == before.balance:
        settled["invoice_clock"] = not_settled(f"invoice {invoice} does not show yet that it was paid")
    else:
        settled["invoice_clock"] = Settled("stays", by)
    released = _void(erp, payment, clock)
    settled["void_release"] = Settled(
        "yes" if released else "no",
        "voiding releases the VoidPayment" if released else "the VoidPayment must be released by itself",
    )
    settled["void_by_number"] = void_by_number(reader)
    settled["void_rows"] = void_rows_on(reader.invoice(invoice), payment)


def _void(erp: VismaNet, number: str, clock: Clock) -> bool:
    """Void a payment, however far it has come; whether its VoidPayment was released without being asked to."""
    if not _released(erp, "Payment", number):  # there is no other way to be rid of a draft
        erp.release_payment("Payment", number)
        _wait(lambda: _released(erp, "Payment", number), clock, f"payment {number} was not released")
    if erp.payment("VoidPayment", number) is None:
        erp.void_payment(number)
        _wait(lambda: erp.payment("VoidPayment", number) is not None, clock, f"there is no VoidPayment {number}")
    if _released(erp, "VoidPayment", number):
        return True
    clock.sleep(READ_EVERY)  # it may have been queued
    if _released(erp, "VoidPayment", number):
        return True
    erp.release_payment("VoidPayment", number)
    _wait(lambda: _released(erp, "VoidPayment", number), clock, f"VoidPayment {number} was not released")
    return False


def _released(erp: VismaNet, kind: str, number: str) -> bool:
    payment = erp.payment(kind, number)
    return payment is not None and payment.status not in UNRELEASED


def _the(reader: Reader, kind: str, number: str) -> Payment:
    for payment in reader.payments(("paymentNbr", number), ("paymentType", kind)):
        if (payment.type, payment.ref_nbr) == (kind, number):
            return payment
    raise Permanent(f"{kind} {number} is not listed although it was made just now")


def _wait(happened: Callable[[], bool], clock: Clock, failed: str) -> float:
    """Seconds until it had happened."""
    began = clock.now()
    for attempt in range(READS):
        if attempt:
            clock.sleep(READ_EVERY)
        if happened():
            return (clock.now() - began).total_seconds()
    raise Permanent(f"{failed} within {(clock.now() - began).total_seconds():.0f} seconds")


def _when(waited: float, what: str) -> Settled:
    if waited < READ_EVERY:
        return Settled("at once", f"it was {what} by the first read")
    return Settled("later", f"it was {what} after {waited:.0f} seconds")


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
