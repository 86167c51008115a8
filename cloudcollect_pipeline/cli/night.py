"""`run`, `plan` and `approve`: a night from a terminal, as plain functions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.markup import escape

from cloudcollect_pipeline.cli import closing, context, words
from cloudcollect_pipeline.cli.exits import BLOCKED, NEEDS_A_PERSON, OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json, say_table, table, working
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.nightly import Night, NightResult
from cloudcollect_pipeline.planning.rules import rule
from cloudcollect_pipeline.reporting.published import counts, snapshot

FIRST_ROWS = 10
SHOWN_DIGITS = 12


@contextmanager
def _opened(slug: str | None, at: str | None, wait: float) -> Iterator[Night]:
    settings = context.settings(demo=False)
    name = context.company(settings, slug)
    clock = context.clock(at, settings.companies[name])
    with (
        working(name, form=settings.log.format, company=name) as progress,
        Night.open(name, settings, clock, who=context.who(), progress=progress, patience=wait) as night,
    ):
        yield night


def run(slug: str | None, at: str | None, *, plan_only: bool, yes: bool, wait: float, as_json: bool) -> int:
    """A whole night, or all of it but the sending."""
    with _opened(slug, at, wait) as night:
        result = _only_plan(night) if plan_only else night.run(approve=yes)
        return _tell(night, result, as_json=as_json, plan_only=plan_only)


def _only_plan(night: Night) -> NightResult:
    """Nothing is sent; the account is looked at all the same, so that no finding is lost sight of."""
    stored = night.prepare_plan()
    night.result.not_sent = "only a plan was asked for"
    night.read_again()
    night.statement()
    result = night.finish()
    assert result.plan is stored  # noqa: S101
    return result


def backfill(first: str, last: str, slug: str | None, at: str | None, *, wait: float, as_json: bool) -> int:
    """One run that makes up for missed nights. Both systems show only today, so it is tonight's, labelled with them."""
    begin, end = context.parse_day(first), context.parse_day(last)
    if end < begin:
        raise Stop(f"{last} is before {first}", USAGE)
    with _opened(slug, at, wait) as night:
        if end > night.night:
            raise Stop(f"{last} has not begun: tonight is {night.night}", USAGE)
        days = (begin + timedelta(days=passed) for passed in range((end - begin).days + 1))
        night.makes_up_for = [day for day in days if day < night.night]
        return _tell(night, night.run(), as_json=as_json)


def approve(digest: str, slug: str | None, at: str | None, *, wait: float, as_json: bool) -> int:
    """A person approves a stored plan: exactly that is sent now."""
    with _opened(slug, at, wait) as night:
        known = [plan for plan in night.journal.plans(500) if plan["hash"].startswith(digest)]
        if len(digest) < 8 or not known:
            raise Stop(f"no stored plan is named {digest}; `{command()} plan` shows the newest one", USAGE)
        if known[0]["state"] == "dispatched":
            raise Stop(f"plan {known[0]['hash'][:SHOWN_DIGITS]} has been carried out already; nothing is sent", BLOCKED)
        full = night.approve(digest)
        night.progress("approve", f"approving plan {full[:SHOWN_DIGITS]}")
        return _tell(night, night.carry_out(full), as_json=as_json)


def _tell(night: Night, result: NightResult, *, as_json: bool, plan_only: bool = False) -> int:
    unknown = len(night.journal.effects(states=("intent", "uncertain")))
    code = _plan_code(result) if plan_only else closing.exit_code(result)
    if as_json:
        say_json({**result.summary(), "unknown": unknown, "exit": code})
        return code
    told = closing.lines(result, unknown=unknown)
    if result.plan is None:  # it looked for little: what stands open is what the journal says
        told[-1] = f"findings   {closing.findings(f['code'] for f in night.journal.findings() if f['state'] == 'open')}"
    if result.plan and result.not_sent:
        planned = words.amounts(result.plan.plan.totals) or "nothing"
        told.insert(0, f"planned    {planned} ({result.plan.plan.hash[:SHOWN_DIGITS]})")
        if plan_only or closing.waits_for_approval(result):
            told += [f"why        {escape(reason)}" for reason in result.plan.reasons]
    told.append(f"files      {night.folder}")
    if "12 hours" in result.not_sent and not night.journal.effects():
        told.append(f"next       never run before? `{command()} init --first-run` says so and ends the quiet time")
    elif code == NEEDS_A_PERSON and result.plan and result.not_sent:
        told.append(f"next       {command()} plan · {command()} approve {result.plan.plan.hash[:SHOWN_DIGITS]}")
    elif result.findings:
        told.append(f"next       {command()} findings list")
    say(f"[bold]Night {result.night}[/] · {escape(night.settings.name)} · {result.outcome}", *(f"  {t}" for t in told))
    return code


def _plan_code(result: NightResult) -> int:
    return NEEDS_A_PERSON if result.plan and result.plan.reasons else OK


def show_plan(slug: str | None, *, as_json: bool) -> int:
    """The newest stored plan, from what the last night published."""
    settings = context.settings()
    name = context.company(settings, slug)
    with snapshot(settings, name) as seen:
        plan = seen.newest_plan()
        if plan is None:
            raise Stop(f"{name} has no plan yet; `{command()} plan --make` makes one and sends nothing")
        held = seen.held_back()
        waits = plan["state"] == "stored" and plan["verdict"] == "approval"
        code = NEEDS_A_PERSON if waits else OK
        if as_json:
            rules = [{"code": c, "count": n, "rule": rule(c).text, "fix": rule(c).fix} for c, n in counts(held).items()]
            say_json({**plan, "company": name, "held_back": rules, "waits_for_approval": waits})
            return code
        state = "waits for approval" if waits else plan["state"]
        say(
            f"[bold]Plan {plan['hash'][:SHOWN_DIGITS]}[/] · night {plan['night']} · {escape(seen.settings.name)} → "
            f"{seen.settings.agency.id} · {state}"
        )
        _totals(plan["totals"])
        _first_rows(plan["effects"])
        say(f"{len(held)} ripe receivables are held back; whether an address is complete is not known here")
        why = table("count", "code", "text", wrap=("text",), title=False)
        for code_, number in counts(held).items():
            why.add_row(f"{number} ×", code_, f"rule: {escape(rule(code_).text)}")
        say_table(why)
        if waits:
            say(f"waits because {escape('; '.join(plan['reasons']) or 'a person must look first')}")
            say(f"send exactly this: [bold]{command()} approve {plan['hash'][:SHOWN_DIGITS]}[/]")
        else:
            say(f"made {moment(plan['made_at'])}; {_next(plan['state'])}")
        return code


def _totals(totals: Mapping[str, Mapping[str, int]]) -> None:
    shown = table("what", "count", "NOK", "largest", right=("count", "NOK", "largest"))
    for kind in (kind for kind in words.EFFECTS if kind in totals):
        total = totals[kind]
        money = [display(total[key]) if total[key] else "" for key in ("sum", "largest")]
        shown.add_row(words.EFFECTS[kind][1], str(total["count"]), *money)
    if totals:
        say_table(shown)
    else:
        say("  nothing to do: both sides agree")


def _first_rows(effects: Sequence[Mapping[str, Any]]) -> None:
    if not effects:
        return
    shown = table("", "document", "customer", "NOK", "reference", right=("NOK",))
    for effect in effects[:FIRST_ROWS]:
        content = effect["content"]
        amount = display(content["amount"]) if content["amount"] else ""
        shown.add_row(
            words.EFFECTS.get(effect["kind"], (effect["kind"],))[0],
            escape(content["document"]),
            escape(content["party"]),
            amount,
            effect["reference"],
        )
    if len(effects) > FIRST_ROWS:
        shown.add_row("…", f"{len(effects) - FIRST_ROWS} more", "", "", f"{command()} plan --json")
    say_table(shown)


def _next(state: str) -> str:
    match state:
        case "dispatched":
            return "it has been carried out"
        case "stored" | "approved":
            return f"it may be sent: {command()} run, or the next night"
        case _:
            return "a newer one has taken its place"
