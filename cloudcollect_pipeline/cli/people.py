"""What people decide: pause and resume, and the hold list."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json, say_table, table
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.domain.words import RECEIVABLE_TYPES
from cloudcollect_pipeline.privacy.grounds import has_run
from cloudcollect_pipeline.reporting.published import NotPublished, snapshot
from cloudcollect_pipeline.web.clock import SystemClock

PATIENCE = 5.0
"""Seconds a decision waits for a run to end."""


@dataclass(frozen=True)
class Desk:
    """One company's journal, open for a person's decision."""

    slug: str
    journal: Journal
    folder: Path
    who: str
    at: datetime

    def publish(self) -> None:
        """Let readers see it at once."""
        published = self.folder / "published"
        published.mkdir(exist_ok=True, mode=0o700)
        # A name of its own: a run may be publishing at the same moment.
        copy = published / f"journal.{self.who_and_when}.sqlite"
        self.journal.backup(copy)
        copy.replace(published / "journal.sqlite")

    @property
    def who_and_when(self) -> str:
        """A name no other process uses."""
        return re.sub(r"\W", "-", f"{self.who}-{self.at.timestamp()}")


@contextmanager
def desk(slug: str | None, *, locked: bool = True) -> Iterator[Desk]:
    """Open a company's journal for writing, under its lock unless the decision must not wait for a run."""
    settings = context.settings()
    name = context.company(settings, slug)
    folder, clock, who = settings.data_dir / name, SystemClock(), context.who()

    @contextmanager
    def opened() -> Iterator[Desk]:
        journal = Journal(folder, name, settings.companies[name].erp.tenant_id, clock.now())
        try:
            yield Desk(name, journal, folder, who, clock.now())
        finally:
            journal.close()

    if locked:
        with company_lock(folder, who, clock, patience=PATIENCE), opened() as made:
            yield made
    else:
        with opened() as made:
            yield made


def pause(slug: str | None, paused: bool) -> int:
    """Stop or start writing. Not under the lock: a run that is on must hear of it and stop."""
    with desk(slug, locked=False) as made:
        before = made.journal.paused()
        if before != paused:
            made.journal.pause(paused, made.who, made.at)
            made.publish()
        word = "paused" if paused else "resumed"
        also = "" if before != paused else " already"
        rest = (
            f"nothing is written to a counterparty until `{command()} resume`" if paused else "the next run may write"
        )
        say(f"{made.slug} is {word}{also}: {rest}")
    return OK


# -- the hold list ---------------------------------------------------------------------------------------------------


def add_hold(words_: list[str], slug: str | None, reason: str, until: str | None) -> int:
    """Hold a receivable or a customer back from collection, at every agency of the creditor."""
    last = context.parse_day(until) if until else None
    subject = _subject(words_, slug)
    books = _books(slug)
    for name in books:
        with desk(name) as made:
            made.journal.set_hold(subject, reason, last, made.who, made.at)
            made.publish()
    at = f" at {' and '.join(books)}" if len(books) > 1 else ""
    say(f"{escape(subject)} is held{f' until {last}' if last else ''}{at}: not transferred, and a claim is paused")
    if not _is_mirrored(subject, slug):
        say(f"No night has read {escape(subject)} from the ERP yet: if it is not of today, look at the number again.")
    return OK


def _books(slug: str | None) -> list[str]:
    """The company, and those of the same creditor at other agencies that have been run."""
    settings = context.settings()
    name = context.company(settings, slug)
    return [name, *(other for other in settings.siblings(name) if has_run(settings.data_dir / other))]


def _is_mirrored(subject: str, slug: str | None) -> bool:
    kind, _, number = subject.partition(" ")
    settings = context.settings()
    try:
        with snapshot(settings, context.company(settings, slug)) as seen:
            if kind == "customer":
                return bool(seen.ledger.rows("select 1 from customer_now where number = ?", [number]))
            return bool(
                seen.ledger.rows("select 1 from receivable_now where document_type = ? and number = ?", [kind, number])
            )
    except NotPublished:
        return False


def remove_hold(words_: list[str], slug: str | None) -> int:
    """Take a hold away, from the lists of all agencies of the creditor."""
    text, ended, subject = " ".join(words_), False, ""
    for name in _books(slug):
        with desk(name) as made:
            held = {hold["subject"] for hold in made.journal.holds()}
            subject = text if text in held else _subject(words_, slug)
            if made.journal.end_hold(subject, made.who, made.at):
                made.publish()
                ended = True
    if not ended:
        raise Stop(f"{subject} is not on the hold list; `{command()} hold list` shows it", USAGE)
    say(f"{escape(subject)} is no longer held")
    return OK


def list_holds(slug: str | None, *, as_json: bool) -> int:
    """The hold list as last published."""
    settings = context.settings()
    name = context.company(settings, slug)
    with snapshot(settings, name) as seen:
        holds = seen.journal.holds()
    if as_json:
        say_json(holds)
    elif not holds:
        say("nothing is held")
    else:
        shown = table("subject", "until", "reason", "who", "since", wrap=("reason",))
        for hold in holds:
            shown.add_row(
                escape(hold["subject"]), hold["until"] or "", escape(hold["reason"]), hold["who"], moment(hold["at"])
            )
        say_table(shown, indent=0)
    return OK


def _subject(words_: list[str], slug: str | None) -> str:
    """`Invoice 100123`, `customer 10002`, or a bare number that the ledger knows as one receivable."""
    text = " ".join(" ".join(words_).split())
    kind, _, number = text.partition(" ")
    if number:
        if kind.lower() == "customer":
            return f"customer {number}"
        known = {name.lower(): name for name in RECEIVABLE_TYPES}
        if kind.lower() in known:
            return f"{known[kind.lower()]} {number}"
        raise Stop(f"{kind} is not something to hold; say customer, {', '.join(RECEIVABLE_TYPES)}", USAGE)
    settings = context.settings()
    with snapshot(settings, context.company(settings, slug)) as seen:
        rows = seen.ledger.rows("select document_type from receivable_now where number = ? order by 1", [kind])
    if len(rows) != 1:
        why = "several documents have this number" if rows else "no receivable with this number is mirrored"
        raise Stop(f"{why}; write `Invoice {kind}` or `customer {kind}`", USAGE)
    return f"{rows[0]['document_type']} {kind}"
