"""Both counterparties as the night meets them: straight onto the sandbox's books, with faults at every call.

The agency is the unkindest there is: it takes the same claim or reduction twice, and only a look-up tells. An answer is
made of values (`rows.py`), so what was read does not change when the books do.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeVar

from cloudcollect_pipeline.agency.port import Debtor, Held, NewClaim, NewReduction
from cloudcollect_pipeline.domain.errors import NotSent, Permanent, Refused, Transient, Uncertain, Unreadable
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    DocumentKey,
    NewPayment,
    NewVoucher,
    PaymentLine,
    Period,
    PostedPayment,
    PostedVoucher,
    Receipt,
    VoucherLine,
)
from cloudcollect_pipeline.sandbox.agency.books import Claim, ClaimOrder, ReductionOrder
from cloudcollect_pipeline.sandbox.agency.books import Debtor as TheirDebtor
from cloudcollect_pipeline.sandbox.agency.records import Refusal
from cloudcollect_pipeline.sandbox.erp.books import Line
from cloudcollect_pipeline.sandbox.erp.documents import BooksError, Document, DocumentType
from cloudcollect_pipeline.sandbox.erp.ledger import Batch
from cloudcollect_pipeline.sandbox.erp.ledger import Entry as VoucherEntry
from cloudcollect_pipeline.testing.simulation.core import rows
from cloudcollect_pipeline.testing.simulation.core.faults import RELEASES, Chaos
from cloudcollect_pipeline.testing.simulation.core.rows import PAYING
from cloudcollect_pipeline.testing.simulation.events import SUSPENSE, Stage, happen
from cloudcollect_pipeline.testing.simulation.network import LATENCY, MEANWHILE, STALE, Killed
from cloudcollect_pipeline.testing.simulation.oracle import Oracle, Write, said
from cloudcollect_pipeline.testing.simulation.script import Step

T = TypeVar("T")
COUNTED = frozenset(
    {
        "erp documents",
        "erp payments",
        "erp customers",
        "touched receivables",
        "drafts",
        "guard entries",
        "guard payments",
        "look-up of payments",
        "look-up of vouchers",
    }
)
"""Reads whose adapter counts what came against what there is: a row that is missing there does not go unnoticed.

The guard's entries are those of some hours: one page, which comes whole or not at all.
"""
FAR_BACK = "far back"
"""A list of the agency that reaches back more than a day: only what is new comes late, which the overlap heals."""
OVERLAP = {"erp": timedelta(hours=6), "agency": timedelta(hours=26)}
"""How far a feed is read back behind where it was read to, as the adapters do."""


class Wire:
    """The way to both counterparties. `kill` is told whether the journal's last commits are to be lost."""

    def __init__(self, stage: Stage, chaos: Chaos, oracle: Oracle, kill: Callable[[bool], None]) -> None:
        self.stage, self.chaos, self.oracle, self.kill = stage, chaos, oracle, kill
        self.world = stage.world
        self.requests = 0
        self.latency = LATENCY
        self.unlisted: frozenset[str] = frozenset()
        """References that no list shows yet."""
        self.at_next_write: Callable[[], None] | None = None
        """Done once, right before the next write."""
        self._before: dict[tuple[str, Any], deque[tuple[datetime, datetime | None, list[Any]]]] = {}
        """Whole answers of the last half hour to each question: when, how far back they reach, and what they told."""
        self._left_out: list[Any] = []
        """Rows that a fault kept out of an answer: no list leaves the same record out a second time."""
        self._cut: frozenset[str] = frozenset()
        """References that a fault kept out of the answer under way."""

    def begin(self) -> None:
        """A run begins: what was answered too long ago is no stale answer any more."""
        self.chaos.begin()
        oldest = self.world.now - STALE
        self._before = {key: kept for key, kept in self._before.items() if kept[-1][0] >= oldest}

    def read(
        self,
        operation: str,
        about: Any,
        fetch: Callable[[], list[T]],
        watch: Collection[str] = (),
        since: datetime | None = None,
    ) -> list[T]:
        """Rows of a list or of reads by key. `watch` is looked up by it, and the list reaches back to `since`."""
        world = self.world
        now = world.now + self.latency
        world.advance(now)
        self.requests += 1
        self.oracle.step = self.requests
        step = self.chaos.at("read", operation)
        self._cut = frozenset()

        def ask() -> list[T]:
            answer = fetch()
            self._before.setdefault((operation, about), deque(maxlen=9)).append((now, since, answer))
            return answer

        found = ask() if step is None else self._struck_read(step, operation, about, since, ask)
        if self.unlisted:
            found = [row for row in found if not self._hidden(row)]
        if watch:
            self.oracle.looked_up(watch, self._cut)
        return found

    def _hidden(self, row: Any) -> bool:
        """Whether a list does not show yet what we wrote; what others have voided since is their news."""
        return getattr(row, "reference", "") in self.unlisted and getattr(row, "status", "") != "Voided"

    def _struck_read(
        self, step: Step, operation: str, about: Any, since: datetime | None, fetch: Callable[[], list[T]]
    ) -> list[T]:
        match step.what:
            case "read lost":
                raise Transient(f"{operation} got no answer")
            case "read unreadable":
                raise Unreadable(f"{operation} answered with a web page")
            case "read refused":
                raise Permanent(f"{operation} answered 401", 401)
            case "killed at a read":
                self.kill(False)
                raise Killed
        stale = self._stale(operation, about, since) if step.what == "read stale" else None
        dice, found = Random(step.dice), fetch()
        counted = step.what in ("row missing", "page lost") and (operation in COUNTED or about == FAR_BACK)
        if counted and found:
            raise Unreadable(f"{operation}: only some of {len(found)} records came")
        whole = [*found]
        match step.what:
            case "read stale" if stale is not None:
                found = stale
            case "rows twice":
                found += dice.sample(found, k=min(2, len(found)))
            case "rows in another order":
                dice.shuffle(found)
            case "row missing" if found:
                del found[dice.randrange(len(found))]
            case "page lost":
                del found[len(found) // 2 :]
            case "meanwhile":
                self._meanwhile(step, dice)
        if len(found) < len(whole) and stale is None:
            left_out = [row for row in whole if row not in found]
            found += [row for row in left_out if row in self._left_out]
            self._left_out += [row for row in left_out if row not in self._left_out]
            self._cut = frozenset(getattr(row, "reference", "") for row in whole if row not in found)
        same = len(found) == len(whole) if step.what in ("row missing", "page lost") else found == whole
        if same and step.what != "meanwhile":
            self.chaos.came_to_nothing(step, operation, again=step.what == "read stale")
        return found

    def _stale(self, operation: str, about: Any, since: datetime | None) -> list[Any] | None:
        """The oldest answer of the last half hour, of those that reach back as far as is asked for now."""
        for at, reached, answer in self._before.get((operation, about), ()):
            far_enough = reached is None or (since is not None and reached <= since)
            if far_enough and self.world.now - at <= STALE:
                return [*answer]
        return None

    def _meanwhile(self, step: Step, dice: Random) -> None:
        self.oracle.moved()
        happen(self.stage, dice.choice(MEANWHILE), step.dice)

    def _lands(self, carry_out: Callable[[], object]) -> None:
        self.oracle.moved()
        _try(carry_out)

    def write(self, write: Write, carry_out: Callable[[], T]) -> T:
        """One write: judged on its way, carried out or not, answered or not."""
        world = self.world
        world.advance(world.now + self.latency)
        self.requests += 1
        self.oracle.step = self.requests
        meanwhile, self.at_next_write = self.at_next_write, None
        if meanwhile:
            meanwhile()
        step = self.chaos.at("write", write.operation)
        if step is not None and step.what == "meanwhile before a write":
            self._meanwhile(step, Random(step.dice))
            step = None
        if step is not None and step.what == "killed before a write":
            self.kill(False)
            raise Killed
        self.oracle.write(write)
        if step is None:
            return _answered(write.operation, carry_out)
        match step.what:
            case "write not connected":
                raise NotSent(f"{write.operation}: no connection")
            case "write 429":
                raise NotSent(f"{write.operation} answered 429")
            case "write refused":
                raise Refused(f"{write.operation} answered 400")
            case "write 500":
                raise Uncertain(f"{write.operation} answered 500")
            case "write done late":
                late = timedelta(minutes=Random(step.dice).choice((1, 15, 90, 300)))
                world.schedule(world.now + late, lambda: self._lands(carry_out))
            case "write done answer lost" | "write 500 done" | "killed after a write" | "killed and journal torn":
                _try(carry_out)
        if step.what.startswith("killed"):
            self.kill(step.what == "killed and journal torn")
            raise Killed
        raise Uncertain(f"{write.operation} {'answered 500' if step.what == 'write 500 done' else 'got no answer'}")


def _answered(operation: str, carry_out: Callable[[], T]) -> T:
    try:
        return carry_out()
    except (BooksError, Refusal) as refusal:
        raise Refused(f"{operation}: {refusal}") from None


def _try(carry_out: Callable[[], object]) -> None:
    with suppress(BooksError, Refusal, NotSent):
        carry_out()


class ErpPort:
    """`ErpWrites` onto the books, and the reads of landing and guard as values."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.books = wire, wire.stage.erp
        self.tenant = self.books.tenant

    # -- what landing and guards read ----------------------------------------------------------------------------

    def changed(self, feed: str, since: datetime | None) -> list[Any]:
        """The records of a feed that changed since a moment, minus the overlap; None: all."""
        books, back = self.books, since - OVERLAP["erp"] if since else None
        if feed == "customers":
            return self.wire.read("erp customers", None, lambda: self._customers(back))
        kinds = PAYING if feed == "payments" else (DocumentType.INVOICE, DocumentType.DEBIT_NOTE)
        form = rows.payment if feed == "payments" else rows.receivable

        def fetch() -> list[Any]:
            books.note_read()
            return [form(d) for d in (books.documents(*kinds) if back is None else books.changed_since(back, *kinds))]

        return self.wire.read(f"erp {feed}", None, fetch, since=back)

    def _customers(self, since: datetime | None) -> list[rows.Customer]:
        books = self.books
        those = books.customers.values() if since is None else books.customers_changed_since(since)
        return [rows.customer(card) for card in those]

    def receivables(self, operation: str, names: Sequence[str]) -> list[rows.Receivable]:
        """These receivables by number."""
        return self.wire.read(operation, tuple(names), lambda: [rows.receivable(d) for d in self._found(names)])

    def payments(self, operation: str, names: Sequence[str]) -> list[rows.Payment]:
        """These payments by number."""
        return self._polled(operation, tuple(names), lambda: [rows.payment(d) for d in self._found(names)])

    def _found(self, names: Sequence[str]) -> Iterator[Document]:
        self.books.finish_queued()
        for name in names:
            kind, _, number = name.partition(" ")
            document = self.books.find(DocumentType(kind), number)
            if document is not None:
                yield document

    def customers(self, numbers: Sequence[str]) -> list[rows.Customer]:
        """These customers by number."""
        cards = self.books.customers
        read = self.wire.read("guard customers", tuple(numbers), lambda: [rows.customer(cards[n]) for n in numbers])
        self.wire.oracle.unseen.update({*numbers} - {card.name for card in read})
        return read

    def payments_of(self, customers: Sequence[str]) -> list[rows.Payment]:
        """Every payment and credit note of these customers that is neither Closed nor Voided."""

        def fetch() -> list[rows.Payment]:
            self.books.note_read()
            return [
                rows.payment(document)
                for number in customers
                for document in self.books.customers[number].documents
                if document.type in PAYING and document.status.value not in ("Closed", "Voided")
            ]

        return self.wire.read("guard payments", tuple(customers), fetch)

    # -- `ErpWrites` ---------------------------------------------------------------------------------------------

    def posted_payments(self, since: date) -> Iterator[PostedPayment]:
        """See `ErpWrites`."""

        def fetch() -> list[PostedPayment]:
            self.books.note_read()
            return [
                _posted(document)
                for document in self.books.documents(DocumentType.PAYMENT, DocumentType.PREPAYMENT)
                if (document.cash_account == SUSPENSE and document.on >= since) or not document.released
            ]

        return iter(self.wire.read("look-up of payments", None, fetch, ["payment"]))

    def payment(self, document_type: str, number: str) -> PostedPayment | None:
        """See `ErpWrites`."""

        def fetch() -> list[PostedPayment]:
            document = self.books.find(DocumentType(document_type), number)
            if document is None:
                return []
            for kind in (DocumentType.PAYMENT, DocumentType.VOID_PAYMENT):
                if (read := self.books.find(kind, number)) is not None:
                    self.books.note_read(read)  # whoever asks by number is shown both
            return [_posted(document)]

        return next(iter(self._polled("status of a payment", (document_type, number), fetch)), None)

    def _polled(self, operation: str, about: Any, fetch: Callable[[], list[T]]) -> list[T]:
        """A read by number shows what a list does not show yet."""
        unlisted, self.wire.unlisted = self.wire.unlisted, frozenset()
        try:
            return self.wire.read(operation, about, fetch)
        finally:
            self.wire.unlisted = unlisted

    def create_payment(self, payment: NewPayment) -> Receipt:
        """See `ErpWrites`."""
        write = Write(
            "payment",
            payment.reference,
            customer=payment.customer,
            amount=payment.amount,
            lines=tuple((f"{line.document_type} {line.number}", line.amount) for line in payment.lines),
            on=payment.payment_date,
        )
        lines = [Line(line.number, line.amount) for line in payment.lines]

        def carry_out() -> Receipt:
            made = self.books.draft_payment(
                payment.customer,
                payment.amount,
                lines,
                payment.payment_date,
                SUSPENSE,
                payment.reference,
                payment_method="4",
                currency=payment.currency,
            )
            return Receipt(made.number)

        return self.wire.write(write, carry_out)

    def release_payment(self, document_type: str, number: str) -> None:
        """See `ErpWrites`."""
        operation = RELEASES[0] if document_type == "Payment" else RELEASES[1]

        def carry_out() -> None:
            document = self.books.find(DocumentType(document_type), number)
            if document is None:
                raise BooksError(f"'{number}' cannot be found in the system.")
            self.books.queue_release(document)

        self.wire.write(Write(operation, subject=number), carry_out)

    def void_payment(self, number: str) -> None:
        """See `ErpWrites`."""

        def carry_out() -> None:
            document = self.books.find(DocumentType.PAYMENT, number)
            if document is None:
                raise BooksError(f"'{number}' cannot be found in the system.")
            self.books.start_void(document)

        self.wire.write(Write("void", subject=number), carry_out)

    def set_case_fields(self, key: DocumentKey, fields: CaseFields, judged_by: bytes | None = None) -> None:
        """See `ErpWrites`."""

        def carry_out() -> None:
            document = self.books.find(DocumentType(key.document_type), key.number)
            if document is None:
                raise BooksError(f"'{key.number}' cannot be found in the system.")
            if judged_by is not None and judged_by != b"%d" % document.revision:
                raise NotSent(f"{key.number} has changed since it was read")
            self.books.set_case(document, fields.number, fields.status, url=fields.url)

        self.wire.write(Write("case number", subject=f"{key.document_type} {key.number}"), carry_out)

    def posted_vouchers(self, since: date) -> Iterator[PostedVoucher]:
        """See `ErpWrites`."""

        def fetch() -> list[PostedVoucher]:
            self.books.note_read()
            return [
                _voucher(batch)
                for batch in self.books.ledger.batches.values()
                if batch.module == "GL" and batch.modified_at.date() >= since
            ]

        return iter(self.wire.read("look-up of vouchers", None, fetch, ["voucher"]))

    def voucher(self, number: str) -> PostedVoucher | None:
        """See `ErpWrites`."""

        def fetch() -> list[PostedVoucher]:
            batch = self.books.ledger.batches.get(number)
            if batch is None:
                return []
            self.books.note_read(batch)
            return [_voucher(batch)]

        return next(iter(self._polled("status of a voucher", number, fetch)), None)

    def create_voucher(self, voucher: NewVoucher) -> Receipt:
        """See `ErpWrites`."""
        entries = [
            VoucherEntry(line.account, line.amount, line.text, voucher.reference, line.vat_code)
            for line in voucher.lines
        ]

        def carry_out() -> Receipt:
            return Receipt(self.books.draft_voucher(voucher.voucher_date, voucher.text, entries).number)

        lines = tuple((line.account, line.amount) for line in voucher.lines)
        write = Write("voucher", voucher.reference, amount=-dict(lines).get(SUSPENSE, 0), lines=lines)
        return self.wire.write(write, carry_out)

    def release_voucher(self, number: str) -> None:
        """See `ErpWrites`."""
        self.wire.write(
            Write("release of a voucher", subject=number),
            lambda: self.books.queue_release(self.books.ledger.batches[number]),
        )

    def periods(self) -> list[Period]:
        """See `ErpWrites`."""

        def fetch() -> list[Period]:
            today = self.books.today()
            first, last = today - timedelta(days=400), today + timedelta(days=60)
            return [
                Period(each.id, each.start, each.end, not each.closed)
                for each in self.books.ledger.periods(today)
                if each.end >= first and each.start <= last
            ]

        found = self.wire.read("periods", None, fetch)
        if {*found} == {*fetch()}:
            self.wire.oracle.looked_up(["periods"])
        return sorted(found, key=lambda period: period.start)

    def pdf(self, key: DocumentKey) -> bytes:
        """See `ErpWrites`; the settings of a life attach none."""
        raise NotImplementedError


def _posted(document: Document) -> PostedPayment:
    return PostedPayment(
        document.type.value,
        document.number,
        document.reference,
        document.status.value,
        document.customer.number,
        document.cash_account or "",
        document.currency,
        document.amount,
        document.on,
        tuple(PaymentLine(row.document.type.value, row.document.number, row.amount) for row in document.settles),
    )


def _voucher(batch: Batch) -> PostedVoucher:
    status = "Open" if batch.posted else str(batch.status)
    lines = tuple(VoucherLine(line.account, line.amount, line.text, line.vat_code) for line in batch.lines)
    return PostedVoucher(batch.number, rows.voucher_reference(batch), status, batch.currency, lines)


class AgencyPort:
    """`AgencyWrites` onto the books, and the reads of landing and guard as values."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.stage, self.books = wire, wire.stage, wire.world.agency
        self.account = wire.stage.account

    # -- what landing and guards read ----------------------------------------------------------------------------

    def changed(self, feed: str, since: datetime | None, operation: str = "") -> list[Any]:
        """The records of a feed that changed since a moment, minus the overlap; None: all."""
        back = since - OVERLAP["agency"] if since else None
        held: dict[str, Any] = getattr(self.account, feed)
        form: Any = {
            "claims": rows.claim,
            "cases": rows.case,
            "entries": rows.entry,
            "settlements": rows.settlement,
        }[feed]

        def fetch() -> list[Any]:
            return [form(record) for record in held.values() if back is None or record.updated_at >= back]

        recent = since is not None and self.wire.world.now - since <= timedelta(hours=25)
        return self.wire.read(operation or f"agency {feed}", None if recent else FAR_BACK, fetch, since=back)

    def claims(self, ids: Sequence[str]) -> list[rows.Claim]:
        """These claims by id."""
        held = self.account.claims
        return self.wire.read("guard claims", tuple(ids), lambda: [rows.claim(held[i]) for i in ids if i in held])

    def settlement(self, settlement_id: str) -> rows.Settlement | None:
        """This settlement."""
        held = self.account.settlements
        found = self.wire.read(
            "guard settlement", settlement_id, lambda: [rows.settlement(held[i]) for i in [settlement_id] if i in held]
        )
        return next(iter(found), None)

    # -- `AgencyWrites` ------------------------------------------------------------------------------------------

    def find(self, references: Sequence[str]) -> dict[str, Held]:
        """See `AgencyWrites`."""

        def fetch() -> list[Held]:
            found: list[Held] = []
            for name in references:
                held = self.account.references.get(name)
                if held is None:
                    continue
                claim = held if isinstance(held, Claim) else held.lines[0].claim
                kind, amount = ("claim", held.principal) if isinstance(held, Claim) else ("reduction", held.amount)
                document = f"{claim.document_type} {claim.document_number}"
                found.append(Held(name, kind, held.id, document, claim.currency, amount))
            return found

        return {
            held.reference: held
            for held in self.wire.read("look-up at the agency", tuple(references), fetch, references)
        }

    def create_claim(self, claim: NewClaim) -> Receipt:
        """See `AgencyWrites`."""
        document = f"{claim.document_type} {claim.number}"
        debtor = claim.debtor
        order = ClaimOrder(
            claim.reference,
            claim.document_type,
            claim.number,
            claim.kid,
            claim.document_date,
            claim.due_date,
            claim.original_amount,
            claim.principal,
            claim.currency,
            claim.reminders_sent,
            claim.last_reminder,
            _theirs(debtor),
        )

        def carry_out() -> Receipt:
            self.account.references.pop(claim.reference, None)  # it does not look whether it has one already
            return Receipt(self.books.create_claim(self.stage.slug, order)[0].id)

        says = {
            "currency": claim.currency,
            "reminders_sent": claim.reminders_sent,
            "last_reminder": claim.last_reminder,
            "kid": claim.kid,
            "date": claim.document_date,
            "due_date": claim.due_date,
            "original_amount": claim.original_amount,
            **vars(debtor),
        }
        write = Write("transfer", claim.reference, document, amount=claim.principal, says=said(says))
        return self.wire.write(write, carry_out)

    def create_reduction(self, reduction: NewReduction) -> Receipt:
        """See `AgencyWrites`."""
        source = (reduction.document_type, reduction.number)
        order = ReductionOrder(
            reduction.reference, reduction.kind, reduction.amount, reduction.currency, reduction.value_date, source
        )

        def carry_out() -> Receipt:
            self.account.references.pop(reduction.reference, None)
            return Receipt(self.books.create_reduction(self.stage.slug, reduction.claim_id, order)[0].id)

        write = Write(
            "reduction",
            reduction.reference,
            " ".join(source),
            amount=reduction.amount,
            subject=reduction.claim_id,
            kind=reduction.kind,
        )
        return self.wire.write(write, carry_out)

    def set_hold(self, claim_id: str, hold: str, reason: str) -> None:
        """See `AgencyWrites`."""
        write = Write("hold", subject=claim_id, hold=hold)
        self.wire.write(write, lambda: self.books.set_hold(self.stage.slug, claim_id, hold))

    def update_debtor(self, claim_id: str, debtor: Debtor) -> None:
        """See `AgencyWrites`; nobody moves in these lives."""
        raise NotImplementedError

    def answer(self, question_id: str, text: str) -> None:
        """See `AgencyWrites`; nobody asks in these lives."""
        raise NotImplementedError


def _theirs(debtor: Debtor) -> TheirDebtor:
    return TheirDebtor(
        debtor.number,
        debtor.name,
        debtor.business,
        debtor.organisation_number,
        debtor.address,
        debtor.postal_code,
        debtor.city,
        debtor.country,
        debtor.email,
        debtor.phone,
    )
