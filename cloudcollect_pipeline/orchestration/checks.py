"""Checks: what must be true of a night, said so that a person knows what to do.

Belongs here: the specs of the checks and how a result becomes a verdict. Does not belong here: stopping anything. A
check holds only inside its own run, so dispatch asks the journal whether a plan may be sent (`Night.dispatchable`);
none of these blocks.

A result's description carries the story (a sentence, a table of the worst, what to do); counts and keys only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from cloudcollect_pipeline.dispatch.dispatcher import Dispatched
from cloudcollect_pipeline.dispatch.journal import EffectRow
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.landing import Spool
from cloudcollect_pipeline.ledger.ledger import Mirrored
from cloudcollect_pipeline.nightly import StoredPlan
from cloudcollect_pipeline.orchestration.metadata import counted, markdown
from cloudcollect_pipeline.reconciliation.statement import Statement

WORST = 8
"""Rows of a description's table; Dagster folds longer ones."""
LONG = timedelta(hours=60)
"""An unknown outcome is settled by look-ups on two later nights; after the third something is wrong."""

UNEXPLAINED = ("missing at ERP", "missing at agency", "agency lower")
"""Classes of the diff that nothing under way explains."""

FEED_WAS_READ_WHOLE = "feed_was_read_whole"
CONTRACTS_ARE_KEPT = "contracts_are_kept"
DIFFERENCES_ARE_EXPLAINED = "differences_are_explained"
PLAN_MAY_BE_SENT = "plan_may_be_sent"
EVERY_EFFECT_IS_CONFIRMED = "every_effect_is_confirmed"
SUSPENSE_EQUALS_LEDGER = "suspense_equals_ledger"
AGENCY_TOTAL_IS_EXPLAINED = "agency_total_is_explained"
NO_OUTCOME_UNKNOWN_FOR_LONG = "no_outcome_unknown_for_long"

DESCRIPTIONS: Mapping[str, str] = {
    FEED_WAS_READ_WHOLE: "The feed was read to its end. If not, nothing of it is mirrored and what needs it waits.",
    CONTRACTS_ARE_KEPT: "Every record keeps its contract. One that does not is set aside, and what it touches waits.",
    DIFFERENCES_ARE_EXPLAINED: "Where the two sides differ, something under way explains it.",
    PLAN_MAY_BE_SENT: "The plan is within its caps and needs nobody's approval.",
    EVERY_EFFECT_IS_CONFIRMED: "Everything planned was sent, and its receiver confirmed it.",
    SUSPENSE_EQUALS_LEDGER: "Opening + posted − reversed − settled + foreign equals the general ledger, to the øre.",
    AGENCY_TOTAL_IS_EXPLAINED: "The agency's unsettled principal follows from the suspense account, to the øre.",
    NO_OUTCOME_UNKNOWN_FOR_LONG: "No effect has waited for its outcome longer than look-ups take.",
}


def spec(name: str, asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """The declaration of one of the checks above on an asset. None blocks."""
    return dg.AssetCheckSpec(name, asset=asset, description=DESCRIPTIONS[name])


def _verdict(
    name: str,
    passed: bool,
    said: str,
    numbers: Mapping[str, int] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=passed, check_name=name, severity=severity, description=said, metadata=numbers)


def feed_was_read_whole(side: str, feed: str, spool: Spool | None) -> dg.AssetCheckResult:
    """Fails when a feed could not be read."""
    said = (
        f"{spool.records} records of {side} {feed} were read."
        if spool
        else f"**{side} {feed} could not be read to its end.** {CATALOGUE['FEED_INCOMPLETE'].fix}"
    )
    return _verdict(FEED_WAS_READ_WHOLE, spool is not None, said)


def contracts_are_kept(done: Mirrored) -> dg.AssetCheckResult:
    """Warns of records that were set aside tonight."""
    aside = done.set_aside
    counts = {
        f"set_aside_{feed}": sum(row.feed == feed for row in aside) for feed in sorted({row.feed for row in aside})
    }
    said = f"All {sum(done.staged.values())} records read tonight keep their contracts."
    if aside:
        worst = [(row.feed, row.key, "; ".join(row.reasons)) for row in aside[:WORST]]
        table = markdown(("feed", "record", "reason"), worst)
        said = f"**{len(aside)} records were set aside.**\n\n{table}\n\n{CATALOGUE['CONTRACT_BROKEN'].fix}"
    return _verdict(CONTRACTS_ARE_KEPT, not aside, said, counts, dg.AssetCheckSeverity.WARN)


def differences_are_explained(
    differences: Mapping[str, Mapping[str, int]], unexplained: Sequence[Mapping[str, Any]]
) -> dg.AssetCheckResult:
    """Warns of differences that nothing under way explains."""
    table = counted(differences, amount="amount")
    said = f"Both sides agree, or something under way explains why not.\n\n{table}"
    if unexplained:
        worst = markdown(
            ("receivable", "class", ">ERP", ">agency"),
            [(row["document"], row["class"], row["erp"], row["agency"]) for row in unexplained[:WORST]],
        )
        said = (
            f"**{len(unexplained)} receivables differ for no reason we know.**\n\n{worst}\n\n"
            f"{CATALOGUE['BALANCES_DIFFER'].fix}"
        )
    return _verdict(
        DIFFERENCES_ARE_EXPLAINED,
        not unexplained,
        said,
        {"unexplained": len(unexplained)},
        dg.AssetCheckSeverity.WARN,
    )


def plan_may_be_sent(stored: StoredPlan) -> dg.AssetCheckResult:
    """Fails when a person must look at the plan first, and says how to let it go."""
    plan = stored.plan
    short = plan.hash[:12]
    totals, numbers = counted(plan.totals), {"effects": len(plan.effects)}
    if not stored.reasons:
        return _verdict(PLAN_MAY_BE_SENT, True, f"Plan `{short}` may be sent.\n\n{totals}", numbers)
    why = "\n".join(f"- {reason}" for reason in stored.reasons)
    said = (
        f"**Plan `{short}` waits for a person; nothing of it is sent.**\n\n{why}\n\n{totals}\n\n"
        f"If it is right: `cloudcollect approve {short}`, or launch *transfer* and *payment_posting* with "
        f"`plan_hash: {short}` within 24 hours."
    )
    return _verdict(PLAN_MAY_BE_SENT, False, said, numbers)


def every_effect_is_confirmed(phase: str, done: Dispatched, stopped: str) -> dg.AssetCheckResult:
    """Fails when nothing was sent that should have been; warns of single effects that were not confirmed."""
    outcomes: dict[str, int] = {}
    for by_outcome in done.counts.values():
        for outcome, count in by_outcome.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    if stopped:
        return _verdict(EVERY_EFFECT_IS_CONFIRMED, False, f"**Nothing of {phase} was sent:** {stopped}", outcomes)
    open_ = {outcome: count for outcome, count in outcomes.items() if outcome != "confirmed"}
    if not open_:
        said = f"{outcomes.get('confirmed', 0)} sent and confirmed." if outcomes else "There was nothing to send."
        return _verdict(EVERY_EFFECT_IS_CONFIRMED, True, said, outcomes)
    rows = [
        (kind.replace("_", " "), outcome, count, display(done.sums[kind][outcome]), OUTCOMES.get(outcome, ""))
        for kind, by_outcome in sorted(done.counts.items())
        for outcome, count in sorted(by_outcome.items())
        if outcome != "confirmed"
    ]
    said = f"**{sum(open_.values())} of {sum(outcomes.values())} are not confirmed.**\n\n" + markdown(
        ("what", "outcome", ">count", ">NOK", "what happens next"), rows
    )
    return _verdict(EVERY_EFFECT_IS_CONFIRMED, False, said, outcomes, dg.AssetCheckSeverity.WARN)


OUTCOMES: Mapping[str, str] = {
    "uncertain": "asked for on the next nights; nothing is sent twice",
    "created": "its release is asked for again every night",
    "dropped": "planned anew next night",
    "later": "planned anew next night",
    "rejected": "a finding says what to mend",
    "quarantined": "a finding asks a person",
    "blocked": "waits for the one before it",
}


def suspense_equals_ledger(statement: Statement) -> dg.AssetCheckResult:
    """The first identity, by posting date."""
    difference = statement.ledger_difference
    if not difference:
        said = f"Account {statement.account} closes at {display(statement.closing)}, as the general ledger does."
    else:
        worst = "\n".join(f"- {line}" for line in statement.unexplained[:WORST])
        said = (
            f"**The general ledger differs by {display(difference)}** from what our own effects say.\n\n{worst}\n\n"
            f"{CATALOGUE['STATEMENT_DOES_NOT_TIE'].fix}"
        )
    return _verdict(SUSPENSE_EQUALS_LEDGER, not difference, said, {"difference_ore": difference})


def agency_total_is_explained(statement: Statement) -> dg.AssetCheckResult:
    """The second identity, by agency date."""
    difference = statement.agency_difference
    said = f"The agency holds {display(statement.agency_unsettled)} of principal not yet settled, all of it explained."
    if difference:
        items = [
            (item.entry, item.customer, display(item.principal), display(item.posted), display(item.settled))
            for item in sorted(statement.items, key=lambda item: -abs(item.principal - item.posted))[:WORST]
        ]
        table = markdown(("entry", "customer", ">principal", ">posted", ">settled"), items)
        said = (
            f"**{display(difference)} of the agency's unsettled principal is not explained.**\n\n{table}\n\n"
            f"{CATALOGUE['STATEMENT_DOES_NOT_TIE'].fix}"
        )
    return _verdict(AGENCY_TOTAL_IS_EXPLAINED, not difference, said, {"difference_ore": difference})


def no_outcome_unknown_for_long(waiting: Sequence[EffectRow], now: datetime) -> dg.AssetCheckResult:
    """Fails when an effect is still uncertain, unreleased or quarantined after every look-up has had its turn."""
    old = [row for row in waiting if row.intent_at is None or now - row.intent_at > LONG]
    said = f"{len(waiting)} effects wait for their outcome, none for long." if waiting else "Every outcome is known."
    if old:
        rows = [(row.reference, row.kind.value, row.state, row.night, display(row.content.amount)) for row in old]
        table = markdown(("reference", "kind", "state", "night", ">NOK"), rows[:WORST])
        said = (
            f"**{len(old)} effects have waited too long for their outcome.**\n\n{table}\n\n"
            f"{CATALOGUE['EFFECT_QUARANTINED'].fix}"
        )
    return _verdict(NO_OUTCOME_UNKNOWN_FOR_LONG, not old, said, {"waiting": len(waiting), "too_long": len(old)})
