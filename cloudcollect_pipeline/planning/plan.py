"""The plan of a night: every effect the facts ask for and the journal does not know, with its hash and its totals."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.calendar import adjusted_due_date, latest_due_date, time_barred_due_date
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.law import RateUnknown, default_interest
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.domain.money import text as money_text
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.afterwards import (
    plan_case_references,
    plan_debtors,
    plan_holds,
    plan_questions,
)
from cloudcollect_pipeline.planning.deltas import (
    Application,
    ClaimState,
    CustomerState,
    EntryState,
    Known,
    Listed,
    PostingState,
    is_posted,
    next_ordinal,
    plan_customer,
    refused_before,
    repeated,
)
from cloudcollect_pipeline.planning.effects import Effects, Sink, Totals, plan_hash, totals
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.known import known_effects, known_reductions, shown
from cloudcollect_pipeline.planning.rules import failed_codes, own_rules, stop_rules
from cloudcollect_pipeline.planning.settlements import plan_settlements

HERE = "cloudcollect_pipeline.planning.sql"
TRANSFER_FEEDS = ("erp documents", "erp payments", "erp customers", "agency claims", "agency entries")
MONEY_FEEDS = ("erp documents", "erp payments", "agency claims", "agency entries")
VOUCHERS = "erp vouchers"
"""Read only while the journal may have forgotten some."""
SETTLEMENT_FEEDS = ("erp payments", VOUCHERS, "agency claims", "agency entries", "agency settlements")
"""What must have been read whole before transfers, money facts and settlements may be planned."""
CUSTOMERS = 20_000
"""Customers whose state is held at a time."""


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
    effects: Effects
    totals: Totals
    findings: tuple[Finding, ...]
    held_back: tuple[HeldBack, ...]


def prepare(ledger: Ledger, facts: Facts) -> None:
    """Lay tonight's policy and people's answers beside the mirrors, and the views that planning reads."""
    if ledger.laid != facts:
        _lay(ledger, facts)
        ledger.laid = facts
    ledger.once("planning views", sql("claims", HERE) + sql("planning_views", HERE))
    if facts.settings.agency.unallocated == "principal":
        ledger.once("unsplit is principal", sql("unsplit_is_principal", HERE))
    if ledger.value(sql("settles_claims", HERE)):
        ledger.once("settled by claim", sql("settled_by_claim", HERE))


def compare(ledger: Ledger, *, table: str = "table", equal_by: str = "null") -> None:
    """Join both subledgers into `subledger_diff`, every difference classified; `prepare` comes first.

    What is equal is one row, or one for each value of the column `equal_by`.
    """
    ledger.db.execute(sql("diff", HERE).format(table=table, equal_by=equal_by))
    if ledger.value("select exists (from subledger_diff where class = 'missing at agency')"):
        ledger.db.execute(sql("live_again", HERE))


def _lay(ledger: Ledger, facts: Facts) -> None:
    policy, route = facts.settings.policy, facts.settings.route
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
            # Foreign currency is held back: the suspense account is in the currency of the books.
            "currencies": [
                c for c in policy.currencies if c in facts.capabilities.currencies and c == facts.settings.currency
            ],
            "debit_notes": policy.debit_notes,
            "suspense_cash_account": facts.settings.erp.suspense_cash_account,
            "write_off_tolerance": policy.write_off_tolerance,
            "countries": list(route.countries),
            "debtors": route.debtors,
            "from_amount": route.from_amount,
            "below_amount": route.below_amount,
        },
    )
    ledger.db.execute(
        sql("elsewhere", HERE),
        {
            "documents": [other.document for other in facts.elsewhere],
            "live": [other.live for other in facts.elsewhere],
            "case_numbers": [other.case_number for other in facts.elsewhere],
            "given_back": [other.given_back for other in facts.elsewhere],
        },
    )
    held = sorted(
        {h["subject"] for h in facts.holds if not h["until"] or date.fromisoformat(h["until"]) >= facts.night}
    )
    approved = [s for (code, s), action in facts.decisions.items() if code == "NEW_EPISODE" and action == "approve"]
    dismissed = [
        s for (code, s), action in facts.decisions.items() if code == "CONTRACT_BROKEN" and action == "dismiss"
    ]
    for name, values in (
        ("hold_now", held),
        ("episode_approved", approved),
        ("dismissed", dismissed),
        ("incomplete_feed", sorted(facts.missing(*TRANSFER_FEEDS))),
        ("unread", sorted(facts.unread)),
    ):
        ledger.db.execute(
            f"create or replace temp table {name} as select unnest(cast($values as varchar[])) as subject",
            {"values": values},
        )
    if any(subject.startswith("customer ") for subject in held):
        ledger.db.execute(sql("held_under_another_number", HERE))
    items = facts.settings.accounts.opening_items
    ledger.db.execute(
        sql("opening_items", HERE),
        {
            "entries": [item.entry for item in items],
            "customers": [item.customer for item in items],
            "amounts": [item.amount for item in items],
            "dates": [item.value_date for item in items],
        },
    )


def raise_fence(ledger: Ledger, *, again: bool = False) -> None:
    """Work out what may not be built on tonight, once per mirror version unless told `again`; `prepare` comes first."""
    ledger.once(f"fence of version {ledger.version()}", sql("fence", HERE), again=again)


def judge(ledger: Ledger) -> None:
    """Judge every receivable in `subject` by every rule, into the table `verdict`."""
    ledger.db.execute(sql("verdict", HERE))
    ledger.db.execute(sql("candidate", HERE))
    if ledger.value("select exists (from subject)"):  # to prepare the rules costs more than to ask them
        ledger.db.execute(sql("verdicts", HERE).format(failed_codes=failed_codes()))


def judge_all(ledger: Ledger) -> None:
    """Judge every receivable that may have to be handed over, held or let go tonight, into the table `verdict`."""
    ledger.db.execute(sql("subject", HERE).format(own_rules=own_rules(), stop_rules=stop_rules()))
    judge(ledger)


def make_plan(ledger: Ledger, facts: Facts) -> Plan:
    """Everything tonight's facts ask for. Reads the ledger only; the same ledger and facts give the same plan."""
    prepare(ledger, facts)
    effects = Effects(ledger.spill)
    findings: list[Finding] = []
    with _claims_worked_out(ledger):
        raise_fence(ledger, again=True)
        judge_all(ledger)
        held_back = _transfers(ledger, facts, effects, findings)
        _customers(ledger, facts, effects, findings)
        _holds(ledger, facts, effects, findings)
        plan_debtors(ledger, facts, effects, findings)
        plan_questions(ledger, facts, effects, findings)
        plan_case_references(ledger, facts, effects, findings)
        if not facts.missing(*SETTLEMENT_FEEDS):
            plan_settlements(ledger, facts, effects, findings)
        _standing_findings(ledger, facts, findings)
    version = ledger.version()
    return Plan(
        plan_hash(facts.tenant, facts.agency, facts.night, version, effects.texts()),
        facts.night,
        version,
        effects,
        totals(effects),
        tuple(sorted(set(findings), key=_finding_order)),
        tuple(held_back),
    )


@contextmanager
def _claims_worked_out(ledger: Ledger) -> Iterator[None]:
    """All of a plan asks for claims of ours and their receivables: they are joined once, and stand until it is made."""
    names = ("our_claim", "claimed_receivable")
    try:
        ledger.work_out(*names)
        yield
    finally:
        ledger.db.execute(sql("claims", HERE))
        for name in names:
            ledger.db.execute(f"drop table if exists {name}_worked_out")


def _finding_order(finding: Finding) -> tuple[str, str, str, int]:
    return finding.code, finding.subject, finding.text, finding.amount or 0


# -- transfers -------------------------------------------------------------------------------------------------------


def _transfers(ledger: Ledger, facts: Facts, effects: Sink, findings: list[Finding]) -> list[HeldBack]:
    for passed in ledger.batches("select * from verdict where len(failed) = 0 order by due_date, document"):
        known = known_effects(ledger, Kind.TRANSFER, (row["document"] for row in passed))
        transfers(passed, known, facts, effects, findings)
    held: list[HeldBack] = []
    for row in ledger.rows(
        "select * from verdict where len(failed) > 0 "
        "and not list_has_any(failed, ['OPEN', 'PICKED', 'OLD_ENOUGH', 'NO_LIVE_CLAIM']) order by document"
    ):
        held.append(HeldBack(row["document"], row["customer"], ore(row["balance"]), tuple(row["failed"])))
        if row["failed"] == ["NEW_EPISODE_APPROVED"]:
            text = f"{row['document']} was recalled or rejected, and may be transferred again"
            if row["disputed_before"]:
                text += "; the claim that ended still shows as disputed at the agency"
            subject = f"{row['document']} episode {row['past_claims'] + 1}"
            findings.append(Finding("NEW_EPISODE", subject, text, ore(row["balance"])))
    return held


def transfers(
    passed: Sequence[Mapping[str, Any]],
    known_of: Mapping[str, Sequence[Known]],
    facts: Facts,
    effects: Sink,
    findings: list[Finding],
) -> None:
    """Transfers of the receivables that passed every rule; `known_of` document -> its transfers in the journal."""
    for row in passed:
        document = row["document"]
        known = known_of.get(document, ())
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


# -- one customer at a time ------------------------------------------------------------------------------------------


def _customers(ledger: Ledger, facts: Facts, effects: Effects, findings: list[Finding]) -> None:
    if facts.missing(*MONEY_FEEDS):
        return
    for rows in ledger.batches("select customer from customer_to_plan order by customer", CUSTOMERS):
        ledger.db.execute(
            "create or replace temp table planned_customer as select unnest($customers) as customer",
            {"customers": [row["customer"] for row in rows]},
        )
        cases: dict[str, str] = {}
        for state in customer_states(ledger, facts, findings):
            planned = plan_customer(state, facts.name)
            effects.extend(_allowed(ledger, planned.effects, facts, cases, findings))
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
    alike: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    again: dict[str, dict[str, Any]] = {}
    for row in ledger.rows(sql("repeated_entries", HERE)):
        alike[row["first"]].append((row["entry_id"], row["carries"]))
        if row["carries"]:
            again[row["entry_id"]] = row
    unallocated = {row["entry_id"] for row in ledger.rows(sql("unallocated_entries", HERE))}
    renumbered = {
        (row["customer"], row["root"]): row["former"] for row in ledger.rows(sql("posted_under_another_number", HERE))
    }
    own_postings = ledger.rows(
        "select * from own_posting where customer in (select customer from planned_customer) order by source, ordinal"
    )
    sent = known_reductions(ledger, {row["transfer"] for row in claims})
    postings_known = known_effects(ledger, Kind.POSTING, {f"{root}:{customer}" for customer, root in per_entry})
    voids = known_effects(ledger, Kind.VOID, {row["reference"] for row in own_postings})
    listed = shown(ledger, "entry_now", (known for by_document in sent.values() for known in by_document.values()))
    posted = shown(ledger, "payment_now", postings_known.values())
    postings: dict[str, list[PostingState]] = defaultdict(list)
    astray = {row["source"]: row["number"] for row in own_postings if row["astray"]}
    for row in own_postings:
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
    foreign = {r[0] for r in ledger.db.execute("select distinct customer from foreign_payer").fetchall()}
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
                {document: _listed(known, listed) for document, known in sent.get(row["transfer"], {}).items()},
                row["live"],
                row["fenced"],
            )
        )

    def posted_for(customer: str, root: str) -> bool:
        source = f"{root}:{customer}"
        known = _listed(postings_known.get(source, ()), posted)
        return (customer, root) in renumbered or is_posted(postings[source], known)

    def repeats(customer: str, root: str) -> str | None:
        if root not in again:
            return None
        group, before = alike[again[root]["first"]], bool(postings[f"{root}:{customer}"])
        return repeated(root, group, partial(posted_for, customer), facts.is_second, before=before)

    entries: dict[str, list[EntryState]] = defaultdict(list)
    for (customer, root), entry in per_entry.items():
        problem, source = None, f"{root}:{customer}"
        if root in unallocated:
            problem = Finding("ENTRY_UNALLOCATED", root, f"entry {root} is not allocated to claims of ours")
        elif former := renumbered.get((customer, root)):
            text = (
                f"entry {root} was posted for customer {former}, who is {customer} now; nothing is posted for it again"
            )
            problem = Finding("POSTING_CUSTOMER_CHANGED", root, text, sum(entry["carried"].values()))
        elif twin := repeats(customer, root):
            problem = Finding("ENTRY_REPEATED", root, f"entry {root} repeats {twin}", ore(again[root]["amount"]))
        if source in astray and problem is None:
            text = f"payment {astray[source]} for entry {root} stands on another cash account"
            problem = Finding("POSTING_ON_OTHER_ACCOUNT", root, text, sum(entry["carried"].values()))
        entries[customer].append(
            EntryState(
                root,
                entry["currency"],
                entry["value_date"],
                dict(entry["carried"]),
                tuple(postings[source]),
                _listed(postings_known.get(source, ()), posted),
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
            (facts.settings.currency,),
        )
        for customer in sorted({*states, *entries})
    ]


def _listed(known: Iterable[Known], listed: Collection[str]) -> tuple[Known, ...]:
    return tuple(replace(each, listed=each.reference in listed) for each in known)


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
    findings += [
        Finding("FEED_INCOMPLETE", document, f"{document}, which a payment names, could not be read by its number")
        for document in facts.unread
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
    for row in ledger.rows(sql("holds_of_nothing", HERE)) if facts.holds else ():
        text = f"the hold list names {row['subject']}, and the ERP lists no such receivable or customer"
        findings.append(Finding("HOLD_OF_NOTHING", row["subject"], text))
    for row in ledger.rows(sql("astray", HERE)):
        text = (
            f"{row['n']} postings of ours, {row['amount']} in all, stand on cash account {row['cash_account']}: "
            f"{', '.join(row['numbers'])}"
        )
        findings.append(
            Finding("POSTING_ON_OTHER_ACCOUNT", f"cash account {row['cash_account']}", text, ore(row["amount"]))
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
    for row in ledger.rows(
        "select claim_id, document, principal_open from our_claim where status = 'MERGED' order by document, claim_id"
    ):
        if facts.decisions.get(("CLAIM_MERGED", row["claim_id"])) != "dismiss":
            text = f"claim {row['claim_id']} for {row['document']} was merged into another at the agency"
            findings.append(Finding("CLAIM_MERGED", row["claim_id"], text, ore(row["principal_open"])))
    for row in ledger.rows(sql("live_twice", HERE)):
        text = f"{row['document']} is collected twice: {row['claims']}"
        findings.append(Finding("CLAIM_LIVE_TWICE", row["document"], text, ore(row["principal_open"])))
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
    for row in ledger.rows(sql("left_to_do", HERE)):
        if facts.decisions.get(("LEFT_TO_DO", row["document"])) != "done":
            findings.append(Finding("LEFT_TO_DO", row["document"], row["what"]))
    findings += _interest_above_law(ledger)
    for row in ledger.rows(sql("unlisted_transfers", HERE)):
        findings.append(
            Finding(
                "EFFECT_NOT_LISTED", row["reference"], f"the agency does not list {row['document']} yet", row["amount"]
            )
        )


def _interest_above_law(ledger: Ledger) -> list[Finding]:
    """Default interest that a private debtor was charged beyond the statutory rate (forsinkelsesrenteloven §§ 3 and 4).

    Reckoned on the whole principal handed over from the moved due date: what is above that can have no other ground.
    """
    found: list[Finding] = []
    for row in ledger.rows(sql("interest", HERE)):
        charged = ore(row["interest"])
        try:
            most = default_interest(row["transferred"], adjusted_due_date(row["due_date"]), row["last_on"])
        except RateUnknown as gap:
            found.append(Finding("RATE_UNKNOWN", "default interest", str(gap)))
            continue
        if charged > most:
            text = f"{display(charged)} of interest was charged on {row['document']}, at most {display(most)} by law"
            found.append(Finding("INTEREST_ABOVE_LAW", row["claim_id"], text, charged - most))
    return found


def _holds(ledger: Ledger, facts: Facts, effects: Effects, findings: list[Finding]) -> None:
    cases: dict[str, str] = {}
    for planned in plan_holds(ledger, facts, findings):
        effects.extend(_allowed(ledger, planned, facts, cases, findings))


def _allowed(
    ledger: Ledger, planned: Sequence[Effect], facts: Facts, cases: dict[str, str], findings: list[Finding]
) -> Iterator[Effect]:
    """Effects that the agency can receive; what it cannot do becomes a finding with the words to write to it.

    `cases` is filled with the agency's case number of each claim when they are first wanted.
    """
    for effect in planned:
        missing = _missing(effect, facts.capabilities)
        if missing is None:
            yield effect
            continue
        if not cases:
            cases |= dict(ledger.db.execute(sql("case_numbers", HERE)).fetchall())
        text = f"the agency cannot {missing}; write to it: {_letter(effect, cases, facts.night)}"
        findings.append(Finding("CAPABILITY_MISSING", effect.reference, text, effect.content.amount))


def _missing(effect: Effect, capabilities: AgencyCapabilities) -> str | None:
    """What the agency would have to be able to do."""
    if effect.kind == Kind.REDUCTION:
        kind = effect.details["kind"]
        if kind == "DIRECT_PAYMENT" and not capabilities.report_payment:
            return "be told of a payment"
        if kind in ("CREDIT", "WRITE_OFF") and not capabilities.report_credit:
            return "be told of a credit"
        if kind == "RAISE" and not capabilities.raise_claim:
            return "raise a claim"
        if effect.content.amount < 0 and kind != "RAISE" and not capabilities.take_back:
            return "take a reduction back"
    if effect.kind == Kind.HOLD:
        if effect.details["hold"] == "RECALLED" and not capabilities.recall:
            return "recall a claim"
        if effect.details["hold"] != "RECALLED" and not capabilities.pause:
            return "pause or resume a claim"
    return None


REPORTS = {
    "DIRECT_PAYMENT": "the debtor has paid us {amount} on {day} ({source}). Please register it as received by us.",
    "CREDIT": "we have credited {amount} on {day} ({source}). Please lower the claim by it.",
    "WRITE_OFF": "we have written off {amount} on {day} ({source}). Please lower the claim by it.",
    "RAISE": "{amount} that {source} had paid before the claim was yours is owed again. Please raise the claim by it.",
}
HOLDS = {
    "PAUSED": "please pause the case until we write again ({reason}).",
    "NONE": "please go on with the case ({reason}).",
    "RECALLED": "please stop collecting and close the case as withdrawn by us ({reason}).",
}
"""What to write to an agency that cannot be told by its interface. Nothing personal goes in."""


def _letter(effect: Effect, cases: Mapping[str, str], night: date) -> str:
    """The words to send, in the agency's terms: its case number, our reference, the document, what to do."""
    told, document = effect.details, effect.content.document
    case = cases.get(told["claim_id"], told["claim_id"])
    if effect.kind == Kind.HOLD:
        asked = HOLDS[told["hold"]].format(reason=told["reason"])
        return f"Case {case} (our reference {effect.source}), {document}: {asked}"
    amount = f"{effect.content.currency} {money_text(abs(effect.content.amount))}"
    source = f"{told['document_type']} {told['number']}"
    if effect.content.amount < 0 and told["kind"] != "RAISE":
        asked = f"{amount} of what we reported for {source} no longer holds. Please take it back."
    else:
        asked = REPORTS[told["kind"]].format(amount=amount, day=told["value_date"] or night, source=source)
    return f"Case {case} (our reference {effect.chain}), {document}: {asked}"
