"""`reconcile` and `export-audit`: a past night's books as files, from what the last night published."""

from pathlib import Path

from rich.markup import escape

from cloudcollect_pipeline.cli import closing, context
from cloudcollect_pipeline.cli.exits import ERROR, OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import command, say, say_json
from cloudcollect_pipeline.reconciliation.as_of import NoSuchNight, nights_between
from cloudcollect_pipeline.reporting.audit import write_archive
from cloudcollect_pipeline.reporting.books import read_books
from cloudcollect_pipeline.reporting.files import REPORTS, replacing, write_report
from cloudcollect_pipeline.reporting.persons import names_of
from cloudcollect_pipeline.reporting.published import snapshot
from cloudcollect_pipeline.reporting.words import UnknownLanguage, words
from cloudcollect_pipeline.web.clock import SystemClock

SCREEN = "en"
"""The terminal speaks one language, whatever the files do."""


def run(day: str, slug: str | None, language: str, *, as_json: bool) -> int:
    """Write the workbook and the page of a night; 1 when the account is not explained."""
    settings = context.settings()
    name = context.company(settings, slug)
    night = context.parse_day(day)
    try:
        words(language)
    except UnknownLanguage as unknown:
        raise Stop(str(unknown), USAGE) from None
    folder = settings.data_dir / name
    with snapshot(settings, name) as seen:
        names = names_of(folder, "reconcile", SystemClock())
        try:
            books = read_books(seen.ledger, seen.journal, name, seen.settings, night, names)
        except NoSuchNight as missing:
            raise Stop(str(missing), USAGE) from None
    workbook, page = write_report(books, language, folder / REPORTS)
    statement = books.statement
    if as_json:
        say_json(
            {
                "company": name,
                "night": night,
                "verdict": books.verdict,
                "ties": statement.ties,
                "opening": statement.opening,
                "posted": statement.posted,
                "reversed": statement.reversed,
                "settled": statement.settled,
                "foreign": statement.foreign,
                "closing": statement.closing,
                "ledger": statement.ledger,
                "ledger_difference": statement.ledger_difference,
                "agency_unsettled": statement.agency_unsettled,
                "agency_difference": statement.agency_difference,
                "open_items": len(books.items),
                "findings": len(books.findings),
                "names": names is not None,
                "workbook": workbook,
                "page": page,
            }
        )
    else:
        say(
            f"[bold]{escape(books.name)}[/] ({name}) · night {night} · {words(SCREEN)[f'verdict.{books.verdict}']}",
            f"  account    {closing.account(statement)}",
            f"  movements  {closing.movements(statement)}",
            f"  items      {len(books.items)} open",
            f"  findings   {closing.findings(finding.code for finding in books.findings)}",
        )
        if names is None:
            say("  names      not read: another run holds them, or there are none; customers have numbers only")
        say(f"  page       {escape(str(page))}", f"  workbook   {escape(str(workbook))}")
        say(f"  next       {_next(books.verdict)}")
    return OK if statement.ties else ERROR


def _next(verdict: str) -> str:
    return {
        "clean": "open the page; the workbook proves the same by formulas",
        "person": f"{command()} findings list: what needs a person, and what to do",
        "changed": "compare with what that night stored: the log of the workbook names the runs",
        "off": "the page shows which term differs; nothing may be closed on it",
    }[verdict]


def export(first: str, last: str, slug: str | None, out: Path | None, *, as_json: bool) -> int:
    """Write the archive of a stretch of nights."""
    settings = context.settings()
    name = context.company(settings, slug)
    begin, end = context.parse_day(first), context.parse_day(last)
    if end < begin:
        raise Stop(f"{last} is before {first}", USAGE)
    path = out or settings.data_dir / name / REPORTS / f"audit-{begin}-{end}.zip"
    with snapshot(settings, name) as seen:
        nights = nights_between(seen.ledger, begin, end)
        if not nights:
            raise Stop(f"there was no night from {begin} to {end}", USAGE)
        with replacing(path) as partial:
            manifest = write_archive(seen.ledger, seen.journal, name, begin, end, partial)
    if as_json:
        say_json({"archive": path, **manifest})
    else:
        counts = ", ".join(f"{file['rows']} {part.removesuffix('.jsonl')}" for part, file in manifest["files"].items())
        chain = manifest["journal"]["broken"] or "whole"
        say(f"  nights     {len(nights)}, {nights[0]} to {nights[-1]}", f"  archive    {counts}")
        say(f"  chain      {chain}, up to entry {manifest['journal']['last_seq']}")
        say(
            f"  file       {escape(str(path))}",
            "  next       hand it over; its manifest names the SHA-256 of each file",
        )
    return OK if manifest["journal"]["broken"] is None else ERROR
