"""`cloudcollect demo`: nine nights over two made-up counterparties on real HTTP, told as they happen.

What happens in the world is `sandbox.demo`'s; here the pipeline runs, and says what came of it.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.markup import escape

from cloudcollect_pipeline.cli import closing, words
from cloudcollect_pipeline.cli.context import DEMO_FOLDER, write_private
from cloudcollect_pipeline.cli.exits import ERROR, OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import command, day, days, say, say_table, table, working
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.domain.finding import CATALOGUE, severity
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.nightly import Night, NightResult
from cloudcollect_pipeline.planning.plan import HeldBack
from cloudcollect_pipeline.reconciliation.statement import Statement
from cloudcollect_pipeline.sandbox.demo import COMPANY, nights
from cloudcollect_pipeline.sandbox.demo import Night as Chapter
from cloudcollect_pipeline.sandbox.erp import DocumentType
from cloudcollect_pipeline.sandbox.serve import Servers, serve, settings_toml
from cloudcollect_pipeline.sandbox.world import Truth, World
from cloudcollect_pipeline.settings import Settings, load
from cloudcollect_pipeline.web.clock import SystemClock

TOP_REASONS = 3
MOST_FINDINGS = 5


def run(keep: Path | None, seed: int) -> int:
    """Tell the story; the exit code says whether the books tie and nothing was done twice."""
    folder = keep or DEMO_FOLDER
    if keep is not None and folder.exists() and any(folder.iterdir()):
        raise Stop(f"{keep} is not empty; name a new folder", USAGE)
    if folder.is_symlink():
        raise Stop(f"{folder} is a link; remove it, the demo starts with an empty folder of its own")
    with company_lock(folder, "the demo", SystemClock(), patience=0):
        empty(folder)
        world = World.demo(seed)
        with serve(world) as servers:
            file = folder / "cloudcollect.toml"
            head = f'# Written by `cloudcollect demo --seed {seed}`; its counterparties are gone.\ndata_dir = "."\n\n'
            write_private(file, head + settings_toml(world, servers))
            return Story(world, servers, load(file, {}), folder).tell()


def empty(folder: Path) -> None:
    """Start afresh, beside the lock that is held on the folder."""
    for inside in folder.iterdir():
        if inside.name == "company.lock":
            continue
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside)
        else:
            inside.unlink()


class Story:
    """The demo company's nights and what is said about them."""

    def __init__(self, world: World, servers: Servers, settings: Settings, folder: Path) -> None:
        self.world, self.servers, self.settings, self.folder = world, servers, settings, folder
        self.books = world.erp(COMPANY)
        self.findings: Sequence[Mapping[str, Any]] = ()
        self.unknown = 0

    def tell(self) -> int:
        """All nights, then how the books stand."""
        self._introduce()
        first, *others = nights()
        result = self._first_night(first)
        missed: list[Chapter] = []
        for chapter in others:
            if chapter.missed:
                missed.append(chapter)
                continue
            if missed:
                self._down(missed)
            self.world.advance(chapter.at)
            result = self._night(chapter, missed)
            missed = []
        return self._close(result)

    def _introduce(self) -> None:
        invoices = sum(1 for _ in self.books.documents(DocumentType.INVOICE))
        name = escape(self.settings.companies[COMPANY].name)
        account = self.settings.companies[COMPANY].erp.suspense_account
        erp, agency = self.servers.erp_url, self.servers.agency_url
        say(
            f"[bold]{name}[/] and its debt-collection agency, both invented · {invoices} invoices, amounts in NOK · "
            f"account {account} holds what the agency owes",
            f"ERP {erp} · agency {agency} · each night reads both, plans, sends, reads again",
        )

    # -- nights

    def _first_night(self, chapter: Chapter) -> NightResult:
        self._head(chapter)
        self.world.advance(chapter.at)
        with self._open(chapter) as night:
            night.journal.declare_new(self.world.now, "demo")
            result = night.run()
            if result.plan is None or not result.not_sent:
                raise Stop("the first night must wait for a person, but it did not")
            digest = night.approve(result.plan.plan.hash)
        plan = result.plan.plan
        largest = max((total["largest"] for total in plan.totals.values()), default=0)
        say(
            f"  planned    {words.amounts(plan.totals)}, the largest {display(largest)}; not sent yet, "
            f"{escape('; '.join(result.plan.reasons))}"
        )
        self._held_back(plan.held_back)
        say(
            f"  approved   [bold]cloudcollect approve {digest[:12]}[/], said aloud: “I have looked; send exactly this.”"
        )
        with self._open(chapter) as night:
            done = night.carry_out(digest)
            self._look(night)
        self._told(done)
        return done

    def _held_back(self, held_back: Sequence[HeldBack]) -> None:
        reasons = closing.reasons(held_back)
        shown = table("what", "count", "code", "rule", wrap=("rule",), title=False)
        for place, (code, number, text) in enumerate(reasons[:TOP_REASONS]):
            head = "" if place else f"held back  {len(held_back)} for {len(reasons)} reasons:"
            shown.add_row(head, f"{number} ×", code, f"rule: {text}")
        say_table(shown)

    def _night(self, chapter: Chapter, missed: Sequence[Chapter]) -> NightResult:
        """A night; one that makes up for others waits for a person, who has looked beforehand here."""
        self._head(chapter)
        before = len(self.world.agency_faults.injected)
        with self._open(chapter) as night:
            night.makes_up_for = [each.date for each in missed]
            result = night.run(approve=bool(missed))
            self._look(night)
        self._told(result, lost=len(self.world.agency_faults.injected) - before)
        return result

    def _down(self, missed: Sequence[Chapter]) -> None:
        first, last = missed[0], missed[-1]
        say(
            f"[bold]Nights {first.number}–{last.number}[/] · {days(first.date, last.date)} · "
            "the pipeline is down; debtors pay all the same"
        )

    def _head(self, chapter: Chapter) -> None:
        say(f"[bold]Night {chapter.number}[/] · {day(chapter.date)} · {chapter.title}")

    def _told(self, result: NightResult, lost: int = 0) -> None:
        sent, *rest = closing.sent(result, leave_out=("uncertain",))
        told = [sent, *self._lost(result, lost), *self._credit_notes(result), *rest]
        if result.not_sent:
            told.append(f"waits      {escape(result.not_sent)}")
        if result.statement:
            told[-1] += f" · {closing.account(result.statement)}"
        say(*(f"  {line}" for line in told))

    def _lost(self, result: NightResult, lost: int) -> list[str]:
        if not lost:
            return []
        unsure = words.amounts(closing.by_outcome(result).get("uncertain", {}))
        twice = len(self.world.truth()[COMPANY].double_effects)
        return [
            f"lost       {lost} answers ({unsure}); asked by our own reference: {lost - self.unknown} are there, "
            f"{twice} duplicates {_mark(not twice)}"
        ]

    def _credit_notes(self, result: NightResult) -> list[str]:
        """Matched credit notes among tonight's reductions; one that is not matched is no business of the agency's."""
        matched = [
            f"{effect.details['document_type']} {effect.details['number']} on {effect.content.document}"
            for effect in (result.plan.plan.effects if result.plan else ())
            if effect.kind == Kind.REDUCTION and effect.details["kind"] == "CREDIT"
        ]
        unmatched = self.world.notable.get("credit_note_unmatched")
        rest = f"; {unmatched} is not matched: not told" if unmatched else ""
        return [f"credits    {', '.join(matched)} is told{rest}"] if matched else []

    @contextmanager
    def _open(self, chapter: Chapter) -> Iterator[Night]:
        # One request at a time, so that the same answers are lost every time.
        with (
            working(f"night {chapter.number}", aloud=False) as progress,
            Night.open(
                COMPANY, self.settings, self.world.clock, who="demo", progress=progress, parallel=1, patience=0
            ) as night,
        ):
            yield night

    def _look(self, night: Night) -> None:
        journal: Journal = night.journal
        self.findings = [f for f in journal.findings() if f["state"] == "open"]
        self.unknown = len(journal.effects(states=("intent", "uncertain")))

    # -- the end

    def _close(self, result: NightResult) -> int:
        truth = self.world.truth()[COMPANY]
        statement = result.statement
        if statement is None:
            raise Stop("the last night made no statement")
        problems = self._problems(truth, statement)
        differ = len(truth.unequal)
        say(
            "",
            f"[bold]Account {statement.account}[/]  {closing.movements(statement)}",
            f"  general ledger {display(statement.ledger)} {_mark(statement.ledger_difference == 0)} · "
            f"the agency owes {display(truth.unsettled_principal)} "
            f"{_mark(statement.agency_unsettled == truth.unsettled_principal)} · "
            f"claims equal on both sides: {len(truth.balances) - differ} of {len(truth.balances)}, "
            f"{differ} for a person {_mark(not problems)}",
        )
        self._needs_a_person()
        notable = self.world.notable
        number = notable.get("payment_voided") or notable.get("disputed") or next(iter(notable.values()), "")
        call = command()
        say(
            f"[bold]Files[/]  {self.folder}: settings in cloudcollect.toml, journal and ledger in {COMPANY}/",
            f"[bold]Next[/]   {call} explain {number} | up (Dagster) | init (your own company)",
            *(f"{closing.NO} {escape(problem)}" for problem in problems),
        )
        return ERROR if problems else OK

    def _problems(self, truth: Truth, statement: Statement) -> list[str]:
        """What must not be: nothing of it may be left when the story ends."""
        said = " ".join(f"{finding['subject']} {finding['text']}" for finding in self.findings)
        problems = [f"{name} differs and nothing explains it" for name in truth.unequal if name not in said]
        problems += [f"{name} was done twice" for name in truth.double_effects]
        if not statement.ties or statement.ledger != truth.suspense_balance:
            problems.append(
                f"the account does not tie: closing {display(statement.closing)}, "
                f"general ledger {display(truth.suspense_balance)}"
            )
        return problems

    def _needs_a_person(self) -> None:
        ranked = words.by_severity(self.findings)
        if not ranked:
            return
        shown = table("", "needs a person, and what to do", wrap=("needs a person, and what to do",))
        for finding in ranked[:MOST_FINDINGS]:
            shown.add_row(severity(finding["code"]), escape(finding["text"]))
            shown.add_row("", f"→ {escape(CATALOGUE[finding['code']].fix)}")
        say_table(shown, indent=0)
        if len(ranked) > MOST_FINDINGS:
            say(f"and {len(ranked) - MOST_FINDINGS} more: {command()} findings list")


def _mark(good: bool) -> str:
    return closing.YES if good else closing.NO
