"""`alerts`: who is told, whether they can be reached, and what they will read in the morning."""

from rich.markup import escape

from cloudcollect_pipeline.alerts.message import Writer
from cloudcollect_pipeline.alerts.outbox import Letter, deliver
from cloudcollect_pipeline.alerts.ping import health_checks
from cloudcollect_pipeline.alerts.receivers import Receiver, receivers
from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import ERROR, OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import say, say_json, say_table, table
from cloudcollect_pipeline.reporting.morning import read_morning
from cloudcollect_pipeline.reporting.published import snapshot
from cloudcollect_pipeline.reporting.words import LANGUAGES
from cloudcollect_pipeline.settings import Settings
from cloudcollect_pipeline.web.clock import SystemClock


def test(*, as_json: bool) -> int:
    """Tell everybody that nothing is wrong; 1 if anybody could not be told, or nobody is named."""
    settings = context.settings()
    everybody: list[Receiver] = [*receivers(settings.alerts), *health_checks(settings.alerts)]
    if not everybody:
        raise Stop("nobody is told of anything: fill in [alerts] in cloudcollect.toml; `cloudcollect init` shows how")
    now = SystemClock().now()
    message = _writer(settings).test(settings.companies)
    done = deliver([Letter(f"test:{now.isoformat()}", message, tuple(r.name for r in everybody), now)], everybody, now)
    why = {name: why for _, name, why in done.failed}
    if as_json:
        say_json([{"receiver": r.name, "told": r.name not in why, "why": why.get(r.name, "")} for r in everybody])
    else:
        shown = table("receiver", "told", "why not", wrap=("why not",))
        for receiver in everybody:
            reached = "[red]no[/]" if receiver.name in why else "[green]yes[/]"
            shown.add_row(escape(receiver.name), reached, escape(why.get(receiver.name, "")))
        say_table(shown, indent=0)
        say(f"{len(everybody) - len(why)} of {len(everybody)} were told")
    return ERROR if why else OK


def preview(slug: str | None, language: str | None, *, as_json: bool) -> int:
    """The morning message of a company as it stands now. Tells nobody."""
    settings = context.settings()
    name = context.company(settings, slug)
    if language not in (None, *LANGUAGES):
        raise Stop(f"there are no messages in {language}; there are {' and '.join(LANGUAGES)}", USAGE)
    writer = _writer(settings, language)
    with snapshot(settings, name) as seen:
        message = writer.morning(read_morning(seen, context.looking_at(settings, seen)))
    if as_json:
        say_json(message.as_json())
    else:
        say(f"[bold]{escape(message.subject)}[/]", "", escape(message.text()))
    return OK


def _writer(settings: Settings, language: str | None = None) -> Writer:
    return Writer(language or settings.alerts.language, settings.alerts.ui_url or "")
