"""The double-entry books of one company: what its bookkeepers do, and what the API does in their place.

Everything a person can do in the ERP is a method here; all of them keep the customer ledger and account 1500 equal.
Amounts are øre, dates local dates, time comes from the injected clock. A refusal is a `BooksError`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cloudcollect_pipeline.domain import numbers
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.sandbox.erp.documents import (
    RECEIPTS,
    RECEIVABLES,
    Application,
    BooksError,
    Customer,
    Document,
    DocumentType,
    ErpSettings,
    Status,
    VoidRows,
)
from cloudcollect_pipeline.sandbox.erp.ledger import (
    CUSTOMER_LEDGER,
    FEE_INCOME,
    MODULES,
    OUTPUT_VAT,
    SALES,
    WRITTEN_OFF,
    Account,
    Batch,
    Entry,
    GeneralLedger,
    GlLine,
    PaymentMethod,
)

FIRST_NUMBERS = {
    DocumentType.INVOICE: 100_001,
    DocumentType.DEBIT_NOTE: 200_001,
    DocumentType.OVERDUE_CHARGE: 300_001,
    DocumentType.CREDIT_NOTE: 400_001,
    DocumentType.PAYMENT: 500_001,
    DocumentType.REFUND: 600_001,
    DocumentType.WRITE_OFF: 700_001,
    DocumentType.PREPAYMENT: 800_001,
}
"""Every type but VoidPayment has a series of its own, so that a number names one document or one voided pair."""

DUNNING_DAYS = 14
RATES = {"NOK": 10_000, "EUR": 115_000, "SEK": 10_200, "DKK": 154_000}
"""Ten-thousandths of a krone for one unit."""

DocumentOrNumber = Document | str
CustomerOrNumber = Customer | str


@dataclass(frozen=True)
class Line:
    """The share of a payment that settles one document, in øre."""

    document: DocumentOrNumber
    amount: int
    discount: int = 0
    write_off: int = 0


@dataclass(eq=False)
class _Queued:
    """A release that was asked for and is not carried out yet."""

    subject: Document | Batch
    reads: int
    due: datetime


class ErpCompany:
    """One tenant: customers, documents, applications, general ledger."""

    def __init__(
        self,
        slug: str,
        tenant: str,
        name: str,
        clock: Callable[[], datetime],
        settings: ErpSettings | None = None,
    ) -> None:
        self.slug = slug
        self.tenant = tenant
        self.name = name
        self.settings = settings or ErpSettings()
        self.ledger = GeneralLedger()
        self.customers: dict[str, Customer] = {}
        self._clock = clock
        self._documents: dict[DocumentType, dict[str, Document]] = {kind: {} for kind in DocumentType}
        self._recent: dict[DocumentType, dict[str, Document]] = {kind: {} for kind in DocumentType}
        self._recent_customers: dict[str, Customer] = {}
        self._by_reference: dict[str, list[Document]] = {}
        self._series: dict[DocumentType, int] = dict(FIRST_NUMBERS)
        self._queued: list[_Queued] = []
        self._release_failures: list[str] = []

    # Time

    def now(self) -> datetime:
        """What this ERP takes for the time in UTC, whole milliseconds."""
        moment = self._clock().astimezone(UTC) + self.settings.clock_ahead
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def today(self) -> date:
        """World date in Norway."""
        return night_of(self.now())

    # Set-up

    @property
    def accounts(self) -> dict[str, Account]:
        """The chart; may be changed."""
        return self.ledger.accounts

    @property
    def cash_accounts(self) -> dict[str, str]:
        """Cash account -> general-ledger account; may be changed."""
        return self.ledger.cash_accounts

    @property
    def payment_methods(self) -> dict[str, PaymentMethod]:
        """By id; may be changed."""
        return self.ledger.payment_methods

    def deactivate(self, account: str) -> None:
        """Nothing can be posted on it any more."""
        self.accounts[account].active = False

    def close_period(self, period: str, modules: Iterable[str] = MODULES) -> None:
        """Close `YYYYMM`; refused while a document or batch in it is not released."""
        self.finish_queued()
        if any(
            not document.released and document.period == period
            for kind in self._documents.values()
            for document in kind.values()
        ):
            raise BooksError(f"Financial Period '{period}' has unreleased documents.")
        self.ledger.close(period, modules)

    def reopen_period(self, period: str) -> None:
        """Open `YYYYMM` again."""
        self.ledger.reopen(period)

    # Customers

    def add_customer(
        self,
        number: str | None = None,
        name: str | None = None,
        business: bool = True,
        organisation_number: str | None = None,
        address: str = "Gata 1",
        postal_code: str = "0150",
        city: str = "Oslo",
        country: str = "NO",
        email: str = "",
        phone: str = "",
        customer_class: str | None = None,
        parent: CustomerOrNumber | None = None,
        currency: str = "NOK",
    ) -> Customer:
        """A new active customer. Without a class it is BUSINESS or PRIVATE: the API shows `business` only that way."""
        number = number or str(10_001 + len(self.customers))
        if number in self.customers:
            raise BooksError(f"Customer '{number}' already exists.")
        customer = Customer(
            internal_id=len(self.customers) + 1,
            number=number,
            name=name or f"Debtor {number}",
            business=business,
            organisation_number=organisation_number,
            address=address,
            postal_code=postal_code,
            city=city,
            country=country,
            email=email,
            phone=phone,
            customer_class=customer_class or ("BUSINESS" if business else "PRIVATE"),
            parent=None if parent is None else self.customer(parent),
            currency=currency,
            created_at=self.now(),
            modified_at=self.now(),
        )
        self.customers[number] = self._recent_customers[number] = customer
        return customer

    def customer(self, customer: CustomerOrNumber) -> Customer:
        """A customer by number, or `BooksError`."""
        if isinstance(customer, Customer):
            return customer
        found = self.customers.get(customer)
        if found is None:
            raise BooksError(f"CustomerCD '{customer}' cannot be found in the system.")
        return found

    def change_customer(
        self,
        customer: CustomerOrNumber,
        *,
        name: str | None = None,
        address: str | None = None,
        postal_code: str | None = None,
        city: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        status: str | None = None,
    ) -> None:
        """Change the customer card; what is None stays."""
        card = self.customer(customer)
        card.name = card.name if name is None else name
        card.address = card.address if address is None else address
        card.postal_code = card.postal_code if postal_code is None else postal_code
        card.city = card.city if city is None else city
        card.email = card.email if email is None else email
        card.phone = card.phone if phone is None else phone
        card.status = card.status if status is None else status
        self._customer_changed(card)

    # Receivables and credit notes

    def invoice(
        self,
        customer: CustomerOrNumber,
        amount: int,
        on: date | None = None,
        due: date | None = None,
        document_type: DocumentType | str = DocumentType.INVOICE,
        currency: str = "NOK",
        kid: str | None = None,
        released: bool = True,
        text: str = "",
        number: str | None = None,
    ) -> Document:
        """An invoice, debit note or overdue charge, due 14 days after its date unless told; `kid=""` gives it none."""
        kind = DocumentType(document_type)
        if kind not in RECEIVABLES:
            raise BooksError(f"{kind} is not a receivable.")
        on = on or self.today()
        owner = self.customer(customer)
        document = self._new(kind, owner, amount, on, due or on + timedelta(days=DUNNING_DAYS), currency, text, number)
        document.kid = numbers.kid(f"{owner.internal_id:05d}{document.number}") if kid is None else kid
        if released:
            self.release(document)
        return document

    def credit_note(
        self,
        customer: CustomerOrNumber,
        amount: int,
        on: date | None = None,
        currency: str = "NOK",
        released: bool = True,
        text: str = "",
    ) -> Document:
        """A credit note, Open and matched with nothing."""
        on = on or self.today()
        document = self._new(DocumentType.CREDIT_NOTE, self.customer(customer), amount, on, on, currency, text)
        if released:
            self.release(document)
        return document

    def write_off(self, document: DocumentOrNumber, amount: int | None = None, on: date | None = None) -> Document:
        """Write off a balance, all of it unless told: a SmallBalanceWo document that is Closed at once."""
        target = self.document(document)
        amount = target.balance if amount is None else amount
        on = on or self.today()
        self._require_applicable(target, amount)
        written = self._new(DocumentType.WRITE_OFF, target.customer, amount, on, None, target.currency, "")
        self._row(Application(written, target, amount, on))
        self.release(written)
        return written

    def renumber(self, customer: CustomerOrNumber, number: str) -> None:
        """Give a customer another number: their documents bear it from then on."""
        card = self.customer(customer)
        for cards in (self.customers, self._recent_customers):
            cards[number] = cards.pop(card.number)
        card.number = number
        self._customer_changed(card)
        for document in card.documents:
            self._changed(document)

    def exclude(self, subject: Document | Customer, flag: bool = True) -> None:
        """Exempt from debt collection, or no longer."""
        subject.excluded = flag
        if isinstance(subject, Customer):
            self._customer_changed(subject)
        else:
            self._edited(subject)

    def revoke(self, document: DocumentOrNumber, flag: bool = True) -> None:
        """Set or clear `revoked`."""
        target = self.document(document)
        target.revoked = flag
        self._edited(target)

    def set_due_date(self, document: DocumentOrNumber, due: date) -> None:
        """Move the due date."""
        target = self.document(document)
        target.due = due
        self._edited(target)

    def set_case(
        self,
        document: DocumentOrNumber,
        number: str | None = None,
        status: str | None = None,
        case_type: str | None = None,
        url: str | None = None,
    ) -> None:
        """Set the debt-collection fields; what is None stays."""
        target = self.document(document)
        target.case_number = target.case_number if number is None else number
        target.case_status = target.case_status if status is None else status
        target.case_type = target.case_type if case_type is None else case_type
        target.case_url = target.case_url if url is None else url
        self._changed(target)

    def run_dunning(self, on: date | None = None, fee: int = 0) -> list[Document]:
        """Raise the level by one where the due date is 14 days ago for each level reached; returns what was raised.

        With a `fee` every customer with a raised document gets one overdue charge of that amount.
        """
        on = on or self.today()
        raised = [
            document
            for kind in (DocumentType.INVOICE, DocumentType.DEBIT_NOTE)
            for document in self._documents[kind].values()
            if document.status is Status.OPEN
            and document.balance > 0
            and not (document.excluded or document.revoked or document.customer.excluded)
            and document.dunning_level < self.settings.dunning_levels
            and document.due is not None
            and document.due + timedelta(days=DUNNING_DAYS * (document.dunning_level + 1)) <= on
        ]
        for document in raised:
            document.dunning_level += 1
            document.dunning_date = on
            self._changed(document, moves_clock=self.settings.document_touched_by_dunning)
        if fee:
            for customer in dict.fromkeys(document.customer for document in raised):
                self.invoice(customer, fee, on, document_type=DocumentType.OVERDUE_CHARGE, text="Purregebyr")
        return raised

    # Money in

    def pay(
        self,
        document: DocumentOrNumber,
        amount: int,
        on: date | None = None,
        cash_account: str = "1920",
        reference: str = "",
        customer: CustomerOrNumber | None = None,
        discount: int = 0,
        write_off: int = 0,
    ) -> Document:
        """A released payment, applied up to the balance; the rest stays unapplied."""
        target = self.document(document)
        applied = min(amount, target.balance - discount - write_off)
        if applied < 0:
            raise BooksError("Discount and write-off exceed the document balance.")
        lines = [Line(target, applied, discount, write_off)] if applied + discount + write_off else []
        payer = target.customer if customer is None else customer
        payment = self.draft_payment(
            payer, amount, lines, on, cash_account, reference, currency=target.currency, text="Innbetaling"
        )
        self.release(payment)
        return payment

    def receive(
        self,
        customer: CustomerOrNumber,
        amount: int,
        on: date | None = None,
        cash_account: str = "1920",
        reference: str = "",
        document_type: DocumentType | str = DocumentType.PAYMENT,
    ) -> Document:
        """A released payment or prepayment that settles nothing yet."""
        payment = self.draft_payment(
            customer, amount, (), on, cash_account, reference, document_type=document_type, text="Innbetaling"
        )
        self.release(payment)
        return payment

    def draft_payment(
        self,
        customer: CustomerOrNumber,
        amount: int,
        lines: Sequence[Line] = (),
        on: date | None = None,
        cash_account: str = "1920",
        reference: str = "",
        *,
        payment_method: str | None = None,
        currency: str = "NOK",
        text: str = "",
        document_type: DocumentType | str = DocumentType.PAYMENT,
        hold: bool = False,
        number: str | None = None,
    ) -> Document:
        """An unreleased payment, Balanced or on Hold, that names the documents it will settle."""
        kind = DocumentType(document_type)
        if kind not in RECEIPTS:
            raise BooksError(f"A document of type '{kind}' cannot be created here.")
        payer = self.customer(customer)
        if payer.status == "Inactive":
            raise BooksError(f"The customer '{payer.number}' is inactive.")
        on = on or self.today()
        self.ledger.cash_account(cash_account)
        self._require_payment_method(payment_method, cash_account)
        self.ledger.require_open(on, MODULES)
        targets = [(self.document(line.document), line) for line in lines]
        for target, line in targets:
            if target.customer is not payer and target.customer.parent is not payer:
                raise BooksError(f"AdjdRefNbr '{target.number}' cannot be found in the system.")
            if target.currency != currency:
                raise BooksError(f"The currency of '{target.number}' differs from the currency of the payment.")
            self._require_applicable(target, line.amount + line.discount + line.write_off)
        if sum(line.amount for line in lines) > amount:
            raise BooksError("The document is out of the balance: applied amount exceeds the payment amount.")
        if number is not None and any(number in self._documents[each] for each in RECEIPTS):
            raise BooksError(f"Another document with reference number '{number}' already exists.")
        payment = self._new(kind, payer, amount, on, None, currency, text, number)
        payment.cash_account = cash_account
        payment.payment_method = payment_method or next(iter(self.payment_methods), None)
        payment.status = Status.HOLD if hold else Status.BALANCED
        self._set_reference(payment, reference)
        for target, line in targets:
            self._row(Application(payment, target, line.amount, on, line.discount, line.write_off))
        payment.balance = amount - sum(line.amount for line in lines)
        return payment

    def set_reference(self, payment: DocumentOrNumber, reference: str) -> None:
        """A person types another payment reference."""
        target = self.document(payment)
        self._by_reference[target.reference].remove(target)
        self._set_reference(target, reference)
        self._changed(target)

    def set_cash_account(self, payment: DocumentOrNumber, cash_account: str) -> None:
        """A person moves an unreleased payment to another cash account."""
        target = self.document(payment)
        self.ledger.cash_account(cash_account)
        if target.released:
            raise BooksError(f"Document status of '{target.number}' is invalid for processing.")
        target.cash_account = cash_account
        self._changed(target)

    def hold(self, document: DocumentOrNumber, flag: bool = True) -> None:
        """Put an unreleased document on hold, or back to Balanced."""
        target = self.document(document)
        if target.released:
            raise BooksError(f"Document status of '{target.number}' is invalid for processing.")
        target.status = Status.HOLD if flag else Status.BALANCED
        self._changed(target)

    def delete(self, document: DocumentOrNumber) -> None:
        """A person deletes an unreleased document."""
        subject = self.document(document)
        if subject.released:
            raise BooksError(f"Document status of '{subject.number}' is invalid for processing.")
        for row in subject.settles:
            row.document.settled_by.remove(row)
            row.document.version += 1
        if subject in self._by_reference.get(subject.reference, ()):
            self._by_reference[subject.reference].remove(subject)
        self._queued = [queued for queued in self._queued if queued.subject is not subject]
        subject.customer.documents.remove(subject)
        del self._documents[subject.type][subject.number], self._recent[subject.type][subject.number]

    def apply(
        self, payment: DocumentOrNumber, document: DocumentOrNumber, amount: int, on: date | None = None
    ) -> Application:
        """Settle `amount` of a document with the unapplied rest of a payment, prepayment or credit note."""
        paying, target = self.document(payment), self.document(document)
        if paying.status is not Status.OPEN or not 0 < amount <= paying.balance:
            raise BooksError(f"'{paying.number}' has not {amount} left to apply.")
        self._require_applicable(target, amount)
        return self._reapply(paying, target, amount, 0, on)

    def unapply(
        self,
        payment: DocumentOrNumber,
        document: DocumentOrNumber,
        amount: int | None = None,
        write_off: int = 0,
        on: date | None = None,
    ) -> Application:
        """Take an application back, all of it unless told: the history gets a negative row."""
        paying, target = self.document(payment), self.document(document)
        applied = sum(row.amount for row in _live_rows(paying, target))
        amount = applied if amount is None else amount
        if paying.status not in (Status.OPEN, Status.CLOSED) or not 0 < amount <= applied:
            raise BooksError(f"'{paying.number}' does not settle {amount} of '{target.number}'.")
        if not 0 <= write_off <= sum(row.write_off for row in _live_rows(paying, target)):
            raise BooksError(f"'{paying.number}' did not write off {write_off} of '{target.number}'.")
        return self._reapply(paying, target, -amount, -write_off, on)

    def match(self, credit_note: DocumentOrNumber, document: DocumentOrNumber, amount: int) -> Application:
        """Match a credit note with a document."""
        return self.apply(credit_note, document, amount)

    def unmatch(
        self, credit_note: DocumentOrNumber, document: DocumentOrNumber, amount: int | None = None
    ) -> Application:
        """Take a match back, all of it unless told."""
        return self.unapply(credit_note, document, amount)

    def void(self, payment: DocumentOrNumber) -> Document:
        """Void a released payment at once; returns the VoidPayment."""
        voiding = self.start_void(payment)
        self.release(voiding)
        return voiding

    def start_void(self, payment: DocumentOrNumber) -> Document:
        """The unreleased VoidPayment of a released payment; nothing is voided until it is released."""
        paid = self.document(payment)
        if paid.type not in RECEIPTS or paid.status not in (Status.OPEN, Status.CLOSED):
            raise BooksError(f"Document status of '{paid.number}' is invalid for processing.")
        if paid.number in self._documents[DocumentType.VOID_PAYMENT]:
            raise BooksError(f"The payment '{paid.number}' has already been voided.")
        if paid.settled_by:
            raise BooksError(f"The payment '{paid.number}' has been refunded.")
        on = self.today()
        self.ledger.require_open(on, MODULES)
        voiding = self._new(
            DocumentType.VOID_PAYMENT, paid.customer, -paid.amount, on, None, paid.currency, paid.text, paid.number
        )
        voiding.balance = 0
        voiding.cash_account = paid.cash_account
        voiding.payment_method = paid.payment_method
        self._set_reference(voiding, paid.reference)
        self._mirror_rows(voiding, paid)
        return voiding

    def refund(self, payment: DocumentOrNumber, amount: int, on: date | None = None) -> Document:
        """Pay the customer back what is unapplied of a payment or credit note."""
        paid = self.document(payment)
        if paid.status is not Status.OPEN or not 0 < amount <= paid.balance:
            raise BooksError(f"'{paid.number}' has not {amount} left to refund.")
        on = on or self.today()
        refund = self._new(DocumentType.REFUND, paid.customer, amount, on, None, paid.currency, "Tilbakebetaling")
        refund.cash_account = paid.cash_account or "1920"
        self._row(Application(refund, paid, amount, on))
        self.release(refund)
        return refund

    # Release

    def release(self, document: DocumentOrNumber) -> None:
        """Make an unreleased document count: post it and carry out its applications."""
        subject = self.document(document)
        if subject.status is not Status.BALANCED:
            raise BooksError(f"Document status of '{subject.number}' is invalid for processing.")
        on_cash = subject.cash_account is not None
        self.ledger.require_open(subject.on, MODULES if on_cash else ("AR", "GL"))
        if subject.type is DocumentType.VOID_PAYMENT:
            self._release_void(subject)
            return
        for row in subject.settles:
            self._require_applicable(row.document, row.net)
        extra = sum(row.discount + row.write_off for row in subject.settles)
        self._post(subject, [*self._entries(subject), *self._write_off_entries(subject, extra)])
        subject.balance = subject.amount
        for row in subject.settles:
            self._carry_out(row)
        subject.error = ""
        self._settle_status(subject)
        self._changed(subject)

    def queue_release(self, subject: Document | Batch) -> None:
        """Release as the API does: later, on a read, or after some time."""
        status = subject.status
        if status != Status.BALANCED:
            raise BooksError(f"Document status of '{subject.number}' is invalid for processing.")
        if any(queued.subject is subject for queued in self._queued):
            return
        due = self.now() + timedelta(seconds=self.settings.release_seconds)
        queued = _Queued(subject, self.settings.release_reads, due)
        self._queued.append(queued)
        if queued.reads <= 0:
            self._finish(queued)

    def note_read(self, subject: Document | Batch | None = None) -> None:
        """Somebody reads `subject` (None: a list of all), which may be what a queued release waits for."""
        for queued in list(self._queued):
            if subject is None or queued.subject is subject:
                queued.reads -= 1
                if queued.reads <= 0:
                    self._finish(queued)

    def finish_queued(self) -> None:
        """Carry out queued releases whose time has come."""
        if self._queued:
            now = self.now()
            for queued in list(self._queued):
                if queued.due <= now:
                    self._finish(queued)

    def fail_next_release(self, message: str = "The release failed.") -> None:
        """The next queued release leaves its document Balanced with this error."""
        self._release_failures.append(message)

    def let_releases_pass(self) -> None:
        """No release fails any more that was to fail."""
        self._release_failures.clear()

    def _finish(self, queued: _Queued) -> None:
        # Carrying out one release looks up documents, which may carry out another that is due.
        if queued not in self._queued:
            return
        self._queued.remove(queued)
        subject = queued.subject
        try:
            if self._release_failures:
                raise BooksError(self._release_failures.pop(0))
            if isinstance(subject, Document):
                self.release(subject)
            else:
                self.post_voucher(subject)
        except BooksError as refusal:
            subject.error = str(refusal)
            if isinstance(subject, Document):
                self._changed(subject)
            else:
                self.ledger.changed(subject, self.now())

    # Vouchers

    def draft_voucher(self, on: date, text: str, entries: Sequence[Entry], hold: bool = False) -> Batch:
        """An unposted voucher; `entries` are øre, debit positive, and add up to zero."""
        self.ledger.require_open(on, ("GL",))
        for entry in entries:
            if self.ledger.account(entry.account).control:
                raise BooksError(f"Account '{entry.account}' is a control account: manual entry is not allowed.")
        if not any(entry.amount for entry in entries):
            raise BooksError("The batch is empty.")
        batch = self.ledger.write("GL", on, text, entries, self.now())
        batch.status = Status.HOLD if hold else Status.BALANCED
        return batch

    def post_voucher(self, voucher: Batch) -> None:
        """Make an unposted voucher count."""
        if voucher.status != Status.BALANCED:
            raise BooksError(f"Batch status of '{voucher.number}' is invalid for processing.")
        self.ledger.require_open(voucher.on, ("GL",))
        self.ledger.post(voucher, self.now())
        voucher.error = ""

    def voucher(self, on: date | None, text: str, entries: Sequence[Entry]) -> Batch:
        """A posted voucher, as a bookkeeper would type it."""
        batch = self.draft_voucher(on or self.today(), text, entries)
        self.post_voucher(batch)
        return batch

    # What is in the books

    @property
    def journal(self) -> list[GlLine]:
        """All posted general-ledger lines in the order of posting."""
        self.finish_queued()
        return self.ledger.journal

    def balance(self, account: str) -> int:
        """Balance of a general-ledger account in øre, debit positive."""
        self.finish_queued()
        return self.ledger.balance(account)

    def customer_ledger(self) -> int:
        """What all customers owe, net of what is unapplied, in øre: equal to account 1500 while all is in kroner."""
        self.finish_queued()
        return sum(
            document.balance if kind in RECEIVABLES else -document.balance
            for kind, documents in self._documents.items()
            for document in documents.values()
            if document.released
        )

    def document(self, document: DocumentOrNumber, document_type: DocumentType | str | None = None) -> Document:
        """A document by number (of the voided pair the payment, unless the type says), or `BooksError`."""
        self.finish_queued()
        if isinstance(document, Document):
            return document
        kinds = DocumentType if document_type is None else (DocumentType(document_type),)
        for kind in kinds:
            if document in self._documents[kind]:
                return self._documents[kind][document]
        raise BooksError(f"RefNbr '{document}' cannot be found in the system.")

    def documents(self, *kinds: DocumentType) -> Iterator[Document]:
        """All documents of these types (none given: of every type) by type and order of creation."""
        for kind in kinds or DocumentType:
            yield from self._documents[kind].values()

    def find(self, kind: DocumentType, number: str) -> Document | None:
        """One document, or None."""
        return self._documents[kind].get(number)

    def changed_since(self, moment: datetime, *kinds: DocumentType) -> Iterator[Document]:
        """Documents of these types whose lastModified is at or after a moment; the latest first within a type."""
        for kind in kinds:
            for document in reversed(self._recent[kind].values()):
                if document.modified_at < moment:
                    break
                yield document

    def customers_changed_since(self, moment: datetime) -> Iterator[Customer]:
        """Customers whose lastModified is at or after a moment, the latest first."""
        for customer in reversed(self._recent_customers.values()):
            if customer.modified_at < moment:
                break
            yield customer

    def payments_with_reference(self, reference: str) -> list[Document]:
        """Payments in any status that bear this payment reference, mirror documents not counted."""
        self.finish_queued()
        return [each for each in self._by_reference.get(reference, ()) if each.type is not DocumentType.VOID_PAYMENT]

    def vouchers_with_reference(self, reference: str) -> list[Batch]:
        """Vouchers in any status with a line that bears this reference."""
        self.finish_queued()
        return [
            batch
            for batch in self.ledger.batches.values()
            if batch.module == "GL" and any(line.reference == reference for line in batch.lines)
        ]

    # Inside

    def _new(
        self,
        kind: DocumentType,
        customer: Customer,
        amount: int,
        on: date,
        due: date | None,
        currency: str,
        text: str,
        number: str | None = None,
    ) -> Document:
        self.finish_queued()
        if amount <= 0 and kind is not DocumentType.VOID_PAYMENT:
            raise BooksError("The amount must be greater than zero.")
        if currency not in RATES:
            raise BooksError(f"CuryID '{currency}' cannot be found in the system.")
        self.ledger.require_open(on, ("AR", "GL"))
        number = number or self._next_number(kind)
        now = self.now()
        document = Document(
            kind, number, customer, amount, amount, currency, on, due, Status.BALANCED, now, now, text=text
        )
        self._documents[kind][number] = self._recent[kind][number] = document
        customer.documents.append(document)
        return document

    def _next_number(self, kind: DocumentType) -> str:
        number = self._series[kind]
        while str(number) in self._documents[kind]:
            number += 1
        self._series[kind] = number + 1
        return str(number)

    def _set_reference(self, payment: Document, reference: str) -> None:
        payment.reference = reference
        self._by_reference.setdefault(reference, []).append(payment)

    def _require_payment_method(self, payment_method: str | None, cash_account: str) -> None:
        if payment_method is None or not self.settings.check_payment_method:
            return
        method = self.payment_methods.get(payment_method)
        if method is None or not method.active:
            raise BooksError(f"PaymentMethodID '{payment_method}' cannot be found in the system.")
        if cash_account not in method.cash_accounts:
            raise BooksError(f"Cash account '{cash_account}' is not allowed for payment method '{payment_method}'.")

    def _require_applicable(self, document: Document, amount: int) -> None:
        if document.status is not Status.OPEN:
            raise BooksError(f"AdjdRefNbr '{document.number}' cannot be found in the system.")
        if not 0 < amount <= document.balance:
            raise BooksError(f"The amount applied to '{document.number}' exceeds the document balance.")

    def _row(self, row: Application) -> Application:
        row.paying.settles.append(row)
        row.document.settled_by.append(row)
        row.document.version += 1
        return row

    def _reapply(self, paying: Document, target: Document, amount: int, write_off: int, on: date | None) -> Application:
        on = on or self.today()
        self.ledger.require_open(on, ("AR",))
        row = self._row(Application(paying, target, amount, on, write_off=write_off))
        if write_off:
            self._post(paying, self._write_off_entries(paying, write_off), on)
        self._carry_out(row)
        self._settle_status(paying)
        self._changed(paying)
        return row

    def _carry_out(self, row: Application) -> None:
        row.released = True
        row.paying.balance -= row.amount
        row.document.balance -= row.net
        self._settle_status(row.document)
        self._changed(
            row.document,
            moves_clock=row.document.type not in RECEIVABLES or self.settings.invoice_touched_by_application,
        )

    def _settle_status(self, document: Document) -> None:
        if document.status is not Status.VOIDED:
            document.status = Status.OPEN if document.balance else Status.CLOSED

    def _mirror_rows(self, voiding: Document, paid: Document) -> None:
        for target in dict.fromkeys(row.document for row in paid.settles):
            rows = [row for row in paid.settles if row.document is target]
            mirror = Application(
                voiding,
                target,
                -sum(row.amount for row in rows),
                voiding.on,
                -sum(row.discount for row in rows),
                -sum(row.write_off for row in rows),
            )
            if mirror.net:
                self._row(mirror)

    def _release_void(self, voiding: Document) -> None:
        paid = next(doc for kind in RECEIPTS if (doc := self._documents[kind].get(voiding.number)) is not None)
        # A person may have moved applications between the void and its release.
        for row in voiding.settles:
            row.document.settled_by.remove(row)
        voiding.settles.clear()
        self._mirror_rows(voiding, paid)
        written_off = sum(row.discount + row.write_off for row in voiding.settles)
        self._post(voiding, [*self._entries(voiding), *self._write_off_entries(voiding, written_off)])
        for row in voiding.settles:
            self._carry_out(row)
        if self.settings.void_rows is VoidRows.MARKED:
            for row in [*paid.settles, *voiding.settles]:
                row.voided = True
        paid.balance = voiding.balance = 0
        paid.status = Status.VOIDED
        voiding.status = Status.CLOSED
        voiding.error = ""
        self._changed(paid)
        self._changed(voiding)

    def _entries(self, document: Document) -> list[Entry]:
        amount = _in_kroner(document.amount, document.currency)
        match document.type:
            case DocumentType.INVOICE | DocumentType.DEBIT_NOTE:
                vat = self.vat(amount)
                return self._two_sides(document, amount, (SALES, vat - amount), (OUTPUT_VAT, -vat))
            case DocumentType.CREDIT_NOTE:
                vat = self.vat(amount)
                return self._two_sides(document, -amount, (SALES, amount - vat), (OUTPUT_VAT, vat))
            case DocumentType.OVERDUE_CHARGE:
                return self._two_sides(document, amount, (FEE_INCOME, -amount))
            case DocumentType.WRITE_OFF:
                return self._two_sides(document, -amount, (WRITTEN_OFF, amount))
            case DocumentType.PAYMENT | DocumentType.PREPAYMENT | DocumentType.VOID_PAYMENT:
                return self._two_sides(document, -amount, (self._cash(document), amount))
            case DocumentType.REFUND:
                return self._two_sides(document, amount, (self._cash(document), -amount))

    def vat(self, amount: int) -> int:
        """The VAT inside a gross amount, in øre."""
        percent = self.settings.vat_percent
        return amount * percent // (100 + percent)

    def _cash(self, document: Document) -> str:
        return self.ledger.cash_account(document.cash_account or "")

    def _two_sides(self, document: Document, receivable: int, *others: tuple[str, int]) -> list[Entry]:
        text = document.text or f"{document.type} {document.number}"
        sides = (*others, (CUSTOMER_LEDGER, receivable))
        return [Entry(account, amount, text, document.number) for account, amount in sides]

    def _write_off_entries(self, document: Document, amount: int) -> list[Entry]:
        if not amount:
            return []
        amount = _in_kroner(amount, document.currency)
        return self._two_sides(document, -amount, (WRITTEN_OFF, amount))

    def _post(self, document: Document, entries: list[Entry], on: date | None = None) -> None:
        now = self.now()
        batch = self.ledger.write("AR", on or document.on, f"{document.type} {document.number}", entries, now)
        self.ledger.post(batch, now)

    def move_clocks(self) -> None:
        """What an upgrade by the vendor may do: every record is re-stamped as changed now, and nothing else."""
        for kind in self._documents.values():
            for document in kind.values():
                self._changed(document)
        for customer in list(self.customers.values()):
            self._customer_changed(customer)
        for batch in self.ledger.batches.values():
            self.ledger.changed(batch, self.now())

    def _edited(self, document: Document) -> None:
        self._changed(document, moves_clock=self.settings.document_touched_by_edit)

    def _changed(self, document: Document, moves_clock: bool = True) -> None:
        document.revision += 1
        document.version += 1
        for row in document.settled_by:
            row.paying.version += 1
        for row in document.settles:
            row.document.version += 1
        if moves_clock:
            document.modified_at = self.now()
            recent = self._recent[document.type]
            recent[document.number] = recent.pop(document.number)

    def _customer_changed(self, customer: Customer) -> None:
        customer.version += 1
        customer.modified_at = self.now()
        self._recent_customers[customer.number] = self._recent_customers.pop(customer.number)


def _live_rows(paying: Document, target: Document) -> list[Application]:
    return [row for row in paying.settles if row.document is target and row.released and not row.voided]


def _in_kroner(amount: int, currency: str) -> int:
    return amount * RATES[currency] // RATES["NOK"]
