"""Recognition: what the counterparties already hold under references of ours, whether or not the journal knows.

Runs after every mirror commit. It confirms effects whose outcome was unknown, and it rebuilds a lost or restored
journal, since every reference can be derived again from the fact it stands for. What the mirrors show comes as rows;
`LedgerShows` asks the ledger for them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from cloudcollect_pipeline.dispatch.journal import BLOCKING, SETTLE, Journal
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.erp.port import PostedVoucher
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.deltas import UNEXPLAINED
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import prepare

HERE = "cloudcollect_pipeline.dispatch.sql"
CAME_TO_NOTHING = frozenset({"absent", "dropped", "later", "rejected"})
MOST_ORDINALS = 50

Row = dict[str, Any]
"""Columns as the queries of the same names give them; amounts are kroner."""


class Shows(Protocol):
    """What the mirrors show of us."""

    def unconfirmed_transfers(self) -> Sequence[Row]:
        """Claims the agency lists whose transfer the journal does not know as confirmed."""
        ...

    def settled_by_others(self, document_type: str, number: str) -> Sequence[Row]:
        """What documents that are not our own postings settle of a receivable, the oldest first."""
        ...

    def unconfirmed_reductions(self) -> Sequence[Row]:
        """Entries with a reference on claims of ours whose reduction the journal does not know as confirmed."""
        ...

    def unconfirmed_postings(self) -> Sequence[Row]:
        """Payments with a reference on the suspense account whose posting it does not know as confirmed."""
        ...

    def roots(self) -> Mapping[str, Sequence[str]]:
        """Customer -> original entries with principal of theirs."""
        ...

    def listed_settlements(self) -> Sequence[Row]:
        """The agency's settlements: `settlement_id`, `number`, `currency` and `booking_date`."""
        ...

    def hold(self, claim_id: str) -> str | None:
        """A claim's hold."""
        ...

    def case_number(self, document_type: str, number: str) -> str | None:
        """The case number on an invoice."""
        ...

    def payment_status(self, number: str) -> str | None:
        """A payment's status."""
        ...


class LedgerShows:
    """`Shows` by the ledger's mirrors."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def unconfirmed_transfers(self) -> Sequence[Row]:
        """See `Shows`."""
        return self.ledger.rows(sql("unconfirmed_transfers", HERE))

    def settled_by_others(self, document_type: str, number: str) -> Sequence[Row]:
        """See `Shows`."""
        return self.ledger.rows(sql("settled_by_others", HERE), {"type": document_type, "number": number})

    def unconfirmed_reductions(self) -> Sequence[Row]:
        """See `Shows`."""
        return self.ledger.rows(sql("unconfirmed_reductions", HERE))

    def unconfirmed_postings(self) -> Sequence[Row]:
        """See `Shows`."""
        return self.ledger.rows(sql("unconfirmed_postings", HERE))

    def roots(self) -> Mapping[str, Sequence[str]]:
        """See `Shows`."""
        roots: dict[str, list[str]] = defaultdict(list)
        query = "select distinct customer, root from entry_principal order by 1, 2"
        for customer, root in self.ledger.db.execute(query).fetchall():
            roots[customer].append(root)
        return roots

    def listed_settlements(self) -> Sequence[Row]:
        """See `Shows`."""
        return self.ledger.rows("select settlement_id, number, currency, booking_date from settlement_now order by 1")

    def hold(self, claim_id: str) -> str | None:
        """See `Shows`."""
        return self._text("select hold from claim_now where claim_id = ?", claim_id)

    def case_number(self, document_type: str, number: str) -> str | None:
        """See `Shows`."""
        query = "select case_number from receivable_now where document_type = ? and number = ?"
        return self._text(query, document_type, number)

    def payment_status(self, number: str) -> str | None:
        """See `Shows`."""
        return self._text("select status from payment_now where document_type = 'Payment' and number = ?", number)

    def _text(self, query: str, *values: str) -> str | None:
        found = self.ledger.value(query, list(values))
        return None if found is None else str(found)


def recognise(ledger: Ledger, journal: Journal, facts: Facts, at: datetime) -> None:
    """Bring the journal up to what the mirrors show, and the ledger's copy of it up to date."""
    shows = LedgerShows(ledger)
    sync(ledger, journal)
    prepare(ledger, facts)
    recognise_transfers(shows, journal, facts, at)
    sync(ledger, journal)
    recognise_the_rest(shows, journal, facts, at)
    sync(ledger, journal)


def recognise_the_rest(shows: Shows, journal: Journal, facts: Facts, at: datetime) -> None:
    """What is told apart by the transfers that are known by now: reductions, postings and states."""
    _reductions(shows, journal, facts, at)
    _postings(shows, journal, facts, at)
    _states(shows, journal, facts, at)


def recognise_vouchers(
    shows: Shows, journal: Journal, facts: Facts, vouchers: Iterable[PostedVoucher], at: datetime
) -> None:
    """Find the vouchers of settlements again that a journal has forgotten, each time one was booked or taken back.

    An older copy may know of an earlier try that came to nothing.

    Without the taken back ones a settlement that the agency publishes again would count as booked (rules §3).
    """
    first: dict[str, PostedVoucher] = {}
    for each in sorted((each for each in vouchers if each.reference), key=lambda each: each.number):
        first.setdefault(each.reference, each)
    unknown = [
        each
        for each in first.values()
        if (known := journal.effect(each.reference)) is None or known.state in CAME_TO_NOTHING
    ]
    if not unknown:
        return
    ours = {
        facts.name(Kind.SETTLEMENT, f"{row['settlement_id']}:{status}", ordinal): (row, status, ordinal)
        for row in shows.listed_settlements()
        for status in ("PUBLISHED", "CANCELLED")
        for ordinal in range(1, MOST_ORDINALS)
    }
    suspense = facts.settings.erp.suspense_account
    for voucher in unknown:
        if voucher.reference not in ours:
            continue
        row, status, ordinal = ours[voucher.reference]
        on = row["booking_date"].isoformat()
        effect = Effect(
            Kind.SETTLEMENT,
            voucher.reference,
            f"{row['settlement_id']}:{status}",
            ordinal,
            Content(
                facts.agency,
                f"settlement {row['number']}",
                suspense,
                row["currency"],
                -sum(line.amount for line in voucher.lines if line.account == suspense),
            ),
            chain=f"settlement {row['settlement_id']}",
            lane="settlements",
            details={
                "settlement_id": row["settlement_id"],
                "number": row["number"],
                "booking_date": on,
                "value_date": on,
                "lines": [
                    {"account": line.account, "amount": line.amount, "text": line.text} for line in voucher.lines
                ],
            },
        )
        state = "confirmed" if voucher.status in ("Open", "Closed") else "created"
        journal.record(
            effect,
            state,
            at,
            facts.night,
            remote_id=voucher.number,
            note="found again in the ERP",
            details=effect.details,
        )


def doubt_an_older_copy(ledger: Ledger, journal: Journal, at: datetime) -> None:
    """A journal that is not the one the ledger last copied, or an older copy of it, is not trusted from now on.

    To be asked before the first `sync`, which makes the ledger forget what it knew.
    """
    known, seal = ledger.effects_known()
    if journal.trusts_itself() and journal.seal_of(known) != seal:
        journal.distrust(at, known)


def sync(ledger: Ledger, journal: Journal) -> None:
    """Copy changed effects into the ledger; all of them when the journal is another one than before."""
    known, seal = ledger.effects_known()
    anew = journal.seal_of(known) != seal
    newest = journal.seq()
    ledger.copy_effects(journal.effects_since(0 if anew else known), newest, journal.seal_of(newest), anew=anew)


def recognise_transfers(shows: Shows, journal: Journal, facts: Facts, at: datetime) -> None:
    """Claims of ours that the agency lists. Of two under one reference one counts: that which goes on, or the first."""
    seen: set[str] = set()
    for row in shows.unconfirmed_transfers():
        if row["reference"] in seen:
            continue
        seen.add(row["reference"])
        document = f"{row['document_type']} {row['document_number']}"
        known = journal.effect(row["reference"]) if row["reference"] else None
        if known and (known.state in BLOCKING or known.details.get("baseline") is not None):
            same = (known.content.document, known.content.currency, known.content.amount) == (
                document,
                row["currency"],
                ore(row["principal"]),
            )
            if same:
                journal.move(
                    known.reference, "confirmed", at, facts.night, remote_id=row["claim_id"], note="found at the agency"
                )
            elif known.state in BLOCKING:
                journal.move(
                    known.reference,
                    "quarantined",
                    at,
                    facts.night,
                    remote_id=row["claim_id"],
                    note="found with other content",
                )
            if same or known.state in BLOCKING:
                continue
        ordinal = next(
            (n for n in range(1, MOST_ORDINALS) if facts.name(Kind.TRANSFER, document, n) == row["reference"]), None
        )
        if ordinal is None or row["customer"] is None:
            continue
        effect = Effect(
            Kind.TRANSFER,
            row["reference"],
            document,
            ordinal,
            Content(row["customer"], document, facts.agency, row["currency"], ore(row["principal"])),
            chain=row["reference"],
            lane=document,
            details={
                "due_date": row["due_date"].isoformat() if row["due_date"] else None,
                "baseline": _lost_baseline(shows, row),
                "number": row["document_number"],
                "document_type": row["document_type"],
            },
        )
        # Whatever the journal still knows of an earlier try is not what the agency took.
        journal.record(
            effect,
            "confirmed",
            at,
            facts.night,
            remote_id=row["claim_id"],
            note="found again at the agency",
            details=effect.details,
        )


def _lost_baseline(shows: Shows, claim: Row) -> dict[str, int]:
    """What had been settled when a claim was transferred, after the journal that knew it was lost (rules §3).

    The total is exact: invoice amount − the claim's principal. It is given to the oldest applications that are not
    our own postings; what cannot be attributed is the line `UNEXPLAINED`.
    """
    left = ore(claim["amount"]) - ore(claim["principal"])
    baseline: dict[str, int] = {}
    for row in shows.settled_by_others(claim["document_type"], claim["document_number"]):
        share = min(left, ore(row["net"]))
        if share > 0:
            baseline[row["document"]] = share
            left -= share
    if left:
        baseline[UNEXPLAINED] = left
    return baseline


def _reductions(shows: Shows, journal: Journal, facts: Facts, at: datetime) -> None:
    for row in shows.unconfirmed_reductions():
        known = journal.effect(row["reference"])
        if known and (known.state in BLOCKING or known.content.amount == ore(row["amount"])):
            if known.content.amount == ore(row["amount"]):
                journal.move(
                    known.reference, "confirmed", at, facts.night, remote_id=row["entry_id"], note="found at the agency"
                )
            else:
                journal.move(
                    known.reference,
                    "quarantined",
                    at,
                    facts.night,
                    remote_id=row["entry_id"],
                    note="found with other content",
                )
            continue
        paying = f"{row['source_document_type']} {row['source_document_number']}"
        source = f"{row['transfer']}/{paying}"
        ordinal = next(
            (n for n in range(1, MOST_ORDINALS) if facts.name(Kind.REDUCTION, source, n) == row["reference"]), None
        )
        if ordinal is None:
            continue
        effect = Effect(
            Kind.REDUCTION,
            row["reference"],
            source,
            ordinal,
            Content(row["customer"] or "?", row["document"], row["claim_id"], row["currency"], ore(row["amount"])),
            chain=row["transfer"],
            lane=row["transfer"],
            details={"claim_id": row["claim_id"], "kind": row["kind"], "receivable": row["document"]},
        )
        journal.record(
            effect,
            "confirmed",
            at,
            facts.night,
            remote_id=row["entry_id"],
            note="found again at the agency",
            details=effect.details,
        )


def _postings(shows: Shows, journal: Journal, facts: Facts, at: datetime) -> None:
    rows = shows.unconfirmed_postings()
    if not rows:
        return
    roots = shows.roots()
    for row in rows:
        state = "created" if row["status"] in ("Balanced", "Hold") else "confirmed"
        known = journal.effect(row["reference"])
        if known and known.kind == Kind.POSTING:
            same = (known.content.party, known.content.currency, known.content.amount) == (
                row["customer"],
                row["currency"],
                ore(row["amount"]),
            )
            if known.state == state:
                continue
            if same:
                journal.move(known.reference, state, at, facts.night, remote_id=row["number"], note="found in the ERP")
            elif known.state in BLOCKING:
                journal.move(
                    known.reference,
                    "quarantined",
                    at,
                    facts.night,
                    remote_id=row["number"],
                    note="found with other content",
                )
            if same or known.state in BLOCKING:
                continue
        for root in roots.get(row["customer"], ()):
            source = f"{root}:{row['customer']}"
            ordinal = next(
                (n for n in range(1, MOST_ORDINALS) if facts.name(Kind.POSTING, source, n) == row["reference"]), None
            )
            if ordinal is None:
                continue
            effect = Effect(
                Kind.POSTING,
                row["reference"],
                source,
                ordinal,
                Content(row["customer"], root, "suspense", row["currency"], ore(row["amount"])),
                chain=f"entry {root}",
                lane=f"customer {row['customer']}",
                details={"entry": root, "customer": row["customer"], "value_date": row["payment_date"].isoformat()},
            )
            journal.record(
                effect,
                state,
                at,
                facts.night,
                remote_id=row["number"],
                note="found again in the ERP",
                details=effect.details,
            )
            break


def _states(shows: Shows, journal: Journal, facts: Facts, at: datetime) -> None:
    """State effects are read, compared, and set again if need be: an unknown outcome is settled by the mirror.

    What is not shown may still land, so that nothing is said of it on the night of its intent.
    """
    for row in journal.effects(states=("intent", "uncertain")):
        told = row.details
        match row.kind:
            case Kind.HOLD:
                done = shows.hold(told["claim_id"]) == told["hold"]
            case Kind.CASE_REFERENCE:
                done = shows.case_number(told["document_type"], told["number"]) == told["case_number"]
            case Kind.VOID:
                done = shows.payment_status(told["number"]) == "Voided"
            case Kind.DEBTOR | Kind.ANSWER:
                done = False  # told again if it is still so: the same twice changes nothing
            case _:
                continue
        if row.state == "intent":
            journal.move(row.reference, "uncertain", at, facts.night, note="the run ended before the answer")
        if done or row.intent_at is None or at - row.intent_at >= SETTLE:
            journal.move(row.reference, "confirmed" if done else "absent", at, facts.night, note="read again")


def after_a_crash(journal: Journal, at: datetime, night: date) -> None:
    """Intents of a run that is no more: nobody knows their outcome. The caller holds the lock, so none is in flight."""
    for row in journal.effects(states=("intent",)):
        journal.move(row.reference, "uncertain", at, night, note="the run ended before the answer")
