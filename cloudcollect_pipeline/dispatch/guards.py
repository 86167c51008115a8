"""Guards: a fresh read right before a write, judged by the same rules as the plan.

A guard never changes anything. Reads are done for a group of effects at a time and are at most a minute old when the
group is sent. Where they come from is the business of `Reads`: the ledger's are in `reads.py`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from cloudcollect_pipeline.agency.port import Debtor
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.effect import Effect, Kind
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.erp.port import DocumentKey
from cloudcollect_pipeline.planning.afterwards import wanted_hold
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.settlements import TERMS, terms_of

Row = dict[str, Any]
"""A record by column, as the ledger's tables name them; amounts are kroner."""


Odd = Literal["refuse", "as mirrored"]
"""What becomes of a fresh record that nobody understands: all that rests on it waits, or it counts as last mirrored."""

OF_CUSTOMER = {"CUSTOMER_NOT_EXCLUDED", "ROUTED_HERE"}
"""Stop rules that ask for what stands on the customer's card."""


class Reads(Protocol):
    """What a guard asks both sides for, right now. Methods raise what the reads raise."""

    def prepare(self) -> None:
        """Told once, before anything of a dispatch is read."""
        ...

    def receivables(self, keys: Sequence[DocumentKey], *, odd: Odd = "refuse") -> list[tuple[Row, bytes]]:
        """These documents by number with their raw records; one that the ERP does not list is left out."""
        ...

    def customers(self, numbers: Sequence[str]) -> Mapping[str, Debtor]:
        """Who they are, by number."""
        ...

    def claims(self, ids: Sequence[str], *, odd: Odd = "refuse") -> list[Row]:
        """These claims by id; one that the agency does not list is left out."""
        ...

    def settlement(self, settlement_id: str) -> Row | None:
        """Its status and terms; None where the agency does not list it."""
        ...

    def may_be_transferred(
        self, customers: Sequence[str]
    ) -> tuple[Mapping[str, Row], Mapping[str, Mapping[str, int]], Mapping[str, Debtor]]:
        """Of the receivables read last: verdicts, what settles them per paying document (øre), and debtors."""
        ...

    def must_stop(self, customers: Sequence[str], *, odd: Odd = "refuse") -> Mapping[str, Row]:
        """Of the receivables and claims read last: verdicts, and whether the ERP lists its customer: `customer_listed`.

        Of one that it does not list, what is mirrored stands beneath the verdict.
        """
        ...

    def changed_entries(self, version: int) -> Sequence[Row]:
        """Entries with news since a mirror version: `entry_id`, what it `reverses`, and the `root` of that."""
        ...

    def words(self, customer: str, text: str) -> list[str]:
        """What of a text about a customer names a person, the longest first."""
        ...


@dataclass
class Fresh:
    """What a group of effects was judged by. `refused` maps a reference to why its guard failed."""

    read_at: datetime
    refused: dict[str, str] = field(default_factory=dict)
    baselines: dict[str, Mapping[str, int]] = field(default_factory=dict)
    debtors: dict[str, Debtor] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=dict)
    claims: dict[str, Row] = field(default_factory=dict)
    receivables: dict[str, Row] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)
    """The raw records behind `receivables`."""


class Guard:
    """Reads again what a group of effects rests on, and judges it."""

    def __init__(self, reads: Reads, facts: Facts, clock: Clock) -> None:
        self.reads, self.facts, self.clock = reads, facts, clock

    def read(self, effects: Sequence[Effect]) -> Fresh:
        """Judge a group. Raises what the reads raise: then none of the group is sent."""
        fresh = Fresh(self.clock.now())
        by_kind: dict[Kind, list[Effect]] = defaultdict(list)
        for effect in effects:
            by_kind[effect.kind].append(effect)
        # To pause is the safe side: an odd record must not keep anybody from it.
        pausing = all(effect.kind == Kind.HOLD and effect.details["hold"] == "PAUSED" for effect in effects)
        odd: Odd = "as mirrored" if pausing else "refuse"
        for row, record in self.reads.receivables(_keys(effects), odd=odd):
            document = f"{row['document_type']} {row['number']}"
            fresh.records[document], fresh.receivables[document] = record, row
            if row["balance"] is not None:
                fresh.balances[document] = ore(row["balance"])
        customers = sorted({row["customer"] for row in fresh.receivables.values() if row["customer"]})
        if by_kind[Kind.TRANSFER]:
            self._transfers(by_kind[Kind.TRANSFER], customers, fresh)
        about_claims = [*by_kind[Kind.REDUCTION], *by_kind[Kind.HOLD]]
        if about_claims:
            ids = sorted({effect.details["claim_id"] for effect in about_claims})
            fresh.claims |= {row["claim_id"]: row for row in self.reads.claims(ids, odd=odd)}
        for effect in by_kind[Kind.REDUCTION]:
            self._reduction(effect, fresh)
        if by_kind[Kind.HOLD]:
            self._holds(by_kind[Kind.HOLD], self.reads.must_stop(customers, odd=odd), fresh)
        if by_kind[Kind.DEBTOR]:
            debtors = self.reads.customers(customers)
            for effect in by_kind[Kind.DEBTOR]:
                debtor = debtors.get(effect.content.party)
                if debtor:
                    fresh.debtors[effect.reference] = debtor
        for effect in by_kind[Kind.SETTLEMENT]:
            self._settlement(effect, fresh)
        return fresh

    def _holds(self, effects: Sequence[Effect], verdicts: Mapping[str, Row], fresh: Fresh) -> None:
        """A claim is held, let go or recalled only for what is still so.

        Of a customer whom the ERP leaves out when asked, what is mirrored is enough for a pause, which the next night
        lifts; a claim is neither let go nor recalled for it.
        """
        for effect in effects:
            document, hold = effect.details["document"], effect.details["hold"]
            verdict, claim = verdicts.get(document), fresh.claims.get(effect.details["claim_id"])
            if verdict is None or verdict["due_date"] is None:
                fresh.refused[effect.reference] = "its receivable could not be read again"
                continue
            if claim is None or claim["principal_open"] is None:
                fresh.refused[effect.reference] = "the agency no longer lists the claim"
                continue
            failed = verdict["failed"]
            if not verdict["customer_listed"] and hold == "NONE":
                fresh.refused[effect.reference] = "its customer could not be read again"
                continue
            if not verdict["customer_listed"] and hold == "RECALLED":
                failed = [code for code in failed if code not in OF_CUSTOMER]
            told, left = effect.details.get("transferred_due"), ore(claim["principal_open"])
            wanted, reason = wanted_hold(document, failed, left, verdict["due_date"], told, self.facts)
            if wanted != hold:
                fresh.refused[effect.reference] = f"it should now be {wanted}: {reason}"

    def _transfers(self, effects: Sequence[Effect], customers: Sequence[str], fresh: Fresh) -> None:
        verdicts, settled, debtors = self.reads.may_be_transferred(customers)
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
            debtor = debtors.get(row["customer"])
            if debtor is None or row["amount"] is None or row["balance"] is None:
                fresh.refused[effect.reference] = "its customer or its amounts could not be read again"
                continue
            if ore(verdict["balance"]) != effect.expect["balance"]:
                fresh.refused[effect.reference] = "the balance changed since the plan"
                continue
            baseline = settled.get(document, {})
            if sum(baseline.values()) != ore(row["amount"]) - ore(row["balance"]):
                fresh.refused[effect.reference] = "its applications do not add up to amount minus balance"
                continue
            fresh.baselines[effect.reference] = baseline
            fresh.debtors[effect.reference] = debtor

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
        row = self.reads.settlement(effect.details["settlement_id"])
        readable = row is not None and None not in (row[term] for term in TERMS)
        told = (row["status"], terms_of(row)) if row is not None and readable else None
        if told != (effect.expect["status"], effect.expect.get("terms")):
            fresh.refused[effect.reference] = "the settlement changed since the plan"

    def changed_entries(self, roots: set[str], version: int) -> set[str]:
        """Which of these entries have news since the version that the plan was made of: they are planned anew.

        The mirror may have learnt of it meanwhile: a plan that waits for a person is older than what was read after it.
        """
        changed = self.reads.changed_entries(version)
        return {name for row in changed for name in (row["entry_id"], row["reverses"], row["root"]) if name in roots}


def _keys(effects: Sequence[Effect]) -> list[DocumentKey]:
    """The receivables that these effects rest on."""
    wanted: set[DocumentKey] = set()
    for effect in effects:
        if effect.kind in (Kind.TRANSFER, Kind.CASE_REFERENCE):
            wanted.add(DocumentKey(effect.details["document_type"], effect.details["number"]))
        elif effect.kind in (Kind.HOLD, Kind.DEBTOR):
            wanted.add(DocumentKey.named(effect.details["document"]))
        elif effect.kind == Kind.REDUCTION:
            wanted.add(DocumentKey.named(effect.details["receivable"]))
        elif effect.kind == Kind.POSTING:
            wanted |= {DocumentKey.named(document) for document in effect.details["carried"]}
    return sorted(wanted)
