"""Guards: a fresh read right before a write, mapped and judged by the same SQL as the plan.

A guard never changes anything. Reads are done for a group of effects at a time and are at most a minute old when the
group is sent.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloudcollect_pipeline.agency.port import Agency, Debtor
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.erp.port import DocumentKey, Erp
from cloudcollect_pipeline.landing import Landing
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.afterwards import wanted_hold
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import HERE as PLANNING
from cloudcollect_pipeline.planning.plan import judge
from cloudcollect_pipeline.planning.settlements import TERMS, terms_of

HERE = "cloudcollect_pipeline.dispatch.sql"


@dataclass
class Fresh:
    """What a group of effects was judged by. `refused` maps a reference to why its guard failed."""

    read_at: datetime
    refused: dict[str, str] = field(default_factory=dict)
    baselines: dict[str, dict[str, int]] = field(default_factory=dict)
    debtors: dict[str, Debtor] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=dict)
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    receivables: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)
    """The raw records behind `receivables`."""


class Guard:
    """Reads again what a group of effects rests on. Used by one thread; owns temporary tables of the ledger."""

    def __init__(self, ledger: Ledger, landing: Landing, erp: Erp, agency: Agency, facts: Facts, clock: Clock) -> None:
        self.ledger, self.landing, self.erp, self.agency = ledger, landing, erp, agency
        self.facts, self.night, self.clock = facts, facts.night, clock

    def read(self, effects: Sequence[Effect]) -> Fresh:
        """Judge a group. Raises what the reads raise: then none of the group is sent."""
        fresh = Fresh(self.clock.now())
        by_kind: dict[Kind, list[Effect]] = defaultdict(list)
        for effect in effects:
            by_kind[effect.kind].append(effect)
        self._receivables(effects, fresh)
        if by_kind[Kind.TRANSFER]:
            self._transfers(by_kind[Kind.TRANSFER], fresh)
        about_claims = [*by_kind[Kind.REDUCTION], *by_kind[Kind.HOLD]]
        if about_claims:
            self._claims(about_claims, fresh)
        for effect in by_kind[Kind.REDUCTION]:
            self._reduction(effect, fresh)
        if by_kind[Kind.HOLD]:
            self._holds(by_kind[Kind.HOLD], fresh)
        if by_kind[Kind.DEBTOR]:
            self._customers(fresh)
            persons = self._persons()
            for effect in by_kind[Kind.DEBTOR]:
                person = persons.get(effect.content.party)
                if person:
                    fresh.debtors[effect.reference] = _debtor(person)
        for effect in by_kind[Kind.SETTLEMENT]:
            self._settlement(effect, fresh)
        return fresh

    def _load(self, side: str, feed: str, records: list[bytes], table: str) -> None:
        port = self.erp if side == "erp" else self.agency
        spool = self.landing.land(side, feed, self.night, self.clock.now(), [records], purpose="guard")
        self.ledger.map(port.feeds[feed], [spool], table)

    def _receivables(self, effects: Sequence[Effect], fresh: Fresh) -> None:
        wanted: set[DocumentKey] = set()
        for effect in effects:
            if effect.kind in (Kind.TRANSFER, Kind.CASE_REFERENCE):
                wanted.add(DocumentKey(effect.details["document_type"], effect.details["number"]))
            elif effect.kind in (Kind.HOLD, Kind.DEBTOR):
                wanted.add(_key(effect.details["document"]))
            elif effect.kind == Kind.REDUCTION:
                wanted.add(_key(effect.details["receivable"]))
            elif effect.kind == Kind.POSTING:
                wanted |= {_key(document) for document in effect.details["carried"]}
        records = self.erp.documents(sorted(wanted)) if wanted else []
        self._load("erp", "documents", records, "fresh_receivable")
        for row in self.ledger.rows("select * from fresh_receivable order by document_type, number"):
            document = f"{row['document_type']} {row['number']}"
            fresh.records[document] = records[row.pop("n") - 1]
            fresh.receivables[document] = row
            if row["balance"] is not None:
                fresh.balances[document] = ore(row["balance"])

    def _customers(self, fresh: Fresh) -> list[str]:
        customers = sorted({row["customer"] for row in fresh.receivables.values() if row["customer"]})
        self._load("erp", "customers", self.erp.customers(customers), "fresh_customer")
        return customers

    def _persons(self) -> dict[str, dict[str, Any]]:
        return {row["number"]: row for row in self.ledger.rows("select * from fresh_customer")}

    @contextmanager
    def _laid_over(self, *views: str) -> Iterator[None]:
        """Fresh reads stand in the place of the mirror's rows until the end of the block."""
        try:
            for view in views:
                self.ledger.db.execute(sql(view, PLANNING))
            yield
        finally:
            self.ledger.present()
            self.ledger.db.execute("create or replace temp view person_now as select * from persons.person")

    def _verdicts(self) -> dict[str, dict[str, Any]]:
        self.ledger.db.execute(
            "create or replace temp table subject as select document_type, number, customer from fresh_receivable"
        )
        judge(self.ledger)
        return {row["document"]: row for row in self.ledger.rows("select * from verdict")}

    def _holds(self, effects: Sequence[Effect], fresh: Fresh) -> None:
        """A claim is held, let go or recalled only for what is still so."""
        self._customers(fresh)
        self._load("erp", "payments", [], "fresh_payment")
        with self._laid_over("guard_views", "guard_claims"):
            verdicts = self._verdicts()
        for effect in effects:
            document = effect.details["document"]
            verdict, claim = verdicts.get(document), fresh.claims.get(effect.details["claim_id"])
            if verdict is None or verdict["due_date"] is None:
                fresh.refused[effect.reference] = "its receivable could not be read again"
                continue
            if claim is None or claim["principal_open"] is None:
                fresh.refused[effect.reference] = "the agency no longer lists the claim"
                continue
            told, left = effect.details.get("transferred_due"), ore(claim["principal_open"])
            wanted, reason = wanted_hold(document, verdict["failed"], left, verdict["due_date"], told, self.facts)
            if wanted != effect.details["hold"]:
                fresh.refused[effect.reference] = f"it should now be {wanted}: {reason}"

    def _transfers(self, effects: Sequence[Effect], fresh: Fresh) -> None:
        customers = self._customers(fresh)
        self._load("erp", "payments", self.erp.payments_of(customers), "fresh_payment")
        with self._laid_over("guard_views"):
            verdicts = self._verdicts()
            settled: dict[str, dict[str, int]] = defaultdict(dict)
            for row in self.ledger.rows(sql("settled_of_fresh", HERE)):
                if row["net"]:
                    settled[row["receivable"]][row["document"]] = ore(row["net"])
            persons = self._persons()
        for effect in effects:
            document = effect.source
            verdict = verdicts.get(document)
            if verdict is None:
                fresh.refused[effect.reference] = "the ERP no longer lists it"
                continue
            if verdict["failed"]:
                fresh.refused[effect.reference] = f"no longer passes {', '.join(verdict['failed'])}"
                continue
            row = fresh.receivables[document]
            person = persons.get(row["customer"])
            if person is None or row["amount"] is None or row["balance"] is None:
                fresh.refused[effect.reference] = "its customer or its amounts could not be read again"
                continue
            if ore(verdict["balance"]) != effect.expect["balance"]:
                fresh.refused[effect.reference] = "the balance changed since the plan"
                continue
            baseline = settled[document]
            if sum(baseline.values()) != ore(row["amount"]) - ore(row["balance"]):
                fresh.refused[effect.reference] = "its applications do not add up to amount minus balance"
                continue
            fresh.baselines[effect.reference] = baseline
            fresh.debtors[effect.reference] = _debtor(person)

    def _claims(self, effects: Sequence[Effect], fresh: Fresh) -> None:
        ids = sorted({effect.details["claim_id"] for effect in effects})
        self._load("agency", "claims", self.agency.claims(ids), "fresh_claim")
        for row in self.ledger.rows("select * exclude (n) from fresh_claim order by claim_id"):
            fresh.claims[row["claim_id"]] = row

    def _reduction(self, effect: Effect, fresh: Fresh) -> None:
        claim = fresh.claims.get(effect.details["claim_id"])
        balance = fresh.balances.get(effect.expect["document"])
        if claim is None or claim["principal_open"] is None:
            fresh.refused[effect.reference] = "the agency no longer lists the claim"
        elif claim["status"] in ("WITHDRAWN", "REJECTED", "MERGED") or claim["hold"] == "RECALLED":
            fresh.refused[effect.reference] = "the claim has ended"
        elif ore(claim["principal_open"]) != effect.expect["open"]:
            fresh.refused[effect.reference] = "the agency's open principal changed since the plan"
        elif balance != effect.expect["balance"]:
            fresh.refused[effect.reference] = "the balance changed since the plan"

    def _settlement(self, effect: Effect, fresh: Fresh) -> None:
        self._load(
            "agency", "settlements", self.agency.settlements([effect.details["settlement_id"]]), "fresh_settlement"
        )
        rows = self.ledger.rows("select * from fresh_settlement")
        readable = [row for row in rows if None not in (row[term] for term in TERMS)]
        if [(row["status"], terms_of(row)) for row in readable] != [(effect.expect["status"], effect.expect["terms"])]:
            fresh.refused[effect.reference] = "the settlement changed since the plan"

    def changed_entries(self, roots: set[str]) -> set[str]:
        """Which of these entries have news since the mirror: they are planned anew on the next night."""
        since = self.ledger.watermark("agency", "entries")
        self._load(
            "agency", "entries", [raw for page in self.agency.pages("entries", since) for raw in page], "fresh_entry"
        )
        changed = self.ledger.rows(sql("changed_entries", HERE))
        return {name for row in changed for name in (row["entry_id"], row["reverses"], row["root"]) if name in roots}


def _debtor(person: Mapping[str, Any]) -> Debtor:
    return Debtor(
        person["number"],
        person["name"],
        bool(person["business"]),
        person["organisation_number"],
        person["address"],
        person["postal_code"],
        person["city"],
        person["country"] or "NO",
        person["email"],
        person["phone"],
    )


def _key(document: str) -> DocumentKey:
    document_type, _, number = document.partition(" ")
    return DocumentKey(document_type, number)
