"""One run over values: read → mirror → recognise → plan → gate → dispatch → read again.

The counterpart of `nightly.Night` without landing, SQL and reports. Recognition, planning's functions, the gate, caps,
guard, dispatcher and journal are production code.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from cloudcollect_pipeline.agency.port import AgencyCapabilities, Debtor
from cloudcollect_pipeline.dispatch.caps import breaches
from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher, NothingSent
from cloudcollect_pipeline.dispatch.gate import dispatchable
from cloudcollect_pipeline.dispatch.guards import Guard, Odd, Row
from cloudcollect_pipeline.dispatch.lookup import VOUCHER_LOOKBACK
from cloudcollect_pipeline.dispatch.recognise import (
    after_a_crash,
    recognise_the_rest,
    recognise_transfers,
    recognise_vouchers,
)
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.erp.port import DocumentKey
from cloudcollect_pipeline.nightly import FEEDS as BY_SIDE
from cloudcollect_pipeline.nightly import UNLISTED_FOR
from cloudcollect_pipeline.planning import deltas
from cloudcollect_pipeline.planning.afterwards import case_references, holds
from cloudcollect_pipeline.planning.effects import as_text, plan_hash, sending_order, totals
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import (
    MONEY_FEEDS,
    SETTLEMENT_FEEDS,
    VOUCHERS,
    transfers,
)
from cloudcollect_pipeline.planning.settlements import TERMS, finish_vouchers, settle
from cloudcollect_pipeline.settings import CompanySettings
from cloudcollect_pipeline.testing.simulation.core.memory import MemoryJournal
from cloudcollect_pipeline.testing.simulation.core.ports import AgencyPort, ErpPort
from cloudcollect_pipeline.testing.simulation.core.rows import Claim, Receivable, kroner
from cloudcollect_pipeline.testing.simulation.core.store import Store, held, latest_due

FEEDS = {side: tuple(f"{side} {feed}" for feed in feeds) for side, feeds in BY_SIDE.items()}
CAPABILITIES = AgencyCapabilities()
OFF = timedelta(days=1)
"""A clock that is off by as much sends nothing."""


class StoreReads:
    """`guards.Reads`: fresh reads laid over what was mirrored."""

    def __init__(self, store: Store, erp: ErpPort, agency: AgencyPort, facts: Facts) -> None:
        self.store, self.erp, self.agency, self.facts = store, erp, agency, facts
        self._receivables: Sequence[Receivable] = ()
        self._claims: Sequence[Claim] = ()

    def prepare(self) -> None:
        """See `Reads`: everything is at hand."""

    def receivables(self, keys: Sequence[DocumentKey], *, odd: Odd = "refuse") -> list[tuple[Row, bytes]]:
        """See `Reads`: no record of these books is odd."""
        names = [f"{key.document_type} {key.number}" for key in keys]
        self._receivables = self.erp.receivables("guard receivables", names) if names else ()
        return [(_receivable_row(r), b"%d" % r.revision) for r in sorted(self._receivables)]

    def customers(self, numbers: Sequence[str]) -> Mapping[str, Debtor]:
        """See `Reads`."""
        return {card.name: card.debtor for card in self.erp.customers(numbers)}

    def claims(self, ids: Sequence[str], *, odd: Odd = "refuse") -> list[Row]:
        """See `Reads`."""
        self._claims = self.agency.claims(ids)
        return [
            {
                "claim_id": claim.name,
                "status": claim.status,
                "hold": claim.hold,
                "principal_open": kroner(claim.principal_open),
            }
            for claim in self._claims
        ]

    def settlement(self, settlement_id: str) -> Row | None:
        """See `Reads`."""
        found = self.agency.settlement(settlement_id)
        return {"status": found.status} | {term: kroner(found.totals[term]) for term in TERMS} if found else None

    def may_be_transferred(
        self, customers: Sequence[str]
    ) -> tuple[Mapping[str, Row], Mapping[str, Mapping[str, int]], Mapping[str, Debtor]]:
        """See `Reads`."""
        cards = self.erp.customers(customers)
        view = self.store.over(self._receivables, cards, self.erp.payments_of(customers))
        read = [view.receivables[receivable.name] for receivable in self._receivables]
        settled = {
            receivable.name: {
                name: net
                for name, (paid, written, _) in view.applications(receivable).items()
                if (net := paid + written)
            }
            for receivable in read
        }
        verdicts = {receivable.name: view.verdict(receivable, self.facts) for receivable in read}
        return verdicts, settled, {card.name: card.debtor for card in cards}

    def must_stop(self, customers: Sequence[str], *, odd: Odd = "refuse") -> Mapping[str, Row]:
        """See `Reads`."""
        cards = self.erp.customers(customers)
        listed = {card.name for card in cards}
        view = self.store.over(self._receivables, cards, self._claims)
        return {
            r.name: view.verdict(r, self.facts) | {"customer_listed": r.customer in listed} for r in self._receivables
        }

    def changed_entries(self, version: int) -> Sequence[Row]:
        """See `Reads`."""
        known = self.store.entries
        found = [
            {"entry_id": name, "reverses": entry.reverses or "", "root": self.store.root(entry).name}
            for name, entry in known.items()
            if self.store.entry_version[name] > version
        ]
        for entry in self.agency.changed("entries", self.store.read_at.get("agency entries"), "guard entries"):
            before = known.get(entry.name)
            if before is None or (before.amount, before.lines, before.cancelled) != (
                entry.amount,
                entry.lines,
                entry.cancelled,
            ):
                parent = known.get(entry.reverses or "")
                root = self.store.root(parent).name if parent else ""
                found.append({"entry_id": entry.name, "reverses": entry.reverses or "", "root": root})
        return found

    def words(self, customer: str, text: str) -> list[str]:
        """See `Reads`: no answer of these books names anybody."""
        return []


def _receivable_row(receivable: Receivable) -> Row:
    return {
        "document_type": receivable.document_type,
        "number": receivable.number,
        "customer": receivable.customer,
        "amount": kroner(receivable.amount),
        "balance": kroner(receivable.balance),
        "case_number": receivable.case_number,
        "case_status": receivable.case_status,
        "case_url": receivable.case_url,
    }


@dataclass
class Planner:
    """Plans customers with news, and remembers what it found for the others. `wake`: when time alone is news.

    `everything`: all is planned anew, whatever is new.
    """

    findings: dict[str, list[Finding]] = field(default_factory=dict)
    wake: dict[str, date] = field(default_factory=dict)
    everything: bool = False
    answers: tuple[MemoryJournal, int, tuple[Sequence[Row], Mapping[tuple[str, str], str], int | None]] | None = None
    """The hold list, what people decided and whether the journal forgot something, of which journal and when."""

    def due(self, store: Store, night: date) -> set[str]:
        """Customers to plan tonight."""
        if self.everything:
            store.settlements_dirty = True
            return set(store.customers)
        return store.dirty | {customer for customer, day in self.wake.items() if day <= night}

    def plan(self, store: Store, facts: Facts, customers: Collection[str]) -> list[Effect]:
        """What these customers and the settlements still need, in the order of sending."""
        effects: list[Effect] = []
        for customer in sorted(customers):
            findings: list[Finding] = []
            planned = self._customer(store, facts, customer, findings)
            effects += planned
            self.findings[customer] = findings
            wakes = store.wakes(customer, facts)
            if wakes is None:
                self.wake.pop(customer, None)
            else:
                self.wake[customer] = wakes
            if not planned and not facts.incomplete_feeds:
                store.dirty.discard(customer)
        if store.settlements_dirty and not facts.missing(*SETTLEMENT_FEEDS):
            findings, before = [], len(effects)
            finish_vouchers(store.created_vouchers(), facts, effects, findings)
            if store.settlements:
                settle(store.settlement_state(everything=self.everything), facts, tuple(effects), effects, findings)
            self.findings["settlements"] = findings
            store.settlements_dirty = len(effects) > before or any(f.code == "SETTLEMENT_WAITS" for f in findings)
        effects.sort(key=sending_order)
        return effects

    def _customer(self, store: Store, facts: Facts, customer: str, findings: list[Finding]) -> list[Effect]:
        effects: list[Effect] = []
        policy = facts.settings.policy
        latest = latest_due(facts.night, policy.grace_days, policy.banking_days)
        passed: list[Row] = []
        receivables = store.receivables_of(customer)
        for receivable in receivables:
            if receivable.balance <= 0 or receivable.level < policy.min_dunning_level or receivable.due > latest:
                continue
            verdict = store.verdict(receivable, facts)
            if not verdict["failed"]:
                passed.append(verdict)
            elif verdict["failed"] == ["NEW_EPISODE_APPROVED"]:
                subject = f"{receivable.name} episode {verdict['past_claims'] + 1}"
                findings.append(Finding("NEW_EPISODE", subject, f"{receivable.name} may be transferred again"))
        passed.sort(key=lambda row: (row["due_date"], row["document"]))
        known = {row["document"]: store.known(Kind.TRANSFER, row["document"]) for row in passed}
        transfers(passed, known, facts, effects, findings)
        claims = [claim for receivable in receivables for claim in store.claims_on(receivable.name)]
        if not claims:
            return effects
        if not facts.missing(*MONEY_FEEDS) and (self.everything or store.uneven(customer)):
            planned = deltas.plan_customer(store.customer_state(customer, facts), facts.name)
            effects += planned.effects
            findings += planned.findings
        chains = {claim.reference: store.known(Kind.HOLD, claim.reference) for claim in claims}
        held = list(store.hold_rows(customer, facts))
        if held:
            holds(held, chains, store.last_holds(), store.waiting_chains(), facts, effects, findings)
        cases = list(store.case_rows(customer))
        if cases:
            shown = {row["document"]: store.known(Kind.CASE_REFERENCE, row["document"]) for row in cases}
            case_references(cases, shown, facts, effects, findings)
        return effects


@dataclass
class Ran:
    """What came of a run. `plan` is the hash of what was planned, `not_sent` says why nothing was sent.

    `waits` is the hash of a plan that a person must approve first.
    """

    effects: Sequence[Effect] = ()
    not_sent: str = ""
    waits: str = ""
    plan: str = ""


class Run:
    """One run of a company; the caller keeps journal, store and planner from night to night."""

    def __init__(
        self,
        journal: MemoryJournal,
        store: Store,
        planner: Planner,
        erp: ErpPort,
        agency: AgencyPort,
        settings: CompanySettings,
        clock: Clock,
        wrong: timedelta = timedelta(0),
    ) -> None:
        self.journal, self.store, self.planner = journal, store, planner
        self.erp, self.agency, self.settings, self.clock = erp, agency, settings, clock
        now = clock.now()
        self.night = night_of(now)
        self.incomplete: list[str] = []
        self.sent = False
        self._facts: tuple[tuple[int, int], Facts] | None = None
        journal.check_clock(now)
        if abs(wrong) >= OFF:
            raise NothingSent("this machine's clock and the ERP's are a day apart")
        store.sync(journal)
        if store.open:
            after_a_crash(journal, now, self.night)

    def facts(self) -> Facts:
        """Who we are, what people said and what could not be read tonight; made anew when one of these has changed."""
        state = self.journal.said, len(self.incomplete)
        if self._facts is None or self._facts[0] != state:
            self._facts = state, self._made_facts()
        return self._facts[1]

    def _made_facts(self) -> Facts:
        holds, decisions, forgot = self._answers()
        return Facts(
            self.night,
            self.settings.erp.tenant_id,
            self.settings.agency.id,
            self.settings,
            CAPABILITIES,
            True,
            holds,
            decisions,
            tuple(sorted(set(self.incomplete))),
            forgot,
        )

    def _answers(self) -> tuple[Sequence[Row], Mapping[tuple[str, str], str], int | None]:
        known = self.planner.answers
        if known is None or known[:2] != (self.journal, self.journal.said):
            answers = self.journal.holds(), self.journal.decisions(), self.journal.forgot()
            known = self.planner.answers = (self.journal, self.journal.said, answers)
        return known[2]

    def run(self) -> Ran:
        """The whole run."""
        self.land()
        self.recognise()
        ran = self.plan()
        if not ran.effects:
            self._end_quiet(ran)
            return ran
        return self.carry_out(ran)

    # -- read ----------------------------------------------------------------------------------------------------

    def land(self) -> None:
        """Both sides, feed by feed; what could not be read is read from where it was on the next night."""
        store = self.store
        read_at: dict[str, Any] = {}
        documents = self._feed("erp documents", read_at)
        payments = self._feed("erp payments", read_at)
        found: list[Any] = [*(documents or ()), *(payments or ()), *(self._feed("erp customers", read_at) or ())]
        if payments and self.journal.read_from(store.read_at.get("erp documents")):
            told = {receivable.name for receivable in documents or ()}
            touched = sorted({name for payment in payments for name in payment.lines} - told)
            found += self._touched(touched, read_at)
        gone = self._drafts(found) if payments is not None else []
        self._mirror(found, read_at)
        for name in gone:
            store.forget(name)
        read_at = {}
        found = []
        for feed in FEEDS["agency"]:
            found += self._feed(feed, read_at) or ()
        self._mirror(found + self._found_changed(), read_at)

    def _feed(self, feed: str, read_at: dict[str, Any]) -> list[Any] | None:
        side, _, name = feed.partition(" ")
        port: ErpPort | AgencyPort = self.erp if side == "erp" else self.agency
        now = self.clock.now()
        try:
            found = port.changed(name, self.journal.read_from(self.store.read_at.get(feed)))
        except Permanent:
            raise
        except CounterpartyError:
            self.incomplete.append(feed)
            return None
        read_at[feed] = now
        return found

    def _found_changed(self) -> list[Claim]:
        """The claims of tonight's dropped effects, and those of ours that no list has told."""
        dropped = self.journal.effects(states=("dropped",), night=self.night) if self.sent else []
        ids = {effect.details["claim_id"] for effect in dropped if "claim_id" in effect.details}
        ids |= self.store.unlisted_claims(self.night - UNLISTED_FOR, self.night)
        try:
            return self.agency.claims(sorted(ids)) if ids else []
        except CounterpartyError:
            return []

    def _mirror(self, records: Sequence[Any], read_at: Mapping[str, Any]) -> None:
        self.store.version += 1
        self.store.mirror(records)
        self.store.read_at.update(read_at)

    def _touched(self, names: Sequence[str], read_at: dict[str, Any]) -> list[Receivable]:
        """Receivables that changed payments name: their own clock need not have moved."""
        if not names:
            return []
        try:
            return self.erp.receivables("touched receivables", names)
        except CounterpartyError:
            self.incomplete.append("erp documents")
            read_at.pop("erp payments", None)
            return []

    def _drafts(self, found: list[Any]) -> list[str]:
        """Unreleased payments are read again by key; returns those that are gone."""
        drafts = {p.name for p in self.store.payments.values() if p.status in ("Balanced", "Hold")}
        ours = {
            f"Payment {row['remote_id']}"
            for row in self.store.effects.values()
            if row["kind"] == "posting" and row["state"] == "created" and row["remote_id"]
        }
        if not drafts | ours:
            return []
        try:
            read = self.erp.payments("drafts", sorted(drafts | ours))
        except CounterpartyError:
            return []
        found += read
        return sorted(drafts - {payment.name for payment in read})

    # -- recognise and plan --------------------------------------------------------------------------------------

    def recognise(self) -> None:
        """Bring the journal up to what both mirrors show, and ask the targets about unknown outcomes."""
        store, journal, now = self.store, self.journal, self.clock.now()
        store.sync(journal)
        if not journal.trusts_itself():
            self._find_vouchers()
            if self._both_sides_were_asked():
                journal.landed(self.clock.now())
        if not (store.shown or store.open):
            return
        facts = self.facts()
        recognise_transfers(store, journal, facts, now)
        store.sync(journal)
        recognise_the_rest(store, journal, facts, now)
        store.shown = False
        store.sync(journal)
        if store.open:
            with suppress(CounterpartyError):
                self._dispatcher(facts).settle()
            store.sync(journal)

    def _find_vouchers(self) -> None:
        """As `Night` does: what a lost journal knew of vouchers is asked for, or no settlement is planned."""
        try:
            vouchers = list(self.erp.posted_vouchers(self.settings.go_live - VOUCHER_LOOKBACK))
        except CounterpartyError:
            self.incomplete.append(VOUCHERS)
            return
        before = self.journal.newest
        recognise_vouchers(self.store, self.journal, self.facts(), vouchers, self.clock.now())
        if self.journal.newest != before:
            self.store.settlements_dirty = True
            self.store.sync(self.journal)

    def plan(self) -> Ran:
        """Plan who has news, and store the plan if there is one."""
        store, journal = self.store, self.journal
        store.keep_back(held(self._answers()[0], self.night))
        customers = self.planner.due(store, self.night)
        if not customers and not store.settlements_dirty:
            return Ran()
        facts = self.facts()
        effects = self.planner.plan(store, facts, customers)
        if not effects:
            return Ran()
        now = self.clock.now()
        texts = [as_text(effect) for effect in effects]
        digest = plan_hash(facts.tenant, facts.agency, facts.night, store.version, texts)
        sums = totals(effects)
        reasons = breaches(sums, (), self.settings.caps)
        if reasons:  # what keeps below the floors breaks no cap, whatever nights there were
            history = [plan["totals"] for plan in journal.plans(200) if plan["state"] == "dispatched"]
            reasons = breaches(sums, history, self.settings.caps)
        if not journal.rows("select 1 from plan where state = 'dispatched' limit 1"):
            reasons.append("first night: a person looks at the first plan")
        journal.night_started(self.night, now)
        verdict = "approval" if reasons else "automatic"
        journal.store_plan(digest, self.night, now, store.version, verdict, sums, texts)
        return Ran(effects, plan=digest)

    def _dispatcher(self, facts: Facts) -> Dispatcher:
        guard = Guard(StoreReads(self.store, self.erp, self.agency, facts), facts, self.clock)
        return Dispatcher(self.journal, guard, self.erp, self.agency, facts, self.clock, parallel=1)

    # -- dispatch ------------------------------------------------------------------------------------------------

    def carry_out(self, ran: Ran) -> Ran:
        """Dispatch a stored plan that may be sent, then read again."""
        try:
            digest = dispatchable(self.journal, self.clock.now())
            self.sent = True
            self._dispatcher(self.facts()).dispatch(digest)
            self.journal.mark_plan(digest, "dispatched", self.clock.now(), "simulation")
        except NothingSent as reason:
            ran.not_sent = str(reason)
            ran.waits = ran.plan if "waits for approval" in ran.not_sent else ""
        self.land()
        self.recognise()
        self._end_quiet(ran)
        return ran

    def _end_quiet(self, ran: Ran) -> None:
        quiet = self.journal.quiet_until()
        if quiet is None or self.clock.now() < quiet or ran.not_sent:
            return
        if self._both_sides_were_asked():
            self.journal.end_quiet(self.clock.now())

    def _both_sides_were_asked(self) -> bool:
        read = all(self.journal.read_from(self.store.read_at.get(feed)) for feeds in FEEDS.values() for feed in feeds)
        return read and VOUCHERS not in self.incomplete


def findings(store: Store, planner: Planner) -> list[Finding]:
    """All that is said to a person."""
    return [*store.standing_findings(), *(finding for those in planner.findings.values() for finding in those)]
