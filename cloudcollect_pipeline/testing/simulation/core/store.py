"""What was read, in place of the ledger: mirrors as values, the journal's effects beside them, and what follows.

This is the model of the mirror and of its SQL: joins in plain Python, and the rules of transfer as far as a simulated
company can break them. What it gives to production code (`CustomerState`, rows of settlements, holds and cases,
`recognise.Shows`) is what the ledger's queries would give. Stale or lost reads stay in here until read again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any

from cloudcollect_pipeline.domain.calendar import latest_due_date, transferable_from
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.planning.deltas import (
    Application,
    ClaimState,
    CustomerState,
    EntryState,
    Known,
    Listed,
    PostingState,
    is_posted,
    repeated,
)
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import TRANSFER_FEEDS
from cloudcollect_pipeline.planning.settlements import SettlementState
from cloudcollect_pipeline.testing.simulation.core.memory import MemoryJournal
from cloudcollect_pipeline.testing.simulation.core.rows import (
    Case,
    Claim,
    Customer,
    Entry,
    Payment,
    Receivable,
    Record,
    Settlement,
    kroner,
    settlement_row,
)

SUSPENSE = "1510"
PENDING = frozenset({"intent", "uncertain", "created", "quarantined"})
MADE_UP = frozenset({"NOT_CREDITED", "NOT_WRITTEN_OFF"})
SETTLED = frozenset({"confirmed", "quarantined"})
Row = dict[str, Any]

latest_due = lru_cache(4096)(latest_due_date)
transferable = lru_cache(4096)(transferable_from)


def held(holds: Sequence[Mapping[str, Any]], night: date) -> frozenset[str]:
    """What the hold list keeps back on a night, of receivables and customers."""
    tonight = night.isoformat()
    return frozenset(hold["subject"] for hold in holds if not hold["until"] or hold["until"] >= tonight)


class Store:
    """The mirrors of one company. `dirty` are customers with news since they were last planned without an effect."""

    def __init__(self) -> None:
        self.receivables: dict[str, Receivable] = {}
        self.payments: dict[str, Payment] = {}
        self.customers: dict[str, Customer] = {}
        self.claims: dict[str, Claim] = {}
        self.cases: dict[str, Case] = {}
        self.entries: dict[str, Entry] = {}
        self.settlements: dict[str, Settlement] = {}
        self.effects: dict[str, Row] = {}
        self.version = 0
        self.entry_version: dict[str, int] = {}
        """Entry -> the version of the mirrors with which its newest content came in."""
        self.dirty: set[str] = set()
        self.settlements_dirty = False
        self.shown = True
        """Whether something that may be of ours came in, or the journal is another one, since the last recognition."""
        self.held: frozenset[str] = frozenset()
        """What the hold list kept back when it was last looked at."""
        self.open: set[str] = set()
        """References of unknown outcome, and of what is created and not released."""
        self.read_at: dict[str, Any] = {}
        """Feed -> up to which moment it has been read."""
        self._known = 0, ""
        self._of: dict[str, dict[str, dict[int, Row]]] = defaultdict(lambda: defaultdict(dict))
        self._claims_on: dict[str, dict[str, None]] = defaultdict(dict)
        self._entries_on: dict[str, dict[str, None]] = defaultdict(dict)
        self._payments_of: dict[str, dict[str, None]] = defaultdict(dict)
        self._receivables_of: dict[str, dict[str, None]] = defaultdict(dict)

    def copy(self) -> "Store":
        """One that can be changed without changing this."""
        other = Store()
        for name in ("receivables", "payments", "customers", "claims", "cases", "entries", "settlements", "effects"):
            setattr(other, name, dict(getattr(self, name)))
        other.version, other._known = self.version, self._known
        other.entry_version = dict(self.entry_version)
        other.dirty, other.settlements_dirty, other.shown = set(self.dirty), self.settlements_dirty, self.shown
        other.read_at, other.open, other.held = dict(self.read_at), set(self.open), self.held
        for name in ("_claims_on", "_entries_on", "_payments_of", "_receivables_of"):
            getattr(other, name).update({key: dict(those) for key, those in getattr(self, name).items()})
        for row in self.effects.values():
            other._of[row["kind"]][row["source"]][row["ordinal"]] = row
        return other

    def over(self, *records: Sequence[Record]) -> "Store":
        """These fresh reads laid over what stands here; the effects are shared."""
        other = Store()
        for name in ("receivables", "payments", "customers", "claims", "cases", "entries", "settlements"):
            setattr(other, name, dict(getattr(self, name)))
        other.effects, other._of, other.open = self.effects, self._of, self.open
        for name in ("_claims_on", "_entries_on", "_payments_of", "_receivables_of"):
            getattr(other, name).update({key: dict(those) for key, those in getattr(self, name).items()})
        for those in records:
            other.mirror(those)
        return other

    # -- what was read and what was done -------------------------------------------------------------------------

    def mirror(self, records: Iterable[Record]) -> None:
        """Take records in; what is as before makes nobody dirty."""
        for record in records:
            match record:
                case Receivable():
                    if self.receivables.get(record.name) != record:
                        if record.name not in self.receivables and record.name in self._claims_on:
                            self.shown = True  # whose a claim is, only its receivable tells
                        self.receivables[record.name] = record
                        self._receivables_of[record.customer][record.name] = None
                        self.dirty.add(record.customer)
                case Payment():
                    if self.payments.get(record.name) != record:
                        self.payments[record.name] = record
                        self._payments_of[record.customer][record.name] = None
                        self.dirty.add(record.customer)
                        if record.cash_account == SUSPENSE:
                            self.settlements_dirty = self.shown = True
                case Customer():
                    if self.customers.get(record.name) != record:
                        self.customers[record.name] = record
                        self.dirty.add(record.name)
                case Claim():
                    if self.claims.get(record.name) != record:
                        self.claims[record.name] = record
                        self._claims_on[record.document][record.name] = None
                        self._touch(record.document)
                        self.shown = True
                case Case():
                    if self.cases.get(record.name) != record:
                        self.cases[record.name] = record
                        for claim in self.claims.values():
                            if claim.case == record.name:
                                self._touch(claim.document)
                case Entry():
                    if self.entries.get(record.name) != record:
                        self.entries[record.name] = record
                        self.entry_version[record.name] = self.version
                        self.settlements_dirty = self.shown = True
                        for name, _, _ in record.lines:
                            self._entries_on[name][record.name] = None
                            if name in self.claims:
                                self._touch(self.claims[name].document)
                case Settlement():
                    if self.settlements.get(record.name) != record:
                        self.settlements[record.name] = record
                        self.settlements_dirty = True

    def forget(self, payment: str) -> None:
        """A draft is gone."""
        gone = self.payments.pop(payment)
        del self._payments_of[gone.customer][payment]
        self.dirty.add(gone.customer)

    def keep_back(self, held: frozenset[str]) -> None:
        """Take tonight's hold list in: whoever came or went is news."""
        for subject in held ^ self.held:
            kind, _, number = subject.partition(" ")
            if kind == "customer":
                self.dirty.add(number)
            else:
                self._touch(subject)
        self.held = held

    def _touch(self, document: str) -> None:
        receivable = self.receivables.get(document)
        if receivable:
            self.dirty.add(receivable.customer)

    def sync(self, journal: MemoryJournal) -> None:
        """Copy changed effects; all of them when the journal is another one than before."""
        if journal.newest == self._known:
            return
        seq, seal = self._known
        if journal.seal_of(seq) != seal:
            self.effects.clear()
            self.open.clear()
            self._of.clear()
            self.dirty.update(self.customers)
            self.settlements_dirty = self.shown = True
            seq = 0
        for row in journal.effects_since(seq):
            self.effects[row["reference"]] = row
            self._of[row["kind"]][row["source"]][row["ordinal"]] = row
            self.dirty.add(row["party"])
            (self.open.add if row["state"] in ("intent", "uncertain", "created") else self.open.discard)(
                row["reference"]
            )
            if row["kind"] in ("settlement", "posting", "void"):
                self.settlements_dirty = True
        self._known = journal.newest

    def seal_known(self) -> tuple[int, str]:
        """Number and seal of the newest entry of the journal that was copied."""
        return self._known

    # -- joins ---------------------------------------------------------------------------------------------------

    def known(self, kind: Kind, source: str, listed: Collection[str] | None = None) -> tuple[Known, ...]:
        """The effects of a source as planning asks for them."""
        those = self._of[kind].get(source)
        if not those:
            return ()
        return tuple(
            Known(
                row["reference"],
                row["ordinal"],
                row["state"],
                row["amount"],
                row["details"].get("facts") or "",
                listed is None or row["reference"] in listed,
            )
            for _, row in sorted(those.items())
        )

    def transfer_of(self, claim: Claim) -> Row | None:
        """The confirmed transfer that made a claim."""
        row = self.effects.get(claim.reference)
        made_it = row and row["kind"] == "transfer" and row["state"] == "confirmed"
        return row if row and made_it and row["remote_id"] in (None, claim.name) else None

    def claims_on(self, document: str) -> list[Claim]:
        """All claims of a receivable."""
        return [self.claims[name] for name in self._claims_on.get(document, ())]

    def applications(self, receivable: Receivable) -> dict[str, tuple[int, int, Payment]]:
        """Paying document -> what it settles: (paid, written off, document). A void settles nothing by itself."""
        return {
            payment.name: (*line, payment)
            for payment in self.payments_of(receivable.customer)
            if payment.status in ("Open", "Closed")
            and payment.document_type != "VoidPayment"
            and (line := payment.lines.get(receivable.name))
            and any(line)
        }

    def payments_of(self, customer: str) -> list[Payment]:
        """All payments of a customer."""
        return [self.payments[name] for name in self._payments_of.get(customer, ())]

    def root(self, entry: Entry) -> Entry:
        """The original entry that a reversal goes back to."""
        while entry.reverses is not None and entry.reverses in self.entries:
            entry = self.entries[entry.reverses]
        return entry

    def consistent(self, receivable: Receivable) -> bool:
        """Whether its settlements add up to amount minus balance."""
        settled = sum(paid + written for paid, written, _ in self.applications(receivable).values())
        return settled == receivable.amount - receivable.balance

    def foreign_payments(self, customer: str) -> list[Payment]:
        """Payments on the suspense account that no reference of ours explains."""
        return [
            payment
            for payment in self.payments_of(customer)
            if payment.cash_account == SUSPENSE
            and payment.document_type in ("Payment", "Prepayment")
            and payment.status != "Voided"
            and (self.effects.get(payment.reference) or {}).get("kind") != "posting"
        ]

    # -- the rules of transfer -----------------------------------------------------------------------------------

    def failed(self, receivable: Receivable, facts: Facts) -> list[str]:
        """Which rules keep a receivable from being transferred, or a claim from going on."""
        policy = facts.settings.policy
        customer = self.customers.get(receivable.customer)
        payments = self.payments_of(receivable.customer)
        claims = self.claims_on(receivable.name)
        live = [claim for claim in claims if claim.live or claim.status == "MERGED"]
        past = [claim for claim in claims if claim.status in ("WITHDRAWN", "REJECTED") or claim.hold == "RECALLED"]
        pending = any(
            row["state"] in PENDING
            or (row["state"] == "confirmed" and not any(c.reference == row["reference"] for c in claims))
            for row in self._of[Kind.TRANSFER].get(receivable.name, {}).values()
        )
        credited = written = 0
        if live and receivable.balance == 0:
            handed = [row for claim in live if (row := self.transfer_of(claim))]
            before = max(handed, key=lambda row: row["ordinal"])["details"].get("baseline") or {} if handed else {}
            for name, (paid, off, payment) in self.applications(receivable).items():
                credited += paid - before.get(name, 0) if payment.document_type == "CreditNote" else 0
                written += off - min(max(off, 0), before.get(name, 0))
        principal = sum(claim.principal for claim in live)
        over = {self.cases[c.case].number for c in past if c.case in self.cases}
        episode = f"{receivable.name} episode {len(past) + 1}"
        passes = {
            "OPEN": receivable.status == "Open" and receivable.balance > 0,
            "PICKED": receivable.level >= policy.min_dunning_level
            and receivable.dunned_on is not None
            and receivable.dunned_on > receivable.due,
            "OLD_ENOUGH": receivable.due <= latest_due(facts.night, policy.grace_days, policy.banking_days),
            "NOT_EXCLUDED": not receivable.excluded,
            "CUSTOMER_NOT_EXCLUDED": customer is None or not customer.excluded,
            "NOT_DISPUTED": not any(c.disputed and c.status not in ("WITHDRAWN", "REJECTED", "MERGED") for c in claims)
            and not _held(receivable, facts),
            "NOT_CREDITED": not (live and credited >= principal and receivable.balance == 0),
            "NOT_WRITTEN_OFF": not (live and written >= principal and receivable.balance == 0),
            "NO_UNRELEASED": not any(p.status in ("Hold", "Balanced") and receivable.name in p.lines for p in payments),
            "NO_UNAPPLIED_CREDIT": not any(self._is_credit(p) for p in payments)
            and not self._under_way(receivable.customer),
            "NO_CASE": not receivable.case_number or receivable.case_number in over,
            "DOCUMENT_TYPE": receivable.document_type != "DebitNote" or policy.debit_notes,
            "NO_LIVE_CLAIM": not live and not pending,
            "NEW_EPISODE_APPROVED": not past or facts.decisions.get(("NEW_EPISODE", episode)) == "approve",
            "NO_FOREIGN_PAYMENT": not self.foreign_payments(receivable.customer),
            "TRUSTED": customer is not None and not facts.missing(*TRANSFER_FEEDS) and self.consistent(receivable),
        }
        return [code for code, passed in passes.items() if not passed]

    def _is_credit(self, payment: Payment) -> bool:
        """Whether there is more of it than it settles; our own unreleased ones are under way."""
        if payment.balance <= 0 or payment.document_type not in ("Payment", "Prepayment", "CreditNote"):
            return False
        unreleased = payment.status in ("Hold", "Balanced") and payment.reference not in self.effects
        return payment.status == "Open" or unreleased

    def _under_way(self, customer: str) -> bool:
        """Whether a posting of ours for this customer is not yet seen as posted."""
        rows = (self.effects[name] for name in self.open)
        open_ = {row["reference"] for row in rows if row["kind"] == "posting" and row["party"] == customer}
        return bool(
            open_ - {p.reference for p in self.payments_of(customer) if p.status in ("Open", "Closed", "Voided")}
        )

    def stops(self, receivable: Receivable, claim: Claim, facts: Facts) -> list[str]:
        """Which rules a live claim's receivable fails, of those that a hold asks for."""
        customer = self.customers.get(receivable.customer)
        failed = ["NOT_EXCLUDED"] if receivable.excluded else []
        if customer is not None and customer.excluded:
            failed.append("CUSTOMER_NOT_EXCLUDED")
        disputed = claim.disputed or any(c.disputed and c.live for c in self.claims_on(receivable.name))
        if disputed or _held(receivable, facts):
            failed.append("NOT_DISPUTED")
        if receivable.balance == 0:
            failed += [code for code in self.failed(receivable, facts) if code in MADE_UP]
        if customer is None or facts.missing(*TRANSFER_FEEDS) or not self.consistent(receivable):
            failed.append("TRUSTED")
        return failed

    def verdict(self, receivable: Receivable, facts: Facts) -> Row:
        """A receivable with the rules it fails, as the planner's query gives it."""
        claims = self.claims_on(receivable.name)
        return {
            "document": receivable.name,
            "document_type": receivable.document_type,
            "number": receivable.number,
            "customer": receivable.customer,
            "currency": receivable.currency,
            "amount": kroner(receivable.amount),
            "balance": kroner(receivable.balance),
            "due_date": receivable.due,
            "document_date": receivable.on,
            "kid": receivable.kid,
            "dunning_level": receivable.level,
            "dunning_date": receivable.dunned_on,
            "failed": self.failed(receivable, facts),
            "past_claims": sum(
                claim.status in ("WITHDRAWN", "REJECTED") or claim.hold == "RECALLED" for claim in claims
            ),
        }

    def receivables_of(self, customer: str) -> list[Receivable]:
        """All receivables of a customer."""
        return [self.receivables[name] for name in self._receivables_of.get(customer, ())]

    def wakes(self, customer: str, facts: Facts) -> date | None:
        """The night after which time alone changes what is planned for a customer; None: never."""
        policy = facts.settings.policy
        days = [
            transferable(receivable.due, policy.grace_days, policy.banking_days)
            for receivable in self.receivables_of(customer)
            if receivable.balance > 0
        ]
        return min((day for day in days if day > facts.night), default=None)

    def uneven(self, customer: str) -> bool:
        """Whether there is anything to plan of a customer's money: everyone else is equal on both sides.

        The same filter as the ledger's `customer_to_plan`, and as there a finding alone is reason enough.
        """
        for receivable in self.receivables_of(customer):
            for claim in self.claims_on(receivable.name):
                row = self.transfer_of(claim)
                if row is None:
                    continue
                if claim.live and (receivable.balance != claim.principal_open or claim.principal != row["amount"]):
                    return True
                if self._entries_on.get(claim.name):
                    return True
        return any(p.cash_account == SUSPENSE or p.document_type == "WriteOff" for p in self.payments_of(customer))

    # -- one customer --------------------------------------------------------------------------------------------

    def customer_state(self, customer: str, facts: Facts) -> CustomerState:
        """All that `plan_customer` needs."""
        receivables = sorted(self.receivables_of(customer))
        states: list[ClaimState] = []
        per_entry: dict[str, dict[str, int]] = {}
        posting_of = {
            payment.name: row["source"].rsplit(":", 1)[0]
            for payment in self.payments_of(customer)
            if (row := self.effects.get(payment.reference)) and row["kind"] == "posting"
        }
        for receivable in receivables:
            ours = [
                (row["ordinal"], claim, row)
                for claim in self.claims_on(receivable.name)
                if (row := self.transfer_of(claim))
            ]
            if not ours:
                continue
            settled = self.applications(receivable)
            applications = tuple(
                Application(
                    name,
                    "write_off" if written and not paid else "payment",
                    paid,
                    written,
                    posting_of.get(name),
                    payment.on,
                )
                for name, (paid, written, payment) in sorted(settled.items())
            )
            fenced = bool(facts.missing(*TRANSFER_FEEDS)) or not self.consistent(receivable)
            for _, claim, row in sorted(ours, key=lambda each: each[0]):
                listed, carried = self._lines(claim)
                for entry, amount in carried.items():
                    per_entry.setdefault(entry, defaultdict(int))[receivable.name] += amount
                states.append(
                    ClaimState(
                        claim.name,
                        claim.reference,
                        receivable.name,
                        claim.currency,
                        claim.principal,
                        row["amount"],
                        claim.principal_open,
                        receivable.balance,
                        row["details"].get("baseline") or {},
                        applications,
                        listed,
                        carried,
                        self._sent(claim.reference),
                        claim.live,
                        fenced,
                    )
                )
        entries = [self._entry_state(customer, name, amounts, facts) for name, amounts in sorted(per_entry.items())]
        entries.sort(key=lambda entry: (entry.value_date, entry.entry))
        return CustomerState(
            customer,
            tuple(states),
            tuple(entries),
            {receivable.name: receivable.balance for receivable in receivables},
            bool(self.foreign_payments(customer)),
            100,
            facts.decisions,
            (facts.settings.currency,),
        )

    def _lines(self, claim: Claim) -> tuple[tuple[Listed, ...], dict[str, int]]:
        """What the agency lists on a claim as received by the creditor, and what its own money carries there."""
        listed: list[Listed] = []
        carried: dict[str, int] = {}
        for name in sorted(self._entries_on.get(claim.name, ())):
            entry = self.entries[name]
            mine = [amount for on, bucket, amount in entry.lines if on == claim.name and bucket == "principal"]
            if not mine:
                continue
            root = self.root(entry)
            if root.received_by == "AGENCY":
                carried[root.name] = carried.get(root.name, 0) + (0 if entry.cancelled else sum(mine))
            elif root.kind != "CHARGE":
                ours = any(
                    (self.effects.get(each.reference) or {}).get("kind") == "reduction" for each in (entry, root)
                )
                source = entry.source or root.source
                listed.append(Listed(name, source, sum(mine), ours, entry.kind, entry.cancelled))
        return tuple(listed), carried

    def _sent(self, transfer: str) -> dict[str, tuple[Known, ...]]:
        listed = {entry.reference for entry in self.entries.values() if entry.reference}
        prefix = transfer + "/"
        return {
            source.removeprefix(prefix): self.known(Kind.REDUCTION, source, listed)
            for source in sorted(self._of[Kind.REDUCTION])
            if source.startswith(prefix)
        }

    def _postings(self, customer: str, source: str) -> list[PostingState]:
        """The postings of an entry's share by ordinal."""
        postings: list[PostingState] = []
        for payment in self.payments_of(customer):
            row = self.effects.get(payment.reference)
            if not row or row["kind"] != "posting" or row["source"] != source or payment.document_type != "Payment":
                continue
            postings.append(
                PostingState(
                    payment.reference,
                    row["ordinal"],
                    payment.number,
                    payment.status,
                    payment.amount,
                    {document: paid for document, (paid, _) in payment.lines.items()},
                    row["details"].get("carried"),
                    any(k.state == "confirmed" for k in self.known(Kind.VOID, payment.reference)),
                )
            )
        postings.sort(key=lambda posting: posting.ordinal)
        return postings

    def _entry_state(self, customer: str, name: str, carried: Mapping[str, int], facts: Facts) -> EntryState:
        entry = self.entries[name]
        source = f"{name}:{customer}"
        postings = self._postings(customer, source)
        posted = {payment.reference for payment in self.payments_of(customer)}
        return EntryState(
            name,
            entry.currency,
            entry.value_date,
            dict(carried),
            tuple(postings),
            self.known(Kind.POSTING, source, posted),
            {posting.reference: self.known(Kind.VOID, posting.reference) for posting in postings},
            self._problem(customer, entry, facts),
        )

    def _problem(self, customer: str, entry: Entry, facts: Facts) -> Finding | None:
        """Money that cannot be tied to claims of ours, or an entry that repeats another one and is not posted."""
        astray: dict[str, int] = defaultdict(int)
        for each in self.entries.values():
            if self.root(each).name == entry.name and not each.cancelled:
                for name, bucket, amount in each.lines:
                    claim = self.claims.get(name)
                    if bucket == "unallocated" or (
                        bucket == "principal" and (claim is None or not self.transfer_of(claim))
                    ):
                        astray[name] += amount
        if any(astray.values()):
            return Finding("ENTRY_UNALLOCATED", entry.name, f"entry {entry.name} is not allocated to claims of ours")
        alike = [
            (other.name, self._left(other) > 0)
            for _, other in sorted(self.entries.items())
            if other.kind == entry.kind == "AGENCY_PAYMENT"
            and (other.value_date, other.amount) == (entry.value_date, entry.amount)
            and sorted(other.lines) == sorted(entry.lines)
            and not other.cancelled
            and not entry.cancelled
        ]
        if not (alike[1:] and dict(alike)[entry.name]):
            return None
        before = bool(self._postings(customer, f"{entry.name}:{customer}"))
        twin = repeated(entry.name, alike, partial(self._is_posted, customer), facts.is_second, before=before)
        if twin:
            return Finding("ENTRY_REPEATED", entry.name, f"entry {entry.name} repeats {twin}", entry.amount)
        return None

    def _is_posted(self, customer: str, name: str) -> bool:
        source = f"{name}:{customer}"
        listed = {payment.reference for payment in self.payments_of(customer)}
        return is_posted(self._postings(customer, source), self.known(Kind.POSTING, source, listed))

    def _left(self, entry: Entry) -> int:
        """What an original entry still carries after its reversals."""
        return sum(
            amount
            for each in self.entries.values()
            if self.root(each).name == entry.name and not each.cancelled
            for _, _, amount in each.lines
        )

    # -- after the transfer --------------------------------------------------------------------------------------

    def hold_rows(self, customer: str, facts: Facts) -> Iterator[Row]:
        """Live claims with the rules that their receivables fail."""
        for receivable in sorted(self.receivables_of(customer)):
            for claim in self.claims_on(receivable.name):
                row = self.transfer_of(claim)
                if not row or not claim.live:
                    continue
                failed = self.stops(receivable, claim, facts)
                if claim.principal_open > 0 or MADE_UP & set(failed):
                    yield {
                        "claim_id": claim.name,
                        "transfer": claim.reference,
                        "document": receivable.name,
                        "hold": claim.hold,
                        "principal_open": kroner(claim.principal_open),
                        "details": row["details"],
                        "customer": customer,
                        "due_date": receivable.due,
                        "currency": receivable.currency,
                        "failed": failed,
                    }

    def case_rows(self, customer: str) -> Iterator[Row]:
        """Invoices that do not show the agency's case as it words it now; the newest episode counts."""
        for receivable in sorted(self.receivables_of(customer)):
            ours = [
                (row["ordinal"], claim) for claim in self.claims_on(receivable.name) if (row := self.transfer_of(claim))
            ]
            if receivable.document_type != "Invoice" or not ours:
                continue
            claim = max(ours, key=lambda each: each[0])[1]
            case = self.cases.get(claim.case or "")
            if case is None or claim.status in ("REJECTED", "MERGED"):
                continue
            live = claim.status != "WITHDRAWN" and claim.hold != "RECALLED"
            if not live and receivable.case_number != case.number:
                continue
            shown = (receivable.case_number, receivable.case_status, receivable.case_url)
            if shown != (case.number, case.status, case.url) and (
                receivable.status == "Open" or receivable.case_number != case.number
            ):
                yield {
                    "document": receivable.name,
                    "document_type": receivable.document_type,
                    "document_number": receivable.number,
                    "customer": customer,
                    "currency": receivable.currency,
                    "case_number": case.number,
                    "case_status": case.status,
                    "case_url": case.url,
                }

    def last_holds(self) -> dict[str, tuple[str, int]]:
        """Transfer -> the newest hold of ours that was confirmed, and the journal's entry of that."""
        return {
            source: confirmed[max(confirmed)]
            for source, those in self._of[Kind.HOLD].items()
            if (
                confirmed := {
                    n: (row["details"]["hold"], row["seq"]) for n, row in those.items() if row["state"] == "confirmed"
                }
            )
        }

    def waiting_chains(self) -> set[str]:
        """Transfers with a reduction of unknown outcome."""
        return {
            row["chain"]
            for those in self._of[Kind.REDUCTION].values()
            for row in those.values()
            if row["state"] in ("intent", "uncertain")
        }

    def settlement_state(self, *, everything: bool) -> SettlementState:
        """All that `settle` needs; unless `everything` is asked for, of what is not booked as it stands."""
        shares: dict[tuple[str, str], list[int]] = {}
        carried: dict[str, int] = defaultdict(int)
        for claim in self.claims.values():
            receivable = self.receivables.get(claim.document)
            if receivable is None or not self.transfer_of(claim):
                continue
            for root, amount in self._lines(claim)[1].items():
                shares.setdefault((root, receivable.customer), [0, 0])[0] += amount
                carried[root] += amount
        for payment in self.payments.values():
            row = self.effects.get(payment.reference)
            if (
                row
                and row["kind"] == "posting"
                and payment.document_type == "Payment"
                and payment.status in ("Open", "Closed")
            ):
                root, _, customer = row["source"].rpartition(":")
                if (root, customer) in shares:
                    shares[root, customer][1] += payment.amount
        paid: dict[str, tuple[int, str]] = {}
        for settlement in sorted(self.settlements.values(), key=lambda each: (each.booking_date, each.name)):
            for name, claim_id, bucket, amount, _ in settlement.lines if settlement.status == "PUBLISHED" else ():
                if bucket == "principal" and name in self.entries and self._ours(claim_id):
                    root = self.root(self.entries[name]).name
                    paid[root] = paid.get(root, (0, ""))[0] + amount, settlement.number
        booked: dict[str, tuple[Mapping[str, Any], int]] = {}
        for source, those in self._of[Kind.SETTLEMENT].items():
            confirmed = {n: row["details"] for n, row in those.items() if row["state"] == "confirmed"}
            if confirmed:
                booked[source] = confirmed[max(confirmed)], len(confirmed)
        rest = () if everything else self._booked_as_they_stand(booked)
        return SettlementState(
            self._settlement_rows(rest),
            {source: self.known(Kind.SETTLEMENT, source) for source in self._of[Kind.SETTLEMENT]},
            booked,
            {key: {"carried": kroner(c), "posted": kroner(p) or None} for key, (c, p) in sorted(shares.items())},
            (),
            [
                {"root": root, "number": number, "carried": kroner(carried[root]), "paid": kroner(amount)}
                for root, (amount, number) in sorted(paid.items())
                if root in carried and carried[root] > amount
            ],
        )

    def _booked_as_they_stand(self, booked: Mapping[str, tuple[Mapping[str, Any], int]]) -> set[str]:
        nothing: tuple[Mapping[str, Any], int] = {}, 0
        return {
            name
            for name, settlement in self.settlements.items()
            if (settlement.status == "PUBLISHED")
            == (booked.get(f"{name}:PUBLISHED", nothing)[1] > booked.get(f"{name}:CANCELLED", nothing)[1])
        }

    def _ours(self, claim_id: str) -> bool:
        claim = self.claims.get(claim_id)
        return claim is not None and self.transfer_of(claim) is not None

    def _settlement_rows(self, rest: Collection[str]) -> list[Row]:
        rows: list[Row] = []
        running: dict[tuple[str, str], int] = defaultdict(int)
        for settlement in sorted(self.settlements.values(), key=lambda each: (each.booking_date, each.name)):
            items: dict[tuple[str, str], int] = defaultdict(int)
            repeated: set[str] = set()
            unknown: set[str] = set()
            for name, claim_id, bucket, amount, _ in settlement.lines:
                entry = self.entries.get(name)
                if entry is None:
                    unknown.add(name)
                    continue
                if bucket != "principal":
                    continue
                claim = self.claims.get(claim_id)
                receivable = self.receivables.get(claim.document) if claim and self.transfer_of(claim) else None
                items[self.root(entry).name, receivable.customer if receivable else ""] += amount
                if settlement.status == "PUBLISHED":
                    running[name, claim_id] += amount
                    share = sum(a for on, b, a in entry.lines if on == claim_id and b == "principal")
                    if running[name, claim_id] * (share > 0 or -1) > abs(share):
                        repeated.add(name)
            if settlement.name in rest:
                continue
            kept = [key for key, amount in items.items() if key[1] or amount]
            rows.append(settlement_row(settlement, kept, repeated, unknown))
        return rows

    def created_vouchers(self) -> list[Row]:
        """Vouchers of ours that are not released yet, with what their settlement is now."""
        made = [
            row for _, row in sorted(self.effects.items()) if row["kind"] == "settlement" and row["state"] == "created"
        ]
        now = {name: settlement.status for name, settlement in self.settlements.items()}
        return [row | {"now": now.get(row["source"].rpartition(":")[0])} for row in made]

    # -- what the mirrors show of us (`recognise.Shows`) ---------------------------------------------------------

    def _unsettled(self, reference: str, kind: Kind | None = None) -> bool:
        row = self.effects.get(reference)
        return row is None or (kind is not None and row["kind"] != kind) or row["state"] not in SETTLED

    def listed_settlements(self) -> Sequence[Row]:
        """See `Shows`."""
        return [
            {"settlement_id": name, "number": s.number, "currency": s.currency, "booking_date": s.booking_date}
            for name, s in sorted(self.settlements.items())
        ]

    def unconfirmed_transfers(self) -> Sequence[Row]:
        """See `Shows`."""
        rows: list[Row] = []
        for name, claim in sorted(self.claims.items(), key=lambda each: (not each[1].live, each[0])):
            if self._unsettled(claim.reference, Kind.TRANSFER):
                kind, _, number = claim.document.partition(" ")
                receivable = self.receivables.get(claim.document)
                rows.append(
                    {
                        "claim_id": name,
                        "reference": claim.reference,
                        "document_type": kind,
                        "document_number": number,
                        "currency": claim.currency,
                        "principal": kroner(claim.principal),
                        "customer": receivable and receivable.customer,
                        "amount": kroner(receivable.amount) if receivable else None,
                        "due_date": receivable and receivable.due,
                    }
                )
        return rows

    def settled_by_others(self, document_type: str, number: str) -> Sequence[Row]:
        """See `Shows`."""
        receivable = self.receivables[f"{document_type} {number}"]
        return [
            {"document": name, "net": kroner(paid + written)}
            for name, (paid, written, payment) in sorted(
                self.applications(receivable).items(), key=lambda each: (each[1][2].on, each[0])
            )
            if payment.cash_account != SUSPENSE
        ]

    def unconfirmed_reductions(self) -> Sequence[Row]:
        """See `Shows`."""
        rows: list[Row] = []
        for name, entry in sorted(self.entries.items()):
            if not entry.reference or not self._unsettled(entry.reference):
                continue
            claim = self.claims.get(entry.lines[0][0])
            if claim is None or not self.transfer_of(claim):
                continue
            receivable = self.receivables.get(claim.document)
            kind, _, number = (entry.source or " ").partition(" ")
            rows.append(
                {
                    "entry_id": name,
                    "reference": entry.reference,
                    "currency": entry.currency,
                    "amount": kroner(entry.amount),
                    "source_document_type": kind,
                    "source_document_number": number,
                    "kind": entry.kind,
                    "claim_id": claim.name,
                    "transfer": claim.reference,
                    "document": claim.document,
                    "customer": receivable and receivable.customer,
                }
            )
        return rows

    def unconfirmed_postings(self) -> Sequence[Row]:
        """See `Shows`."""
        return [
            {
                "number": payment.number,
                "customer": payment.customer,
                "reference": payment.reference,
                "status": payment.status,
                "currency": payment.currency,
                "amount": kroner(payment.amount),
                "payment_date": payment.on,
            }
            for _, payment in sorted(self.payments.items())
            if payment.cash_account == SUSPENSE
            and payment.document_type == "Payment"
            and payment.reference
            and self._unsettled(payment.reference)
        ]

    def roots(self) -> Mapping[str, Sequence[str]]:
        """See `Shows`."""
        roots: dict[str, set[str]] = defaultdict(set)
        for claim in self.claims.values():
            receivable = self.receivables.get(claim.document)
            if receivable and self.transfer_of(claim):
                roots[receivable.customer] |= set(self._lines(claim)[1])
        return {customer: sorted(those) for customer, those in sorted(roots.items())}

    def hold(self, claim_id: str) -> str | None:
        """See `Shows`."""
        claim = self.claims.get(claim_id)
        return claim and claim.hold

    def case_number(self, document_type: str, number: str) -> str | None:
        """See `Shows`."""
        receivable = self.receivables.get(f"{document_type} {number}")
        return receivable and receivable.case_number

    def payment_status(self, number: str) -> str | None:
        """See `Shows`."""
        payment = self.payments.get(f"Payment {number}")
        return payment and payment.status

    # -- standing findings ---------------------------------------------------------------------------------------

    def unlisted_claims(self, since: date, night: date) -> set[str]:
        """Claims by id that were made since a day and before a night, and that are not mirrored."""
        return {
            row["remote_id"]
            for row in self.effects.values()
            if row["kind"] == "transfer"
            and row["state"] == "confirmed"
            and since <= row["night"] < night
            and row["remote_id"] not in self.claims
        }

    def standing_findings(self) -> list[Finding]:
        """What is wrong with the facts themselves, as far as an oracle asks whether it was said."""
        found: list[Finding] = []
        for row in self.effects.values():
            if row["state"] in ("uncertain", "intent", "quarantined"):
                code = "EFFECT_QUARANTINED" if row["state"] == "quarantined" else "EFFECT_UNCERTAIN"
                found.append(Finding(code, row["reference"], f"{row['kind']} for {row['document']}"))
        for payment in self.payments.values():
            row = self.effects.get(payment.reference, {})
            if row.get("kind") == "posting" and payment.status == "Open" and payment.balance > 0:
                text = f"{payment.balance} of payment {payment.number} stays the credit of customer {payment.customer}"
                found.append(Finding("POSTING_LEAVES_CREDIT", payment.reference, text))
        for customer in self.customers:
            for payment in self.foreign_payments(customer):
                found.append(Finding("FOREIGN_SUSPENSE_PAYMENT", payment.name, f"{payment.name} of {customer}"))
        for receivable in self.receivables.values():
            if receivable.status in ("Open", "Closed") and not self.consistent(receivable):
                found.append(Finding("LEDGER_ROW_INCONSISTENT", receivable.name, f"{receivable.name} does not add up"))
        for claim in self.claims.values():
            if not self.transfer_of(claim):
                found.append(Finding("CLAIM_UNKNOWN", claim.name, f"claim {claim.name} for {claim.document}"))
        return found


def _held(receivable: Receivable, facts: Facts) -> bool:
    return bool(facts.holds) and not held(facts.holds, facts.night).isdisjoint(
        (receivable.name, f"customer {receivable.customer}")
    )
