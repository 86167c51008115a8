"""Answers to `unconfirmed.POINTS` that a tenant gives to a bounded number of reads.

What a tenant holds decides what can be told: without a voided payment nobody can see how one is shown. Such a point
stays open with what would settle it, and is asked again next time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.domain.errors import CounterpartyError, Unreadable
from cloudcollect_pipeline.erp.visma_net import codec
from cloudcollect_pipeline.erp.visma_net.client import (
    CUSTOMERS,
    DOCUMENTS,
    EXPANDED,
    MOVEMENTS,
    PAYMENTS,
    PERIODS,
    VOUCHERS,
)
from cloudcollect_pipeline.erp.visma_net.paging import array, metadata
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings
from cloudcollect_pipeline.erp.visma_net.unconfirmed import Settled
from cloudcollect_pipeline.web import Web

INVOICES = DOCUMENTS["Invoice"]
LOOKED_AT = 100
"""Records of a kind that are looked through for an example."""
EXAMPLES = 3
"""Records that must all say the same before the adapter relies on it."""
NEAR = timedelta(minutes=10)
LONGEST = timedelta(minutes=5)
"""After this long no further point is asked: a person is waiting."""
RECENT = timedelta(days=60)
"""How far back vouchers and movements are looked at."""

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]


class _Party(msgspec.Struct):
    number: str = ""


class _Application(msgspec.Struct, rename="camel"):
    doc_type: str = ""
    ref_nbr: str = ""
    amount_paid: Decimal = Decimal(0)
    released: bool | None = None
    voided: bool | None = None
    application_date: str | None = None


class Case(msgspec.Struct, rename="camel"):
    """The debt collection fields of an invoice."""

    case_number: str | None = None
    case_status: str | None = None
    case_type: str | None = None
    case_url: str | None = None


class Invoice(msgspec.Struct, rename="camel"):
    """What is read of a CustomerInvoiceDto."""

    reference_number: str
    status: str = ""
    customer: _Party = msgspec.field(default_factory=_Party)
    currency_id: str = ""
    exchange_rate: Decimal | None = None
    amount: Decimal = Decimal(0)
    amount_in_currency: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)
    dunning_letter_level: int | None = None
    applications: list[_Application] | None = None
    debt_collection: Case | None = None
    last_modified_date_time: str = ""


class _Line(msgspec.Struct, rename="camel"):
    document_type: str = ""
    ref_nbr: str = ""


class Payment(msgspec.Struct, rename="camel"):
    """What is read of a PaymentDto."""

    type: str
    ref_nbr: str
    status: str = ""
    payment_ref: str = ""
    customer: _Party = msgspec.field(default_factory=_Party)
    payment_lines: list[_Line] | None = None
    last_modified_date_time: str = ""


class _Period(msgspec.Struct, rename="camel"):
    start_date: str
    end_date: str
    year: int = 0
    period: str = ""


class _Movement(msgspec.Struct, rename="camel"):
    tran_date: str


class _Voucher(msgspec.Struct, rename="camel"):
    batch_number: str
    last_modified_date_time: str = ""


def ask(
    web: Web, settings: VismaNetSettings, zone_offset: timedelta, currency: str, clock: Clock
) -> Iterator[tuple[str, Settled]]:
    """Every point that reads can settle, one after the other. `zone_offset` is that of the company's zone now."""
    reader, until = Reader(web), clock.now() + LONGEST
    looks: tuple[tuple[str, Callable[[], Settled]], ...] = (
        ("time_zone", lambda: _time_zone(reader, zone_offset, clock)),
        ("filter_clock", lambda: _filter_clock(reader)),
        ("invoice_clock", lambda: _invoice_clock(reader)),
        ("page_size", lambda: _page_size(reader)),
        ("credit_notes_listed", lambda: _listed(reader, "CreditNote")),
        ("write_offs_listed", lambda: _listed(reader, "SmallBalanceWo")),
        ("unreleased_by_invoice", lambda: _unreleased_by_invoice(reader)),
        ("void_by_number", lambda: void_by_number(reader)),
        ("void_rows", lambda: _void_rows(reader)),
        ("credit_note_word", lambda: _credit_note_word(reader)),
        ("by_key", lambda: _by_key(reader)),
        ("expand_defaults", lambda: _expand_defaults(reader)),
        ("dunning_filter", lambda: _dunning_filter(reader)),
        ("foreign_currency", lambda: _foreign_currency(reader, currency)),
        ("period_end", lambda: _period_end(reader)),
        ("period_name", lambda: _period_name(reader)),
        ("movement_dates", lambda: _movement_dates(reader, settings, clock)),
        ("voucher_lists", lambda: _voucher_lists(reader, clock)),
        ("quota", lambda: _quota(reader)),
    )
    for key, look in looks:
        if clock.now() > until:
            yield key, not_settled("the ERP answers too slowly; ask again later")
            continue
        try:
            yield key, look()
        except CounterpartyError as failure:
            yield key, Settled("", f"could not be asked: {failure}")


def server_time(reader: "Reader", clock: Clock) -> datetime:
    """Now, by the clock that dates the records."""
    return clock.now().astimezone(UTC) + (reader.web.clock_skew or timedelta(0))


def not_settled(why: str) -> Settled:
    """This tenant cannot tell yet, and why."""
    return Settled("", f"not settled: {why}")


@dataclass
class Reader:
    """First pages, and nothing but first pages."""

    web: Web
    limit: str = ""

    def raw(self, path: str, *params: tuple[str, str], size: int = LOOKED_AT) -> list[bytes]:
        """The records of a list's first page as they came."""
        answer = self.web.read(path, (*params, ("pageNumber", "1"), ("pageSize", str(size))))
        self.limit = answer.headers.get("x-ratelimit-limit", self.limit)
        return array(answer.body, f"GET {path}")

    def rows(self, kind: type[T], path: str, *params: tuple[str, str], size: int = LOOKED_AT) -> list[T]:
        """The same, read."""
        return [decoded(raw, kind, f"GET {path}") for raw in self.raw(path, *params, size=size)]

    def invoices(self, *params: tuple[str, str], size: int = LOOKED_AT) -> list[Invoice]:
        """Invoices with all that the list can show."""
        return self.rows(Invoice, INVOICES, *EXPANDED, *params, size=size)

    def invoice(self, number: str) -> Invoice:
        """One invoice by number."""
        path = f"{INVOICES}/{codec.key_segment(number)}"
        return decoded(self.web.read(path).body, Invoice, f"GET {path}")

    def payments(self, *params: tuple[str, str], size: int = LOOKED_AT) -> list[Payment]:
        """Payments by a filter."""
        return self.rows(Payment, PAYMENTS, *params, size=size)


def decoded(raw: bytes, kind: type[T], where: str) -> T:
    """A record; amounts are read as exact decimals."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable(f"{where}: a record is not what the contract promises") from None


def _filtered(moment: str, condition: str) -> Params:
    return ("lastModifiedDateTime", moment), ("lastModifiedDateTimeCondition", condition)


# -- what reads can tell ---------------------------------------------------------------------------------------------


def _time_zone(reader: Reader, offset: timedelta, clock: Clock) -> Settled:
    """A record that was changed later than now by UTC was not changed by UTC."""
    reader.raw(INVOICES, size=1)  # so that the server has told its own time
    now = server_time(reader, clock)
    if abs(offset) <= NEAR:
        return Settled("local", "local time is UTC here, so there is nothing to tell apart")
    ahead = (now + NEAR).strftime("%Y-%m-%d %H:%M:%S")
    for path in (INVOICES, PAYMENTS, CUSTOMERS):
        if reader.raw(path, *_filtered(ahead, ">="), size=1):
            return Settled("local", "records are dated later than it is by UTC, so the clock is local time")
    return not_settled("nothing was changed within the last hour; ask again after something was, or use --write-probe")


def _filter_clock(reader: Reader) -> Settled:
    for invoice in reader.invoices(size=1):
        who, at = ("customer", invoice.customer.number), invoice.last_modified_date_time.replace("T", " ")
        from_it, after = (
            {each.reference_number for each in reader.invoices(who, *_filtered(at, sign))} for sign in (">=", ">")
        )
        if invoice.reference_number in from_it - after:
            return Settled("same", "a record is found from its own moment on, and not after it")
        if max(len(from_it), len(after)) >= LOOKED_AT:
            return not_settled("the customer has too many invoices to look one up on one page")
        return Settled("shifted", "a record is not found by its own moment: filter and records differ")
    return not_settled("there is no invoice yet")


def _invoice_clock(reader: Reader) -> Settled:
    paid = [invoice for invoice in reader.invoices(("status", "Closed")) if invoice.applications]
    for invoice in paid:
        last = max((each.application_date or "")[:10] for each in invoice.applications or ())
        if invoice.last_modified_date_time[:10] < last:
            return Settled("stays", f"invoice {invoice.reference_number} was paid on a day after its last change")
    return not_settled(f"none of {len(paid)} paid invoices was last changed before the day it was paid")


def _page_size(reader: Reader) -> Settled:
    largest = []
    for path in (INVOICES, PAYMENTS, CUSTOMERS):
        rows = reader.raw(path, size=1)
        told = metadata(rows)
        if len(rows) > 1:
            return Settled("ignored", f"{path} gave {len(rows)} records where one was asked for")
        if told.max_page_size:
            largest.append(told.max_page_size)
    if not largest:
        return not_settled("no list told its largest page")
    return Settled(str(min(largest)), f"pages of up to {min(largest)} records, and smaller ones where asked for")


def _listed(reader: Reader, kind: str) -> Settled:
    """Whether examples of a kind stand in the lists without a type: by customer and by change, as the adapter reads."""
    examples = reader.payments(("paymentType", kind))[:EXAMPLES]
    for example in examples:
        at = example.last_modified_date_time.replace("T", " ")
        for params in ((("customer", example.customer.number),), _filtered(at, ">=")):
            listed = reader.payments(*params)
            if (kind, example.ref_nbr) in {(each.type, each.ref_nbr) for each in listed}:
                continue
            if len(listed) >= LOOKED_AT:
                return not_settled(f"too many payments to look {kind} {example.ref_nbr} up on one page")
            return Settled("no", f"{kind} {example.ref_nbr} is not in the list without a type")
    if not examples:
        return not_settled(f"there is no {kind} yet")
    return Settled("yes", f"{kind} {', '.join(each.ref_nbr for each in examples)} stand in the list without a type")


def _unreleased_by_invoice(reader: Reader) -> Settled:
    for payment in reader.payments(("status", "Balanced")):
        for line in payment.payment_lines or ():
            found = reader.payments(("invoiceRefNbr", line.ref_nbr))
            there = payment.ref_nbr in {each.ref_nbr for each in found}
            return Settled("yes" if there else "no", f"payment {payment.ref_nbr} is {'' if there else 'not '}found")
    return not_settled("there is no unreleased payment that names an invoice")


def _voided(reader: Reader) -> Payment | None:
    return next((each for each in reader.payments(("paymentType", "VoidPayment")) if each.payment_lines), None)


def void_by_number(reader: Reader) -> Settled:
    """What a read by number returns where a Payment and a VoidPayment share it."""
    voided = _voided(reader)
    if voided is None:
        return not_settled("there is no voided payment yet")
    path = f"{PAYMENTS}/{codec.key_segment(voided.ref_nbr)}"
    told = decoded(reader.web.read(path).body, Payment, f"GET {path}")
    return Settled(told.type, f"payment {voided.ref_nbr} is read as the {told.type}")


def _void_rows(reader: Reader) -> Settled:
    voided = _voided(reader)
    line = next(iter((voided.payment_lines or ()) if voided else ()), None)
    if voided is None or line is None or line.document_type != "Invoice":
        return not_settled("there is no voided payment of an invoice yet")
    return void_rows_on(reader.invoice(line.ref_nbr), voided.ref_nbr)


def void_rows_on(invoice: Invoice, payment: str) -> Settled:
    """How an invoice shows a payment that was voided."""
    if invoice.applications is None:
        return not_settled(f"read by number, invoice {invoice.reference_number} does not show what settles it")
    rows = [row for row in invoice.applications if row.ref_nbr == payment]
    if any(row.voided for row in rows):
        return Settled("marked", f"{len(rows)} rows on invoice {invoice.reference_number}, marked as voided")
    if any(row.amount_paid < 0 for row in rows):
        return Settled("negative", f"a negative row stands on invoice {invoice.reference_number}")
    if not rows:
        return Settled("gone", f"invoice {invoice.reference_number} shows nothing of the voided payment")
    return not_settled(f"invoice {invoice.reference_number} shows the payment as if it was not voided")


def _credit_note_word(reader: Reader) -> Settled:
    for note in reader.payments(("paymentType", "CreditNote")):
        for line in note.payment_lines or ():
            if line.document_type == "Invoice":
                rows = reader.invoice(line.ref_nbr).applications or ()
                word = next((row.doc_type for row in rows if row.ref_nbr == note.ref_nbr), None)
                if word is not None:
                    return Settled(word, f"it is spelt {word!r} on invoice {line.ref_nbr}")
    return not_settled("no credit note is matched with an invoice yet")


def _examples(reader: Reader) -> list[tuple[Invoice, dict[str, msgspec.Raw]]]:
    """Invoices that show as much as possible, as the list with its flags shows them; dunned ones first."""
    raws = reader.raw(INVOICES, *EXPANDED)
    read = [(decoded(raw, Invoice, f"GET {INVOICES}"), raw) for raw in raws]
    read.sort(key=lambda pair: not pair[0].dunning_letter_level)
    return [(invoice, _fields(raw)) for invoice, raw in read if invoice.applications][:EXAMPLES]


def _fields(raw: bytes) -> dict[str, msgspec.Raw]:
    return decoded(raw, dict[str, msgspec.Raw], f"GET {INVOICES}")


def _missing(shown: Mapping[str, msgspec.Raw], other: Mapping[str, msgspec.Raw]) -> list[str]:
    """What one reading shows and another leaves out."""

    def empty(value: msgspec.Raw | None) -> bool:
        return value is None or bytes(value).strip() in (b"null", b"[]")

    return sorted(name for name, value in shown.items() if not empty(value) and empty(other.get(name)))


def _by_key(reader: Reader) -> Settled:
    """That nothing is left out, only invoices that are both paid and dunned can tell."""
    examples = _examples(reader)
    for invoice, shown in examples:
        path = f"{INVOICES}/{codec.key_segment(invoice.reference_number)}"
        lacking = [name for name in _missing(shown, _fields(reader.web.read(path).body)) if name != "metadata"]
        if lacking:
            return Settled("lacks", f"read by number, invoice {invoice.reference_number} lacks {', '.join(lacking)}")
    whole = [invoice.reference_number for invoice, _ in examples if invoice.dunning_letter_level]
    if not whole:
        return not_settled("there is no invoice yet that was paid and dunned")
    return Settled("whole", f"read by number, invoices show all that the list shows: {', '.join(whole)}")


def _expand_defaults(reader: Reader) -> Settled:
    examples = {invoice.reference_number: shown for invoice, shown in _examples(reader)}
    if not examples:
        return not_settled("there is no paid invoice yet")
    for raw in reader.raw(INVOICES):
        shown = examples.get(decoded(raw, Invoice, f"GET {INVOICES}").reference_number)
        if shown is not None:
            lacking = _missing(shown, _fields(raw))
            return Settled(
                "lacks" if lacking else "whole", f"without flags the list lacks {', '.join(lacking) or 'nothing'}"
            )
    return not_settled(f"invoices {', '.join(examples)} were not on the first page without flags")


def _dunning_filter(reader: Reader) -> Settled:
    levels = {invoice.dunning_letter_level for invoice in reader.invoices(("dunningLevel", "1"))}
    if any((level or 0) > 1 for level in levels):
        return Settled("from", "the filter keeps the level and higher ones")
    if reader.invoices(("dunningLevel", "2"), size=1):
        return Settled("exact", "the filter keeps exactly the level")
    return not_settled("no invoice has reached the second level yet")


def _foreign_currency(reader: Reader, currency: str) -> Settled:
    for invoice in reader.invoices():
        rate = invoice.exchange_rate
        if invoice.currency_id == currency or not rate or rate == 1 or not invoice.amount:
            continue
        if abs(invoice.amount * rate - invoice.amount_in_currency) <= Decimal("0.05"):
            return Settled("amount", f"on invoice {invoice.reference_number} plain amounts are {invoice.currency_id}")
        if abs(invoice.amount_in_currency * rate - invoice.amount) <= Decimal("0.05"):
            return Settled(
                "in_currency",
                f"on invoice {invoice.reference_number} plain amounts are converted: do not add currencies",
            )
        return not_settled(f"on invoice {invoice.reference_number} neither amount times the rate is the other")
    return not_settled(f"none of the first {LOOKED_AT} invoices is in another currency than {currency}")


def _period_end(reader: Reader) -> Settled:
    raws = array(reader.web.read(PERIODS).body, f"GET {PERIODS}")
    periods = sorted((decoded(raw, _Period, f"GET {PERIODS}") for raw in raws), key=lambda each: each.start_date)
    starts = {period.start_date[:10] for period in periods}
    if len(periods) < 2:
        return not_settled("there are fewer than two periods")
    shared = any(period.end_date[:10] in starts - {period.start_date[:10]} for period in periods)
    return (
        Settled("day_after", "a period ends on the day the next one begins")
        if shared
        else Settled("last_day", "a period ends on its last day")
    )


def _period_name(reader: Reader) -> Settled:
    for raw in array(reader.web.read(PERIODS).body, f"GET {PERIODS}"):
        period = decoded(raw, _Period, f"GET {PERIODS}")
        digits, year = "".join(filter(str.isdigit, period.period)), str(period.year)
        if digits.startswith(year) != digits.endswith(year):
            first = digits.startswith(year)
            return Settled(
                "year first" if first else "year last", f"the period from {period.start_date[:10]} is {period.period}"
            )
    return not_settled("no period's name holds its year")


def _movement_dates(reader: Reader, settings: VismaNetSettings, clock: Clock) -> Settled:
    today = night_of(clock.now())
    for days in (RECENT, 6 * RECENT):
        first = today - days
        dates = (("fromDate", first.isoformat()), ("toDate", today.isoformat()))
        account = (("ledger", settings.ledger), ("account", settings.suspense_account))
        rows = reader.rows(_Movement, MOVEMENTS, *account, *dates)
        outside = [row for row in rows if not first.isoformat() <= row.tran_date[:10] <= today.isoformat()]
        if outside:
            return Settled("ignored", f"{len(outside)} of {len(rows)} lines lie outside the dates asked for")
        if rows:
            return Settled("kept", f"all of {len(rows)} lines lie within the dates asked for")
    return not_settled("nothing was booked on the suspense account within a year")


def _voucher_lists(reader: Reader, clock: Clock) -> Settled:
    since = (night_of(clock.now()) - RECENT).isoformat()
    missing = []
    for released in ("false", "true"):
        kind = (("module", "GL"), ("releasedBatch", released))
        example = next(iter(reader.rows(_Voucher, VOUCHERS, ("lastModifiedDateTime", since), *kind, size=1)), None)
        if example is None:
            return not_settled("there are not both released and unreleased vouchers of the last days")
        at = example.last_modified_date_time.replace("T", " ")
        listed = reader.rows(_Voucher, VOUCHERS, ("lastModifiedDateTime", at), ("module", "GL"))
        if example.batch_number not in {voucher.batch_number for voucher in listed}:
            missing.append(example.batch_number)
    if missing:
        return Settled("one kind", f"voucher {missing[0]} is not in the list that asks for neither kind")
    return Settled("both", "the list that asks for neither kind holds examples of both")


def _quota(reader: Reader) -> Settled:
    if not reader.limit:
        return not_settled("the answers name no limit")
    return Settled(reader.limit, f"{reader.limit} requests an hour")
