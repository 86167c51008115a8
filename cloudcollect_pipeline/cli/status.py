"""`status`: how a company stands, from what its last night published."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.markup import escape

from cloudcollect_pipeline.cli import closing, context, words
from cloudcollect_pipeline.cli.exits import OK
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json
from cloudcollect_pipeline.dispatch.journal import FOR_EVER
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import NIGHT_AT
from cloudcollect_pipeline.domain.effect import TO_THE_AGENCY, TO_THE_ERP
from cloudcollect_pipeline.domain.finding import SEVERITIES, severity
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.reporting.nights import dispatched
from cloudcollect_pipeline.reporting.published import NotPublished, Snapshot, snapshot
from cloudcollect_pipeline.reporting.standing import still_seen
from cloudcollect_pipeline.web.clock import SystemClock

RUNS_OF_A_NIGHT = 20
"""Runs that may share a night: the nightly, and those that carried out its plan once it was approved."""


def run(slug: str | None, *, as_json: bool) -> int:
    """One company, or all of them; as JSON always a list."""
    settings = context.settings()
    names = [context.company(settings, slug)] if slug or len(settings.companies) == 1 else list(settings.companies)
    now = SystemClock().now()
    facts = []
    for name in names:
        try:
            with snapshot(settings, name) as seen:
                facts.append(_facts(seen, now))
        except NotPublished as never:
            facts.append({"company": name, "never_run": str(never), "next_run": next_run(now).isoformat()})
    if as_json:
        say_json(facts)
    else:
        for fact in facts:
            _show(fact)
    return OK


def next_run(now: datetime) -> datetime:
    """When the schedule would start the next night: 04:00 in Norway."""
    today = now.astimezone(OSLO).date()
    at = datetime.combine(today, NIGHT_AT, OSLO)
    return (at if at > now else datetime.combine(today + timedelta(days=1), NIGHT_AT, OSLO)).astimezone(UTC)


def _facts(seen: Snapshot, now: datetime) -> dict[str, Any]:
    journal = seen.journal
    nights = journal.nights(RUNS_OF_A_NIGHT)
    last = nights[0] if nights else None
    tonight = [run for run in nights if last and run["night"] == last["night"]]
    summary = last["summary"] if last else {}
    planned = next((run["summary"] for run in tonight if run["summary"].get("plan")), summary)
    waiting = seen.waiting_plan(now)
    still = [finding for finding in journal.findings() if still_seen(finding)]
    findings = seen.open_findings()
    by_severity = {grade: sum(severity(f["code"]) == grade for f in findings) for grade in SEVERITIES}
    quiet = journal.quiet_until()
    return {
        "company": seen.slug,
        "name": seen.settings.name,
        "account": seen.settings.erp.suspense_account,
        "night": last["night"] if last else None,
        "outcome": last["outcome"] if last else None,
        "ended_at": last["ended_at"] if last else None,
        "not_sent": summary.get("not_sent", ""),
        "dispatched": dispatched(tonight),
        "planned": planned.get("planned", {}),
        "held_back": planned.get("held_back"),
        "closing": summary.get("closing"),
        "ledger": summary.get("ledger"),
        "ties": summary.get("ties"),
        "requests": summary.get("requests", {}),
        "plan_waiting": waiting["hash"] if waiting else None,
        "unknown_outcomes": len(journal.effects(states=("intent", "uncertain"))),
        "findings": by_severity,
        "resolved_and_still_seen": len(still),
        "paused": journal.paused(),
        "quiet": quiet is not None,
        "quiet_until": quiet.isoformat() if quiet and quiet < FOR_EVER else None,
        "held": len(journal.holds()),
        "published_at": seen.made_at.isoformat(),
        "age_seconds": int((now - seen.made_at).total_seconds()),
        "next_run": next_run(now).isoformat(),
    }


def _show(fact: dict[str, Any]) -> None:
    if "never_run" in fact:
        say(f"[bold]{fact['company']}[/]  {escape(fact['never_run'])}")
        return
    say(f"[bold]{escape(fact['name'])}[/] ({fact['company']}) · night {fact['night']} · {fact['outcome']}")
    done = {kind: outcomes["confirmed"] for kind, outcomes in fact["dispatched"].items() if outcomes.get("confirmed")}
    sent = words.amounts(done, TO_THE_AGENCY) or "nothing"
    posted = words.amounts(done, TO_THE_ERP) or "nothing"
    say(f"  sent       {sent}", f"  posted     {posted}")
    if fact["not_sent"]:
        say(f"  waits      {escape(fact['not_sent'])}")
    if fact["held_back"] is not None:
        say(f"  held back  {fact['held_back']} receivables ({command()} plan says why)")
    if fact["closing"] is not None:
        mark = closing.YES if fact["ties"] else closing.NO
        say(
            f"  account    {fact['account']} closing {display(fact['closing'])}, "
            f"general ledger {display(fact['ledger'])} {mark}"
        )
    if fact["requests"]:
        say(f"  requests   {' · '.join(_asked(side, budget) for side, budget in fact['requests'].items())}")
    if fact["unknown_outcomes"]:
        say(f"  unknown    {fact['unknown_outcomes']} outcomes, asked for every night")
    found = [f"{n} {s}{'' if n == 1 else 's'}" for s, n in fact["findings"].items() if n]
    if fact["resolved_and_still_seen"]:
        found.append(f"{fact['resolved_and_still_seen']} resolved and still seen")
    say(f"  findings   {' · '.join(found) or 'none'}")
    if fact["held"]:
        say(f"  on hold    {fact['held']} ({command()} hold list)")
    if fact["quiet"]:
        until = moment(fact["quiet_until"]) or "12 hours after both sides were read whole"
        say(f"  quiet      nothing is written until {until}: the journal is new or restored")
    writing = "[bold red]paused[/]: nothing is written" if fact["paused"] else "on"
    say(
        f"  writing    {writing}",
        f"  next run   {moment(fact['next_run'])} by the schedule, if it is on",
        f"  published  {age(fact['age_seconds'])} ago",
    )


def _asked(side: str, budget: dict[str, Any]) -> str:
    """How many requests a side was sent, and what it said was left of the hour."""
    told = "" if budget["limit"] is None else f", {budget['remaining']} of {budget['limit']} left in its hour"
    return f"{sum(budget['requests'].values())} to the {'ERP' if side == 'erp' else side}{told}"


def age(seconds: int) -> str:
    """A stretch of time in its largest unit."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{max(seconds, 0)} seconds"
