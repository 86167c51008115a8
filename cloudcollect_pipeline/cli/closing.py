"""The closing block of a night: what was sent and posted, what was held back, and whether the account ties."""

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.markup import escape

from cloudcollect_pipeline.cli import words
from cloudcollect_pipeline.cli.exits import BLOCKED, ERROR, NEEDS_A_PERSON, OK
from cloudcollect_pipeline.domain.effect import TO_THE_AGENCY, TO_THE_ERP
from cloudcollect_pipeline.domain.finding import SEVERITIES, Finding, needs_a_person, severity
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.nightly import NightResult
from cloudcollect_pipeline.planning.plan import HeldBack
from cloudcollect_pipeline.planning.rules import rule
from cloudcollect_pipeline.reconciliation.statement import Statement

YES, NO = "[green]✔[/]", "[red]✘[/]"


def by_outcome(result: NightResult) -> dict[str, dict[str, dict[str, int]]]:
    """Outcome -> kind -> count and sum."""
    turned: dict[str, dict[str, dict[str, int]]] = {}
    for kind, outcomes in result.dispatched.as_json().items():
        for outcome, total in outcomes.items():
            turned.setdefault(outcome, {})[kind] = total
    return turned


def sent(result: NightResult, leave_out: Iterable[str] = ()) -> list[str]:
    """What the agency was told, what the ERP was told, and what did not come through."""
    outcomes = by_outcome(result)
    done = outcomes.pop("confirmed", {})
    lines = []
    if told := words.amounts(done, TO_THE_AGENCY):
        lines.append(f"sent       {told} → agency")
    if told := words.amounts(done, TO_THE_ERP):
        lines.append(f"posted     {told} → ERP")
    lines += [
        f"not done   {words.amounts(totals)}: {words.OUTCOMES.get(outcome, outcome)}"
        for outcome, totals in outcomes.items()
        if outcome not in leave_out
    ]
    return lines or ["sent       nothing"]


def reasons(held_back: Iterable[HeldBack]) -> list[tuple[str, int, str]]:
    """Rules that hold receivables back, the most frequent first: code, how many, its text."""
    counted = Counter(code for held in held_back for code in held.failed)
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [(code, number, rule(code).text) for code, number in ranked]


def account(statement: Statement) -> str:
    """The suspense account in one line."""
    if statement.ties:
        return f"{statement.account} closing {display(statement.closing)} = general ledger {YES}"
    return (
        f"{statement.account} closing {display(statement.closing)}, general ledger {display(statement.ledger)} {NO} "
        f"difference {display(statement.ledger_difference)}, against the agency {display(statement.agency_difference)}"
    )


def movements(statement: Statement) -> str:
    """How the account came to its closing balance."""
    foreign = f" + foreign {display(statement.foreign)}" if statement.foreign else ""
    return (
        f"opening {display(statement.opening)} + posted {display(statement.posted)} "
        f"− reversed {display(statement.reversed)} − settled {display(statement.settled)}{foreign} "
        f"= closing {display(statement.closing)}"
    )


def findings(codes: Iterable[str]) -> str:
    """`2 errors · 1 question`, or none."""
    counted = Counter(severity(code) for code in codes)
    parts = [f"{counted[s]} {s}{'' if counted[s] == 1 else 's'}" for s in SEVERITIES if counted[s]]
    return " · ".join(parts) or "none"


def lines(result: NightResult, *, unknown: int = 0) -> list[str]:
    """The block as lines with markup."""
    told = sent(result)
    if unknown:
        told.append(f"unknown    {unknown} outcomes; they are asked for on the next nights, nothing is sent twice")
    if result.not_sent:
        told.append(f"waits      {escape(result.not_sent)}")
    if result.plan and result.plan.plan.held_back:
        held = result.plan.plan.held_back
        top = ", ".join(f"{number} {code}" for code, number, _ in reasons(held)[:3])
        told.append(f"held back  {len(held)} receivables: {top}{', …' if len(reasons(held)) > 3 else ''}")
    if result.statement:
        told.append(f"account    {account(result.statement)}")
    put_off = f" · {len(result.ignored)} ignored for now" if result.ignored else ""
    told.append(f"findings   {findings(f.code for f in standing(result))}{put_off}")
    return told


def exit_code(result: NightResult) -> int:
    """What a night means for whoever started it."""
    if result.outcome == "failed":
        return ERROR
    if result.not_sent:
        return NEEDS_A_PERSON if waits_for_approval(result) else BLOCKED
    return NEEDS_A_PERSON if needs_a_person(f.code for f in standing(result)) else OK


def standing(result: NightResult) -> list[Finding]:
    """Tonight's findings without those that a person has put off."""
    return [finding for finding in result.findings if finding not in result.ignored]


def waits_for_approval(result: NightResult) -> bool:
    """Whether the plan was not sent because a person must look at it first."""
    return "waits for approval" in result.not_sent


def summed(totals: Mapping[str, Mapping[str, int]]) -> int:
    """How many effects, of all kinds."""
    return sum(total["count"] for total in totals.values())
