"""Recognition: what the counterparties already hold under references of ours, whether or not the journal knows.

Runs after every mirror commit. It confirms effects whose outcome was unknown, and it rebuilds a lost or restored
journal, since every reference can be derived again from the fact it stands for.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from cloudcollect_pipeline.dispatch.journal import BLOCKING, Journal
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.money import ore
from cloudcollect_pipeline.erp.port import PostedVoucher
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import prepare

HERE = "cloudcollect_pipeline.dispatch.sql"
MOST_ORDINALS = 50


def recognise(ledger: Ledger, journal: Journal, facts: Facts, at: datetime) -> None:
    """Bring the journal up to what the mirrors show, and the ledger's copy of it up to date."""
    sync(ledger, journal)
    prepare(ledger, facts)
    _transfers(ledger, journal, facts, at)
    sync(ledger, journal)
    _reductions(ledger, journal, facts, at)
    _postings(ledger, journal, facts, at)
    _states(ledger, journal, facts, at)
    sync(ledger, journal)


def recognise_vouchers(
    ledger: Ledger, journal: Journal, facts: Facts, vouchers: Iterable[PostedVoucher], at: datetime
) -> None:
    """Find the vouchers of settlements again that a lost journal has forgotten, each time one was booked or taken back.

    Without the taken back ones a settlement that the agency publishes again would count as booked (rules §3).
    """
    settlements = ledger.rows("select settlement_id, number, currency, booking_date from settlement_now order by 1")
    ours = {
        facts.name(Kind.SETTLEMENT, f"{row['settlement_id']}:{status}", ordinal): (row, status, ordinal)
        for row in settlements
        for status in ("PUBLISHED", "CANCELLED")
        for ordinal in range(1, MOST_ORDINALS)
    }
    suspense = facts.settings.erp.suspense_account
    for voucher in sorted(vouchers, key=lambda each: each.number):
        if voucher.reference not in ours or journal.effect(voucher.reference) is not None:
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
        journal.record(effect, state, at, facts.night, remote_id=voucher.number, note="found again in the ERP")


def sync(ledger: Ledger, journal: Journal) -> None:
    """Copy changed effects into the ledger; all of them when the journal is another one than before."""
    known, seal = ledger.effects_known()
    if journal.seal_of(known) != seal:
        ledger.forget_effects()
        known = 0
    newest = journal.seq()
    ledger.copy_effects(journal.effects_since(known), newest, journal.seal_of(newest))


def _transfers(ledger: Ledger, journal: Journal, facts: Facts, at: datetime) -> None:
    for row in ledger.rows(sql("unconfirmed_transfers", HERE)):
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
                "baseline": _lost_baseline(ledger, row),
                "number": row["document_number"],
                "document_type": row["document_type"],
            },
        )
        journal.record(
            effect, "confirmed", at, facts.night, remote_id=row["claim_id"], note="found again at the agency"
        )


def _lost_baseline(ledger: Ledger, claim: dict[str, Any]) -> dict[str, int]:
    """What had been settled when a claim was transferred, after the journal that knew it was lost (rules §3).

    The total is exact: invoice amount − the claim's principal. It is given to the oldest applications that are not
    our own postings; what cannot be attributed is the line '?'.
    """
    left = ore(claim["amount"]) - ore(claim["principal"])
    baseline: dict[str, int] = {}
    for row in ledger.rows(
        sql("settled_by_others", HERE), {"type": claim["document_type"], "number": claim["document_number"]}
    ):
        share = min(left, ore(row["net"]))
        if share > 0:
            baseline[row["document"]] = share
            left -= share
    if left:
        baseline["?"] = left
    return baseline


def _reductions(ledger: Ledger, journal: Journal, facts: Facts, at: datetime) -> None:
    for row in ledger.rows(sql("unconfirmed_reductions", HERE)):
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
            effect, "confirmed", at, facts.night, remote_id=row["entry_id"], note="found again at the agency"
        )


def _postings(ledger: Ledger, journal: Journal, facts: Facts, at: datetime) -> None:
    rows = ledger.rows(sql("unconfirmed_postings", HERE))
    if not rows:
        return
    roots: dict[str, list[str]] = defaultdict(list)
    for customer, root in ledger.db.execute(
        "select distinct customer, root from entry_principal order by 1, 2"
    ).fetchall():
        roots[customer].append(root)
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
            journal.record(effect, state, at, facts.night, remote_id=row["number"], note="found again in the ERP")
            break


def _states(ledger: Ledger, journal: Journal, facts: Facts, at: datetime) -> None:
    """State effects are read, compared, and set again if need be: an unknown outcome is settled by the mirror."""
    for row in journal.effects(states=("intent", "uncertain")):
        match row.kind:
            case Kind.HOLD:
                now = ledger.value("select hold from claim_now where claim_id = ?", [row.details["claim_id"]])
                done = now == row.details["hold"]
            case Kind.CASE_REFERENCE:
                shown = ledger.value(
                    "select case_number from receivable_now where document_type = ? and number = ?",
                    [row.details["document_type"], row.details["number"]],
                )
                done = shown == row.details["case_number"]
            case Kind.VOID:
                status = ledger.value(
                    "select status from payment_now where document_type = 'Payment' and number = ?",
                    [row.details["number"]],
                )
                done = status == "Voided"
            case Kind.DEBTOR | Kind.ANSWER:
                done = False  # told again if it is still so: the same twice changes nothing
            case _:
                continue
        if row.state == "intent":
            journal.move(row.reference, "uncertain", at, facts.night, note="the run ended before the answer")
        journal.move(row.reference, "confirmed" if done else "absent", at, facts.night, note="read again")


def after_a_crash(journal: Journal, at: datetime, night: date) -> None:
    """Intents of a run that is no more: nobody knows their outcome. The caller holds the lock, so none is in flight."""
    for row in journal.effects(states=("intent",)):
        journal.move(row.reference, "uncertain", at, night, note="the run ended before the answer")
