"""`privacy report`, `privacy retain` and `privacy erase`: what names people, and taking it away."""

from dataclasses import asdict

from rich.markup import escape

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import BLOCKED, NEEDS_A_PERSON, OK, USAGE, Stop
from cloudcollect_pipeline.cli.people import PATIENCE
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json, say_table, table
from cloudcollect_pipeline.privacy import acts
from cloudcollect_pipeline.privacy.holdings import holdings
from cloudcollect_pipeline.web.clock import SystemClock

SHOWN_ACTS = 10
PLACES = {
    "persons": "names and addresses",
    "questions": "the agency's questions",
    "spools": "landed spools",
    "reports": "report files",
}


def report(slug: str | None, *, as_json: bool) -> int:
    """Say what is kept; 3 where something is over its days."""
    settings = context.settings()
    name = context.company(settings, slug)
    kept = holdings(settings, name, who=context.who(), clock=SystemClock(), patience=PATIENCE)
    over = sum(place.due for place in kept.places)
    if as_json:
        say_json(asdict(kept))
        return NEEDS_A_PERSON if over else OK
    shown = table("where", "kept", "oldest", "days", "over", right=("kept", "days", "over"))
    for place in kept.places:
        oldest = str(place.oldest or "")
        shown.add_row(PLACES[place.place], str(place.number), oldest, str(place.days), str(place.due))
    say(f"[bold]{name}[/]: what names people")
    say_table(shown)
    for act in kept.acts[:SHOWN_ACTS]:
        say(
            f"  {moment(act['at'])}  {act['act']}  {escape(act['about'])} · {escape(act['who'])}: {escape(act['note'])}"
        )
    if over:
        say(f"  next     {command()} privacy retain removes what is over its days")
    return NEEDS_A_PERSON if over else OK


def retain(slug: str | None, note: str, *, dry: bool, as_json: bool) -> int:
    """Remove what is over its days."""
    settings = context.settings()
    name = context.company(settings, slug)
    act = acts.retain(
        settings, name, who=context.who(), note=_note(note), clock=SystemClock(), patience=PATIENCE, dry=dry
    )
    if as_json:
        say_json({**act.as_json(), "dry_run": dry})
    else:
        say(f"[bold]{name}[/]: {'would remove' if dry else 'removed'} {_told(act.removed)}")
        if act.report:
            say(f"  report   {escape(str(act.report))}")
    return OK


def erase(customer: str, slug: str | None, note: str, *, as_json: bool) -> int:
    """Erase a debtor, or say why not yet."""
    settings = context.settings()
    name = context.company(settings, slug)
    try:
        done = acts.erase(
            settings,
            name,
            customer,
            who=context.who(),
            note=_note(note),
            clock=SystemClock(),
            patience=PATIENCE,
            beside=[settings.data_dir / "dagster"],
        )
    except (acts.UnknownCustomer, acts.NoteNames) as wrong:
        raise Stop(str(wrong), USAGE) from None
    except acts.StillNeeded as needed:
        if as_json:
            why = [
                {"company": each, **asdict(ground), "text": ground.text}
                for each, grounds in needed.grounds.items()
                for ground in grounds
            ]
            say_json({"customer": customer, "erased": False, "grounds": why})
            return BLOCKED
        say(
            *(escape(line) for line in str(needed).splitlines()),
            "  nothing was changed, and the nights go on as before",
        )
        return BLOCKED
    still = [path for act in done for path in act.still_named_in]
    if as_json:
        say_json({"customer": customer, "erased": True, "acts": [act.as_json() for act in done]})
        return NEEDS_A_PERSON if still else OK
    for act in done:
        say(f"[bold]{act.company}[/]: customer {escape(customer)} is erased: {_told(act.removed)}")
        say(f"  report   {escape(str(act.report))}")
    for path in still:
        say(f"  still    {escape(path)} names them: somebody wrote it there, and the journal cannot be changed")
    say("  next     if the ERP or the agency lists them again they are landed again: erase them there too")
    return NEEDS_A_PERSON if still else OK


def _told(removed: acts.Removed) -> str:
    return ", ".join(f"{number} {name}" for name, number in asdict(removed).items() if number) or "nothing"


def _note(note: str) -> str:
    if not note.strip():
        raise Stop("--note must say why", USAGE)
    return note.strip()
