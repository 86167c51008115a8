"""The night as plain functions: land → mirror → recognise → diff → plan → dispatch → read again → reconcile.

Dagster's assets, the command line and the tests all drive a `Night`; nothing here knows who does.
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from cloudcollect_pipeline.agency.balances import EntriesOfBalances, KnownOfClaim
from cloudcollect_pipeline.agency.port import Agency, DerivedEntry, KnownEntry
from cloudcollect_pipeline.agency.unlisted import EntriesStillListed, ListsAll
from cloudcollect_pipeline.connection import Connection, connect
from cloudcollect_pipeline.dispatch.caps import breaches, too_few_rows
from cloudcollect_pipeline.dispatch.dispatcher import (
    PHASES,
    UNREADABLE_IN_A_ROW,
    Dispatched,
    Dispatcher,
    NothingSent,
)
from cloudcollect_pipeline.dispatch.gate import approve, dispatchable
from cloudcollect_pipeline.dispatch.guards import Guard
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.dispatch.lookup import VOUCHER_LOOKBACK
from cloudcollect_pipeline.dispatch.reads import LedgerReads
from cloudcollect_pipeline.dispatch.recognise import (
    LedgerShows,
    after_a_crash,
    doubt_an_older_copy,
    recognise,
    recognise_vouchers,
    sync,
)
from cloudcollect_pipeline.dispatch.siblings import held_elsewhere, holds_elsewhere
from cloudcollect_pipeline.doctor.accounts import suspense
from cloudcollect_pipeline.doctor.check import Check
from cloudcollect_pipeline.doctor.results import load
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.domain.words import RECEIVABLE_TYPES
from cloudcollect_pipeline.erp.port import DocumentKey, Erp, Movement
from cloudcollect_pipeline.landing import Landing, Spool
from cloudcollect_pipeline.ledger.ledger import Ledger, Mirrored, sql
from cloudcollect_pipeline.planning.facts import Elsewhere, Facts
from cloudcollect_pipeline.planning.plan import HERE, VOUCHERS, Plan, compare, make_plan, prepare
from cloudcollect_pipeline.reconciliation.differences import documents_named, left_as_they_are, unexplained
from cloudcollect_pipeline.reconciliation.payouts import awaited_since, keep_payouts
from cloudcollect_pipeline.reconciliation.statement import Statement, keep_movements, keep_statement, make_statement
from cloudcollect_pipeline.settings import CompanySettings, MachineSettings, Settings
from cloudcollect_pipeline.web import Budget

FEEDS: Mapping[str, tuple[str, ...]] = {
    "erp": ("documents", "payments", "customers"),
    "agency": ("claims", "cases", "entries", "settlements"),
}
SWEEP = "sweep"
"""The name under which the ledger keeps up to which night receivables have been read by key in turn."""
TOUCHED = "touched"
"""Receivables that are read by key because a changed payment names them."""
OF_THE_ACCOUNT = (
    "FOREIGN_MOVEMENT",
    "STATEMENT_DOES_NOT_TIE",
    "PLAN_OVER_CAPS",
    "PAYOUT_OVERDUE",
    "PAYOUT_DIFFERS",
    "ENTRY_NOT_SETTLED",
    "SET_UP_WRONG",
    "CLOCK_SKEW",
)
"""Findings that a run without a plan looks for anew: what only planning sees stays open."""
TOLERATED_SKEW = timedelta(minutes=5)
BLOCKING_SKEW = timedelta(days=1)
"""With a clock that is off by as much, nobody can tell which night it is, and so what is old enough to be sent."""
UNLISTED_FOR = timedelta(days=14)
"""How long a claim of ours that no list has told is asked for by its id."""
MOVEMENT_WINDOW = timedelta(days=60)
ON_RECEIVABLES = (Kind.TRANSFER, Kind.REDUCTION, Kind.HOLD, Kind.CASE_REFERENCE)
STILL_ASKED_FOR = 14
"""For how many nights the ERP is asked for an unreleased payment that it no longer had."""
MOST_UNREAD = 5
"""Receivables that can be left out of a night by name; where more cannot be read, it is the ERP and not they."""
ALL_PHASES = tuple(phase for phase, _ in PHASES)
Wanted = TypeVar("Wanted")
"""What is asked for by key: the key of a document, or a row that names a record."""


class Progress(Protocol):
    """Told what is going on: a stage and a line of text without personal data."""

    def __call__(self, stage: str, text: str) -> None:
        """Tell it."""
        ...


def silent(stage: str, text: str) -> None:
    """No progress."""


@dataclass(frozen=True)
class StoredPlan:
    """A plan and what may be done with it. `reasons` say why a person must look at it first; empty: sent at once."""

    plan: Plan
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """`automatic` or `approval`."""
        return "approval" if self.reasons else "automatic"


@dataclass
class NightResult:
    """What came of a night, for people and machines; amounts in øre."""

    night: date
    plan: StoredPlan | None = None
    dispatched: Dispatched = field(default_factory=Dispatched)
    not_sent: str = ""
    statement: Statement | None = None
    findings: tuple[Finding, ...] = ()
    ignored: tuple[Finding, ...] = ()
    """Those of the findings that a person has put off to a later day."""
    mirrored: dict[str, Mirrored] = field(default_factory=dict)
    requests: Mapping[str, Budget] = field(default_factory=dict)
    made_up_for: tuple[date, ...] = ()
    """Missed nights whose work was planned on this one."""

    @property
    def outcome(self) -> str:
        """done, waiting (for approval or a person) or failed (the account does not tie)."""
        if self.statement is not None and not self.statement.ties:
            return "failed"
        return "waiting" if self.not_sent else "done"

    def summary(self) -> dict[str, Any]:
        """Plain values for the journal and `status`."""
        statement = self.statement
        plan = self.plan
        return {
            "night": self.night.isoformat(),
            "outcome": self.outcome,
            "plan": plan.plan.hash if plan else None,
            "verdict": plan.verdict if plan else None,
            "reasons": list(plan.reasons) if plan else [],
            "planned": plan.plan.totals if plan else {},
            "held_back": len(plan.plan.held_back) if plan else 0,
            "held_back_by_rule": dict(Counter(code for held in plan.plan.held_back for code in held.failed))
            if plan
            else {},
            "dispatched": self.dispatched.as_json(),
            "not_sent": self.not_sent,
            "made_up_for": [day.isoformat() for day in self.made_up_for],
            "findings": len(self.findings),
            "closing": statement.closing if statement else None,
            "ledger": statement.ledger if statement else None,
            "ties": statement.ties if statement else None,
            "differences": statement.differences if statement else {},
            "requests": {side: asdict(budget) for side, budget in self.requests.items()},
        }


class Night:
    """One run over one company. Open it with `Night.open`, which holds the company's lock until it is closed."""

    def __init__(
        self,
        slug: str,
        settings: CompanySettings,
        folder: Path,
        clock: Clock,
        connection: Connection,
        *,
        who: str = "nightly",
        progress: Progress = silent,
        parallel: int = 8,
        machine: MachineSettings | None = None,
    ) -> None:
        self.slug, self.settings, self.folder, self.clock = slug, settings, folder, clock
        self.who, self.progress, self.parallel = who, progress, parallel
        self.connection = connection
        self.erp, self.agency = connection.erp, connection.agency
        if self.agency.capabilities.allocation == "balances":
            self.agency = cast(Agency, EntriesOfBalances(connection.agency, self._derived_before))
        if isinstance(connection.agency, ListsAll):
            self.agency = cast(Agency, EntriesStillListed(self.agency, connection.agency, self._standing_entries))
        self.landing = Landing(folder / "landing")
        self.siblings: Sequence[Path] = ()
        """Folders of the same creditor's books at other agencies."""
        self.makes_up_for: Sequence[date] = ()
        """Nights on which nothing ran and whose work this run does: both systems show only today. Its plan waits."""
        with ExitStack() as opened:
            limits = machine or MachineSettings()
            memory, threads = limits.memory_limit, limits.threads
            self.ledger = Ledger(folder, slug, settings.erp.tenant_id, memory=memory, threads=threads)
            opened.callback(self.ledger.close)
            self.journal = Journal(folder, slug, settings.erp.tenant_id, clock.now())
            opened.callback(self.journal.close)
            doubt_an_older_copy(self.ledger, self.journal, clock.now())
            self.start_over()
            opened.pop_all()

    def start_over(self) -> None:
        """Begin the night that the clock says it is, keeping nothing of the one before but the open files."""
        self.night = night_of(self.clock.now())
        self.result = NightResult(self.night)
        self.makes_up_for = ()
        self._spools: dict[str, list[tuple[str, Spool, datetime]]] = {"erp": [], "agency": []}
        self._incomplete: list[str] = []
        self._swept = False
        """Whether this run has read what was due to be read by key: what could not be waits for the next one."""
        self._unread_in_turn = False
        """Whether receivables could not be read on their turn in this run."""
        self._stopped = ""
        """Why dispatch stopped in an earlier phase of this run: the later ones are not begun."""
        self._vouchers_read = not self.agency.capabilities.settlements
        """Whether the ERP was asked in this run for the vouchers of settlements; of an agency without any, none are."""
        self._extra: list[Finding] = []
        self._mistakes: list[Check] | None = None
        self._night_number: int | None = None
        self.journal.check_clock(self.clock.now())
        after_a_crash(self.journal, self.clock.now(), self.night)

    @classmethod
    @contextmanager
    def open(
        cls,
        slug: str,
        settings: Settings,
        clock: Clock,
        *,
        transport: Any = None,
        who: str = "nightly",
        progress: Progress = silent,
        patience: float = 600.0,
        parallel: int = 8,
    ) -> Iterator["Night"]:
        """Hold the company's lock, open its files and its counterparties, and close them all in the end."""
        company = settings.companies[slug]
        folder = settings.data_dir / slug
        others = settings.siblings(slug)
        with ExitStack() as locks:
            # One creditor's agencies take turns, in one order: a receivable must not go to two of them at once.
            for each in sorted([slug, *others]):
                locks.enter_context(company_lock(settings.data_dir / each, who, clock, patience=patience))
            known = {key: result.value for key, result in load(folder, company.erp.tenant_id).items()}
            connection = connect(company, clock, transport, known)
            try:
                night = cls(
                    slug,
                    company,
                    folder,
                    clock,
                    connection,
                    who=who,
                    progress=progress,
                    parallel=parallel,
                    machine=settings.machine,
                )
                night.siblings = [settings.data_dir / other for other in others]
                try:
                    yield night
                finally:
                    night.close()
            finally:
                connection.close()

    def close(self) -> None:
        """Close the files; a night that was begun and not finished says so."""
        if self._night_number is not None:
            self.journal.night_ended(self._night_number, self.night, self.clock.now(), "unfinished", {})
        self.ledger.close()
        self.journal.close()

    # -- land and mirror -----------------------------------------------------------------------------------------

    def land(self, side: str, feed: str, purpose: str = "delta") -> Spool | None:
        """Read one feed from its watermark to now into a spool. None, and a finding, when it cannot be read whole."""
        self._begin()
        port: Erp | Agency = self.erp if side == "erp" else self.agency
        now = self.clock.now()
        since = self._read_to(side, feed)
        try:
            spool = self.landing.land(
                side, feed, self.night, now, port.pages(feed, since), since=since, purpose=purpose
            )
        except Permanent:
            raise
        except CounterpartyError as error:
            self.progress("land", f"{side} {feed}: could not be read: {error}")
            self._incomplete.append(f"{side} {feed}")
            return None
        self._spools[side].append((feed, spool, self._by_the_erps_clock(now)))
        self.progress("land", f"{side} {feed}: {spool.records} records")
        return spool

    def _read_to(self, side: str, feed: str) -> datetime | None:
        """Up to when a feed has been read; None where it is to be read whole.

        A moment that has yet to come was written down by a clock that was ahead: how far it was read, nobody knows.
        """
        read_to = self.journal.read_from(self.ledger.watermark(side, feed))
        return None if read_to is None or read_to > self.clock.now() else read_to

    def _by_the_erps_clock(self, now: datetime) -> datetime:
        """A moment for a watermark: what the ERP's clock said, where ours is ahead by more than readings overlap."""
        ahead = -(self.erp.clock_skew or timedelta(0))
        overlap = timedelta(hours=self.settings.erp.overlap_hours)
        return now - ahead if ahead > min(overlap, TOLERATED_SKEW) else now

    def mirror(self, side: str) -> Mirrored:
        """Validate what was landed of one side and commit it to the ledger with its watermarks."""
        landed = self._spools[side]
        self._spools[side] = []
        port: Erp | Agency = self.erp if side == "erp" else self.agency
        spools: dict[str, list[Spool]] = {feed: [spool] for feed, spool, _ in landed}
        read_at = {feed: at for feed, _, at in landed}
        unread = self._read_untold(spools, read_at) if side == "erp" else {}
        self._ask_again(side, spools)
        gone = self._deleted_drafts(spools) if side == "erp" else []
        if side == "agency":
            self._read_questions()
        mirrored = self.ledger.mirror(
            side,
            self.night,
            self.clock.now(),
            [(port.feeds[feed], files) for feed, files in spools.items()],
            read_at,
            gone,
            unread,
        )
        self.result.mirrored[side] = mirrored
        self.progress(
            "mirror", f"{side}: {sum(mirrored.changed.values())} changes, {len(mirrored.set_aside)} set aside"
        )
        return mirrored

    def _both_sides_were_asked(self) -> bool:
        """Whether every feed has been read whole since the journal was new or restored, and vouchers in this run."""
        feeds = [(side, feed) for side, feeds in FEEDS.items() for feed in feeds]
        return self._vouchers_read and all(self._read_to(*feed) for feed in feeds)

    def _read_untold(self, spools: dict[str, list[Spool]], read_at: dict[str, datetime]) -> dict[str, list[str]]:
        """Read by key the receivables that may have changed though their own clock need not have moved.

        Those that changed payments name, at once, and of the transferred ones those whose turn it is. The few that
        cannot be read are returned, to be asked for every night until they are: nothing else waits for them. Where many
        cannot, how far the payments or the sweep have come is left behind in `read_at`, and the next run reads as much.
        """
        if self._read_to("erp", "documents") is None:  # all of them are being read
            return {TOUCHED: [], SWEEP: []} if "documents" in spools else {}
        kept = self.ledger.unread(TOUCHED)
        named = {DocumentKey.named(document) for document in kept}
        if any(spool.records for spool in spools.get("payments", ())):
            self.ledger.map(self.erp.feeds["payments"], spools["payments"], "delta_payment")
            named |= set(self._keys("touched"))
        swept, late = self.ledger.read_on("erp", SWEEP), self.ledger.unread(SWEEP)
        if swept is not None and swept > self.night:
            swept = None  # by a clock that was ahead
        sweeping, self._swept = not self._swept, True
        turn = self._keys("swept", {"last": swept, "tonight": self.night, "late": late}) if sweeping else []
        told = self._told(spools, [*named, *turn])
        unread = self._read_by_key(spools, sorted(named - told), TOUCHED, [*kept, *late])
        if len(set(unread) - {*kept, *late}) > MOST_UNREAD:
            self._incomplete.append("erp documents")
            self._could_not_be_read("that payments name", unread)
            read_at.pop("payments", None)
            return {}
        left = {TOUCHED: unread}
        in_turn = self._read_by_key(spools, [key for key in turn if key not in told | named], SWEEP, late)
        self._unread_in_turn = self._unread_in_turn or bool(in_turn)
        if in_turn:
            self._could_not_be_read("whose turn it was", in_turn)
        if sweeping and len(set(in_turn) - set(late)) <= MOST_UNREAD:
            read_at[SWEEP] = self._by_the_erps_clock(self.clock.now())
            left[SWEEP] = in_turn
        return left

    def _could_not_be_read(self, which: str, documents: Sequence[str]) -> None:
        more = f" and {len(documents) - MOST_UNREAD} more" if len(documents) > MOST_UNREAD else ""
        text = f"receivables {which} could not be read by key: {', '.join(documents[:MOST_UNREAD])}{more}"
        self._extra.append(Finding("FEED_INCOMPLETE", "erp documents by key", text))

    def _told(self, spools: Mapping[str, list[Spool]], keys: Sequence[DocumentKey]) -> set[DocumentKey]:
        """Which of these documents the feed itself brought."""
        if not keys or not any(spool.records for spool in spools.get("documents", ())):
            return set()
        self.ledger.map(self.erp.feeds["documents"], spools["documents"], "delta_document")
        return set(self._keys("told", {"numbers": [key.number for key in keys]}))

    def _keys(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[DocumentKey]:
        return [DocumentKey(*row) for row in self.ledger.db.execute(sql(name), parameters or {}).fetchall()]

    def _read_by_key(
        self, spools: dict[str, list[Spool]], keys: Sequence[DocumentKey], purpose: str, before: Sequence[str]
    ) -> list[str]:
        """Land these documents; returns those that could not be read, by name. `before`: which could not before."""
        alone = {DocumentKey.named(document) for document in before}
        records, unread = self._read_in_halves(self.erp.documents, keys, f"erp documents: {purpose}", alone)
        if records:
            self._land_after("erp", "documents", spools, records, purpose)
        return [f"{key.document_type} {key.number}" for key in unread]

    def _read_in_halves(
        self,
        read: Callable[[list[Wanted]], list[bytes]],
        wanted: Sequence[Wanted],
        what: str,
        alone: Collection[Wanted] = (),
    ) -> tuple[list[bytes], list[Wanted]]:
        """What is read of these, and those that cannot be: one alone may be at fault, so what fails is halved.

        Those of them that could not be read before are read after the others, each `alone`.
        """
        records: list[bytes] = []
        unread: list[Wanted] = []
        failures = 0
        waiting = [[one] for one in wanted if one in alone]
        if others := [one for one in wanted if one not in alone]:
            waiting.append(others)
        while waiting:
            part = waiting.pop()
            try:
                records += read(part)
                failures = 0
            except CounterpartyError as error:
                failures += len(part) == 1
                half = len(part) // 2
                if half and failures <= UNREADABLE_IN_A_ROW:
                    waiting += [part[half:], part[:half]]
                else:
                    unread += part
                    self.progress("land", f"{what}: {len(part)} could not be read by key: {error}")
        return records, unread

    def _land_after(
        self, side: str, feed: str, spools: dict[str, list[Spool]], records: list[bytes], purpose: str
    ) -> Spool:
        """Land what was read by key after what its feed brought: it is the newer."""
        landed = spools.setdefault(feed, [])
        first = sum(spool.records for spool in landed) + 1
        spool = self.landing.land(side, feed, self.night, self.clock.now(), [records], purpose=purpose, first=first)
        landed.append(spool)
        return spool

    def _deleted_drafts(self, spools: dict[str, list[Spool]]) -> list[tuple[str, str]]:
        """Read unreleased payments again by key: a list of changes does not tell that one was deleted.

        Those of ours are read whether the mirror has them or not, and those of others for some nights after they were
        missed: one that a night did not show comes back so.
        """
        drafts = self.ledger.db.execute(sql("drafts"), {"nights": STILL_ASKED_FOR}).fetchall()
        ours = [
            ("Payment", effect.remote_id)
            for effect in self.journal.effects(states=("created",), kind=Kind.POSTING)
            if effect.remote_id
        ]
        keys = sorted({*(DocumentKey(*key) for *key, _ in drafts), *(DocumentKey(*key) for key in ours)})
        if not keys or "payments" not in spools:
            return []
        try:
            records = self.erp.payments(keys)
        except CounterpartyError as error:
            self.progress("land", f"erp payments: unreleased ones could not be read again: {error}")
            return []
        spool = self._land_after("erp", "payments", spools, records, "unreleased")
        self.ledger.map(self.erp.feeds["payments"], [spool], "read_again")
        found = set(self.ledger.db.execute("select document_type, number from read_again").fetchall())
        return [(kind, number) for kind, number, mirrored in drafts if mirrored and (kind, number) not in found]

    def _ask_again(self, side: str, spools: dict[str, list[Spool]]) -> None:
        """Read by key what no list may tell: what was set aside on earlier nights, and what a guard found changed."""
        by_key: Mapping[str, Callable[[list[dict[str, Any]]], list[bytes]]] = {
            "documents": lambda rows: self.erp.documents([key for r in rows for key in _possible_keys(r)]),
            "payments": lambda rows: self.erp.payments_of(sorted({r["customer"] for r in rows if r["customer"]})),
            "customers": lambda rows: self.erp.customers([r["id"] for r in rows]),
            "claims": lambda rows: self.agency.claims([r["id"] for r in rows]),
            "entries": lambda rows: self.agency.entries([r["id"] for r in rows]),
            "settlements": lambda rows: self.agency.settlements([r["id"] for r in rows]),
        }
        for feed, read in by_key.items():
            if feed not in spools:
                continue
            aside = self.ledger.rows(
                "select id, document_type, customer from persons.set_aside "
                "where side = ? and feed = ? and id is not null order by id",
                [side, feed],
            )
            wanted = aside + self._found_changed(feed)
            records, _ = self._read_in_halves(read, wanted, f"{side} {feed}: what was set aside or has changed")
            if records:
                self._land_after(side, feed, spools, records, "again")

    def _found_changed(self, feed: str) -> list[dict[str, Any]]:
        """What tonight's dropped effects rest on, and new claims: a list that left one out once may never tell it.

        And customers with something open again whose persons were removed when they had settled: no list tells them.
        """
        if feed == "customers":
            return self.ledger.rows(sql("unknown_persons"))
        if feed not in ("documents", "claims"):
            return []
        dropped = self.journal.effects(states=("dropped",), night=self.night)
        if feed == "claims":
            named = {effect.details["claim_id"] for effect in dropped if "claim_id" in effect.details}
            since = {"since": self.night - UNLISTED_FOR, "night": self.night}
            named |= {row["id"] for row in self.ledger.rows(sql("unlisted_claims"), since)}
            return [{"id": claim} for claim in sorted(named)]
        keys = {DocumentKey.named(effect.content.document) for effect in dropped if effect.kind in ON_RECEIVABLES}
        return [{"document_type": key.document_type, "id": key.number} for key in sorted(keys)]

    def _read_questions(self) -> None:
        """The agency's questions, kept with the persons since their text may name one."""
        if not self.agency.capabilities.questions:
            return
        try:
            self.ledger.keep_questions([(q.id, q.claim_id, q.text, q.answered) for q in self.agency.questions()])
        except CounterpartyError as error:
            self.progress("land", f"agency questions: could not be read: {error}")

    def _derived_before(self, claims: Sequence[str]) -> dict[str, KnownOfClaim]:
        """What is known of claims that are told as balances: mirrored entries, and postings by the journal."""
        sync(self.ledger, self.journal)
        entries: dict[str, list[DerivedEntry]] = defaultdict(list)
        for row in self.ledger.rows(sql("derived_entries", HERE), {"claims": list(claims)}):
            lines = {line["bucket"]: ore(line["amount"]) for line in row["lines"]}
            names = (row["entry_id"], row["claim_id"], row["currency"])
            entry = DerivedEntry(*names, row["value_date"], row["recorded_at"], lines, row["reverses"])
            entries[row["claim_id"]].append(entry)
        posted: dict[str, dict[str, tuple[int, date]]] = defaultdict(dict)
        for row in self.ledger.rows(sql("derived_and_posted", HERE), {"claims": list(claims)}):
            posted[row["claim_id"]][row["entry_id"]] = row["amount"], row["value_date"]
        return {claim: KnownOfClaim(tuple(entries[claim]), posted[claim]) for claim in claims}

    def _standing_entries(self) -> list[KnownEntry]:
        """Payments that the agency should still list: mirrored ones, and postings of ours where the mirror was lost."""
        sync(self.ledger, self.journal)
        return [
            KnownEntry(**{**row, "amount": ore(row["amount"])})
            for row in self.ledger.rows(sql("standing_entries", HERE))
        ]

    def _begin(self) -> None:
        if self._night_number is None:
            self._night_number = self.journal.night_started(self.night, self.clock.now())

    # -- plan ----------------------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """Who we are, what people said and what could not be read tonight."""
        return Facts(
            self.night,
            self.settings.erp.tenant_id,
            self.settings.agency.id,
            self.settings,
            self.agency.capabilities,
            self.erp.capabilities.case_fields,
            (*self.journal.holds(), *self._holds_elsewhere),
            self.journal.decisions(),
            tuple(sorted(set(self._incomplete))),
            self.journal.forgot(),
            self._elsewhere,
            self.ledger.unread(TOUCHED),
        )

    @cached_property
    def _elsewhere(self) -> tuple[Elsewhere, ...]:
        """Read once a run: the locks are held, so nothing is handed over there meanwhile."""
        return held_elsewhere(self.ledger, self.siblings)

    @cached_property
    def _holds_elsewhere(self) -> tuple[Mapping[str, Any], ...]:
        """The hold lists of the creditor's other agencies: who disputes a debt does so wherever it goes."""
        return holds_elsewhere(self.siblings)

    def recognise(self) -> None:
        """Bring the journal up to what both mirrors show, and ask the targets about unknown outcomes."""
        if not self.journal.trusts_itself():
            if self.agency.capabilities.settlements:
                self._find_vouchers()
            if self._both_sides_were_asked():
                self.journal.landed(self.clock.now())
        facts = self.facts()
        recognise(self.ledger, self.journal, facts, self.clock.now())
        try:
            self._dispatcher(facts).settle()
        except CounterpartyError as error:
            self.progress("recognise", f"unknown outcomes could not be looked up: {error}")
        sync(self.ledger, self.journal)

    def _find_vouchers(self) -> None:
        """Vouchers are not mirrored: what a lost journal knew of them is asked for, or no settlement is planned."""
        since = self.settings.go_live - VOUCHER_LOOKBACK
        try:
            vouchers = list(self.erp.posted_vouchers(since))
        except CounterpartyError as error:
            self.progress("recognise", f"erp vouchers: could not be read: {error}")
            self._incomplete.append(VOUCHERS)
            return
        self._vouchers_read = True
        recognise_vouchers(LedgerShows(self.ledger), self.journal, self.facts(), vouchers, self.clock.now())

    def diff(self) -> dict[str, dict[str, int]]:
        """Join both subledgers once and classify every difference: class -> count and sum in øre."""
        prepare(self.ledger, self.facts())
        compare(self.ledger)
        return {
            row["class"]: {"count": row["n"], "amount": ore(row["amount"])}
            for row in self.ledger.rows(
                "select class, sum(receivables) as n, sum(difference) as amount from subledger_diff "
                "group by class order by class"
            )
        }

    def plan(self) -> StoredPlan:
        """Make tonight's plan, judge it and store it under its hash."""
        self.makes_up_for = sorted({*self.makes_up_for, *self._not_looked_at()})
        plan = make_plan(self.ledger, self.facts())
        stored = StoredPlan(plan, tuple(self._reasons(plan)))
        # Where all was read and there was nothing to do, no later plan stands for the missed nights.
        kept_back = self._incomplete or self._unread_in_turn or self.ledger.value(sql("kept_back", HERE))
        done = not (plan.effects or kept_back)
        self.journal.store_plan(
            plan.hash,
            self.night,
            self.clock.now(),
            plan.version,
            stored.verdict,
            plan.totals,
            plan.effects.texts(),
            () if done else self.makes_up_for,
        )
        self.result.plan, self.result.made_up_for = stored, tuple(self.makes_up_for)
        counts = ", ".join(f"{total['count']} {kind}" for kind, total in plan.totals.items()) or "nothing to do"
        self.progress("plan", f"{plan.hash[:12]}: {counts}")
        return stored

    def _not_looked_at(self) -> list[date]:
        """Missed nights that the plan before made up for, if it waited and nobody approved it: this one still does.

        A plan without effects passes on what it could not read enough to make up for.
        """
        for plan in self.journal.plans(1):
            if not plan["totals"] or (plan["verdict"] == "approval" and plan["state"] in ("stored", "superseded")):
                made = [event for event in self.journal.events(plan["hash"]) if event["kind"] == "planned"]
                return [date.fromisoformat(day) for day in made[-1]["data"].get("makes_up_for", ())]
        return []

    def _reasons(self, plan: Plan) -> list[str]:
        if not plan.effects:
            return []
        reasons: list[str] = []
        if self.settings.mode == "approval":
            reasons.append("the company is in approval mode")
        if missed := [f"{day}" for day in self.makes_up_for]:
            nights = missed[0] if len(missed) == 1 else f"{len(missed)} nights, {missed[0]} to {missed[-1]}"
            reasons.append(f"it makes up for {nights}, besides its own: a person looks at the totals first")
        if self.journal.restored_unseen():
            reasons.append(
                "an older journal was laid back: look through the hold list and the answers given since, "
                "and whether writing was paused"
            )
        if self.journal.agency() not in ("", self._agency_told):
            reasons.append(
                f"claims are at agency {self.journal.agency()}, and the settings name {self._agency_told} now: "
                "if that is another one, make it a company of its own; here nothing more would be read of the first"
            )
        if self.journal.set_up() not in ("", self._set_up):
            reasons.append(f"money was posted with {self.journal.set_up()} before, and the settings name another now")
        history = [p["totals"] for p in self.journal.plans(200) if p["state"] == "dispatched"]
        if not any(history):
            reasons.append("first night: a person looks at the first plan")
        reasons += breaches(plan.totals, history, self.settings.caps)
        reasons += too_few_rows(self.ledger.rows(sql("few_rows", HERE)), self.settings.caps)
        if self.settings.mode != "automatic" and any(e.ordinal > 1 for e in plan.effects.of(Kind.TRANSFER)):
            reasons.append("a receivable is transferred again")
        return reasons

    # -- dispatch ------------------------------------------------------------------------------------------------

    def _dispatcher(self, facts: Facts) -> Dispatcher:
        reads = LedgerReads(self.ledger, self.landing, self.erp, self.agency, facts, self.clock)
        return Dispatcher(
            self.journal,
            Guard(reads, facts, self.clock),
            self.erp,
            self.agency,
            facts,
            self.clock,
            parallel=self.parallel,
            progress=lambda text: self.progress("dispatch", text),
        )

    def dispatchable(self, plan_hash: str | None = None) -> str:
        """The hash of the plan that may be carried out now; raises `NothingSent` with what to do when there is none."""
        return dispatchable(self.journal, self.clock.now(), plan_hash)

    def approve(self, plan_hash: str) -> str:
        """A person approves a stored plan; returns its full hash. Raises `NothingSent` when it cannot be approved."""
        return approve(self.journal, self.clock.now(), self.who, plan_hash)

    def dispatch(self, phases: Sequence[str] = ALL_PHASES, plan_hash: str | None = None) -> Dispatched:
        """Carry out these phases of a plan that may be sent. Raises `NothingSent` when nothing may be."""
        digest = self.dispatchable(plan_hash)
        if self._stopped:
            raise NothingSent(self._stopped)
        facts = self.facts()
        dispatcher = self._dispatcher(facts)
        if dispatcher.refusal() is None and next(self.journal.planned(digest), None) is not None:
            self._require_clock()
            self._require_set_up()
            if self.journal.agency() != self._agency_told:
                self.journal.met_agency(self._agency_told, self.clock.now())
        kinds = [kind for phase, kinds in PHASES for kind in kinds if phase in phases]
        try:
            done = dispatcher.dispatch(digest, kinds)
        finally:
            sync(self.ledger, self.journal)
            self._stopped = dispatcher.stopped
            self._extra += dispatcher.result.findings
            self._merge(dispatcher.result)
            if dispatcher.result.counts:
                self.journal.backup(self.folder / "journal.backup.sqlite")
        self.journal.mark_plan(digest, "dispatched", self.clock.now(), self.who)
        return done

    def _require_clock(self) -> None:
        """Which receivables are old enough, and how old a lost request is, is judged by our clock."""
        if self.erp.clock_skew is None:  # a run that sends a plan made earlier has read nothing of the ERP yet
            try:
                self.erp.periods()
            except CounterpartyError as error:
                raise NothingSent(f"the ERP's clock could not be read before anything is sent: {error}") from None
        skew = self.erp.clock_skew
        if skew is not None and abs(skew) >= BLOCKING_SKEW:
            apart = f"{abs(skew) / timedelta(hours=1):.0f} hours apart"
            raise NothingSent(f"this machine's clock and the ERP's are {apart}; set the clock, then run again")

    def _require_set_up(self) -> None:
        """Before anything is ever sent: is there a cash account and a payment method to post the agency's money with?

        Else claims would be handed over whose money cannot be booked. Three reads, once: what was found right is kept
        in the journal, and asked again only when the settings name something else.
        """
        set_up = self._set_up
        if self.journal.set_up() == set_up:
            return
        if self._mistakes is None:
            try:
                self._mistakes = [check for check in suspense(self.erp, self.settings) if check.state == "error"]
            except CounterpartyError as failure:
                raise NothingSent(
                    f"the suspense account could not be verified before the first sending: {failure}"
                ) from None
            self._extra += [Finding("SET_UP_WRONG", m.name, f"{m.found}; {m.mend}") for m in self._mistakes]
        if self._mistakes:
            raise NothingSent(
                f"the ERP is not set up as the settings say: {self._mistakes[0].found}; `cloudcollect doctor` says more"
            )
        self.journal.found_set_up(set_up, self.clock.now())

    @property
    def _set_up(self) -> str:
        erp = self.settings.erp
        return f"cash account {erp.suspense_cash_account} on {erp.suspense_account}, method {erp.payment_method}"

    @property
    def _agency_told(self) -> str:
        """Its name and host: another port is no other agency."""
        return f"{self.settings.agency.id} at {urlsplit(str(self.settings.agency.base_url)).hostname}"

    def _merge(self, done: Dispatched) -> None:
        for kind, outcomes in done.counts.items():
            for outcome, count in outcomes.items():
                self.result.dispatched.counts[kind][outcome] += count
                self.result.dispatched.sums[kind][outcome] += done.sums[kind][outcome]

    # -- reconcile -----------------------------------------------------------------------------------------------

    def read_again(self) -> None:
        """After dispatch: what changed on both sides, and the suspense account's movements, read once more."""
        for side, feeds in (
            ("erp", ("documents", "payments")),
            ("agency", ("claims", "cases", "entries", "settlements")),
        ):
            for feed in feeds:
                self.land(side, feed, purpose="after")
            self.mirror(side)
        recognise(self.ledger, self.journal, self.facts(), self.clock.now())
        self._read_movements()

    def _read_movements(self) -> None:
        newest = self.ledger.value("select max(first_known_night) from suspense_movement")
        since = self.settings.go_live if newest is None else max(self.settings.go_live, self.night - MOVEMENT_WINDOW)
        self._keep_movements(since)
        awaited = awaited_since(self.ledger, self.night)
        if awaited is not None:
            for account in self.settings.accounts.payout_accounts:
                self._read_account(account, awaited, keep_payouts)

    def _keep_movements(self, since: date) -> None:
        self._read_account(self.settings.erp.suspense_account, since, keep_movements)

    def _read_account(
        self, account: str, since: date, keep: Callable[[Ledger, Iterable[Movement], date], None]
    ) -> None:
        try:
            keep(self.ledger, self.erp.movements(account, since, self.night), self.night)
        except CounterpartyError as error:
            self.progress("read again", f"the movements of account {account} could not be read: {error}")
            text = f"the movements of account {account} could not be read to their end"
            self._extra.append(Finding("FEED_INCOMPLETE", f"erp movements {account}", text))

    def statement(self) -> Statement:
        """Explain the suspense account. A first attempt that does not tie reads the whole account once more."""
        self.diff()
        statement = make_statement(self.ledger, self.night, self.clock.now(), self.settings)
        if not statement.ties:
            self._keep_movements(self.settings.go_live)
            # Money booked between two reads of the agency is not a difference: both are read once more.
            for feed in ("claims", "entries", "settlements"):
                self.land("agency", feed, purpose="after")
            self.mirror("agency")
            recognise(self.ledger, self.journal, self.facts(), self.clock.now())
            self.diff()
            statement = make_statement(self.ledger, self.night, self.clock.now(), self.settings)
        keep_statement(self.ledger, statement)
        self.result.statement = statement
        self.progress("statement", f"closing {display(statement.closing)}, general ledger {display(statement.ledger)}")
        return statement

    def finish(self) -> NightResult:
        """Store findings and the night's figures, and publish what readers may look at."""
        now = self.clock.now()
        findings = set(self._extra)
        if self.result.plan:
            findings |= set(self.result.plan.plan.findings)
            if self.result.plan.reasons and "waits for approval" in self.result.not_sent:
                digest = self.result.plan.plan.hash[:12]
                findings.add(Finding("PLAN_OVER_CAPS", f"plan {digest}", "; ".join(self.result.plan.reasons)))
        if self.result.statement:
            findings |= set(self.result.statement.findings())
        if self.result.plan and self.result.statement:
            findings |= set(self._unexplained(self.result.plan.plan, findings))
        findings |= set(self._clock_findings())
        quiet = self.journal.quiet_until()
        if quiet is not None and now >= quiet and not self.result.not_sent and self._both_sides_were_asked():
            # Until here look-ups reached back to go-live: what the journal may have forgotten has been asked for.
            self.journal.end_quiet(now)
        self.result.findings = tuple(sorted(findings, key=lambda f: (f.code, f.subject, f.text)))
        one_per_subject = {(f.code, f.subject): f for f in self.result.findings}
        self.journal.see_findings(
            self.night,
            now,
            [(f.code, f.subject, f.text, f.amount) for f in one_per_subject.values()],
            looked_for=None if self.result.plan else OF_THE_ACCOUNT,
        )
        put_off = {(f["code"], f["subject"]) for f in self.journal.findings() if f["state"] == "ignored"}
        self.result.ignored = tuple(f for f in self.result.findings if (f.code, f.subject) in put_off)
        self.result.requests = self.connection.budgets()
        if self._night_number is not None:
            self.journal.night_ended(self._night_number, self.night, now, self.result.outcome, self.result.summary())
            self._night_number = None
        self.publish()
        return self.result

    def _clock_findings(self) -> list[Finding]:
        """An ERP's clock that is off is said; what changes there is read by its own clock where that is behind."""
        skew = self.erp.clock_skew or timedelta(0)
        if abs(skew) <= TOLERATED_SKEW:
            return []
        minutes = abs(skew) / timedelta(minutes=1)
        side = "behind" if skew < timedelta(0) else "ahead of"
        return [Finding("CLOCK_SKEW", "erp", f"the ERP's clock is {minutes:.1f} minutes {side} ours")]

    def _unexplained(self, plan: Plan, findings: Iterable[Finding]) -> list[Finding]:
        explained = documents_named(text for f in findings for text in (f.subject, f.text))
        if self.result.not_sent:
            explained |= {effect.content.document for effect in plan.effects}
        left = left_as_they_are(self.ledger, self.journal)
        return unexplained(self.ledger, self.night, plan.version, explained, left)

    def publish(self) -> None:
        """One snapshot for readers: the ledger without persons and a copy of the journal, replaced by rename."""
        target = self.folder / "published"
        target.mkdir(exist_ok=True, mode=0o700)
        self.ledger.db.execute("checkpoint")
        partial = target / "ledger.partial"
        shutil.copyfile(self.ledger.path, partial)
        partial.chmod(0o600)
        partial.replace(target / "ledger.duckdb")
        self.journal.backup(target / "journal.sqlite")

    # -- whole nights --------------------------------------------------------------------------------------------

    def land_and_mirror(self) -> None:
        """Both sides, feed by feed."""
        for side, feeds in FEEDS.items():
            for feed in feeds:
                self.land(side, feed)
            self.mirror(side)

    def prepare_plan(self) -> StoredPlan:
        """Everything up to and including the plan; sends nothing."""
        self.land_and_mirror()
        self.recognise()
        self.diff()
        return self.plan()

    def ask(self) -> NightResult:
        """Read both sides, find again what they hold under references of ours, and explain the account; no plan."""
        self.land_and_mirror()
        self.recognise()
        self.result.not_sent = "both sides were only asked what they hold"
        self.read_again()
        self.statement()
        return self.finish()

    def run(self, *, approve: bool = False) -> NightResult:
        """The whole night. A plan that needs a person is stored and waits, unless it is approved beforehand.

        The differences are classified once, with the statement, after both sides have been read again.
        """
        self.land_and_mirror()
        self.recognise()
        stored = self.plan()
        if approve and stored.reasons:
            self.approve(stored.plan.hash)
        return self.carry_out()

    def carry_out(self, plan_hash: str | None = None) -> NightResult:
        """Dispatch a plan that may be sent, then read again and reconcile. Neither lands a plan nor makes one."""
        self._begin()
        try:
            self.dispatch(plan_hash=plan_hash)
        except NothingSent as reason:
            self.result.not_sent = str(reason)
            self.progress("dispatch", f"nothing was sent: {reason}")
        self.read_again()
        self.statement()
        return self.finish()


def _possible_keys(row: Mapping[str, Any]) -> list[DocumentKey]:
    """The keys a set-aside document may have: when its type could not be read, one of each."""
    known = (row["document_type"],) if row["document_type"] in RECEIVABLE_TYPES else RECEIVABLE_TYPES
    return [DocumentKey(document_type, row["id"]) for document_type in known]
