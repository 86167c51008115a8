"""Dispatch: guard → look up → durable intent → one write → outcome. The only code that writes to a counterparty.

At most once always; exactly once whenever the target can be asked; otherwise parked and shown. Nothing is retried: a
write whose outcome is unknown is looked up on later nights (rules §2).
"""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from cloudcollect_pipeline.agency.port import AgencyWrites, NewClaim, NewReduction
from cloudcollect_pipeline.dispatch.guards import Fresh, Guard
from cloudcollect_pipeline.dispatch.journal import BLOCKING, SETTLE, EffectRow, Journal, as_effect
from cloudcollect_pipeline.dispatch.lookup import AT_AGENCY, Index, Sought, build_index
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.domain.errors import CounterpartyError, Gated, NotSent, Refused, Uncertain
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    DocumentKey,
    ErpWrites,
    NewPayment,
    NewVoucher,
    PaymentLine,
    Period,
    VoucherLine,
)
from cloudcollect_pipeline.planning.effects import from_text
from cloudcollect_pipeline.planning.effects import plan_hash as named
from cloudcollect_pipeline.planning.facts import Facts

GROUP = 40
"""Effects that one guard judges at least."""
TURNS = 15
"""Effects that one guard judges for each write under way: a slow counterparty too takes them within a minute."""
STOP_AFTER_UNCERTAIN = 3
UNREADABLE_IN_A_ROW = 10
"""Lanes that the guard could not read, after which no further group is taken apart: it is not one record then."""
MOST_INTENTS = 3
MOST_NAMED = 5
"""Effects that one reason keeps waiting, and that are told one by one."""
RENAMED = "stands in the ERP and no longer bears its reference"
POLLS = 4
POLL_SECONDS = 15.0
RECHECK = timedelta(minutes=10)
GUARD_LIFE = timedelta(seconds=60)
ENTRIES_LIFE = GUARD_LIFE / 3
"""How long what was read of the entries serves the next groups: what is sent on it has two thirds of a life left."""

PHASES: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("transfers", (Kind.TRANSFER,)),
    ("reductions", (Kind.REDUCTION,)),
    ("holds", (Kind.HOLD, Kind.DEBTOR, Kind.ANSWER)),
    ("case_references", (Kind.CASE_REFERENCE,)),
    ("agency_payment_postings", (Kind.VOID, Kind.POSTING)),
    ("settlement_bookings", (Kind.SETTLEMENT,)),
)
"""The dispatch assets in order, and the kinds that each carries out."""

OF_ENTRIES = frozenset({Kind.POSTING, Kind.VOID})


class NothingSent(Exception):
    """Dispatch refused before the first write; says why and what to do."""


@dataclass
class Dispatched:
    """What came of a dispatch: per kind and outcome a count and a sum of absolute øre, and what a person must see."""

    counts: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    sums: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    findings: list[Finding] = field(default_factory=list)

    def add(self, effect: Effect, outcome: str) -> None:
        """Count one effect."""
        self.counts[effect.kind.value][outcome] += 1
        self.sums[effect.kind.value][outcome] += abs(effect.content.amount)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            kind: {o: {"count": n, "sum": self.sums[kind][o]} for o, n in by.items()}
            for kind, by in self.counts.items()
        }


class Dispatcher:
    """Carries out a stored plan for one company. The caller holds the company lock."""

    def __init__(
        self,
        journal: Journal,
        guard: Guard,
        erp: ErpWrites,
        agency: AgencyWrites,
        facts: Facts,
        clock: Clock,
        *,
        parallel: int = 8,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.journal, self.guard = journal, guard
        self.erp, self.agency, self.facts, self.clock = erp, agency, facts, clock
        self.night = facts.night
        self.parallel, self.progress = parallel, progress
        self.result = Dispatched()
        self._lock = threading.Lock()
        self._uncertain_in_a_row = 0
        self._unreadable_in_a_row = 0
        self._waited: dict[str, date] = {}
        """Of what was tried tonight, since when it waits; what waits once more, by kind and reason: `_waiting`."""
        self._waiting: dict[tuple[Kind, str], list[tuple[Effect, date]]] = defaultdict(list)
        self._stopped = ""
        self._blocked: set[str] = set()
        self._version = 0
        self._lanes: dict[Kind, dict[str, list[int]]] = {}
        """The places in the plan of what is to be sent, lane by lane."""
        self._sought = Sought()
        self._looked_up: tuple[datetime, Index] | None = None
        """When both were asked what they hold of it, and what they said."""
        self._entries: set[str] = set()
        """The agency's entries that the plan posts or takes back, and of these `_changed` since the plan."""
        self._changed: set[str] = set()
        self._entries_at: datetime | None = None
        self._read_at: datetime | None = None
        self._periods: list[Period] | None = None
        self._fee_days: dict[str, str] = {}

    @property
    def stopped(self) -> str:
        """Why nothing more was sent; empty where the plan was carried out to its end."""
        return self._stopped

    # -- unknown outcomes ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Ask both targets about every effect whose outcome is unknown (rules §2). Reads only."""
        self._settle_created()
        waiting = [
            row
            for row in self.journal.effects(states=("uncertain",))
            if row.kind in (Kind.TRANSFER, Kind.REDUCTION, Kind.POSTING, Kind.SETTLEMENT)
        ]
        if not waiting:
            return
        effects, sought = [as_effect(row) for row in waiting], Sought()
        for effect in effects:
            sought.add(effect)
        oldest = min((row.intent_at.date() for row in waiting if row.intent_at), default=None)
        index = build_index(
            self.erp,
            self.agency,
            sought,
            min(filter(None, (oldest, self._since())), default=None),
            self.night,
            self.facts.settings.erp.suspense_cash_account,
        )
        for row, effect in zip(waiting, effects, strict=True):
            state, remote_id, note = self._held(effect, index, row)
            now = self.clock.now()
            if state:
                self.journal.move(row.reference, state, now, self.night, remote_id=remote_id, note=note)
            elif (
                row.intent_at
                and now - row.intent_at >= SETTLE
                and self.journal.missed(row.reference, now, self.night) >= 2
            ):
                last = row.intents >= MOST_INTENTS
                self.journal.move(
                    row.reference,
                    "quarantined" if last else "absent",
                    now,
                    self.night,
                    note=f"not found on two nights after {row.intents} tries",
                )

    def _settle_created(self) -> None:
        """What was created and is gone on two nights was deleted by a person: it may be made again."""
        for row in self.journal.effects(states=("created",)):
            status = self._status(row)
            now = self.clock.now()
            if row.kind == Kind.SETTLEMENT and status in ("Open", "Closed"):
                self.journal.move(row.reference, "confirmed", now, self.night, note="released by a person")
            if status == RENAMED:
                self.journal.move(row.reference, "quarantined", now, self.night, note=RENAMED)
            if status is not None:
                continue
            if self.journal.missed(row.reference, now, self.night) >= 2:
                self.journal.move(row.reference, "absent", now, self.night, note="deleted in the ERP")

    def _held(self, effect: Effect, index: Index, known: EffectRow | None) -> tuple[str | None, str | None, str]:
        """What the target holds under the reference: a state to move to, its id there, and a note."""
        content = known.content if known and known.intents else effect.content
        if effect.kind in AT_AGENCY:
            held = index.held.get(effect.reference)
            if held is None:
                return None, None, ""
            same = (held.currency, held.amount) == (content.currency, content.amount) and (
                effect.kind != Kind.TRANSFER or held.document == content.document
            )
            return (
                ("confirmed" if same else "quarantined"),
                held.id,
                "found at the agency" if same else "found with other content",
            )
        if effect.kind == Kind.SETTLEMENT:
            voucher = index.vouchers.get(effect.reference)
            if voucher is None:
                return None, None, ""
            on_account = -sum(line.amount for line in voucher.lines if line.account == content.account)
            if on_account != content.amount:
                return "quarantined", voucher.number, "found with other content"
            return (
                ("confirmed" if voucher.status in ("Open", "Closed") else "created"),
                voucher.number,
                "found in the ERP",
            )
        payment = index.payments.get(effect.reference)
        if payment is None:
            return None, None, ""
        if (payment.customer, payment.currency, payment.amount) != (content.party, content.currency, content.amount):
            return "quarantined", payment.number, "found with other content"
        return (
            ("created" if payment.status in ("Balanced", "Hold") else "confirmed"),
            payment.number,
            "found in the ERP",
        )

    def _since(self) -> date | None:
        return None if self.journal.trusts_itself() else self.facts.settings.go_live

    # -- a plan --------------------------------------------------------------------------------------------------

    def refusal(self) -> str | None:
        """Why nothing may be written right now, or None."""
        if self.journal.paused():
            return "writing is paused; `cloudcollect resume` starts it again"
        quiet = self.journal.quiet_until()
        if quiet is not None and self.clock.now() < quiet:
            return (
                "the journal is new or restored: nothing is written until 12 hours after both "
                "counterparties were first asked what they hold"
            )
        if quiet is not None and self.facts.incomplete_feeds:
            return (
                "the journal is new or restored, and not everything it may have forgotten could be read tonight: "
                f"{', '.join(self.facts.incomplete_feeds)}; nothing is written before a night that reads all of it"
            )
        return None

    def dispatch(self, plan_hash: str, kinds: Iterable[Kind] = tuple(Kind)) -> Dispatched:
        """Carry out the effects of these kinds from a stored plan. Raises `NothingSent` when nothing may be sent."""
        reason = self.refusal()
        if reason:
            raise NothingSent(reason)
        plan = self.journal.plan(plan_hash)
        if plan is None:
            raise NothingSent(f"there is no plan {plan_hash[:12]} in the journal")
        self._must_be_as_named(plan)
        self._looked_up = None
        if not self._take_up(plan_hash, set(kinds)):
            return self.result
        self.guard.reads.prepare()
        self._look_up()
        self._version = plan["version"]
        for positions in _groups(self._lanes, max(GROUP, TURNS * self.parallel)):
            self._guard_and_send([*map(from_text, self.journal.planned_at(plan_hash, positions))])
            if self._stopped or self.journal.paused():
                break
        self._tell_waiting()
        if self._stopped:
            self.result.findings.append(Finding("DISPATCH_STOPPED", f"plan {plan_hash[:12]}", self._stopped))
        return self.result

    def _must_be_as_named(self, plan: Mapping[str, Any]) -> None:
        """A person approved a name: it must still stand for the same effects."""
        told, night = self.journal.planned(plan["hash"]), date.fromisoformat(plan["night"])
        if named(self.facts.tenant, self.facts.agency, night, plan["version"], told) != plan["hash"]:
            raise NothingSent(
                f"plan {plan['hash'][:12]} is not what it was when it was stored, or another company's: make a new "
                "one, and find out who changed the journal"
            )

    def _take_up(self, plan_hash: str, kinds: set[Kind]) -> bool:
        """Go through a stored plan once: where its effects stand, and what must be asked about them all.

        The effects themselves are read when their turn comes, so that a plan is never held whole. False: there is
        nothing to send.
        """
        self._lanes, self._sought, self._entries = defaultdict(lambda: defaultdict(list)), Sought(), set()
        for position, text in enumerate(self.journal.planned(plan_hash)):
            effect = from_text(text)
            if effect.kind not in kinds or not self._may_still_be_sent(effect):
                continue
            self._lanes[effect.kind][effect.lane].append(position)
            self._sought.add(effect)
            if effect.kind in OF_ENTRIES:
                self._entries.add(str(effect.details["entry"]))
        return bool(self._lanes)

    def _look_up(self) -> Index:
        """What both hold of the plan's effects; asked again where that was some time ago.

        One that takes long is not old at once; but it may have stood still after it was answered, so both are asked
        once more.
        """
        if self._looked_up is None or self.clock.now() - self._looked_up[0] > RECHECK:
            asked_at = self.clock.now()
            index = self._index(self._sought)
            if self.clock.now() - asked_at > RECHECK:
                index = self._index(self._sought)
            self._looked_up = self.clock.now(), index
        return self._looked_up[1]

    def _index(self, sought: Sought) -> Index:
        try:
            return build_index(
                self.erp,
                self.agency,
                sought,
                self._since(),
                self.night,
                self.facts.settings.erp.suspense_cash_account,
            )
        except CounterpartyError as error:
            raise NothingSent(f"the counterparties could not be asked what they hold: {error}") from None

    def _may_still_be_sent(self, effect: Effect) -> bool:
        known = self.journal.effect(effect.reference)
        if known is None:
            return True
        if known.state == "confirmed" or (known.state in BLOCKING and known.state != "created"):
            return False
        if known.state == "created":
            return effect.kind in (Kind.POSTING, Kind.SETTLEMENT)
        return not (known.intent_at and self.clock.now() - known.intent_at < SETTLE)

    def _without_changed_entries(self, effects: list[Effect]) -> list[Effect]:
        """Money facts that changed since the plan's mirror version are planned anew, not posted as they were.

        Asked about all of the plan's at once, and again where that was some time ago.
        """
        if not any(effect.kind in OF_ENTRIES for effect in effects):
            return effects
        if self._entries_at is None or self.clock.now() - self._entries_at > ENTRIES_LIFE:
            try:
                self._look_at_entries()
            except CounterpartyError as error:
                return self._dropped(effects, lambda e: e.kind in OF_ENTRIES, f"the guard could not read: {error}")
        return self._dropped(
            effects,
            lambda e: e.kind in OF_ENTRIES and e.details["entry"] in self._changed,
            "the entry changed since the plan",
        )

    def _look_at_entries(self) -> None:
        """What changed, as of when the look began. Raises what the read raises.

        One that takes long is taken twice: either the process stood still in it, or the agency lists for minutes what
        it ever received. Then the second counts as of its end, or nothing would ever be posted.
        """
        for last in (False, True):
            began = self.clock.now()
            self._changed = self.guard.changed_entries(self._entries, self._version)
            ended = self.clock.now()
            quick = ended - began <= ENTRIES_LIFE
            self._entries_at = began if quick or not last else ended
            if quick:
                return

    def _dropped(self, effects: list[Effect], which: Callable[[Effect], bool], note: str) -> list[Effect]:
        """What is left when some are dropped, and with them what comes after them in their chains."""
        for effect in effects:
            if which(effect):
                self._outcome(effect, "dropped", note=note)
                self._blocked.add(effect.chain)
        return [effect for effect in effects if not which(effect)]

    def _guard_and_send(self, group: Sequence[Effect]) -> None:
        """Read a group's ground again and send it; what was not sent within a minute of the reads is read once more.

        A group that cannot be read is taken apart, though no lane is: one unreadable record keeps nothing waiting but
        what rests on it.
        """
        left = list(group)
        while not (self._stopped or self.journal.paused()):
            self._look_up()  # halves of a group may come long after the whole
            looked_at = self._entries_at
            left = self._without_changed_entries(left)
            if not left:
                return
            looked_again = self._entries_at != looked_at
            before = self._looked_up
            index = self._look_up()  # entries may be listed for longer than what was looked up stays good
            if looked_again and self._looked_up is not before:
                self._entries_at = self.clock.now()  # nor are they old at once, or nothing would ever be posted
            try:
                fresh = self.guard.read(left)
            except CounterpartyError as error:
                # Settlements wait for each other only where they say so.
                lanes = [[one] for one in left] if left[0].kind == Kind.SETTLEMENT else _by_lane(left)
                self._unreadable_in_a_row += len(lanes) == 1
                if len(lanes) > 1 and self._unreadable_in_a_row <= UNREADABLE_IN_A_ROW:
                    half = len(lanes) // 2
                    for part in (lanes[:half], lanes[half:]):
                        self._guard_and_send([effect for lane in part for effect in lane])
                else:
                    self._dropped(left, lambda _: True, f"the guard could not read: {error}")
                return
            self._unreadable_in_a_row = 0
            of_entries = any(effect.kind in OF_ENTRIES for effect in left)
            if self._entries_at and of_entries:
                fresh.read_at = min(fresh.read_at, self._entries_at)
            waiting = self._send_group(left, fresh, index)
            if len(waiting) == len(left) and (looked_again or not of_entries):
                for effect in waiting:
                    self._outcome(effect, "dropped", note="the guard's read took more than a minute")
                return
            left = waiting

    def _send_group(self, group: Sequence[Effect], fresh: Fresh, index: Index) -> list[Effect]:
        """Send a group, lane by lane; returns what the guard's read had grown too old for."""
        self._read_at = fresh.read_at
        lanes = _by_lane(group)
        if len(lanes) == 1 or self.parallel == 1:
            return [late for lane in lanes for late in self._send_lane(lane, fresh, index)]
        with ThreadPoolExecutor(self.parallel) as pool:
            sent = pool.map(lambda lane: self._send_lane(lane, fresh, index), lanes)
            return [late for lane in sent for late in lane]

    def _send_lane(self, effects: Sequence[Effect], fresh: Fresh, index: Index) -> Sequence[Effect]:
        """One lane in order; a parked effect blocks what comes after it in its chain. Returns what came too late."""
        for position, effect in enumerate(effects):
            if self._stopped or self.journal.paused():
                return ()
            if self.clock.now() - fresh.read_at > GUARD_LIFE:
                return effects[position:]
            missing = [r for r in effect.after if (k := self.journal.effect(r)) is None or k.state != "confirmed"]
            if missing or effect.chain in self._blocked:
                self._blocked.add(effect.chain)
                awaited = ", ".join(missing) or "its chain"
                text = f"{effect.kind} for {effect.content.document} waits for {awaited}"
                self._find("EFFECT_BLOCKED", effect.reference, text, effect.content.amount)
                with self._lock:
                    self.result.add(effect, "blocked")
                continue
            outcome = self._send(effect, fresh, index)
            if outcome != "confirmed":
                self._blocked.add(effect.chain)
        return ()

    def _send(self, effect: Effect, fresh: Fresh, index: Index) -> str:
        known = self.journal.effect(effect.reference)
        if known and known.state == "created":
            return self._finish_created(effect, known)
        refused = fresh.refused.get(effect.reference)
        if refused:
            return self._outcome(effect, "dropped", note=refused)
        state, remote_id, note = self._held(effect, index, known)
        if state == "created" and remote_id:
            self._journal(effect, "created", remote_id=remote_id, note=note)
            return self._finish_created(effect, self._required(effect.reference))
        if state:
            return self._outcome(effect, state, remote_id=remote_id, note=note)
        stranger = self._stranger(effect, index)
        if stranger:
            return self._outcome(effect, "quarantined", note=stranger)
        return _SENDERS[effect.kind](self, effect, fresh)

    def _stranger(self, effect: Effect, index: Index) -> str | None:
        """A payment with the same customer, amount and account that no reference of ours explains: the second key."""
        if effect.kind != Kind.POSTING:
            return None
        for payment in index.by_content.get((effect.content.party, effect.content.currency, effect.content.amount), ()):
            if self.journal.effect(payment.reference) is None:
                return f"payment {payment.number} has the same customer, amount and account, but no reference of ours"
        return None

    # -- writing -------------------------------------------------------------------------------------------------

    def _journal(
        self,
        effect: Effect,
        state: str,
        *,
        remote_id: str | None = None,
        note: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.journal.record(
            effect, state, self.clock.now(), self.night, remote_id=remote_id, note=note, details=details
        )

    def _required(self, reference: str) -> EffectRow:
        row = self.journal.effect(reference)
        if row is None:
            raise AssertionError(f"effect {reference} must be in the journal here")
        return row

    def _find(self, code: str, subject: str, text: str, amount: int | None = None) -> None:
        with self._lock:
            self.result.findings.append(Finding(code, subject, text, amount))

    def _outcome(
        self,
        effect: Effect,
        state: str,
        *,
        remote_id: str | None = None,
        note: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> str:
        known = self.journal.effect(effect.reference)
        if state == "dropped" and known and known.state == "created":
            state = "created"  # what exists is not dropped: it is finished on a later night
        if state in ("dropped", "later"):
            self._note_waiting(effect, known, note)
        self._journal(effect, state, remote_id=remote_id, note=note, details=details)
        document, amount = effect.content.document, display(effect.content.amount)
        with self._lock:
            self.result.add(effect, state)
            if state == "rejected" and effect.kind != Kind.CASE_REFERENCE:
                text = f"{effect.kind} of {amount} for {document} was refused: {note}"
                self.result.findings.append(Finding("EFFECT_REFUSED", effect.reference, text, effect.content.amount))
            if state == "uncertain":
                self._uncertain_in_a_row += 1
                if self._uncertain_in_a_row >= STOP_AFTER_UNCERTAIN:
                    self._stopped = f"{STOP_AFTER_UNCERTAIN} writes in a row have an unknown outcome"
            elif state in ("confirmed", "rejected"):
                self._uncertain_in_a_row = 0
        self.progress(f"{effect.kind} {document} {amount}: {f'{state} ({note})' if note else state}")
        return state

    def _note_waiting(self, effect: Effect, known: EffectRow | None, note: str) -> None:
        """Take note of what was not sent on a night of the last week either."""
        before = self._waited.get(effect.reference) or self._waited_since(known)
        if before and self.night - timedelta(days=7) <= before < self.night:
            with self._lock:
                self._waiting[effect.kind, note].append((effect, before))

    def _waited_since(self, known: EffectRow | None) -> date | None:
        """The last night before this one on which it was not sent either; None where it waits for the first time."""
        if known is None or known.state not in ("dropped", "later"):
            return None
        if known.night != self.night:
            return known.night
        # The night is run again: what it said itself says nothing of the nights before.
        before = (
            date.fromisoformat(event["data"]["night"])
            for event in self.journal.events(known.reference)
            if event["kind"] in ("dropped", "later")
        )
        return max((night for night in before if night < self.night), default=None)

    def _tell_waiting(self) -> None:
        """EFFECT_NOT_SENT: by effect, or by kind where one reason keeps many from being sent."""
        many: dict[Kind, list[str]] = defaultdict(list)
        for (kind, note), those in sorted(self._waiting.items()):
            for effect, since in those if len(those) <= MOST_NAMED else ():
                told = f"{kind} of {display(effect.content.amount)} for {effect.content.document}"
                text = f"{told} was not sent, nor was it in the night of {since}: {note}"
                self._find("EFFECT_NOT_SENT", effect.reference, text, effect.content.amount)
            if len(those) > MOST_NAMED:
                many[kind].append(
                    f"{len(those)} effects of this kind were not sent, nor were they earlier this week: {note}"
                )
        for kind, told_of in many.items():
            self._find("EFFECT_NOT_SENT", f"kind {kind}", "; ".join(told_of))
        self._waiting.clear()

    def _attempt(
        self, effect: Effect, details: Mapping[str, Any], write: Callable[[], str | None]
    ) -> tuple[str, str | None, str]:
        """Durable intent, one write, its outcome: (state, remote id, note)."""
        since = self._waited_since(self.journal.effect(effect.reference))
        if since:
            self._waited[effect.reference] = since
        self._journal(effect, "intent", details=details)
        # The last moment at which a process that stood still, or a slow PDF, can be noticed.
        if self._read_at is not None and self.clock.now() - self._read_at > GUARD_LIFE:
            return "later", None, "the guard's read grew too old on the way"
        try:
            return "confirmed", write(), ""
        except NotSent as error:
            if isinstance(error, Gated):
                text = f"the agency takes nothing before a person has signed: {error.link}"
                self._find("AGREEMENT_UNSIGNED", error.what, text)
                self._waited.pop(effect.reference, None)
            return "later", None, self._told(effect, error)
        except Refused as error:
            return "rejected", None, self._told(effect, error)
        except Uncertain as error:
            return "uncertain", None, self._told(effect, error)

    def _told(self, effect: Effect, error: CounterpartyError) -> str:
        """Why a write failed: the counterparty's code, or its words without anybody's name, address and numbers."""
        code = getattr(error, "code", "")
        if code:
            return f"{getattr(error, 'status', '')} {code}".strip()
        text = str(error)
        with self._lock:
            words = self.guard.reads.words(effect.content.party, text)
        for word in words:
            # within other words too: a genitive would tell the name as well
            text = re.sub(re.escape(word), "***", text, flags=re.IGNORECASE)
        return text

    def _transfer(self, effect: Effect, fresh: Fresh) -> str:
        told = effect.details
        baseline = fresh.baselines[effect.reference]
        pdf = None
        if self.facts.settings.policy.attach_pdf and self.facts.capabilities.documents:
            try:
                pdf = self.erp.pdf(DocumentKey(told["document_type"], told["number"]))
            except CounterpartyError as error:
                return self._outcome(effect, "dropped", note=f"its PDF could not be read: {error}")
        claim = NewClaim(
            effect.reference,
            told["document_type"],
            told["number"],
            told["kid"],
            date.fromisoformat(told["document_date"]),
            date.fromisoformat(told["due_date"]),
            told["original_amount"],
            effect.content.amount,
            effect.content.currency,
            told["reminders_sent"],
            date.fromisoformat(told["last_reminder"]) if told["last_reminder"] else None,
            fresh.debtors[effect.reference],
            pdf,
        )

        details = {**told, "baseline": baseline, "debtor": claim.debtor.mark(effect.reference)}
        if pdf is not None and self.facts.capabilities.documents_follow:
            details["left"] = "the answer was lost; see whether the invoice's PDF is there, and upload it if not"

        def write() -> str:
            receipt = self.agency.create_claim(claim)
            details["left"] = receipt.left
            return receipt.id

        state, remote_id, note = self._attempt(effect, details, write)
        if details.get("left") and state in ("confirmed", "uncertain"):
            self._find("LEFT_TO_DO", effect.content.document, details["left"])
        return self._outcome(effect, state, remote_id=remote_id, note=note, details=details)

    def _reduction(self, effect: Effect, fresh: Fresh) -> str:
        told = effect.details
        reduction = NewReduction(
            effect.reference,
            told["claim_id"],
            told["kind"],
            effect.content.amount,
            effect.content.currency,
            date.fromisoformat(told["value_date"]) if told["value_date"] else self.night,
            told["document_type"],
            told["number"],
        )
        state, remote_id, note = self._attempt(effect, told, lambda: self.agency.create_reduction(reduction).id)
        return self._outcome(effect, state, remote_id=remote_id, note=note)

    def _hold(self, effect: Effect, fresh: Fresh) -> str:
        told = effect.details
        claim = fresh.claims[told["claim_id"]]  # listed, or the guard had refused it
        if claim["hold"] == told["hold"]:
            known = self.journal.effect(effect.reference)
            # One of ours that was not found on later nights may have been hidden by a list that lags.
            ours = known is not None and known.state == "absent"
            if told["hold"] == "PAUSED" and not ours:
                return self._outcome(effect, "dropped", note="the agency has paused it for reasons of its own")
            return self._outcome(effect, "confirmed", remote_id=told["claim_id"], note="already so")
        if claim["hold"] != effect.expect["hold"]:
            return self._outcome(effect, "dropped", note="the claim's hold changed since the plan")

        def write() -> str:
            self.agency.set_hold(told["claim_id"], told["hold"], told["reason"])
            return str(told["claim_id"])

        state, remote_id, note = self._attempt(effect, told, write)
        return self._outcome(effect, state, remote_id=remote_id, note=note)

    def _debtor(self, effect: Effect, fresh: Fresh) -> str:
        debtor = fresh.debtors.get(effect.reference)
        if debtor is None:
            return self._outcome(effect, "dropped", note="its customer could not be read again")
        details = {**effect.details, "debtor": debtor.mark(effect.source)}

        def write() -> str:
            self.agency.update_debtor(effect.content.account, debtor)
            return effect.content.account

        state, remote_id, note = self._attempt(effect, details, write)
        return self._outcome(effect, state, remote_id=remote_id, note=note)

    def _answer(self, effect: Effect, fresh: Fresh) -> str:
        question = str(effect.details["question"])
        text = self.facts.decisions.get(("AGENCY_ASKS", question), "").removeprefix("answer ")
        if not text:
            return self._outcome(effect, "dropped", note="its answer was withdrawn")

        def write() -> str:
            self.agency.answer(question, text)
            return question

        state, remote_id, note = self._attempt(effect, effect.details, write)
        return self._outcome(effect, state, remote_id=remote_id, note=note)

    def _case_reference(self, effect: Effect, fresh: Fresh) -> str:
        told = effect.details
        row = fresh.receivables.get(effect.source)
        if row is None:
            return self._outcome(effect, "dropped", note="the ERP no longer lists it")
        wanted = (told["case_number"], told["case_status"], told["case_url"])
        if (row["case_number"] or "", row["case_status"] or "", row["case_url"] or "") == wanted:
            return self._outcome(effect, "confirmed", remote_id=told["number"], note="already so")

        def write() -> str:
            key = DocumentKey(told["document_type"], told["number"])
            self.erp.set_case_fields(key, CaseFields(*wanted), fresh.records[effect.source])
            return str(told["number"])

        state, remote_id, note = self._attempt(effect, told, write)
        if state == "rejected":
            text = f"the ERP refuses case {told['case_number']} on {effect.source}"
            self._find("CASE_FIELDS_REFUSED", effect.source, text)
        return self._outcome(effect, state, remote_id=remote_id, note=note)

    def _posting(self, effect: Effect, fresh: Fresh) -> str:
        told = effect.details
        unread = [
            document for document, amount in told["carried"].items() if amount > 0 and document not in fresh.balances
        ]
        if unread:
            return self._outcome(effect, "dropped", note=f"{', '.join(sorted(unread))} could not be read again")
        lines: list[PaymentLine] = []
        left = effect.content.amount
        for document, amount in sorted(told["carried"].items()):
            share = min(amount, fresh.balances.get(document, 0), left)
            if share > 0:
                key = DocumentKey.named(document)
                lines.append(PaymentLine(key.document_type, key.number, share))
                left -= share
        if left and self._voided_lately(effect.lane):
            note = "a list may not show yet what a posting of ours settles no more"
            return self._outcome(effect, "dropped", note=note)
        if left:
            text = (
                f"{display(left)} of entry {told['entry']} is more than the open balances; "
                f"it stays the credit of customer {told['customer']}"
            )
            self._find("POSTING_LEAVES_CREDIT", effect.reference, text, left)
        try:
            on = self._booking_day(effect, told["value_date"], f"entry {told['entry']}")
        except CounterpartyError as error:
            return self._outcome(effect, "dropped", note=f"the open periods could not be read: {error}")
        payment = NewPayment(
            effect.reference,
            effect.content.party,
            effect.content.currency,
            effect.content.amount,
            on,
            f"{self.facts.agency} {told['entry']}"[:50],
            tuple(lines),
        )
        details = {
            **told,
            "lines": {f"{line.document_type} {line.number}": line.amount for line in lines},
            "posted_on": on.isoformat(),
        }
        state, remote_id, note = self._attempt(effect, details, lambda: self.erp.create_payment(payment).id)
        for line in lines:
            fresh.balances[f"{line.document_type} {line.number}"] -= line.amount
        if state != "confirmed" or remote_id is None:
            return self._outcome(effect, state, remote_id=remote_id, note=note)
        self._journal(effect, "created", remote_id=remote_id)
        return self._finish_created(effect, self._required(effect.reference))

    def _voided_lately(self, lane: str) -> bool:
        """Whether a posting of this customer's gave way so lately that the ERP may list its invoices as settled."""
        since = self.clock.now() - SETTLE
        voids = self.journal.effects(kind=Kind.VOID)
        return any(row.lane == lane and row.intent_at is not None and row.intent_at > since for row in voids)

    def _booking_day(self, effect: Effect, wanted: str, what: str) -> date:
        """The wanted day (yyyy-MM-dd), or with a finding the first day of the first open period after it.

        Nothing is booked before go-live: what the account held then stands in its opening balance.
        """
        if self._periods is None:
            with self._lock:
                if self._periods is None:
                    self._periods = self.erp.periods()
        day = date.fromisoformat(wanted)
        first = max(day, self.facts.settings.go_live)
        on = next((max(first, period.start) for period in self._periods if period.end >= first and period.open), first)
        if on != day:
            text = f"{what} of {wanted} is booked on {on}"
            self._find("POSTING_IN_CLOSED_PERIOD", effect.reference, text, effect.content.amount)
        return on

    def _finish_created(self, effect: Effect, known: EffectRow) -> str:
        """The second step: release what was created, and read until it is. A document left Balanced is in transit."""
        number = known.remote_id or ""
        if known.kind == Kind.POSTING:
            release = partial(self.erp.release_payment, "Payment", number)
        else:
            release = partial(self.erp.release_voucher, number)
        try:
            done, note = self._release(effect, partial(self._status, known), release)
        except CounterpartyError as error:
            done, note = False, str(error)
        if done:
            return self._outcome(as_effect(known), "confirmed", remote_id=number)
        if note == RENAMED:
            return self._outcome(as_effect(known), "quarantined", remote_id=number, note=note)
        text = f"document {number} of {display(effect.content.amount)} is created but not released: {note}"
        self._find("POSTING_NOT_RELEASED", effect.reference, text, effect.content.amount)
        return self._outcome(as_effect(known), "created", remote_id=number, note=note)

    def _status(self, known: EffectRow) -> str | None:
        """The status of a document of ours in the ERP; None when a person has deleted it.

        A voucher that no longer bears its reference is not gone: what is made again would stand beside it. A payment
        that does not is none of ours: by its content it would be met again (`_stranger`) before another is made.
        """
        number = known.remote_id or ""
        if known.kind == Kind.SETTLEMENT:
            voucher = self.erp.voucher(number)
            if voucher is None:
                return None
            return voucher.status if voucher.reference == known.reference else RENAMED
        payment = self.erp.payment("Payment", number)
        return payment.status if payment and payment.reference == known.reference else None

    def _release(
        self, effect: Effect, status: Callable[[], str | None], release: Callable[[], None]
    ) -> tuple[bool, str]:
        """Ask for release only while the document is unreleased; polls are at least 15 seconds apart."""
        note = "release asked for"
        now = status()
        if now in ("Open", "Closed", "Voided"):
            return True, ""
        if now == RENAMED:
            return False, RENAMED
        try:
            release()
        except (NotSent, Refused, Uncertain) as error:
            note = self._told(effect, error)
        for attempt in range(POLLS):
            if attempt:
                self.clock.sleep(POLL_SECONDS)
            now = status()
            if now in ("Open", "Closed", "Voided"):
                return True, ""
        return False, f"{note}; it is still {now}"

    def _void(self, effect: Effect, fresh: Fresh) -> str:
        """Void one of our own postings: read, compare, set. Its VoidPayment must itself be released."""
        number = str(effect.details["number"])
        try:
            payment = self.erp.payment("Payment", number)
            mirror = self.erp.payment("VoidPayment", number)
        except CounterpartyError as error:
            return self._outcome(effect, "dropped", note=f"the guard could not read: {error}")
        if payment is None or payment.reference != effect.source:
            return self._outcome(effect, "dropped", note="the payment is no longer ours")
        if payment.status == "Voided":
            return self._outcome(effect, "confirmed", remote_id=number, note="already so")

        def write() -> str:
            if mirror is None:
                self.erp.void_payment(number)
            return number

        state, _, note = self._attempt(effect, effect.details, write)
        if state != "confirmed":
            return self._outcome(effect, state, note=note)

        def status() -> str | None:
            now = self.erp.payment("Payment", number)
            return "Voided" if now and now.status == "Voided" else None

        try:
            done, note = self._release(effect, status, lambda: self.erp.release_payment("VoidPayment", number))
        except CounterpartyError as error:
            done, note = False, str(error)
        return self._outcome(effect, "confirmed" if done else "uncertain", remote_id=number, note=note)

    def _settlement(self, effect: Effect, fresh: Fresh) -> str:
        told = effect.details
        accounts = self.facts.settings.accounts.on(date.fromisoformat(told["booking_date"]))
        code, vat = accounts.input_vat_code, accounts.input_vat
        try:
            on = self._booking_day(effect, told["booking_date"], f"settlement {told['number']}")
        except CounterpartyError as error:
            return self._outcome(effect, "dropped", note=f"the open periods could not be read: {error}")
        voucher = NewVoucher(
            effect.reference,
            on,
            effect.content.currency,
            f"Settlement {told['number']} {self.facts.agency}"[:60],
            tuple(
                VoucherLine(line["account"], line["amount"], line["text"], code if line["account"] == vat else None)
                for line in told["lines"]
            ),
        )
        details = {**told, "posted_on": on.isoformat()}
        state, remote_id, note = self._attempt(effect, details, lambda: self.erp.create_voucher(voucher).id)
        if state != "confirmed" or remote_id is None:
            return self._outcome(effect, state, remote_id=remote_id, note=note)
        if accounts.settlement_voucher == "draft":
            text = f"voucher {remote_id} of {display(effect.content.amount)} for {effect.content.document} is a draft"
            self._find("SETTLEMENT_DRAFT", effect.reference, text, effect.content.amount)
            return self._outcome(effect, "created", remote_id=remote_id, note="left for a person to release")
        self._journal(effect, "created", remote_id=remote_id)
        return self._finish_created(effect, self._required(effect.reference))


_SENDERS: Mapping[Kind, Callable[[Dispatcher, Effect, Fresh], str]] = {
    Kind.TRANSFER: Dispatcher._transfer,
    Kind.REDUCTION: Dispatcher._reduction,
    Kind.HOLD: Dispatcher._hold,
    Kind.DEBTOR: Dispatcher._debtor,
    Kind.ANSWER: Dispatcher._answer,
    Kind.CASE_REFERENCE: Dispatcher._case_reference,
    Kind.VOID: Dispatcher._void,
    Kind.POSTING: Dispatcher._posting,
    Kind.SETTLEMENT: Dispatcher._settlement,
}


def _by_lane(group: Iterable[Effect]) -> list[list[Effect]]:
    lanes: dict[str, list[Effect]] = defaultdict(list)
    for effect in group:
        lanes[effect.lane].append(effect)
    return [*lanes.values()]


def _groups(lanes: Mapping[Kind, Mapping[str, Sequence[int]]], size: int) -> Iterator[list[int]]:
    """Places of about `size` effects of one kind, lanes never split.

    One kind at a time, so that what is posted again after a void is judged by a read that saw the void.
    """
    for kind in (kind for _, kinds in PHASES for kind in kinds):
        current: list[int] = []
        for lane in lanes.get(kind, {}).values():
            current += lane
            if len(current) >= size:
                yield current
                current = []
        if current:
            yield current
