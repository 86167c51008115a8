"""Answers to `unconfirmed.POINTS` that a tenant gives to a bounded number of reads.

What a tenant holds decides what can be told: without a voided payment nobody can see how one is shown. Such a point
stays open with what would settle it, and is asked again next time. A first page is not the whole list unless it says
so, and a filter may not be heeded: what is taken as an example must itself be what was asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from cloudcollect_pipeline import web
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
from cloudcollect_pipeline.erp.visma_net.paging import DocumentRow, PaymentRow, Row, array, metadata, record
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings
from cloudcollect_pipeline.erp.visma_net.unconfirmed import Settled
from cloudcollect_pipeline.web import Web

INVOICES = DOCUMENTS["Invoice"]
LOOKED_AT = 100
"""Records of a kind that are looked through for an example."""
EXAMPLES = 3
"""Records that are looked at as examples, if there are as many; they must all say the same."""
NEAR = timedelta(minutes=10)
LONGEST = timedelta(minutes=5)
"""After this long no further point is asked: a person is waiting."""
RECENT = timedelta(days=60)
"""How far back vouchers and movements are looked at."""

UNRELEASED = ("Balanced", "Hold")

A = TypeVar("A")
Params = tuple[tuple[str, str], ...]


class _Record(msgspec.Struct, rename="camel"):
    def counted(self) -> int:
        """How often the list's total counts it."""
        return 1


T = TypeVar("T", bound=_Record)


class _Dated(_Record):
    last_modified_date_time: str = ""


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


class Invoice(_Record):
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


class Payment(_Record):
    """What is read of a PaymentDto."""

    type: str
    ref_nbr: str
    status: str = ""
    payment_ref: str = ""
    customer: _Party = msgspec.field(default_factory=_Party)
    payment_lines: list[_Line] | None = None
    last_modified_date_time: str = ""


class _Period(_Record):
    start_date: str
    end_date: str
    year: int = 0
    period: str = ""


class _Movement(_Record):
    tran_date: str


class _Voucher(_Record):
    batch_number: str
    status: str = ""
    last_modified_date_time: str = ""
    journal_transaction_lines: list[msgspec.Raw] | None = None

    @property
    def released(self) -> bool:
        return codec.VOUCHER_STATUSES.get(self.status) == "Closed"

    def counted(self) -> int:
        """The total counts lines."""
        return max(1, len(self.journal_transaction_lines or ()))


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


def server_time(reader: "Reader", clock: Clock) -> datetime | None:
    """Now in UTC without a zone, by the Date of the ERP's answers; None where none told it: ours may be wrong."""
    skew = reader.web.clock_skew
    return None if skew is None else clock.now().astimezone(UTC).replace(tzinfo=None) + skew


def not_settled(why: str) -> Settled:
    """This tenant cannot tell yet, and why."""
    return Settled("", f"not settled: {why}")


@dataclass(frozen=True)
class Page(Generic[T]):
    """The first page of a list, and whether it is the whole list."""

    rows: list[T]
    whole: bool

    def holds(self, wanted: Callable[[T], bool]) -> bool | None:
        """Whether the list holds such a record; None where that could be on another page."""
        return True if any(wanted(row) for row in self.rows) else False if self.whole else None


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

    def page(self, kind: type[T], path: str, *params: tuple[str, str], size: int = LOOKED_AT) -> Page[T]:
        """The same, read. Only an empty page, or a total that it reaches, says that there is no more."""
        raws = self.raw(path, *params, size=size)
        rows, total = [decoded(raw, kind, f"GET {path}") for raw in raws], metadata(raws).total_count
        return Page(rows, not rows or (total is not None and total <= sum(row.counted() for row in rows)))

    def rows(self, kind: type[T], path: str, *params: tuple[str, str], size: int = LOOKED_AT) -> list[T]:
        """The records alone."""
        return self.page(kind, path, *params, size=size).rows

    def invoices(self, *params: tuple[str, str], size: int = LOOKED_AT) -> list[Invoice]:
        """Invoices with all that the list can show."""
        return self.rows(Invoice, INVOICES, *EXPANDED, *params, size=size)

    def invoice(self, number: str) -> Invoice:
        """One invoice by number."""
        return decoded(self.single(INVOICES, number, DocumentRow), Invoice, f"GET {INVOICES}")

    def single(self, path: str, number: str, row: type[Row]) -> bytes:
        """One record by number as it came; another one is `Unreadable`."""
        path = f"{path}/{codec.key_segment(number)}"
        return record(self.web.read(path).body, row, number, f"GET {path}")

    def payments(self, *params: tuple[str, str], size: int = LOOKED_AT) -> list[Payment]:
        """Payments by a filter."""
        return self.rows(Payment, PAYMENTS, *params, size=size)


def decoded(raw: bytes, kind: type[A], where: str) -> A:
    """A record; amounts are read as exact decimals."""
    try:
        return web.decoded(raw, kind)
    except web.NotJson:
        raise Unreadable(f"{where}: a record is not what the contract promises") from None


def moment(text: str) -> datetime | None:
    """A zoneless moment as the vendor writes it; None for anything else."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if told.tzinfo else told


def _filtered(moment: str, condition: str) -> Params:
    return ("lastModifiedDateTime", moment), ("lastModifiedDateTimeCondition", condition)


# -- what reads can tell ---------------------------------------------------------------------------------------------


def _time_zone(reader: Reader, offset: timedelta, clock: Clock) -> Settled:
    """A record that was changed later than now by UTC, and no later than now by the zone, was not changed by UTC."""
    reader.raw(INVOICES, size=1)  # so that the server has told its own time
    now = server_time(reader, clock)
    if now is None:
        return not_settled("no answer bore a date, and this machine's clock may be wrong")
    if offset <= NEAR:
        return not_settled("local time is not ahead of UTC, so no record shows it; ask again, or use --write-probe")
    ahead = (now + NEAR).strftime("%Y-%m-%d %H:%M:%S")
    for path in (INVOICES, PAYMENTS, CUSTOMERS):
        for each in reader.rows(_Dated, path, *_filtered(ahead, ">="), size=1):
            told = moment(each.last_modified_date_time)
            if told is not None and NEAR < told - now <= offset + NEAR:
                return Settled("local", "records are dated later than it is by UTC, so the clock is local time")
    return not_settled("nothing was changed within the last hour; ask again after something was, or use --write-probe")


def _filter_clock(reader: Reader) -> Settled:
    invoice = next(iter(reader.invoices(size=1)), None)
    if invoice is None:
        return not_settled("there is no invoice yet")
    number, who, at = invoice.reference_number, ("customer", invoice.customer.number), invoice.last_modified_date_time
    told = moment(at)
    if told is None:
        return not_settled(f"invoice {number} tells no moment without a zone")

    def found(sign: str, on: str) -> bool | None:
        page = reader.page(Invoice, INVOICES, *EXPANDED, who, *_filtered(on, sign))
        return page.holds(lambda each: each.reference_number == number)

    from_it, after = found(">=", at.replace("T", " ")), found(">", at.replace("T", " "))
    if from_it and after is False:
        return Settled("same", "a record is found from its own moment on, and not after it")
    a_day_later = found(">", (told + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")) if after else None
    if reader.invoice(number).last_modified_date_time != at:
        return not_settled(f"invoice {number} was changed meanwhile")
    if a_day_later:
        return Settled("ignored", "a record is found a day after its own moment too: the filter is not heeded")
    if after and a_day_later is False:
        return Settled("shifted", "a record is found after its own moment too: filter and records differ")
    if from_it is False:
        return Settled("shifted", "a record is not found by its own moment: filter and records differ")
    return not_settled("the customer has too many invoices to look one up on one page")


def _invoice_clock(reader: Reader) -> Settled:
    """A payment may be dated ahead of the day it is applied on; one that was changed since its date has come."""
    paid = [invoice for invoice in reader.invoices(("status", "Closed")) if invoice.applications]
    late = []
    for invoice in paid:
        rows = (row for row in invoice.applications or () if row.released and not row.voided)
        last, by = max((((row.application_date or "")[:10], row.ref_nbr) for row in rows), default=("", ""))
        if invoice.last_modified_date_time[:10] < last:
            late.append((invoice.reference_number, last, by))
    for number, last, by in late[:EXAMPLES]:
        payments = reader.payments(("paymentNbr", by), ("paymentType", "Payment"))
        if any(each.ref_nbr == by and each.last_modified_date_time[:10] >= last for each in payments):
            return Settled("stays", f"invoice {number} was paid on a day after its last change")
    return not_settled(f"none of {len(paid)} paid invoices was surely last changed before the day it was paid")


def _page_size(reader: Reader) -> Settled:
    largest, more = [], False
    for path in (INVOICES, PAYMENTS, CUSTOMERS):
        rows = reader.raw(path, size=1)
        told = metadata(rows)
        if len(rows) > 1:
            return Settled("ignored", f"{path} gave {len(rows)} records where one was asked for")
        if told.max_page_size and told.max_page_size > 0:
            largest.append(told.max_page_size)
        more = more or (told.total_count or 0) > 1
    if not largest:
        return not_settled("no list told its largest page")
    kept = ", and smaller ones where asked for" if more else ""
    return Settled(str(min(largest)), f"pages of up to {min(largest)} records{kept}")


def _listed(reader: Reader, kind: str) -> Settled:
    """Whether examples of a kind stand in the lists without a type: by customer and by change, as the adapter reads.

    One example of each status, since a list could hold some of them only.
    """
    of_the_kind = [each for each in reader.payments(("paymentType", kind)) if each.type == kind]
    examples = list({each.status: each for each in of_the_kind}.values())[:EXAMPLES]
    for example in examples:
        at, is_it = example.last_modified_date_time.replace("T", " "), _same(example)
        for params in ((("customer", example.customer.number),), _filtered(at, ">=")):
            there = reader.page(Payment, PAYMENTS, *params).holds(is_it)
            if there is None:
                return not_settled(f"too many payments to look {kind} {example.ref_nbr} up on one page")
            if not there:
                return Settled("no", f"{kind} {example.ref_nbr} is not in the list without a type")
    if not examples:
        return not_settled(f"there is no {kind} yet")
    return Settled("yes", f"{kind} {', '.join(each.ref_nbr for each in examples)} stand in the list without a type")


def unreleased(payment: Payment) -> bool:
    """Whether a payment is a draft, by whichever word."""
    return codec.STATUSES.get(payment.status, payment.status) in UNRELEASED


def _same(payment: Payment) -> Callable[[Payment], bool]:
    return lambda each: (each.type, each.ref_nbr) == (payment.type, payment.ref_nbr)


def _unreleased_by_invoice(reader: Reader) -> Settled:
    for payment in reader.payments(("status", "Balanced")):
        lines = payment.payment_lines or () if payment.status == "Balanced" else ()
        for line in lines:
            if line.document_type == "Invoice":
                return unreleased_by_invoice(reader, payment, line.ref_nbr)
    return not_settled("there is no unreleased payment that names an invoice")


def unreleased_by_invoice(reader: Reader, payment: Payment, invoice: str) -> Settled:
    """Whether the filter by invoice finds an unreleased payment that names it."""
    found = reader.page(Payment, PAYMENTS, ("invoiceRefNbr", invoice))
    strangers = [
        each.ref_nbr
        for each in found.rows
        if each.payment_lines and all(line.ref_nbr != invoice for line in each.payment_lines)
    ]
    there = found.holds(_same(payment))
    if strangers or there is None:
        return not_settled(f"the list of invoice {invoice} is cut, or holds payments of others")
    return Settled("yes" if there else "no", f"payment {payment.ref_nbr} is {'' if there else 'not '}found")


def _voided(reader: Reader) -> Payment | None:
    listed = reader.payments(("paymentType", "VoidPayment"))
    return next(
        (each for each in listed if each.type == "VoidPayment" and each.payment_lines and not unreleased(each)),
        None,
    )


def void_by_number(reader: Reader) -> Settled:
    """What a read by number returns where a Payment and a VoidPayment share it."""
    voided = _voided(reader)
    if voided is None:
        return not_settled("there is no voided payment yet")
    told = decoded(reader.single(PAYMENTS, voided.ref_nbr, PaymentRow), Payment, f"GET {PAYMENTS}")
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
    notes = (note for note in reader.payments(("paymentType", "CreditNote")) if note.type == "CreditNote")
    lines = ((note, line) for note in notes for line in note.payment_lines or () if line.document_type == "Invoice")
    for note, line in islice(lines, EXAMPLES):
        rows = reader.invoice(line.ref_nbr).applications or ()
        word = next((row.doc_type for row in rows if row.ref_nbr == note.ref_nbr), None)
        if word is not None:
            return Settled(word, f"it is spelt {word!r} on invoice {line.ref_nbr}")
    return not_settled("no credit note was seen that an invoice shows")


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


DECISIVE = ("applications", "dunningLetterLevel", "excludeDebtCollection", "revoked", "debtCollection")
"""What the adapter would no longer read in the list."""


def _apart(shown: Mapping[str, msgspec.Raw], other: Mapping[str, msgspec.Raw]) -> list[str]:
    """What decides and is not the same in two readings, in whatever order its rows come."""

    def told(fields: Mapping[str, msgspec.Raw], name: str) -> object:
        value = decoded(fields.get(name, msgspec.Raw(b"null")), object, f"GET {INVOICES}")
        return sorted(map(repr, value)) if isinstance(value, list) else value

    return [name for name in DECISIVE if told(shown, name) != told(other, name)]


def _by_key(reader: Reader) -> Settled:
    """That nothing is left out, only invoices that are both paid and dunned can tell."""
    examples = _examples(reader)
    for invoice, shown in examples:
        number = invoice.reference_number
        by_number = _fields(reader.single(INVOICES, number, DocumentRow))
        lacking = {*_missing(shown, by_number), *_apart(shown, by_number)} - {"metadata"}
        if lacking:
            return Settled(
                "lacks", f"read by number, invoice {number} does not show all of {', '.join(sorted(lacking))}"
            )
    whole = [invoice.reference_number for invoice, _ in examples if invoice.dunning_letter_level]
    if not whole:
        return not_settled("there is no invoice yet that was paid and dunned")
    return Settled("whole", f"read by number, invoices show all that the list shows: {', '.join(whole)}")


def _expand_defaults(reader: Reader) -> Settled:
    examples = {invoice.reference_number: (invoice, shown) for invoice, shown in _examples(reader)}
    if not examples:
        return not_settled("there is no paid invoice yet")
    for raw in reader.raw(INVOICES):
        invoice, shown = examples.get(decoded(raw, Invoice, f"GET {INVOICES}").reference_number, (None, {}))
        if lacking := _missing(shown, _fields(raw)):
            return Settled("lacks", f"without flags the list lacks {', '.join(lacking)}")
        if invoice is not None and invoice.dunning_letter_level:
            return Settled("whole", "without flags the list lacks nothing")
    return not_settled(
        f"invoices {', '.join(examples)} do not tell: not dunned, or not on the first page without flags"
    )


def _dunning_filter(reader: Reader) -> Settled:
    """An invoice of a high level is looked up by the lowest one, and by one that it has not reached."""
    dunned = reader.invoices(("dunningLevel", "2"))
    high = next((each for each in dunned if (each.dunning_letter_level or 0) > 1), None)
    if high is None:
        return not_settled("no invoice was found by the second level yet")

    def found(level: int) -> bool | None:
        params = (("customer", high.customer.number), ("dunningLevel", str(level)))
        page = reader.page(Invoice, INVOICES, *EXPANDED, *params)
        return page.holds(lambda each: each.reference_number == high.reference_number)

    by_lowest = found(1)
    if by_lowest is False:
        return Settled("exact", "the filter keeps exactly the level")
    by_higher = found((high.dunning_letter_level or 0) + 1)
    if by_higher:
        return Settled("ignored", "the filter keeps lower levels too: it is not heeded")
    if by_lowest is None or by_higher is None:
        return not_settled("the customer has too many invoices to look one up on one page")
    return Settled("from", "the filter keeps the level and higher ones")


def _foreign_currency(reader: Reader, currency: str) -> Settled:
    for invoice in reader.invoices():
        rate = invoice.exchange_rate
        if invoice.currency_id == currency or not rate or rate == 1 or not invoice.amount:
            continue
        plain = abs(invoice.amount * rate - invoice.amount_in_currency) <= Decimal("0.05")
        converted = abs(invoice.amount_in_currency * rate - invoice.amount) <= Decimal("0.05")
        if plain and converted:
            continue  # the two are worth nearly the same
        if plain:
            return Settled("amount", f"on invoice {invoice.reference_number} plain amounts are {invoice.currency_id}")
        if converted:
            return Settled(
                "in_currency",
                f"on invoice {invoice.reference_number} plain amounts are converted: do not add currencies",
            )
        return not_settled(f"on invoice {invoice.reference_number} neither amount times the rate is the other")
    return not_settled(f"none of the first {LOOKED_AT} invoices is in another currency than {currency}, and tells")


def _period_end(reader: Reader) -> Settled:
    """By periods of more than a day: one for closing entries begins and ends on another's last."""
    raws = array(reader.web.read(PERIODS).body, f"GET {PERIODS}")
    read = [decoded(raw, _Period, f"GET {PERIODS}") for raw in raws]
    spans = sorted({(_day_of(each.start_date), _day_of(each.end_date)) for each in read})
    spans = [(start, end) for start, end in spans if start < end]
    if len(spans) < 2:
        return not_settled("there are fewer than two periods")
    starts = {start for start, _ in spans}
    shared = any(end in starts for _, end in spans)
    next_to = any(end + timedelta(days=1) in starts for _, end in spans)
    if shared == next_to:
        return not_settled("periods do not follow each other in one way")
    if shared:
        return Settled("day_after", "a period ends on the day the next one begins")
    return Settled("last_day", "a period ends on its last day")


def _day_of(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Unreadable(f"GET {PERIODS}: a date is not a date") from None


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
    """The lines of one day are asked for where there are others: without any others all lie within anyway."""
    today = night_of(clock.now())

    def lines(first: str, last: str) -> Page[_Movement]:
        account = (("ledger", settings.ledger), ("account", settings.suspense_account))
        return reader.page(_Movement, MOVEMENTS, *account, ("fromDate", first), ("toDate", last))

    for back in (RECENT, 6 * RECENT):
        days = sorted({row.tran_date[:10] for row in lines((today - back).isoformat(), today.isoformat()).rows})
        if len(days) < 2:
            continue
        asked = lines(days[-1], days[-1])
        outside = [row for row in asked.rows if row.tran_date[:10] != days[-1]]
        if outside:
            return Settled("ignored", f"{len(outside)} of {len(asked.rows)} lines lie outside the day asked for")
        if asked.rows and asked.whole:
            return Settled("kept", f"all of {len(asked.rows)} lines lie on the one day asked for")
        return not_settled("the lines of one day did not come, or not on one page")
    return not_settled("nothing was booked on the suspense account on two days of a year")


def _voucher_lists(reader: Reader, clock: Clock) -> Settled:
    since = (night_of(clock.now()) - RECENT).isoformat()
    missing = []
    for released in (False, True):
        kind = (("module", "GL"), ("releasedBatch", str(released).lower()))
        listed = reader.rows(_Voucher, VOUCHERS, ("lastModifiedDateTime", since), *kind)
        example = next((each for each in listed if each.released == released), None)
        if example is None:
            return not_settled("there are not both released and unreleased vouchers of the last days")
        at, number = example.last_modified_date_time.replace("T", " "), example.batch_number
        both = reader.page(_Voucher, VOUCHERS, ("lastModifiedDateTime", at), ("module", "GL"))
        if number not in {each.batch_number for each in both.rows}:
            if not both.whole:
                return not_settled(f"too many vouchers to look {number} up on one page")
            missing.append(number)
    if missing:
        return Settled("one kind", f"voucher {missing[0]} is not in the list that asks for neither kind")
    return Settled("both", "the list that asks for neither kind holds examples of both")


def _quota(reader: Reader) -> Settled:
    if not reader.limit:
        return not_settled("the answers name no limit")
    return Settled(reader.limit, f"{reader.limit} requests an hour")
