"""What people decide: pause and resume, the hold list, answers to findings."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from cloudcollect_pipeline.cli import context, words
from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json, say_table, table
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.domain.finding import CATALOGUE, severity
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.domain.words import PAYING_TYPES, RECEIVABLE_TYPES
from cloudcollect_pipeline.reporting.published import snapshot
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
    """Hold a receivable or a customer back from collection."""
    last = context.parse_day(until) if until else None
    with desk(slug) as made:
        subject = _subject(words_, slug)
        made.journal.set_hold(subject, reason, last, made.who, made.at)
        made.publish()
        say(
            f"{escape(subject)} is held{f' until {last}' if last else ''}: it is not transferred, and a claim is paused"
        )
    return OK


def remove_hold(words_: list[str], slug: str | None) -> int:
    """Take a hold away."""
    with desk(slug) as made:
        held = {hold["subject"] for hold in made.journal.holds()}
        text = " ".join(words_)
        subject = text if text in held else _subject(words_, slug)
        if not made.journal.end_hold(subject, made.who, made.at):
            raise Stop(f"{subject} is not on the hold list; `{command()} hold list` shows it", USAGE)
        made.publish()
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


# -- findings --------------------------------------------------------------------------------------------------------


def list_findings(slug: str | None, *, everything: bool, as_json: bool) -> int:
    """What a person must look at, the gravest first."""
    settings = context.settings()
    name = context.company(settings, slug)
    with snapshot(settings, name) as seen:
        found = words.by_severity(seen.journal.findings(all_states=everything))
        night = seen.night
    if as_json:
        say_json([_as_json(finding) for finding in found])
        return OK
    if not found:
        say(f"no findings on night {night}")
        return OK
    shown = table("id", "severity", "since", "code", "what", right=("id",), wrap=("what",))
    for finding in found:
        state = "" if finding["state"] == "open" else f" ({finding['state']})"
        shown.add_row(
            str(finding["id"]),
            severity(finding["code"]),
            finding["first_night"],
            finding["code"],
            f"{escape(finding['text'])}{state}",
        )
    say_table(shown, indent=0)
    say(f"{command()} findings show ID says what to do")
    return OK


def show_finding(number: int, slug: str | None, *, as_json: bool) -> int:
    """One finding: what it means, what to do, what can be answered."""
    settings = context.settings()
    name = context.company(settings, slug)
    with snapshot(settings, name) as seen:
        finding = _finding(seen.journal, number)
        decided = seen.journal.decisions().get((finding["code"], finding["subject"]))
    if as_json:
        say_json({**_as_json(finding), "decided": decided})
        return OK
    reason = CATALOGUE[finding["code"]]
    amount = f" · {display(finding['amount'])} NOK" if finding["amount"] is not None else ""
    say(
        f"[bold]{finding['code']}[/] · {reason.severity} · {finding['state']} · {escape(finding['subject'])}{amount}",
        f"  {escape(finding['text'])}",
        f"  means    {escape(reason.text)}",
        f"  do this  {escape(reason.fix)}",
        f"  seen     {finding['first_night']} to {finding['last_night']}",
    )
    if finding["code"] == "AGENCY_ASKS":
        say(f"  it asks  {escape(_question(settings.data_dir / name, finding['subject']))}")
    if decided:
        say(f"  answered {escape(decided)}")
    if finding["note"]:
        say(f"  note     {escape(finding['note'])}")
    if finding["state"] == "open":
        actions = "|".join(reason.actions)
        say(
            f"  {command()} findings resolve {number} --note TEXT"
            + escape(f" --action {_example(actions)}" if actions else "")
        )
    return OK


def resolve(number: int, slug: str | None, note: str, action: str | None) -> int:
    """A person has dealt with a finding; an action is an answer that planning acts on."""
    if not note.strip():
        raise Stop("--note must say what was done", USAGE)
    with desk(slug) as made:
        journal = made.journal
        finding = _finding(journal, number)
        code, subject = finding["code"], finding["subject"]
        allowed = CATALOGUE[code].actions
        if action is not None:
            answer = _answer(code, allowed, action)
            if code == "EFFECT_QUARANTINED":
                _move(made, subject, answer, note)
            journal.decide(code, subject, answer, note, made.who, made.at)
        journal.resolve_finding(number, note, made.who, made.at)
        made.publish()
        say(f"finding {number} ({code} {escape(subject)}) is resolved{f': {escape(action)}' if action else ''}")
        if action:
            say("the next night acts on it")
        elif allowed:
            say(f"it keeps being seen until it is answered: --action {escape(_example('|'.join(allowed)))}")
    return OK


def _question(folder: Path, question: str) -> str:
    """The text of the agency's question, which stands only in the file of persons."""
    import duckdb

    try:
        with duckdb.connect(str(folder / "persons.duckdb"), read_only=True) as persons:
            row = persons.execute("select text from question where question_id = ?", [question]).fetchone()
    except duckdb.Error:
        return "its text cannot be read while a run is on; look at the agency's own pages"
    return str(row[0]) if row else "its text is not known any more"


def _answer(code: str, allowed: tuple[str, ...], action: str) -> str:
    if not allowed:
        raise Stop(f"{code} takes no action: mend its cause, then resolve it with a note", USAGE)
    words_ = action.split()
    if not words_ or words_[0] not in allowed:
        raise Stop(f"{code} takes the actions {', '.join(allowed)}, not {action}", USAGE)
    if words_[0] == "adopt":
        kinds = {kind.lower(): kind for kind in PAYING_TYPES}
        if len(words_) != 3 or words_[1].lower() not in kinds:
            raise Stop('adopt names the ERP document it stands for: --action "adopt Payment 500123"', USAGE)
        return f"adopt {kinds[words_[1].lower()]} {words_[2]}"
    if words_[0] == "answer":
        if len(words_) < 2:
            raise Stop('answer carries the text: --action "answer It was delivered on 3 May"', USAGE)
        return " ".join(words_)
    if len(words_) > 1:
        raise Stop(f"{words_[0]} takes nothing more: --action {words_[0]}", USAGE)
    return words_[0]


def _move(made: Desk, reference: str, answer: str, note: str) -> None:
    """What a person found out about an effect in quarantine."""
    known = made.journal.effect(reference)
    if known is None or known.state != "quarantined":
        raise Stop(f"effect {reference} is not in quarantine any more; look again after the next night", USAGE)
    state = "confirmed" if answer == "done" else "absent"
    made.journal.move(reference, state, made.at, night_of(made.at), note=f"{made.who}: {note}")


def _finding(journal: Journal, number: int) -> Mapping[str, Any]:
    for finding in journal.findings(all_states=True):
        if finding["id"] == number:
            return finding
    raise Stop(f"there is no finding {number}; `{command()} findings list` shows them", USAGE)


def _example(actions: str) -> str:
    return '"adopt Payment NUMBER"|ignore' if actions == "adopt|ignore" else actions


def _as_json(finding: Mapping[str, Any]) -> dict[str, Any]:
    reason = CATALOGUE[finding["code"]]
    about = {"severity": reason.severity, "means": reason.text, "fix": reason.fix, "actions": list(reason.actions)}
    return {**finding, **about}
