"""Checks: what must be true of a night, said so that a person knows what to do.

Belongs here: the specs of the checks and how a result becomes a verdict. Does not belong here: stopping anything. A
check holds only inside its own run, so dispatch asks the journal whether a plan may be sent (`Night.dispatchable`);
none of these blocks.

A result's description carries the story (a sentence, a table of the worst, what to do); counts and keys only.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from cloudcollect_pipeline.dispatch.dispatcher import Dispatched
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.landing import Spool
from cloudcollect_pipeline.ledger.ledger import Mirrored
from cloudcollect_pipeline.nightly import StoredPlan
from cloudcollect_pipeline.orchestration.metadata import counted, markdown
from cloudcollect_pipeline.reconciliation.statement import Statement
from cloudcollect_pipeline.reporting.morning import Morning, Stuck

WORST = 8
"""Rows of a description's table; Dagster folds longer ones."""

UNEXPLAINED = ("missing at ERP", "missing at agency", "agency lower")
"""Classes of the diff that nothing under way explains."""

FEED_WAS_READ_WHOLE = "feed_was_read_whole"
CONTRACTS_ARE_KEPT = "contracts_are_kept"
DIFFERENCES_ARE_EXPLAINED = "differences_are_explained"
PLAN_MAY_BE_SENT = "plan_may_be_sent"
EVERY_EFFECT_IS_CONFIRMED = "every_effect_is_confirmed"
SUSPENSE_EQUALS_LEDGER = "suspense_equals_ledger"
AGENCY_TOTAL_IS_EXPLAINED = "agency_total_is_explained"
REPORTS_ARE_WRITTEN = "reports_are_written"
MORNING = (
    "suspense_account_equals_the_ledger",
    "no_item_older_than_14_days",
    "every_send_has_a_receipt",
    "plan_is_within_its_caps",
    "no_night_is_missing",
    "no_outcome_is_uncertain_for_two_nights",
)
"""The standing checks: what is broken now, in the order of the page."""

DESCRIPTIONS: Mapping[str, str] = {
    FEED_WAS_READ_WHOLE: "The feed was read to its end. If not, nothing of it is mirrored and what needs it waits.",
    CONTRACTS_ARE_KEPT: "Every record keeps its contract. One that does not is set aside, and what it touches waits.",
    DIFFERENCES_ARE_EXPLAINED: "Where the two sides differ, something under way explains it.",
    PLAN_MAY_BE_SENT: "The plan is within its caps and needs nobody's approval.",
    EVERY_EFFECT_IS_CONFIRMED: "Everything planned was sent, and its receiver confirmed it.",
    SUSPENSE_EQUALS_LEDGER: "Opening + posted − reversed − settled + foreign equals the general ledger, to the øre.",
    AGENCY_TOTAL_IS_EXPLAINED: "The agency's unsettled principal follows from the suspense account, to the øre.",
    REPORTS_ARE_WRITTEN: "The workbook and the page of the night stand in the reports folder.",
    MORNING[0]: "The last statement explains the account to the øre, against the ledger and against the agency.",
    MORNING[1]: "Agency money is settled within fourteen days of its value date.",
    MORNING[2]: "Whatever was confirmed has the other side's id.",
    MORNING[3]: "No plan waits for a person.",
    MORNING[4]: "Every night since the first one was run, or made up for by a later run.",
    MORNING[5]: "Look-ups on two later nights have settled every unknown outcome.",
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
        f"{_how_to_approve(short)}"
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


def reports_are_written(paths: Sequence[Path], problem: str = "") -> dg.AssetCheckResult:
    """Warns when the report folder cannot be written; the night's money work is done by then."""
    said = (
        f"{len(paths)} files were written."
        if not problem
        else (
            f"**No report was written:** {problem}. The books are not touched by it: let the folder be one that this "
            "user may write in, with space on its disk, then materialize this asset again."
        )
    )
    return _verdict(REPORTS_ARE_WRITTEN, not problem, said, {"files": len(paths)}, dg.AssetCheckSeverity.WARN)


def of_the_morning(told: Morning) -> list[dg.AssetCheckResult]:
    """The standing checks of a company, in the order of `MORNING`."""
    return [
        _equals_the_ledger(told),
        _no_old_item(told),
        _every_receipt(told),
        _within_caps(told),
        _no_night_missing(told),
        _nothing_uncertain(told),
    ]


def _equals_the_ledger(told: Morning) -> dg.AssetCheckResult:
    numbers = {"ledger_difference_ore": told.ledger_difference, "agency_difference_ore": told.agency_difference}
    said = f"Account {told.account} closes at {display(told.statement.get('closing', 0))}, explained to the øre."
    if not told.ties:
        said = (
            f"**Account {told.account} is not explained:** the general ledger differs by "
            f"{display(told.ledger_difference)}, the agency by {display(told.agency_difference)}.\n\n"
            f"{CATALOGUE['STATEMENT_DOES_NOT_TIE'].fix}"
        )
    return _verdict(MORNING[0], told.ties, said, numbers)


def _no_old_item(told: Morning) -> dg.AssetCheckResult:
    old = told.old_items
    said = f"{told.open_items} items are open, the oldest for {told.oldest_days} days."
    if old:
        rows = [(i.entry, i.customer, i.value_date, i.age, display(i.open)) for i in old[:WORST]]
        table = markdown(("entry", "customer", "value date", ">days", f">{told.currency}"), rows)
        said = (
            f"**{len(old)} items have stood in the account for more than 14 days.**\n\n{table}\n\n"
            f"{CATALOGUE['ENTRY_NOT_SETTLED'].fix}"
        )
    return _verdict(MORNING[1], not old, said, {"too_old": len(old)}, dg.AssetCheckSeverity.WARN)


def _every_receipt(told: Morning) -> dg.AssetCheckResult:
    lost = told.without_receipt
    said = "Everything confirmed has a receipt."
    if lost:
        said = f"**{len(lost)} effects are confirmed without the other side's id.**\n\n{_effects(lost)}\n\n" + (
            "Look them up at the other side by their reference; `cloudcollect journal verify` says whether the "
            "journal is whole."
        )
    return _verdict(MORNING[2], not lost, said, {"without_receipt": len(lost)})


def _within_caps(told: Morning) -> dg.AssetCheckResult:
    plan = told.waiting
    if plan is None:
        return _verdict(MORNING[3], True, "No plan waits.")
    why = "\n".join(f"- {reason}" for reason in plan.reasons)
    short = plan.hash[:12]
    said = (
        f"**Plan `{short}` waits for a person until {plan.expires_at.astimezone(OSLO):%d.%m. %H:%M}; nothing of it is "
        f"sent.**\n\n{why}\n\n{counted(plan.totals)}\n\n{_how_to_approve(short)}"
    )
    return _verdict(MORNING[3], False, said)


def _no_night_missing(told: Morning) -> dg.AssetCheckResult:
    missing = told.missing_nights
    said = "Every night was run."
    if missing:
        days = "\n".join(f"- {day}" for day in missing[:WORST])
        more = f"\n- … and {len(missing) - WORST} more" if len(missing) > WORST else ""
        said = (
            f"**{len(missing)} nights were not run.**\n\n{days}{more}\n\nBoth systems show only today, so one run "
            "makes up for them all: materialize *nightly* for these nights as one run, or "
            f"`cloudcollect backfill {missing[0]} {missing[-1]}`. Its plan waits for your approval."
        )
    return _verdict(MORNING[4], not missing, said, {"missing": len(missing)})


def _nothing_uncertain(told: Morning) -> dg.AssetCheckResult:
    stuck = told.uncertain
    said = "Every outcome is known, or is still being asked for."
    if stuck:
        said = (
            f"**{len(stuck)} effects have waited too long for their outcome.**\n\n{_effects(stuck)}\n\n"
            f"{CATALOGUE['EFFECT_QUARANTINED'].fix}"
        )
    return _verdict(MORNING[5], not stuck, said, {"uncertain": len(stuck)})


def _effects(rows: Sequence[Stuck]) -> str:
    table = [(row.reference, row.kind.replace("_", " "), row.state, row.night, display(row.amount)) for row in rows]
    return markdown(("reference", "kind", "state", "night", ">NOK"), table[:WORST])


def _how_to_approve(short: str) -> str:
    return (
        f"If it is right: `cloudcollect approve {short}`, or launch *transfer* and *payment_posting* with "
        f"`plan_hash: {short}` within 24 hours."
    )
