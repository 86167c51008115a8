"""`journal verify`, `journal rebuild` and `journal accept-clock`: is what was sent on record, and if not, what then."""

from dataclasses import asdict

from rich.markup import escape

from cloudcollect_pipeline.cli import context, words
from cloudcollect_pipeline.cli.exits import BLOCKED, ERROR, OK
from cloudcollect_pipeline.cli.people import PATIENCE, desk
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json, working
from cloudcollect_pipeline.dispatch.journal import FOR_EVER
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.dispatch.rebuild import restart
from cloudcollect_pipeline.dispatch.verify import examine, head_of
from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.nightly import Night

QUERIES = "cloudcollect_pipeline.dispatch.sql"


def verify(slug: str | None, *, as_json: bool) -> int:
    """Say whether the journal is whole, else which entry is wrong and what to do."""
    settings = context.settings()
    name = context.company(settings, slug)
    folder, tenant = settings.data_dir / name, settings.companies[name].erp.tenant_id
    entries, found = examine(folder / "journal.sqlite", head_of(folder), name, tenant)
    code = OK if not found else BLOCKED if all(problem.check == "head" for problem in found) else ERROR
    if as_json:
        say_json({"company": name, "entries": entries, "whole": not found, "problems": [asdict(p) for p in found]})
        return code
    if not found:
        say(f"{name}: the journal is whole: {entries} entries, one chain, every effect is what they add up to")
    for problem in found:
        say(f"{name}: {escape(problem.text)}")
    for mend in dict.fromkeys(problem.mend for problem in found):
        say(f"  next     {escape(mend)}")
    return code


def rebuild(slug: str | None, at: str | None, *, wait: float, as_json: bool) -> int:
    """Begin again from the newest whole copy, and ask both sides what they hold; sends nothing."""
    settings = context.settings(demo=False)
    name = context.company(settings, slug)
    company, folder = settings.companies[name], settings.data_dir / name
    clock, who = context.clock(at, company), context.who()
    with company_lock(folder, who, clock, patience=PATIENCE):
        begun = restart(folder, name, company.erp.tenant_id, clock.now())
    with (
        working(name, aloud=not as_json, form=settings.log.format, company=name) as progress,
        Night.open(name, settings, clock, who=who, progress=progress, patience=wait) as night,
    ):
        if night.journal.trusts_itself():
            if as_json:
                say_json({"company": name, "whole": True})
            else:
                say(f"{name}: the journal is whole and trusted; there is nothing to rebuild")
            return OK
        before = night.journal.seq()
        night.ask()
        again = night.journal.rows(sql("found_again", QUERIES), {"after": before})
        quiet = night.journal.quiet_until()
    totals = {row["kind"]: {"count": row["count"], "sum": row["sum"]} for row in again}
    if as_json:
        say_json(
            {
                "company": name,
                "whole": False,
                **(asdict(begun) if begun else {}),
                "found_again": totals,
                "quiet_until": quiet.isoformat() if quiet and quiet < FOR_EVER else None,
            }
        )
        return OK
    say(
        f"[bold]{name}[/]: {escape(begun.broken.text) if begun else 'the journal is new or restored'}; nothing was sent"
    )
    if begun:
        for path in begun.moved:
            say(f"  aside    {path}")
        say(
            f"  kept     {begun.entries} entries{f', from {begun.copy}' if begun.copy else ': no whole copy was there'}"
        )
    say(f"  found    {words.amounts(totals) or 'nothing that it did not know'}, at both sides under our references")
    if quiet == FOR_EVER:
        say(f"  quiet    nothing is sent: both sides could not be read whole. Try {command()} journal rebuild again")
    else:
        say(f"  quiet    nothing is sent until {moment(quiet)}; then {command()} run, or the next night")
    say(f"  look at  {command()} hold list: what people decided after the newest entry that was kept is lost")
    return OK


def accept_clock(slug: str | None) -> int:
    """A person says that the machine's clock is right now, though the newest night was written under a later one."""
    with desk(slug) as made:
        made.journal.accept_clock(made.at, made.who)
        say(f"{made.slug}: {moment(made.at)} is accepted as the time it is; the next night may run")
    return OK
