"""Visma.net ERP, spoken to through one `Web`.

Creating is not releasing, and release may only have been queued when it answers: callers read the document again.
There is no idempotency key, so every write is one attempt, and what a lost answer did is learnt by looking up our
reference (`posted_payments`, `posted_vouchers`). A 5xx stays `Uncertain` even when its body names a business error.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from cloudcollect_pipeline.domain.errors import NotSent, Permanent, Refused, Uncertain, Unreadable
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    CashAccount,
    DocumentKey,
    ErpCapabilities,
    LedgerAccount,
    Movement,
    NewPayment,
    NewVoucher,
    PaymentMethod,
    Period,
    PostedPayment,
    PostedVoucher,
    Receipt,
)
from cloudcollect_pipeline.erp.visma_net import codec
from cloudcollect_pipeline.erp.visma_net.background import Background, Reader
from cloudcollect_pipeline.erp.visma_net.feeds import feeds
from cloudcollect_pipeline.erp.visma_net.paging import (
    MAX_PAGES,
    CustomerRow,
    DocumentRow,
    Lister,
    MovementRow,
    PaymentRow,
    Row,
    VoucherRow,
    array,
    concurrently,
    metadata,
    record,
)
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings
from cloudcollect_pipeline.web import HttpRefused, Web

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]
PRECONDITION_FAILED = 412
LETTERS_WAIT = timedelta(days=7)
"""How much earlier than its release a dunning letter may be dated."""

PAYMENTS = "/v1/customerPayment"
CUSTOMERS = "/v1/customer"
VOUCHERS = "/v2/journaltransaction"
MOVEMENTS = "/v1/GeneralLedgerTransactions"
PERIODS = "/v1/financialPeriod"
ACCOUNTS = "/v1/account"
CASH_ACCOUNTS = "/v1/cashaccount"
PAYMENT_METHODS = "/v1/paymentmethod"
DOCUMENTS = {
    "Invoice": "/v1/customerinvoice",
    "DebitNote": "/v1/customerDebitNote",
    "OverdueCharge": "/v1/customerOverdueCharge",
}
PRINTED = ("Invoice", "DebitNote")

# what is null without them is unconfirmed, so they are always given
EXPANDED = (("expandApplications", "true"), ("expandDunningInformation", "true"), ("expandInvoiceAddress", "true"))
# whether the list without a type includes credit notes and write-offs is unconfirmed: until a probe has seen them
# there, they are asked for by themselves
ANY_TYPE: Params = ()
CREDIT_NOTES: Params = (("paymentType", "CreditNote"),)
WRITE_OFFS: Params = (("paymentType", "SmallBalanceWo"),)


class VismaNet:
    """One company's Visma.net tenant (an `erp.port.Erp`). Safe to share between threads."""

    max_pages = MAX_PAGES

    def __init__(self, web: Web, tenant: str, settings: VismaNetSettings) -> None:
        self.tenant = tenant
        self.capabilities = ErpCapabilities(
            case_fields=settings.case_fields,
            unfiltered_payments_include_credit_notes=settings.credit_notes_listed,
            page_size=settings.page_size,
        )
        self.feeds = feeds(settings)
        self._web, self.settings = web, settings
        self._long: Reader = web if settings.background == "never" else Background(web)
        self._zone = ZoneInfo(settings.time_zone)
        # a read by number is a small one: twice as many at once as pages, up to eight unless more is asked for
        self._by_key = 1 if settings.parallel == 1 else max(min(8, 2 * settings.parallel), settings.parallel)

    @property
    def clock_skew(self) -> timedelta | None:
        """How far its clock is ahead of ours, by the Date of its last answer."""
        return self._web.clock_skew

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """Raw records changed since a moment, minus the overlap; None reads everything."""
        news, web = ((), self._long) if since is None else (self._modified_since(since), self._web)
        if feed == "documents":
            # whether a dunning letter moves the clock of what it lists is unconfirmed, so both are asked for
            told: set[bytes] = set()
            for asked in (news,) if since is None else (news, self._dunned_since(since)):
                for path in DOCUMENTS.values():
                    for page in self._pages(path, (*EXPANDED, *asked), DocumentRow, web):
                        yield page if since is None else _untold(page, told)
        elif feed == "payments":
            credit_notes = () if self.settings.credit_notes_listed else (CREDIT_NOTES,)
            write_offs = () if self.settings.write_offs_listed else (WRITE_OFFS,)
            for kind in (ANY_TYPE, *credit_notes, *write_offs):
                yield from self._pages(PAYMENTS, (*kind, *news), PaymentRow, web)
        elif feed == "customers":
            yield from self._pages(CUSTOMERS, news, CustomerRow, web)
        else:
            raise ValueError(f"no feed {feed}")

    def documents(self, keys: Sequence[DocumentKey]) -> list[bytes]:
        """Fresh raw records by key, each with all that the list shows."""
        read = concurrently(self._document, keys, self._by_key)
        return [raw for raw in read if raw is not None]

    def customers(self, numbers: Sequence[str]) -> list[bytes]:
        """Fresh raw customers by number."""
        read = concurrently(partial(self._single, CustomerRow, CUSTOMERS), numbers, self._by_key)
        return [raw for raw in read if raw is not None]

    def payments(self, keys: Sequence[DocumentKey]) -> list[bytes]:
        """Fresh raw payments by type and number, by list and filter: a VoidPayment has the number of its Payment."""
        read = concurrently(self._payment, keys, self._by_key)
        return [raw for raw in read if raw is not None]

    def payments_of(self, customers: Sequence[str]) -> list[bytes]:
        """Fresh raw payments and credit notes of these customers that are neither Closed nor Voided.

        Asked for without a status and sifted here: two requests a customer instead of one per status and kind, and no
        status can be forgotten.
        """
        read = concurrently(self._open_payments, customers, self._by_key)
        return [raw for payments in read for raw in payments]

    def posted_payments(self, since: date) -> Iterator[PostedPayment]:
        """Payments dated since a day on the suspense account, and every Balanced or Hold one on any account.

        The list holds everybody's: one that cannot be read is passed over where it is nobody's but a stranger's.
        """
        seen: set[tuple[str, str]] = set()
        lists: tuple[Params, ...] = (
            # unreleased first: one that is released meanwhile then appears in the list by date
            (("status", "Balanced"),),
            (("status", "Hold"),),
            (("docDate", since.isoformat()), ("docDateCondition", ">=")),
        )
        for params in lists:
            for page in self._pages(PAYMENTS, params, PaymentRow):
                for raw in page:
                    try:
                        payment = codec.posted_payment(raw, PAYMENTS)
                    except Unreadable:
                        if codec.is_strangers(raw, self.settings.suspense_cash_account):
                            continue
                        raise
                    key = (payment.document_type, payment.number)
                    ours = payment.cash_account == self.settings.suspense_cash_account
                    if key not in seen and (ours or payment.status in ("Balanced", "Hold")):
                        seen.add(key)
                        yield payment

    def payment(self, document_type: str, number: str) -> PostedPayment | None:
        """One payment read again."""
        raw = self._payment(DocumentKey(document_type, number))
        return None if raw is None else codec.posted_payment(raw, PAYMENTS)

    def create_payment(self, payment: NewPayment) -> Receipt:
        """Create it Balanced on the suspense cash account."""
        return self._create(PAYMENTS, codec.payment_body(payment, self.settings))

    def release_payment(self, document_type: str, number: str) -> None:
        """Ask for release."""
        self._act(f"{PAYMENTS}/{codec.key_segment(number)}/action/release", codec.release_payment_body(document_type))

    def void_payment(self, number: str) -> None:
        """Ask for a VoidPayment with the same number. Unconfirmed whether it comes released: read it, then release."""
        self._act(f"{PAYMENTS}/{codec.key_segment(number)}/action/void", codec.void_payment_body())

    def set_case_fields(self, key: DocumentKey, fields: CaseFields, judged_by: bytes | None = None) -> None:
        """Set the case on an invoice; other documents have no such fields and are `Refused`.

        Unconfirmed whether released invoices take it: a refusal is definite and changes nothing. Unconfirmed too
        whether If-Match is honoured by a call that is not in the background; where it is not, it does no harm.
        """
        if key.document_type != "Invoice":
            raise Refused(f"{key.document_type} {key.number}: only invoices have case fields")
        path = f"{DOCUMENTS['Invoice']}/{codec.key_segment(key.number)}"
        match = None if judged_by is None else codec.entity_tag(judged_by)
        headers = {"If-Match": match} if match else {}
        try:
            answer = self._web.write("PUT", path, codec.case_body(fields, self.settings.case_type), headers)
        except HttpRefused as refusal:
            if refusal.status != PRECONDITION_FAILED:
                raise
            raise NotSent(f"PUT {path}: the invoice has changed since it was read") from None
        if answer.body.strip():  # 204 has none: a page of text with 200 is not the ERP speaking
            raise Uncertain(f"PUT {path} answered {answer.status} with a body")

    def posted_vouchers(self, since: date) -> Iterator[PostedVoucher]:
        """Vouchers modified since a day.

        Whether the list without `releasedBatch` holds both kinds is unconfirmed, so each is asked for; unreleased
        ones first, so that one released meanwhile appears in the second list. The filter has no condition here.
        """
        midnight = datetime.combine(since, time.min, self._zone)
        moment = self._modified_since(midnight)[:1]
        vouchers: dict[str, PostedVoucher] = {}
        for released in ("false", "true"):
            params = (*moment, ("module", "GL"), ("releasedBatch", released))
            rows = (raw for page in self._pages(VOUCHERS, params, VoucherRow) for raw in page)
            vouchers |= {voucher.number: voucher for voucher in codec.posted_vouchers(rows, VOUCHERS)}
        yield from vouchers.values()

    def voucher(self, number: str) -> PostedVoucher | None:
        """One voucher read again."""
        path = f"{VOUCHERS}/{codec.key_segment(number)}"
        answer = self._web.read(path, missing_ok=True)
        if answer.status == 404:
            return None
        found = codec.posted_vouchers([answer.body], f"GET {path}")
        if [voucher.number for voucher in found] != [number]:
            raise Unreadable(f"GET {path}: another record was returned")
        return found[0]

    def create_voucher(self, voucher: NewVoucher) -> Receipt:
        """Create it Balanced."""
        return self._create(VOUCHERS, codec.voucher_body(voucher, self.settings))

    def release_voucher(self, number: str) -> None:
        """Ask for release."""
        self._act(f"{VOUCHERS}/{codec.key_segment(number)}/action/release", b"")

    def movements(self, account: str, since: date, until: date) -> Iterator[Movement]:
        """Released lines of an account by posting date, also those not yet posted to the balances.

        Unconfirmed whether the dates work without periods: what lies outside is left out here too.
        """
        params = (
            ("ledger", self.settings.ledger),
            ("account", account),
            ("fromDate", since.isoformat()),
            ("toDate", until.isoformat()),
            ("includeUnposted", "true"),
            ("includeUnreleased", "false"),
        )
        seen: set[tuple[str, str, int]] = set()
        for page in self._pages(MOVEMENTS, params, MovementRow, self._long):
            for raw in page:
                movement = codec.movement(raw, MOVEMENTS)
                key = (movement.module, movement.batch, movement.line)
                if key not in seen and movement.account == account and since <= movement.posting_date <= until:
                    seen.add(key)
                    yield movement

    def periods(self) -> list[Period]:
        """Financial periods; open means open in the customer ledger, cash management and the general ledger."""
        return codec.periods(array(self._web.read(PERIODS).body, f"GET {PERIODS}"), PERIODS)

    def accounts(self) -> list[LedgerAccount]:
        """The chart of accounts."""
        return self._register(ACCOUNTS, codec.account)

    def cash_accounts(self) -> list[CashAccount]:
        """All cash accounts."""
        return self._register(CASH_ACCOUNTS, codec.cash_account)

    def payment_methods(self) -> list[PaymentMethod]:
        """All payment methods; the vendor does not tell on which cash accounts one is allowed."""
        return self._register(PAYMENT_METHODS, codec.payment_method)

    def paid_by(self, since: date) -> set[tuple[str, str]]:
        """Pairs of payment method and cash account on one page of payments dated since a day."""
        page = (("pageNumber", "1"), ("pageSize", str(self.settings.page_size)))
        params = (("docDate", since.isoformat()), ("docDateCondition", ">="), *page)
        return {codec.paid_by(raw, PAYMENTS) for raw in array(self._web.read(PAYMENTS, params).body, PAYMENTS)}

    def pdf(self, key: DocumentKey) -> bytes:
        """The printed document. Overdue charges cannot be printed by the API (`Permanent`)."""
        if key.document_type not in PRINTED:
            raise Permanent(f"{key.document_type} {key.number} cannot be printed")
        path = f"{_collection(key)}/{codec.key_segment(key.number)}/print"
        body = self._web.read(path, accept="application/pdf, */*").body
        # the content type is not declared, so the file itself must say what it is
        if not body.startswith(b"%PDF-"):
            raise Unreadable(f"GET {path}: not a PDF")
        return body

    def _register(self, path: str, read: Callable[[bytes, str], T]) -> list[T]:
        """A list that has no pages. One that was cut all the same would pass for a set-up that lacks something."""
        where = f"GET {path}"
        rows = array(self._web.read(path).body, where)
        total = metadata(rows).total_count
        if total is not None and total > len(rows):
            raise Unreadable(f"{where}: only {len(rows)} of {total} records came")
        return [read(row, where) for row in rows]

    def _pages(self, path: str, params: Params, row: type[Row], web: Reader | None = None) -> Iterator[list[bytes]]:
        size, parallel = self.settings.page_size, self.settings.parallel
        return Lister(web or self._web, path, params, row, size, parallel, self.max_pages).pages()

    def _modified_since(self, moment: datetime) -> Params:
        # no zone is taken, and some letters are refused: company-local time with a space
        local = (moment - self.settings.overlap).astimezone(self._zone)
        return (
            ("lastModifiedDateTime", local.strftime("%Y-%m-%d %H:%M:%S")),
            ("lastModifiedDateTimeCondition", ">="),
        )

    def _dunned_since(self, moment: datetime) -> Params:
        day = (moment - self.settings.overlap - LETTERS_WAIT).astimezone(self._zone).date()
        return ("dunningLetterDateTime", day.isoformat()), ("dunningLetterDateTimeCondition", ">=")

    def _open_payments(self, customer: str) -> list[bytes]:
        found: dict[bytes, None] = {}
        for kind in (ANY_TYPE,) if self.settings.credit_notes_listed else (ANY_TYPE, CREDIT_NOTES):
            for page in self._pages(PAYMENTS, (*kind, ("customer", customer)), PaymentRow):
                found |= dict.fromkeys(raw for raw in page if not codec.is_settled(raw, PAYMENTS))
        return list(found)

    def _payment(self, key: DocumentKey) -> bytes | None:
        # a read by number does not say whether it returns the Payment or its VoidPayment: the list with a filter does
        params = (("paymentNbr", key.number), ("paymentType", codec.their_type(key.document_type)))
        for page in self._pages(PAYMENTS, params, PaymentRow):
            for raw in page:
                payment = codec.posted_payment(raw, PAYMENTS)
                if (payment.document_type, payment.number) == (key.document_type, key.number):
                    return raw
        return None

    def _document(self, key: DocumentKey) -> bytes | None:
        """Read by number, and where that leaves something out in the list, which has flags and no filter by number.

        Taken for "none", what is left out would make an excluded receivable one that may be transferred.
        """
        path = _collection(key)
        raw = self._single(DocumentRow, path, key.number)
        if raw is None or self.settings.whole_by_number:
            return raw
        told = codec.document(raw, path)
        if told.whole or not (told.customer and told.customer.number and told.document_date):
            return raw  # without customer or date it is set aside
        since = (("documentDate", told.document_date[:10]), ("documentDateCondition", ">="))
        for page in self._pages(path, (*EXPANDED, ("customer", told.customer.number), *since), DocumentRow):
            for listed in page:
                if codec.document(listed, path).reference_number == key.number:
                    return listed
        raise Unreadable(f"GET {path}: {key.number}, whose read by number leaves something out, is not in the list")

    def _single(self, row: type[Row], collection: str, number: str) -> bytes | None:
        path = f"{collection}/{codec.key_segment(number)}"
        answer = self._web.read(path, missing_ok=True)
        if answer.status == 404:
            return None
        return record(answer.body, row, number, f"GET {path}")

    def _create(self, path: str, body: bytes) -> Receipt:
        answer = self._web.write("POST", path, body)
        number = codec.id_from_location(answer.headers.get("location", ""))
        if answer.status != 201 or number is None:
            raise Uncertain(f"POST {path} answered {answer.status} without the id of what was created")
        return Receipt(number)

    def _act(self, path: str, body: bytes) -> None:
        answer = self._web.write("POST", path, body)
        try:
            failure = codec.action_failed(answer.body, f"POST {path}")
        except Unreadable as error:
            raise Uncertain(str(error)) from None
        if failure is not None:
            raise HttpRefused(f"POST {path} answered that it failed: {failure}", answer.status, "", failure)


def _collection(key: DocumentKey) -> str:
    if key.document_type not in DOCUMENTS:
        raise ValueError(f"{key.document_type} is not a receivable")
    return DOCUMENTS[key.document_type]


def _untold(page: list[bytes], told: set[bytes]) -> list[bytes]:
    """The records of a page that no page before it had, byte for byte; `told` keeps a mark of each."""
    marks = {hashlib.blake2b(raw, digest_size=16).digest(): raw for raw in page}
    fresh = [raw for mark, raw in marks.items() if mark not in told]
    told.update(marks)
    return fresh
