"""The plan of a night: every effect the facts ask for and the journal does not know, with its hash and its totals."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.calendar import three_years_after, transferable_from
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.domain.reference import reference
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.deltas import (
    BLOCKING,
    Application,
    ClaimState,
    CustomerState,
    EntryState,
    Known,
    Listed,
    PostingState,
    as_json,
    next_ordinal,
    plan_customer,
    refused_before,
)
from cloudcollect_pipeline.planning.rules import failed_codes, own_rules
from cloudcollect_pipeline.settings import CompanySettings

HERE = "cloudcollect_pipeline.planning.sql"
TRANSFER_FEEDS = ("erp documents", "erp payments", "erp customers", "agency claims", "agency entries")
MONEY_FEEDS = ("erp documents", "erp payments", "agency claims", "agency entries")
SETTLEMENT_FEEDS = ("erp payments", "agency claims", "agency entries", "agency settlements")
"""What must have been read whole before transfers, money facts and settlements may be planned."""
ORDER = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True)
class Facts:
    """What planning needs beside the ledger: who we are, people's answers, what could not be read."""

    night: date
    tenant: str
    agency: str
    settings: CompanySettings
    capabilities: AgencyCapabilities
    case_fields: bool = True
    holds: Sequence[Mapping[str, Any]] = ()
    decisions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    incomplete_feeds: Sequence[str] = ()
    journal_forgot: bool = False
    """Whether the journal was once lost or restored: what it does not know may still have been done by us."""

    def missing(self, *feeds: str) -> set[str]:
        """Which of these feeds could not be read tonight."""
        return set(feeds) & set(self.incomplete_feeds)

    def name(self, kind: str, source: str, ordinal: int) -> str:
        """The reference of an effect of this company at this agency."""
        return reference(self.tenant, self.agency, kind, source, ordinal)


@dataclass(frozen=True)
class HeldBack:
    """A receivable that dunning picked or that is old enough, and the rules that keep it back."""

    document: str
    customer: str
    amount: int
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The effects of a night in the order of sending. `hash` names exactly this content, night and mirror version."""

    hash: str
    night: date
    version: int
    effects: tuple[Effect, ...]
    findings: tuple[Finding, ...]
    held_back: tuple[HeldBack, ...]

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """Per kind: count, sum of absolute amounts and the largest, øre."""
        result: dict[str, dict[str, int]] = {}
        for effect in self.effects:
            total = result.setdefault(effect.kind.value, {"count": 0, "sum": 0, "largest": 0})
            amount = abs(effect.content.amount)
            total["count"] += 1
            total["sum"] += amount
            total["largest"] = max(total["largest"], amount)
        return result


def prepare(ledger: Ledger, facts: Facts) -> None:
    """Lay tonight's policy and people's answers beside the mirrors, and the views that planning reads."""
    policy = facts.settings.policy
    ledger.db.execute(
        sql("facts", HERE),
        {
            "tonight": facts.night,
            "latest_due_date": latest_due_date(facts.night, policy.grace_days, policy.banking_days),
            "time_barred_due_date": time_barred_due_date(facts.night),
            "go_live": facts.settings.go_live,
            "min_dunning_level": policy.min_dunning_level,
            "require_dunning": policy.require_dunning,
            "min_amount": policy.min_amount,
            "currencies": [c for c in policy.currencies if c in facts.capabilities.currencies],
            "debit_notes": policy.debit_notes,
            "suspense_cash_account": facts.settings.erp.suspense_cash_account,
            "write_off_tolerance": policy.write_off_tolerance,
        },
    )
    held = [h["subject"] for h in facts.holds if not h["until"] or date.fromisoformat(h["until"]) >= facts.night]
    approved = [s for (code, s), action in facts.decisions.items() if code == "NEW_EPISODE" and action == "approve"]
    dismissed = [
        s for (code, s), action in facts.decisions.items() if code == "CONTRACT_BROKEN" and action == "dismiss"
    ]
    for name, values in (
        ("hold_now", held),
        ("episode_approved", approved),
        ("dismissed", dismissed),
        ("incomplete_feed", sorted(facts.missing(*TRANSFER_FEEDS))),
    ):
        ledger.db.execute(
            f"create or replace temp table {name} as select unnest(cast($values as varchar[])) as subject",
            {"values": values},
        )
    ledger.once("planning views", sql("planning_views", HERE))


def raise_fence(ledger: Ledger, *, again: bool = False) -> None:
    """Work out what may not be built on tonight, once per mirror version unless told `again`; `prepare` comes first."""
    ledger.once(f"fence of version {ledger.version()}", sql("fence", HERE), again=again)


def judge(ledger: Ledger) -> None:
    """Judge every receivable in `subject` by every rule, into the table `verdict`."""
    ledger.db.execute(sql("candidate", HERE))
    ledger.db.execute(sql("verdicts", HERE).format(failed_codes=failed_codes()))


def latest_due_date(night: date, grace_days: int, banking_days: int) -> date:
    """The latest due date whose receivables may be transferred on `night`."""
    due = night
    while transferable_from(due, grace_days, banking_days) > night:
        due -= timedelta(days=1)
    return due


def time_barred_due_date(night: date) -> date:
    """The latest due date that is time-barred on `night`; one on a free day is taken as it stands, which is earlier."""
    due = night - timedelta(days=3 * 365 - 3)
    while three_years_after(due) > night:
        due -= timedelta(days=1)
    return due


def make_plan(ledger: Ledger, facts: Facts) -> Plan:
    """Everything tonight's facts ask for. Reads the ledger only; the same ledger and facts give the same plan."""
    prepare(ledger, facts)
    raise_fence(ledger, again=True)
    ledger.db.execute(sql("subject", HERE).format(own_rules=own_rules()))
    judge(ledger)
    effects: list[Effect] = []
    findings: list[Finding] = []
    held_back = _transfers(ledger, facts, effects, findings)
    _customers(ledger, facts, effects, findings)
    _holds(ledger, facts, effects, findings)
    _case_references(ledger, facts, effects, findings)
    _settlements(ledger, facts, effects, findings)
    _standing_findings(ledger, facts, findings)
    effects = _allowed(effects, facts, findings)
    effects.sort(
        key=lambda e: (
            ORDER[e.kind],
            e.details.get("due_date") or e.details.get("value_date") or "",
            e.source,
            e.ordinal,
        )
    )
    version = ledger.version()
    return Plan(
        plan_hash(facts, version, effects),
        facts.night,
        version,
        tuple(effects),
        tuple(sorted(set(findings), key=_finding_order)),
        tuple(held_back),
    )


def _finding_order(finding: Finding) -> tuple[str, str, str, int]:
    return finding.code, finding.subject, finding.text, finding.amount or 0


def plan_hash(facts: Facts, version: int, effects: Sequence[Effect]) -> str:
    """SHA-256 over the night, the mirror version and every effect."""
    digest = hashlib.sha256(f"{facts.tenant}\x1f{facts.agency}\x1f{facts.night}\x1f{version}\n".encode())
    for effect in effects:
        digest.update(json.dumps(as_json(effect), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


# -- transfers -------------------------------------------------------------------------------------------------------


def _transfers(ledger: Ledger, facts: Facts, effects: list[Effect], findings: list[Finding]) -> list[HeldBack]:
    refused = _known(ledger, Kind.TRANSFER)
    for row in ledger.rows("select * from verdict where len(failed) = 0 order by due_date, document"):
        document = row["document"]
        known = refused.get(document, ())
        ordinal = max(next_ordinal(known), row["past_claims"] + 1)
        name = facts.name(Kind.TRANSFER, document, ordinal)
        amount = ore(row["balance"])
        told = f"{amount}/{row['dunning_level']}"
        if refused_before(known, ordinal, amount, told) and facts.decisions.get(("EFFECT_REFUSED", name)) != "retry":
            findings.append(
                Finding("EFFECT_REFUSED", name, f"the agency refused {document} of {display(amount)}", amount)
            )
            continue
        effects.append(
            Effect(
                Kind.TRANSFER,
                name,
                document,
                ordinal,
                Content(row["customer"], document, facts.agency, row["currency"], amount),
                chain=name,
                lane=document,
                details={
                    "document_type": row["document_type"],
                    "number": row["number"],
                    "customer": row["customer"],
                    "due_date": row["due_date"].isoformat(),
                    "document_date": row["document_date"].isoformat(),
                    "original_amount": ore(row["amount"]),
                    "kid": row["kid"],
                    "reminders_sent": row["dunning_level"] or 0,
                    "last_reminder": row["dunning_date"].isoformat() if row["dunning_date"] else None,
                    "facts": told,
                },
                expect={"balance": amount},
            )
        )
    held: list[HeldBack] = []
    for row in ledger.rows(
        "select * from verdict where len(failed) > 0 "
        "and not list_has_any(failed, ['OPEN', 'PICKED', 'OLD_ENOUGH', 'NO_LIVE_CLAIM']) order by document"
    ):
        held.append(HeldBack(row["document"], row["customer"], ore(row["balance"]), tuple(row["failed"])))
        if row["failed"] == ["NEW_EPISODE_APPROVED"]:
            text = f"{row['document']} was recalled or rejected, and may be transferred again"
            subject = f"{row['document']} episode {row['past_claims'] + 1}"
            findings.append(Finding("NEW_EPISODE", subject, text, ore(row["balance"])))
    return held


def _known(ledger: Ledger, kind: Kind) -> dict[str, tuple[Known, ...]]:
    """Source -> effects of a kind that are refused, parked or settled."""
    known: dict[str, list[Known]] = defaultdict(list)
    for row in ledger.rows(
        "select source, reference, ordinal, state, amount, details from effect "
        "where kind = $kind order by source, ordinal",
        {"kind": kind.value},
    ):
        told = json.loads(row["details"]).get("facts") or ""
        known[row["source"]].append(Known(row["reference"], row["ordinal"], row["state"], row["amount"], told))
    return {source: tuple(items) for source, items in known.items()}


# -- one customer at a time ------------------------------------------------------------------------------------------


def _customers(ledger: Ledger, facts: Facts, effects: list[Effect], findings: list[Finding]) -> None:
    if facts.missing(*MONEY_FEEDS):
        return
    ledger.db.execute("create or replace temp table planned_customer as select customer from customer_to_plan")
    for state in customer_states(ledger, facts, findings):
        planned = plan_customer(state, facts.name)
        effects += planned.effects
        findings += planned.findings


def customer_states(ledger: Ledger, facts: Facts, findings: list[Finding]) -> list[CustomerState]:
    """The states of the customers in `planned_customer`, by customer number."""
    claims = ledger.rows(sql("claims_of", HERE))
    by_claim: dict[str, list[Listed]] = defaultdict(list)
    for row in ledger.rows(sql("listed_of", HERE)):
        document = (
            f"{row['source_document_type']} {row['source_document_number']}" if row["source_document_number"] else None
        )
        by_claim[row["claim_id"]].append(
            Listed(row["entry_id"], document, ore(row["amount"]), row["ours"], row["kind"], row["cancelled"])
        )
    applications: dict[str, list[Application]] = defaultdict(list)
    for row in ledger.rows(sql("applications_of", HERE)):
        write_off = ore(row["write_off"])
        applications[row["receivable"]].append(
            Application(
                row["document"],
                "write_off" if write_off and not row["paid"] else "payment",
                ore(row["paid"]),
                write_off,
                row["posting_source"].rsplit(":", 1)[0] if row["posting_source"] else None,
                row["payment_date"],
            )
        )
    carried_on: dict[str, dict[str, int]] = defaultdict(dict)
    per_entry: dict[tuple[str, str], dict[str, Any]] = {}
    for row in ledger.rows(sql("entries_of", HERE)):
        carried_on[row["claim_id"]][row["root"]] = ore(row["carried"])
        entry = per_entry.setdefault(
            (row["customer"], row["root"]),
            {"currency": row["currency"], "value_date": row["value_date"], "carried": defaultdict(int)},
        )
        entry["carried"][row["document"]] += ore(row["carried"])
    repeated = {row["entry_id"]: row for row in ledger.rows(sql("repeated_entries", HERE))}
    unallocated = {row["entry_id"] for row in ledger.rows(sql("unallocated_entries", HERE))}
    sent, postings_known, voids = (
        _known(ledger, Kind.REDUCTION),
        _known(ledger, Kind.POSTING),
        _known(ledger, Kind.VOID),
    )
    listed_references = {
        r[0] for r in ledger.db.execute("select reference from entry_now where reference is not null").fetchall()
    }
    posted_references = {
        r[0]
        for r in ledger.db.execute("select reference from payment_now where coalesce(reference, '') <> ''").fetchall()
    }
    postings: dict[str, list[PostingState]] = defaultdict(list)
    for row in ledger.rows(
        "select * from own_posting where customer in (select customer from planned_customer) order by source, ordinal"
    ):
        lines: dict[str, int] = defaultdict(int)
        for line in row["lines"] or ():
            lines[f"{line['document_type']} {line['number']}"] += ore(line["amount"] or 0)
        intended = json.loads(row["details"]).get("carried")
        postings[row["source"]].append(
            PostingState(
                row["reference"],
                row["ordinal"],
                row["number"],
                row["status"],
                ore(row["amount"]),
                dict(lines),
                intended,
                any(k.state == "confirmed" for k in voids.get(row["reference"], ())),
            )
        )
    balances = {
        f"{r['document_type']} {r['number']}": ore(r["balance"])
        for r in ledger.rows(
            "select document_type, number, balance from receivable_now "
            "where customer in (select customer from planned_customer)"
        )
    }
    foreign = {r[0] for r in ledger.db.execute("select distinct customer from foreign_suspense_payment").fetchall()}
    states: dict[str, list[ClaimState]] = defaultdict(list)
    for row in claims:
        details = json.loads(row["details"])
        states[row["customer"]].append(
            ClaimState(
                row["claim_id"],
                row["transfer"],
                row["document"],
                row["currency"],
                ore(row["principal"]),
                row["transferred"],
                ore(row["principal_open"]),
                ore(row["balance"]),
                details.get("baseline") or {},
                tuple(applications[row["document"]]),
                tuple(by_claim[row["claim_id"]]),
                carried_on[row["claim_id"]],
                {
                    source.partition("/")[2]: tuple(
                        Known(k.reference, k.ordinal, k.state, k.amount, k.facts, k.reference in listed_references)
                        for k in known
                    )
                    for source, known in _with_prefix(sent, row["transfer"] + "/")
                },
                row["live"],
                row["fenced"],
            )
        )
    entries: dict[str, list[EntryState]] = defaultdict(list)
    for (customer, root), entry in per_entry.items():
        problem = None
        if root in unallocated:
            problem = Finding("ENTRY_UNALLOCATED", root, f"entry {root} is not allocated to claims of ours")
        elif root in repeated and facts.decisions.get(("ENTRY_REPEATED", root)) != "post":
            again = repeated[root]
            problem = Finding("ENTRY_REPEATED", root, f"entry {root} repeats {again['earlier']}", ore(again["amount"]))
        source = f"{root}:{customer}"
        entries[customer].append(
            EntryState(
                root,
                entry["currency"],
                entry["value_date"],
                dict(entry["carried"]),
                tuple(postings[source]),
                tuple(
                    Known(k.reference, k.ordinal, k.state, k.amount, k.facts, k.reference in posted_references)
                    for k in postings_known.get(source, ())
                ),
                {p.reference: voids.get(p.reference, ()) for p in postings[source]},
                problem,
            )
        )
    policy = facts.settings.policy
    return [
        CustomerState(
            customer,
            tuple(states[customer]),
            tuple(entries[customer]),
            balances,
            customer in foreign,
            ore(policy.write_off_tolerance),
            facts.decisions,
            facts.capabilities.raise_claim,
            tuple(policy.currencies),
        )
        for customer in sorted({*states, *entries})
    ]


def _with_prefix(known: Mapping[str, tuple[Known, ...]], prefix: str) -> list[tuple[str, tuple[Known, ...]]]:
    return [(source, items) for source, items in known.items() if source.startswith(prefix)]


# -- claims that must stop, or no longer must ------------------------------------------------------------------------

EXCLUDED = {"NOT_EXCLUDED", "CUSTOMER_NOT_EXCLUDED"}
STRENGTH = {"NONE": 0, "PAUSED": 1, "RECALLED": 2}
DUE_DATE_MOVED = "due date moved"


def wanted_hold(failed: Sequence[str], due: date, transferred_due: str | None, facts: Facts) -> tuple[str, str]:
    """The hold that a live claim should have tonight, and why: by the stop rules its receivable fails.

    `due` is the due date now, `transferred_due` (yyyy-MM-dd) the one it was handed over with.
    """
    policy = facts.settings.policy
    wanted, reason = "NONE", "no longer held"
    if due.isoformat() > (transferred_due or "9999") and due > latest_due_date(
        facts.night, policy.grace_days, policy.banking_days
    ):
        wanted, reason = "PAUSED", DUE_DATE_MOVED
    if "NOT_DISPUTED" in failed:
        wanted, reason = "RECALLED" if policy.disputed_after_transfer == "recall" else "PAUSED", "disputed"
    if EXCLUDED & set(failed):
        by_policy = "RECALLED" if policy.excluded_after_transfer == "recall" else "PAUSED"
        if STRENGTH[by_policy] >= STRENGTH[wanted]:
            wanted, reason = by_policy, "excluded"
    return wanted, reason


def _holds(ledger: Ledger, facts: Facts, effects: list[Effect], findings: list[Finding]) -> None:
    known = _known(ledger, Kind.HOLD)
    last_hold = {
        row["source"]: json.loads(row["details"])["hold"]
        for row in ledger.rows(
            "select source, arg_max(details, ordinal) as details from effect "
            "where kind = 'hold' and state = 'confirmed' group by source"
        )
    }
    waiting = {
        row[0]
        for row in ledger.db.execute(
            "select distinct chain from effect where kind = 'reduction' and state in ('intent', 'uncertain')"
        ).fetchall()
    }
    for row in ledger.rows(sql("holds", HERE)):
        document = row["document"]
        transferred_due = json.loads(row["details"]).get("due_date")
        wanted, reason = wanted_hold(row["failed"], row["due_date"], transferred_due, facts)
        if reason == DUE_DATE_MOVED:
            text = f"{document} is now due {row['due_date']}"
            findings.append(Finding("DUE_DATE_MOVED", document, text, ore(row["principal_open"])))
        if wanted == row["hold"]:
            continue
        if wanted == "NONE" and last_hold.get(row["transfer"]) != "PAUSED":
            if not facts.journal_forgot or row["transfer"] in last_hold or row["hold"] != "PAUSED":
                continue
            if facts.decisions.get(("PAUSE_OF_UNKNOWN_ORIGIN", document)) != "resume":
                text = f"the claim for {document} is paused, and the journal does not know by whom"
                findings.append(Finding("PAUSE_OF_UNKNOWN_ORIGIN", document, text, ore(row["principal_open"])))
                continue
        if wanted == "NONE" and (row["transfer"] in waiting or "TRUSTED" in row["failed"]):
            continue
        ordinal = next_ordinal(known.get(row["transfer"], ()))
        name = facts.name(Kind.HOLD, row["transfer"], ordinal)
        if any(k.state in BLOCKING for k in known.get(row["transfer"], ())):
            continue
        told = f"{row['hold']}>{wanted}"
        if (
            refused_before(known.get(row["transfer"], ()), ordinal, 0, told)
            and facts.decisions.get(("EFFECT_REFUSED", name)) != "retry"
        ):
            findings.append(Finding("EFFECT_REFUSED", name, f"the agency refused to set {document} to {wanted}"))
            continue
        effects.append(
            Effect(
                Kind.HOLD,
                name,
                row["transfer"],
                ordinal,
                Content(row["customer"], document, row["claim_id"], row["currency"], 0),
                chain=f"hold {row['transfer']}",
                lane=row["transfer"],
                details={
                    "claim_id": row["claim_id"],
                    "hold": wanted,
                    "reason": reason,
                    "facts": told,
                    "document": document,
                    "transferred_due": transferred_due,
                },
                expect={"hold": row["hold"], "document": document},
            )
        )


def _case_references(ledger: Ledger, facts: Facts, effects: list[Effect], findings: list[Finding]) -> None:
    if not facts.case_fields:
        return
    known = _known(ledger, Kind.CASE_REFERENCE)
    for row in ledger.rows(sql("case_references", HERE)):
        document = row["document"]
        told = json.dumps([row["case_number"], row["case_status"], row["case_url"]])
        ordinal = next_ordinal(known.get(document, ()))
        name = facts.name(Kind.CASE_REFERENCE, document, ordinal)
        if (
            refused_before(known.get(document, ()), ordinal, 0, told)
            and facts.decisions.get(("CASE_FIELDS_REFUSED", document)) != "retry"
        ):
            findings.append(
                Finding("CASE_FIELDS_REFUSED", document, f"the ERP refuses case {row['case_number']} on {document}")
            )
            continue
        if any(k.state in BLOCKING for k in known.get(document, ())):
            continue
        effects.append(
            Effect(
                Kind.CASE_REFERENCE,
                name,
                document,
                ordinal,
                Content(row["customer"], document, row["case_number"], row["currency"], 0),
                chain=f"case {document}",
                lane=document,
                details={
                    "document_type": row["document_type"],
                    "number": row["document_number"],
                    "case_number": row["case_number"],
                    "case_status": row["case_status"],
                    "case_url": row["case_url"],
                    "facts": told,
                },
            )
        )


# -- settlements -----------------------------------------------------------------------------------------------------


def _settlements(ledger: Ledger, facts: Facts, effects: list[Effect], findings: list[Finding]) -> None:
    if facts.missing(*SETTLEMENT_FEEDS):
        return
    _finish_settlements(ledger, effects, findings)
    known = _known(ledger, Kind.SETTLEMENT)
    carried = {(row["root"], row["customer"]): row for row in ledger.rows(sql("carried_and_posted", HERE))}
    tonight: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in effects:
        if effect.kind in (Kind.POSTING, Kind.VOID):
            tonight[str(effect.details["entry"]), effect.content.party].append(effect)
    lines_booked = {
        row["source"]: json.loads(row["details"]).get("lines")
        for row in ledger.rows("select source, details from effect where kind = 'settlement' and state = 'confirmed'")
    }
    for row in ledger.rows(sql("settlements", HERE)):
        published, cancelled = f"{row['settlement_id']}:PUBLISHED", f"{row['settlement_id']}:CANCELLED"
        booked = any(k.state == "confirmed" for k in known.get(published, ()))
        if row["status"] == "PUBLISHED":
            source, sign = published, 1
        elif booked:
            source, sign = cancelled, -1
        else:
            continue
        states = known.get(source, ())
        subject = f"settlement {row['number']}"
        if row["status"] == "PUBLISHED" and row["repeated"]:
            text = f"settlement {row['number']} settles {', '.join(row['repeated'][:5])} once more"
            findings.append(Finding("SETTLEMENT_REPEATS", subject, text, ore(row["net"])))
            continue
        if any(k.state in BLOCKING | {"confirmed"} for k in states):
            continue
        if row["currency"] != facts.settings.currency:
            findings.append(
                Finding("CURRENCY_NOT_SUPPORTED", subject, f"settlement {row['number']} is in {row['currency']}")
            )
            continue
        if row["unknown"]:
            findings.append(
                Finding(
                    "SETTLEMENT_UNKNOWN_ITEM",
                    subject,
                    f"settlement {row['number']} names {', '.join(row['unknown'][:5])}",
                )
            )
            continue
        net = (
            row["principal"]
            + row["interest"]
            + row["fees"]
            - row["commission"]
            - row["expenses"]
            - row["vat"]
            - row["offset_amount"]
        )
        if net != row["net"] or row["principal"] != row["principal_lines"]:
            findings.append(
                Finding(
                    "SETTLEMENT_DOES_NOT_ADD_UP",
                    subject,
                    f"settlement {row['number']}: net {row['net']} against {net}, "
                    f"principal {row['principal']} against lines {row['principal_lines']}",
                    ore(row["net"]),
                )
            )
            continue
        after: list[str] = []
        waits: list[str] = []
        for item in row["items"] if sign > 0 else ():
            key = (item["root"], item["customer"])
            share = carried.get(key)
            planned = tonight.get(key, [])
            after += [effect.reference for effect in planned]
            right = share is not None and share["carried"] == (share["posted"] or 0)
            posts = any(effect.kind == Kind.POSTING for effect in planned)
            emptied = bool(planned) and share is not None and share["carried"] == 0
            if not (right or posts or emptied) and item["root"] not in waits:
                waits.append(item["root"])
        if waits:
            findings.append(
                Finding(
                    "SETTLEMENT_WAITS",
                    subject,
                    f"settlement {row['number']} waits for {', '.join(waits[:5])}",
                    ore(row["net"]),
                )
            )
            continue
        ordinal = next_ordinal(states)
        name = facts.name(Kind.SETTLEMENT, source, ordinal)
        if sign > 0:
            lines = voucher_lines(row, facts.settings)
        else:
            # What was booked is taken back, whatever the agency shows of it now.
            lines = [{**line, "amount": -line["amount"]} for line in lines_booked[published]]
        principal = -sum(line["amount"] for line in lines if line["account"] == facts.settings.erp.suspense_account)
        told = json.dumps(lines)
        if (
            refused_before(states, ordinal, principal, told)
            and facts.decisions.get(("EFFECT_REFUSED", name)) != "retry"
        ):
            findings.append(
                Finding("EFFECT_REFUSED", name, f"the ERP refused the voucher of settlement {row['number']}", principal)
            )
            continue
        if not lines:
            continue
        effects.append(
            Effect(
                Kind.SETTLEMENT,
                name,
                source,
                ordinal,
                Content(facts.agency, subject, facts.settings.erp.suspense_account, row["currency"], principal),
                chain=f"settlement {row['settlement_id']}",
                lane="settlements",
                after=tuple(sorted(after)),
                details={
                    "settlement_id": row["settlement_id"],
                    "number": row["number"],
                    "booking_date": row["booking_date"].isoformat(),
                    "value_date": row["booking_date"].isoformat(),
                    "lines": lines,
                    "facts": told,
                },
                expect={"status": row["status"], "net": ore(row["net"])},
            )
        )


def _finish_settlements(ledger: Ledger, effects: list[Effect], findings: list[Finding]) -> None:
    """Vouchers that were created but never released are finished, never made again."""
    for row in ledger.rows("select * from effect where kind = 'settlement' and state = 'created' order by reference"):
        text = f"voucher {row['remote_id']} of {display(row['amount'])} for {row['document']} is not released"
        findings.append(Finding("POSTING_NOT_RELEASED", row["reference"], text, row["amount"]))
        content = Content(row["party"], row["document"], row["account"], row["currency"], row["amount"])
        details = json.loads(row["details"])
        effects.append(
            Effect(
                Kind.SETTLEMENT,
                row["reference"],
                row["source"],
                row["ordinal"],
                content,
                chain=row["chain"],
                lane="settlements",
                details=details,
                expect={"status": "", "net": 0},
            )
        )


def voucher_lines(row: Mapping[str, Any], settings: CompanySettings) -> list[dict[str, Any]]:
    """The voucher of a settlement as signed lines (debit positive, øre) that add up to zero."""
    accounts = settings.accounts
    cost = (
        (accounts.payout_clearing, row["net"] + row["offset_amount"], "payout"),
        (accounts.commission_cost, row["commission"], "commission"),
        (accounts.expense_cost, row["expenses"], "expenses"),
        (accounts.input_vat, row["vat"], "VAT on the agency's fee"),
        (settings.erp.suspense_account, -row["principal"], "principal settled"),
        (accounts.interest_income, -row["interest"], "interest passed on"),
        (accounts.fee_income, -row["fees"], "fees passed on"),
    )
    return [
        {"account": account, "amount": ore(Decimal(amount)), "text": f"{text}, settlement {row['number']}"}
        for account, amount, text in cost
        if amount
    ]


# -- standing findings and capabilities ------------------------------------------------------------------------------


def _standing_findings(ledger: Ledger, facts: Facts, findings: list[Finding]) -> None:
    """What is wrong with the facts themselves, whether or not an effect hangs on it."""
    for row in ledger.rows("select side, feed, key, reasons from persons.set_aside order by feed, key"):
        subject = f"{row['feed']} {row['key']}"
        if facts.decisions.get(("CONTRACT_BROKEN", subject)) != "dismiss":
            findings.append(Finding("CONTRACT_BROKEN", subject, row["reasons"]))
    findings += [
        Finding("FEED_INCOMPLETE", feed, f"{feed} could not be read to its end") for feed in facts.incomplete_feeds
    ]
    for row in ledger.rows(sql("left_credit", HERE)):
        text = (
            f"{display(ore(row['balance']))} of payment {row['number']} stays the credit of customer {row['customer']}"
        )
        findings.append(Finding("POSTING_LEAVES_CREDIT", row["reference"], text, ore(row["balance"])))
    for row in ledger.rows("select * from inconsistent_receivable order by document_type, number"):
        findings.append(
            Finding(
                "LEDGER_ROW_INCONSISTENT",
                f"{row['document_type']} {row['number']}",
                f"applications add up to {row['found']}, amount minus balance is {row['expected']}",
            )
        )
    for row in ledger.rows("select * from foreign_suspense_payment order by document_type, number"):
        payment = f"{row['document_type']} {row['number']}"
        findings.append(
            Finding(
                "FOREIGN_SUSPENSE_PAYMENT",
                payment,
                f"{payment} of {row['amount']} {row['currency']} from customer {row['customer']} "
                "has no reference of ours",
                ore(row["amount"]),
            )
        )
    for row in ledger.rows(sql("unknown_documents", HERE)):
        findings.append(
            Finding(
                "PAYMENT_LINE_UNKNOWN_DOCUMENT",
                row["payment"],
                f"{row['payment']} names {row['document']}, which the ERP does not list",
            )
        )
    for row in ledger.rows(sql("unknown_claims", HERE)):
        document = f"{row['document_type']} {row['document_number']}"
        findings.append(
            Finding(
                "CLAIM_UNKNOWN",
                row["claim_id"],
                f"claim {row['claim_id']} for {document} was not transferred by us",
            )
        )
    for row in ledger.rows(sql("claims_without_receivable", HERE)):
        findings.append(
            Finding(
                "CLAIM_WITHOUT_RECEIVABLE",
                row["claim_id"],
                f"claim {row['claim_id']} names {row['document']}, which the ERP does not list",
            )
        )
    for row in ledger.rows(sql("unallocated_entries", HERE)):
        findings.append(
            Finding(
                "ENTRY_UNALLOCATED",
                row["entry_id"],
                f"entry {row['entry_id']} is not allocated to claims of ours ({row['claims']})",
                ore(row["amount"]),
            )
        )
    for row in ledger.rows(
        "select reference, kind, document, amount, state from effect "
        "where state in ('uncertain', 'intent', 'quarantined') order by reference"
    ):
        code = "EFFECT_QUARANTINED" if row["state"] == "quarantined" else "EFFECT_UNCERTAIN"
        findings.append(
            Finding(
                code,
                row["reference"],
                f"{row['kind']} of {display(row['amount'])} for {row['document']}",
                row["amount"],
            )
        )
    for row in ledger.rows(sql("unlisted_transfers", HERE)):
        findings.append(
            Finding(
                "EFFECT_NOT_LISTED", row["reference"], f"the agency does not list {row['document']} yet", row["amount"]
            )
        )


def _allowed(effects: list[Effect], facts: Facts, findings: list[Finding]) -> list[Effect]:
    """Effects that the agency can receive; what it cannot do becomes a finding for a person."""
    capabilities = facts.capabilities

    def missing(effect: Effect) -> str | None:
        if effect.kind == Kind.REDUCTION:
            kind = effect.details["kind"]
            if kind == "DIRECT_PAYMENT" and not capabilities.report_payment:
                return "be told of a payment"
            if kind in ("CREDIT", "WRITE_OFF") and not capabilities.report_credit:
                return "be told of a credit"
            if effect.content.amount < 0 and kind != "RAISE" and not capabilities.take_back:
                return "take a reduction back"
        if effect.kind == Kind.HOLD:
            if effect.details["hold"] == "RECALLED" and not capabilities.recall:
                return "recall a claim"
            if effect.details["hold"] != "RECALLED" and not capabilities.pause:
                return "pause or resume a claim"
        return None

    kept: list[Effect] = []
    for effect in effects:
        what = missing(effect)
        if what:
            findings.append(
                Finding(
                    "CAPABILITY_MISSING",
                    effect.reference,
                    f"the agency cannot {what}: {effect.content.document} {display(effect.content.amount)}",
                    effect.content.amount,
                )
            )
        else:
            kept.append(effect)
    return kept
