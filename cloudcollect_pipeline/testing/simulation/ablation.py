"""Safeguards taken out of the real code and mistakes put into it, one at a time.

A simulator that stays green without a safeguard, or with a mistake, proves nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from cloudcollect_pipeline import nightly
from cloudcollect_pipeline.dispatch import guards, journal
from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher
from cloudcollect_pipeline.dispatch.guards import Fresh, Guard
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.lookup import Index
from cloudcollect_pipeline.dispatch.reads import LedgerReads
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.domain.errors import NotSent, Refused, Uncertain
from cloudcollect_pipeline.nightly import Night, NightResult, StoredPlan
from cloudcollect_pipeline.planning import afterwards, deltas, settlements
from cloudcollect_pipeline.planning import plan as planning
from cloudcollect_pipeline.planning.deltas import ClaimState, CustomerState, Planned, Reference, plan_customer
from cloudcollect_pipeline.testing.simulation.core import life as core_life
from cloudcollect_pipeline.testing.simulation.core import night as core_night
from cloudcollect_pipeline.testing.simulation.core.night import Ran, Run, StoreReads
from cloudcollect_pipeline.testing.simulation.core.ports import Wire
from cloudcollect_pipeline.web import Web

Attempt = tuple[str, str | None, str]

_attempt = Dispatcher._attempt
_transfers = planning.transfers
_reduce = deltas._reduce
_missed = Journal.missed
_wanted_hold = afterwards.wanted_hold
_voucher_lines = settlements.voucher_lines
_store_plan, _mark_plan = Journal.store_plan, Journal.mark_plan
_carry_out, _carry_out_values = Night.carry_out, Run.carry_out
_plan = Night.plan
_read = Guard.read
_plan_values = Run.plan


def _intent_afterwards(
    self: Dispatcher, effect: Effect, details: Mapping[str, Any], write: Callable[[], Any]
) -> Attempt:
    try:
        answer: Attempt = "confirmed", write(), ""
    except NotSent as error:
        answer = "later", None, str(error)
    except Refused as error:
        answer = "rejected", None, str(error)
    except Uncertain as error:
        answer = "uncertain", None, str(error)
    self._journal(effect, "intent", details=details)
    return answer


def _again_at_once(self: Dispatcher, effect: Effect, details: Mapping[str, Any], write: Callable[[], Any]) -> Attempt:
    def insistently() -> Any:
        try:
            return write()
        except Uncertain:
            return write()

    return _attempt(self, effect, details, insistently)


def _5xx_is_nothing_done(write: Callable[..., Any]) -> Callable[..., Any]:
    def believing(self: Any, *request: Any, **options: Any) -> Any:
        try:
            return write(self, *request, **options)
        except Uncertain as error:
            if any(f" {status}" in str(error) for status in (500, 502, 503, 504)):
                raise NotSent(str(error)) from None
            raise

    return believing


def _out_of_order(self: Dispatcher, effects: Sequence[Effect], fresh: Fresh, index: Index) -> Sequence[Effect]:
    for effect in reversed(effects):
        self._send(effect, fresh, index)
    return ()


_believed: dict[str, Fresh] = {}


def _plan_and_read(self: Night) -> StoredPlan:
    """What stands at the time of the plan is believed until it is sent, however late."""
    stored = _plan(self)
    facts = self.facts()
    reads = LedgerReads(self.ledger, self.landing, self.erp, self.agency, facts, self.clock)
    fresh = _read(Guard(reads, facts, self.clock), [*stored.plan.effects])
    _believed.update({effect.reference: fresh for effect in stored.plan.effects})
    return stored


def _plan_and_read_values(self: Run) -> Ran:
    ran = _plan_values(self)
    if ran.effects:
        facts = self.facts()
        fresh = _read(Guard(StoreReads(self.store, self.erp, self.agency, facts), facts, self.clock), ran.effects)
        _believed.update({effect.reference: fresh for effect in ran.effects})
    return ran


def _read_before(self: Guard, effects: Sequence[Effect]) -> Fresh:
    return replace(_believed[effects[0].reference], read_at=self.clock.now())


def _deaf_to_echoes(state: CustomerState, reference: Reference) -> Planned:
    claims = tuple(
        replace(claim, applications=tuple(replace(a, entry=None) for a in claim.applications)) for claim in state.claims
    )
    entries = tuple(
        replace(entry, postings=tuple(replace(p, number=f"?{p.number}") for p in entry.postings))
        for entry in state.entries
    )
    return plan_customer(replace(state, claims=claims, entries=entries), reference)


def _before_it_is_committed(
    self: Dispatcher, effect: Effect, details: Mapping[str, Any], write: Callable[[], Any]
) -> Attempt:
    with self.journal._transaction():
        return _attempt(self, effect, details, write)


def _about_something_else(
    self: Dispatcher, effect: Effect, details: Mapping[str, Any], write: Callable[[], Any]
) -> Attempt:
    """What bears no reference is announced as if it were done to something else."""
    if effect.kind in (Kind.HOLD, Kind.VOID):
        effect = replace(effect, content=replace(effect.content, account="?"))
        details = {**details, "number": "?"}
    return _attempt(self, effect, details, write)


def _of_an_ore_more(self: Dispatcher, effect: Effect, details: Mapping[str, Any], write: Callable[[], Any]) -> Attempt:
    return _attempt(
        self, replace(effect, content=replace(effect.content, amount=effect.content.amount + 1)), details, write
    )


def _stored_as_dispatched(self: Journal, digest: str, night: date, at: datetime, *rest: Any) -> None:
    """A plan that waits for a person is marked as if it had been carried out."""
    _store_plan(self, digest, night, at, *rest)
    _mark_plan(self, digest, "dispatched", at, "nobody")


def _carry_out_what_stands_now(self: Night, plan_hash: str | None = None) -> NightResult:
    """What a person has approved is planned anew before it is sent."""
    plan = self.journal.plan(plan_hash) if plan_hash else None
    if plan and plan["state"] == "approved":
        self.land_and_mirror()
        self.recognise()
        plan_hash = self.approve(self.plan().plan.hash)
    return _carry_out(self, plan_hash)


def _carry_out_what_stands_now_values(self: Run, ran: Ran) -> Ran:
    plan = self.journal.plan(ran.plan)
    if plan and plan["state"] == "approved":
        self.land()
        self.recognise()
        ran = self.plan()
        if ran.plan:
            self.journal.mark_plan(ran.plan, "approved", self.clock.now(), "nobody")
    return _carry_out_values(self, ran)


def _asked_for_a_week(self: Journal, *asked: Any) -> int:
    return _missed(self, *asked) - 5


def _deaf_to_disputes(document: str, failed: Sequence[str], *rest: Any) -> tuple[str, str]:
    return _wanted_hold(document, [code for code in failed if code != "NOT_DISPUTED"], *rest)


def _too_much(*settlement: Any) -> list[dict[str, Any]]:
    """A voucher of a krone more than was paid out, which still adds up to zero."""
    lines = _voucher_lines(*settlement)
    for line, amount in zip(lines, (100, -100), strict=False):
        line["amount"] += amount if len(lines) > 1 else 0
    return lines


def _forgetful(passed: Sequence[Mapping[str, Any]], *rest: Any) -> None:
    """Every third receivable is never handed over."""
    _transfers([row for row in passed if int(row["number"]) % 3], *rest)


def _without_ceiling(claim: ClaimState, *rest: Any) -> None:
    """As if untold money of the agency's waited to be posted: all news is reported, however little is open there."""
    untold = 10**9
    _reduce(replace(claim, principal=claim.principal + untold, carried={**claim.carried, "?": untold}), *rest)


ABLATIONS: Mapping[str, tuple[tuple[Any, str, Any], ...]] = {
    "the intent is written after the send": ((Dispatcher, "_attempt", _intent_afterwards),),
    "nothing is looked up before a write": ((Dispatcher, "_index", lambda self, effects: Index()),),
    "an unknown outcome is tried again in the same run": ((Dispatcher, "_attempt", _again_at_once),),
    "a 5xx counts as not done": (
        (Web, "write", _5xx_is_nothing_done(Web.write)),
        (Wire, "write", _5xx_is_nothing_done(Wire.write)),
    ),
    "no lock": (
        (nightly, "company_lock", lambda *_, **__: nullcontext()),
        (core_life, "company_lock", lambda *_, **__: nullcontext()),
    ),
    "no order": ((Dispatcher, "_send_lane", _out_of_order),),
    "no caps": ((nightly, "breaches", lambda *_: []), (core_night, "breaches", lambda *_: [])),
    "no fresh read before a write": (
        (Night, "plan", _plan_and_read),
        (Run, "plan", _plan_and_read_values),
        (Guard, "read", _read_before),
    ),
    "no guard against echoes": (
        (planning, "plan_customer", _deaf_to_echoes),
        (deltas, "plan_customer", _deaf_to_echoes),
    ),
    "no hash chain": ((journal, "problems", lambda *_: iter(())),),
    "an older journal is trusted": ((Journal, "distrust", lambda self, at, newest: None),),
    "nothing is reported": ((deltas, "_reduce", lambda *_: None),),
    "no ceiling": ((deltas, "_reduce", _without_ceiling),),
    "an intent is not committed": ((Dispatcher, "_attempt", _before_it_is_committed),),
    "an intent is of another amount": ((Dispatcher, "_attempt", _of_an_ore_more),),
    "an intent is about something else": ((Dispatcher, "_attempt", _about_something_else),),
    "the head is not written": ((Journal, "_write_head", lambda self: None),),
    "a plan is marked as carried out": ((Journal, "store_plan", _stored_as_dispatched),),
    "what was approved is planned anew": (
        (Night, "carry_out", _carry_out_what_stands_now),
        (Run, "carry_out", _carry_out_what_stands_now_values),
    ),
    "unknown outcomes are asked for a week": ((Journal, "missed", _asked_for_a_week),),
    "disputes are not heard": (
        (afterwards, "wanted_hold", _deaf_to_disputes),
        (guards, "wanted_hold", _deaf_to_disputes),
    ),
    "the hold list is not read": ((Journal, "holds", lambda self: []),),
    "cases are not shown": (
        (afterwards, "case_references", lambda *_: None),
        (core_night, "case_references", lambda *_: None),
    ),
    "a wrong voucher": ((settlements, "voucher_lines", _too_much),),
    "what is ripe is passed over": (
        (planning, "transfers", _forgetful),
        (core_night, "transfers", _forgetful),
    ),
    "settlements are not booked": (
        (settlements, "settle", lambda *_: None),
        (core_night, "settle", lambda *_: None),
    ),
}
"""A safeguard gone, or a mistake -> what stands in the place of the right code: owner, attribute, substitute."""


def without(safeguard: str) -> AbstractContextManager[None]:
    """The pipeline without one of its safeguards, or with a mistake, until the end of the block."""
    return substituted(*ABLATIONS[safeguard])


@contextmanager
def substituted(*substitutes: tuple[Any, str, Any]) -> Iterator[None]:
    """Other code in the place of some until the end of the block: owner, attribute, substitute."""
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in substitutes]
    try:
        for owner, name, substitute in substitutes:
            setattr(owner, name, substitute)
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)
