"""The commands and their options. Each imports what it needs when it is called, so that `--help` is instant."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cloudcollect_pipeline.cli.exits import MEANINGS

app = typer.Typer(
    name="cloudcollect",
    help="Receivables, collection cases and a suspense account, mirrored between an ERP and an agency every night.",
    epilog=f"Exit codes: {', '.join(f'{code} {short}' for code, (short, _) in MEANINGS.items())}.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Seed = Annotated[int, typer.Option(help="Another seed makes another world.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Show the version and exit.")] = False,
    log_format: Annotated[
        str | None, typer.Option(metavar="FORM", help="How progress is told: plain or json; instead of [log] format.")
    ] = None,
) -> None:
    """Receivables, collection cases and a suspense account, mirrored between an ERP and an agency every night."""
    if log_format is not None:
        # The environment goes over the settings file, here as for any other setting.
        os.environ["CLOUDCOLLECT_LOG__FORMAT"] = log_format
    if version:
        from cloudcollect_pipeline import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Write to this new folder instead of data/demo.")
    ] = None,
    seed: Seed = 7,
) -> None:
    """The whole story on a sandbox in half a minute; ends with the books tied."""
    from cloudcollect_pipeline.cli import demo as story

    raise typer.Exit(story.run(keep, seed))


@app.command()
def sandbox(
    history: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A CSV of invoices to live instead of the demo.")
    ] = None,
    seed: Seed = 7,
    write: Annotated[Path, typer.Option(metavar="FILE", help="Where to write settings that fit.")] = Path(
        "data/sandbox/cloudcollect.toml"
    ),
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="First night, or the history's first Monday.")
    ] = None,
    disputes: Annotated[
        bool, typer.Option("--disputes/--no-disputes", help="Whether the history's disputes count.")
    ] = True,
) -> None:
    """A made-up ERP and a made-up agency over HTTP, to run against."""
    from cloudcollect_pipeline.cli import sandbox as serving

    raise typer.Exit(serving.run(history, seed, write, start, disputes=disputes))


@app.command()
def init(
    company: Annotated[
        str | None, typer.Option("--company", "-c", metavar="NAME", help="Short name: a-z, 0-9, single - or _.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The company's name.")] = None,
    first_run: Annotated[
        bool, typer.Option("--first-run", help="Declare that a configured company was never run before.")
    ] = False,
) -> None:
    """Write settings to fill in; or declare a company's first run."""
    from cloudcollect_pipeline.cli import init as starting

    raise typer.Exit(starting.first_run(company) if first_run else starting.write(company, name))


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of 3000, or a free one.")] = None,
    outage: Annotated[
        bool, typer.Option("--outage", help="The demo's pipeline has been down for four nights: make up for them.")
    ] = False,
) -> None:
    """Dagster's UI: on the configured companies, else on a demo with its history filled."""
    from cloudcollect_pipeline.cli import up as opening

    raise typer.Exit(opening.run(port, outage=outage))


@app.command()
def doctor(
    company: Annotated[
        str | None,
        typer.Option("--company", "-c", metavar="NAME", help="Only this one; its short name."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="Look as of then; only against a sandbox on this machine.")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also ask the ERP what is unconfirmed about it, and keep its answers.")
    ] = False,
    write_probe: Annotated[
        bool, typer.Option("--write-probe", help="Ask also by writes that are undone; only in a test company.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Plain values for programs.")] = False,
) -> None:
    """Is every company set up for its nights? What is wrong, and how to mend it. Reads only."""
    from cloudcollect_pipeline.cli import doctor as looking

    raise typer.Exit(looking.run(company, at, probe=probe, write=write_probe, as_json=as_json))


Company = Annotated[
    str | None,
    typer.Option("--company", "-c", metavar="NAME", help="Its short name; needed only where there are several."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Plain values for programs, amounts in øre.")]
At = Annotated[
    str | None,
    typer.Option(
        metavar="MOMENT", help="Run as of then (2026-02-04 is its 04:00); only against a sandbox on this machine."
    ),
]
Wait = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for another run to end.")]


# -- nights


@app.command(rich_help_panel="Nights")
def run(
    company: Company = None,
    at: At = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Make tonight's plan and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Approve tonight's plan unseen, whatever it is.")] = False,
    wait: Wait = 600,
    as_json: AsJson = False,
) -> None:
    """One night: read both sides, plan, send, read again, explain the account."""
    from cloudcollect_pipeline.cli import night

    raise typer.Exit(night.run(company, at, plan_only=plan_only, yes=yes, wait=wait, as_json=as_json))


@app.command(rich_help_panel="Nights")
def backfill(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="The first night that was missed, as 2026-02-08.")],
    last: Annotated[str, typer.Argument(metavar="LAST", help="The last.")],
    company: Company = None,
    at: At = None,
    wait: Wait = 600,
    as_json: AsJson = False,
) -> None:
    """One run that makes up for missed nights; its plan waits for approval."""
    from cloudcollect_pipeline.cli import night

    raise typer.Exit(night.backfill(first, last, company, at, wait=wait, as_json=as_json))


@app.command(rich_help_panel="Nights")
def plan(
    company: Company = None,
    make: Annotated[bool, typer.Option("--make", help="Read both sides and make a new one; send nothing.")] = False,
    at: At = None,
    wait: Wait = 600,
    as_json: AsJson = False,
) -> None:
    """The newest plan: what is to be sent, what is held back and why."""
    from cloudcollect_pipeline.cli import night

    if make:
        raise typer.Exit(night.run(company, at, plan_only=True, yes=False, wait=wait, as_json=as_json))
    raise typer.Exit(night.show_plan(company, as_json=as_json))


@app.command(rich_help_panel="Nights")
def approve(
    plan_hash: Annotated[str, typer.Argument(metavar="HASH", help="The plan's name, 8 characters at least.")],
    company: Company = None,
    at: At = None,
    wait: Wait = 600,
    as_json: AsJson = False,
) -> None:
    """Approve a stored plan and send exactly that."""
    from cloudcollect_pipeline.cli import night

    raise typer.Exit(night.approve(plan_hash, company, at, wait=wait, as_json=as_json))


# -- people


@app.command(rich_help_panel="People")
def pause(company: Company = None) -> None:
    """Stop writing to the counterparties at once, also in a run that is on."""
    from cloudcollect_pipeline.cli import people

    raise typer.Exit(people.pause(company, paused=True))


@app.command(rich_help_panel="People")
def resume(company: Company = None) -> None:
    """Let the next run write again."""
    from cloudcollect_pipeline.cli import people

    raise typer.Exit(people.pause(company, paused=False))


hold = typer.Typer(no_args_is_help=True)
app.add_typer(
    hold, name="hold", help="Receivables and customers kept from collection by a person.", rich_help_panel="People"
)
Subject = Annotated[list[str], typer.Argument(metavar="SUBJECT", help="Invoice 100123, customer 10002, or a number.")]


@hold.command("add")
def hold_add(
    subject: Subject,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")],
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Its last day; without it until removed.")] = None,
    company: Company = None,
) -> None:
    """Hold a receivable or a customer back; a claim on it is paused."""
    from cloudcollect_pipeline.cli import people

    raise typer.Exit(people.add_hold(subject, company, reason, until))


@hold.command("list")
def hold_list(company: Company = None, as_json: AsJson = False) -> None:
    """The hold list."""
    from cloudcollect_pipeline.cli import people

    raise typer.Exit(people.list_holds(company, as_json=as_json))


@hold.command("remove")
def hold_remove(subject: Subject, company: Company = None) -> None:
    """Take a hold away."""
    from cloudcollect_pipeline.cli import people

    raise typer.Exit(people.remove_hold(subject, company))


findings = typer.Typer(no_args_is_help=True)
app.add_typer(findings, name="findings", help="What a person must look at, and what to do.", rich_help_panel="People")
Number = Annotated[int, typer.Argument(metavar="ID", help="Its number in the list.")]


Note = Annotated[str, typer.Option(help="Why, or what was done, for whoever looks next.")]
Language = Annotated[str, typer.Option(metavar="LANG", help="en or nb.")]


@findings.command("list")
def findings_list(
    company: Company = None,
    owner: Annotated[
        str | None, typer.Option(metavar="OWNER", help="finance, operations, data team or agency contact.")
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Assigned to you, by your name on this machine.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are ignored or over.")] = False,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """All that is still seen, the gravest first."""
    from cloudcollect_pipeline.cli import findings as looking

    raise typer.Exit(
        looking.show_list(company, owner=owner, mine=mine, everything=everything, language=lang, as_json=as_json)
    )


@findings.command("show")
def findings_show(number: Number, company: Company = None, lang: Language = "en", as_json: AsJson = False) -> None:
    """What one means, what to do, what can be answered, and all that happened to it."""
    from cloudcollect_pipeline.cli import findings as looking

    raise typer.Exit(looking.show(number, company, language=lang, as_json=as_json))


@findings.command("ignore")
def findings_ignore(
    number: Number,
    until: Annotated[str, typer.Option(metavar="DATE", help="The night of this day lists it again.")],
    note: Note,
    company: Company = None,
) -> None:
    """Leave one alone until a day."""
    from cloudcollect_pipeline.cli import findings as acting

    raise typer.Exit(acting.ignore(number, company, until, note))


@findings.command("assign")
def findings_assign(
    number: Number,
    to: Annotated[str, typer.Argument(metavar="WHO", help="Their name on this machine; `nobody` takes it back.")],
    note: Note,
    company: Company = None,
) -> None:
    """Give one to somebody."""
    from cloudcollect_pipeline.cli import findings as acting

    raise typer.Exit(acting.assign(number, company, to, note))


@findings.command("resolve")
def findings_resolve(
    number: Number,
    note: Note,
    action: Annotated[str | None, typer.Option(help="An answer that the next night acts on.")] = None,
    company: Company = None,
) -> None:
    """Say that one is dealt with, and answer it if it asks something."""
    from cloudcollect_pipeline.cli import findings as acting

    raise typer.Exit(acting.resolve(number, company, note, action))


# -- looking


@app.command(rich_help_panel="Looking")
def morning(company: Company = None, as_json: AsJson = False) -> None:
    """How the company stands this morning: verdict, account, what needs a person, which nights are missing."""
    from cloudcollect_pipeline.cli import morning as looking

    raise typer.Exit(looking.run(company, as_json=as_json))


@app.command(rich_help_panel="Looking")
def status(company: Company = None, as_json: AsJson = False) -> None:
    """The last night, the account, open findings, and whether writing is paused."""
    from cloudcollect_pipeline.cli import status as looking

    raise typer.Exit(looking.run(company, as_json=as_json))


@app.command(rich_help_panel="Looking")
def explain(
    document: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="An invoice, a payment, a case number, a settlement, or the agency's id of a claim or an entry.",
        ),
    ],
    company: Company = None,
    as_json: AsJson = False,
) -> None:
    """An invoice, a case or money: all that happened, every rule with its numbers, and what comes next."""
    from cloudcollect_pipeline.cli import explain as explaining

    raise typer.Exit(explaining.run(document, company, as_json=as_json))


@app.command(rich_help_panel="Looking")
def reconcile(
    night: Annotated[str, typer.Argument(metavar="DATE", help="The night, as 2026-02-11.")],
    company: Company = None,
    lang: Annotated[str, typer.Option(metavar="LANG", help="Language of the workbook and the page: en or nb.")] = "en",
    as_json: AsJson = False,
) -> None:
    """A night's books as they were then: a workbook and a page in the company's reports folder."""
    from cloudcollect_pipeline.cli import reconcile as reporting

    raise typer.Exit(reporting.run(night, company, lang, as_json=as_json))


@app.command("export-audit", rich_help_panel="Looking")
def export_audit(
    first: Annotated[str, typer.Argument(metavar="FROM", help="The first night, as 2026-02-01.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="The last night.")],
    company: Company = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of the reports folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """What was decided, sent and explained on a stretch of nights, for an auditor: a zip of JSON lines with hashes."""
    from cloudcollect_pipeline.cli import reconcile as reporting

    raise typer.Exit(reporting.export(first, last, company, out, as_json=as_json))


@app.command(rich_help_panel="Looking")
def reports(
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data folder.")] = Path("data"),
    host: Annotated[str, typer.Option(help="Address to listen on; put a proxy with a password before any other.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3002,
) -> None:
    """Every company's report files over HTTP, and nothing else. They name people: keep it behind a password."""
    from cloudcollect_pipeline.cli import reports as serving

    raise typer.Exit(serving.run(data, host, port))


# -- proof


@app.command()
def simulate(
    tier: Annotated[
        str, typer.Option(help="whole: files, HTTP and SQL too; core: over values, many more nights.")
    ] = "whole",
    seeds: Annotated[int, typer.Option(min=1, help="How many lives.")] = 20,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    nights: Annotated[int, typer.Option(min=1, help="Nights of each life.")] = 30,
    faults: Annotated[float, typer.Option(min=0.0, help="Faults in a night, on average.")] = 1.0,
    processes: Annotated[int, typer.Option(min=0, help="Processes; 0 is one per core.")] = 0,
    evidence: Annotated[Path | None, typer.Option(help="Folder for evidence.md and evidence.json.")] = None,
    commit: Annotated[str, typer.Option(help="The commit that the evidence is of.")] = "",
    replay: Annotated[Path | None, typer.Option(help="Live this script again instead.")] = None,
    exhaustive: Annotated[bool, typer.Option(help="One story, with every fault at every boundary.")] = False,
    pairs: Annotated[bool, typer.Option(help="With every two crashes too, which takes long.")] = False,
    states: Annotated[
        int, typer.Option(min=0, metavar="WORDS", help="Every order of a few things and nights, at most so many words.")
    ] = 0,
    things: Annotated[int, typer.Option(min=1, max=7, help="How many things happen in --states.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Simulate nights in which everything goes wrong, and judge them; no counterparty and no data are touched."""
    from cloudcollect_pipeline.cli import simulate as simulation

    if replay is not None:
        raise typer.Exit(simulation.replay(replay))
    if exhaustive or pairs:
        raise typer.Exit(simulation.explore(processes, evidence, commit, pairs=pairs, as_json=as_json))
    if states:
        raise typer.Exit(simulation.explore_states(states, things, processes, evidence, commit, as_json=as_json))
    raise typer.Exit(
        simulation.survey(tier, seeds, first, nights, faults, processes, evidence, commit, as_json=as_json)
    )


@app.command()
def soak(
    kills: Annotated[int, typer.Option(min=1, help="How many runs are killed.")] = 50,
    first: Annotated[int, typer.Option(min=0, help="The first life's seed.")] = 1,
    evidence: Annotated[Path | None, typer.Option(help="Folder for evidence.md and evidence.json.")] = None,
    commit: Annotated[str, typer.Option(help="The commit that the evidence is of.")] = "",
    as_json: AsJson = False,
) -> None:
    """Kill real runs at random moments against a sandbox of its own, and judge what is left; no data are touched."""
    from cloudcollect_pipeline.cli import soak as soaking

    raise typer.Exit(soaking.run(kills, first, evidence, commit, as_json=as_json))


# -- the journal

alerts = typer.Typer(no_args_is_help=True)
app.add_typer(alerts, name="alerts", help="Who is told of the nights: can they be reached.", rich_help_panel="Looking")


@alerts.command("test")
def alerts_test(as_json: AsJson = False) -> None:
    """Send everybody a message that nothing is wrong, and say who was told. Code 1 if somebody was not."""
    from cloudcollect_pipeline.cli import alerts as telling

    raise typer.Exit(telling.test(as_json=as_json))


@alerts.command("preview")
def alerts_preview(
    company: Company = None,
    lang: Annotated[str | None, typer.Option(metavar="LANG", help="en or nb instead of the settings' own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the morning message of the last night. Tells nobody."""
    from cloudcollect_pipeline.cli import alerts as telling

    raise typer.Exit(telling.preview(company, lang, as_json=as_json))


journal = typer.Typer(no_args_is_help=True)
app.add_typer(
    journal,
    name="journal",
    help="The record of what was sent: is it whole, and if not, what then.",
    rich_help_panel="Looking",
)


@journal.command("verify")
def journal_verify(company: Company = None, as_json: AsJson = False) -> None:
    """Is the journal whole? Which entry is wrong, and what to do. Code 1 if broken, 4 if only older than its head."""
    from cloudcollect_pipeline.cli import journal as keeping

    raise typer.Exit(keeping.verify(company, as_json=as_json))


@journal.command("rebuild")
def journal_rebuild(company: Company = None, at: At = None, wait: Wait = 600, as_json: AsJson = False) -> None:
    """Set a broken journal aside, begin from its newest whole copy, ask both sides what they hold. Sends nothing."""
    from cloudcollect_pipeline.cli import journal as keeping

    raise typer.Exit(keeping.rebuild(company, at, wait=wait, as_json=as_json))


@journal.command("accept-clock")
def journal_accept_clock(company: Company = None) -> None:
    """Say that the clock is right now, though the newest night was written under a later one."""
    from cloudcollect_pipeline.cli import journal as keeping

    raise typer.Exit(keeping.accept_clock(company))


# -- personal data

privacy = typer.Typer(no_args_is_help=True)
app.add_typer(
    privacy,
    name="privacy",
    help="Personal data: what is kept, what is old enough to go, and erasing a debtor.",
    rich_help_panel="People",
)
Why = Annotated[str, typer.Option(help="Why, without naming anybody: it stays in the journal.")]


@privacy.command("report")
def privacy_report(company: Company = None, as_json: AsJson = False) -> None:
    """What names people now, how long it may be kept, and what was removed. Changes nothing."""
    from cloudcollect_pipeline.cli import privacy as keeping

    raise typer.Exit(keeping.report(company, as_json=as_json))


@privacy.command("retain")
def privacy_retain(
    company: Company = None,
    note: Why = "retention",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than the settings' section [privacy] says, and report it."""
    from cloudcollect_pipeline.cli import privacy as keeping

    raise typer.Exit(keeping.retain(company, note, dry=dry_run, as_json=as_json))


@privacy.command("erase")
def privacy_erase(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Customer number in the ERP.")],
    note: Why,
    company: Company = None,
    as_json: AsJson = False,
) -> None:
    """Erase a debtor from every file. Code 4 while a claim, a receivable or money still needs them: says which."""
    from cloudcollect_pipeline.cli import privacy as keeping

    raise typer.Exit(keeping.erase(customer, company, note, as_json=as_json))


# -- adapters

adapter = typer.Typer(no_args_is_help=True)
app.add_typer(adapter, name="adapter", help="Adapters, and whether they keep their contract.")


@adapter.command("list")
def adapter_list(as_json: AsJson = False) -> None:
    """The contracts that can be run: one per installed adapter."""
    from cloudcollect_pipeline.cli import adapter as adapters

    raise typer.Exit(adapters.show(as_json=as_json))


@adapter.command("test")
def adapter_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `adapter list` shows it.")], as_json: AsJson = False
) -> None:
    """Put an adapter through its contract: what passed, what failed, what it does not support."""
    from cloudcollect_pipeline.cli import adapter as adapters

    raise typer.Exit(adapters.test(name, as_json=as_json))
