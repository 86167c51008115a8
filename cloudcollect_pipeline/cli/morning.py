"""`morning`: how a company stands, for whoever reads it in a terminal."""

from rich.markup import escape

from cloudcollect_pipeline.cli import closing, context, words
from cloudcollect_pipeline.cli.exits import ERROR, NEEDS_A_PERSON, OK
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json
from cloudcollect_pipeline.domain.effect import TO_THE_AGENCY, TO_THE_ERP
from cloudcollect_pipeline.domain.finding import SEVERITIES
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.reporting.morning import VERDICTS, Morning, read_morning
from cloudcollect_pipeline.reporting.published import snapshot

SHOWN = 5
COLOURS = {"good": "green", "person": "yellow", "missing": "red", "off": "red"}
CODES = {"good": OK, "person": NEEDS_A_PERSON, "missing": NEEDS_A_PERSON, "off": ERROR}


def run(slug: str | None, *, as_json: bool) -> int:
    """One company's morning; 1 when its account is not explained, 3 when somebody must look."""
    settings = context.settings()
    with snapshot(settings, context.company(settings, slug)) as seen:
        told = read_morning(seen, context.looking_at(settings, seen))
    if as_json:
        say_json(told.as_json())
    else:
        _show(told)
    return CODES[told.verdict]


def _show(told: Morning) -> None:
    verdict = f"[{COLOURS[told.verdict]}]{VERDICTS[told.verdict]}[/]"
    say(f"[bold]{escape(told.name)}[/] ({told.company}) · night {told.night} · {verdict}")
    done = {kind: outcomes["confirmed"] for kind, outcomes in told.dispatched.items() if "confirmed" in outcomes}
    mark = closing.YES if told.ties else closing.NO
    say(
        f"  sent       {words.amounts(done, TO_THE_AGENCY) or 'nothing'}",
        f"  posted     {words.amounts(done, TO_THE_ERP) or 'nothing'}",
        f"  held back  {told.held_back} receivables",
        f"  account    {told.account} closing {display(told.statement.get('closing', 0))}, general ledger "
        f"{display(told.statement.get('ledger', 0))} {mark} · {told.open_items} open items, "
        f"the oldest for {told.oldest_days} days",
        f"  findings   {told.new_findings} new, {told.old_findings} known",
    )
    for need in sorted(told.needs, key=lambda n: SEVERITIES.index(n.severity))[:SHOWN]:
        say(f"    {need.id:>4}  {need.code}  {escape(need.text)}", f"          {escape(need.fix)}")
    if len(told.needs) > SHOWN:
        say(f"          {len(told.needs) - SHOWN} more: {command()} findings list")
    if told.waiting:
        short = told.waiting.hash[:12]
        until = moment(told.waiting.expires_at.isoformat())
        say(f"  waits      plan {short}: {command()} approve {short}, until {until}")
    if told.missing_nights:
        first, last = told.missing_nights[0], told.missing_nights[-1]
        say(f"  missing    {len(told.missing_nights)} nights: {command()} backfill {first} {last}")
