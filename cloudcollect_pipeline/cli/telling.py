"""What every explanation is made of: events in order, rules with their numbers, findings, and what comes next."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from cloudcollect_pipeline.cli import words
from cloudcollect_pipeline.cli.findings import event_text
from cloudcollect_pipeline.cli.screen import command, moment, print_lines
from cloudcollect_pipeline.domain.finding import reason_of, severity
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.reporting.published import Snapshot
from cloudcollect_pipeline.reporting.standing import standing

QUERIES = "cloudcollect_pipeline.cli.sql"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One thing that happened: `on` is a day or a moment, `by` erp, agency, us, finding or person."""

    on: str
    by: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """One rule: passed, failed, or None where it cannot be told here."""

    code: str
    group: str
    passed: bool | None
    text: str
    numbers: str
    fix: str


class Told:
    """An explanation. What explains something fills in these."""

    title: str
    timeline: list[Event]
    effects: Sequence[Row]
    findings: list[dict[str, Any]]
    next: list[str]

    def __init__(self, seen: Snapshot) -> None:
        self.seen = seen

    def query(self, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a query of `cli/sql`."""
        text = sql(name, QUERIES)
        return self.seen.ledger.rows(text, {key: value for key, value in values.items() if f"${key}" in text})

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre."""
        return {
            "as_of_night": self.seen.night.isoformat(),
            "timeline": [asdict(event) for event in self.timeline],
            "rules": [asdict(verdict) for verdict in self.rules()],
            "effects": [{**effect, "details": json.loads(effect["details"])} for effect in self.effects],
            "findings": [standing(finding, self.seen.night) for finding in self.findings if finding["state"] == "open"],
            "next": self.next,
        }

    def rules(self) -> list[Verdict]:
        """Every rule that was asked."""
        return []

    def show(self) -> None:
        """A tree of what happened, the rules, the findings and what happens next."""
        tree = Tree(self.title)
        for event in self.timeline:
            on = moment(event.on) if "T" in event.on else f"{event.on}      "
            tree.add(f"[cyan]{on}[/]  {event.by:<7}  {escape(event.text)}")
        self.show_rules(tree)
        for finding in self.findings:
            if finding["state"] == "open":
                grade = severity(finding["code"])
                tree.add(f"[yellow]finding {finding['id']}[/] {grade}: {escape(finding['text'])}")
        for coming in self.next:
            tree.add(f"[bold]next[/]  {escape(coming)}")
        print_lines(tree)

    def show_rules(self, tree: Tree) -> None:
        """The rules as a branch; those that concern money say how the amounts stand."""
        branch(tree, f"does it add up? (night {self.seen.night})", self.rules())


def branch(tree: Tree, title: str, verdicts: Sequence[Verdict]) -> None:
    """Rules under a title, each with its mark and its numbers."""
    under = tree.add(f"[bold]{title}[/]")
    width = max((len(verdict.code) for verdict in verdicts), default=0)
    for verdict in verdicts:
        mark = {True: "[green]✔[/]", False: "[red]✘[/]", None: "?"}[verdict.passed]
        numbers = f" [dim]· {escape(verdict.numbers)}[/]" if verdict.numbers else ""
        under.add(f"{mark} {verdict.code:<{width}} {escape(verdict.text)}{numbers}")


# -- what happened ---------------------------------------------------------------------------------------------------


def own(seen: Snapshot, effects: Sequence[Row]) -> list[Event]:
    """Our effects, each as one line with the states it went through."""
    steps: dict[str, list[dict[str, Any]]] = {effect["reference"]: [] for effect in effects}
    for event in seen.journal.events(*steps) if steps else ():
        if "content" in event["data"]:
            steps[event["subject"]].append(event)
    told = []
    for effect in effects:
        went = steps[effect["reference"]]
        path = [step["kind"] for step in went if step["kind"] not in ("intent", "created")] or [effect["state"]]
        note = next((f" ({step['data']['note']})" for step in reversed(went) if step["data"].get("note")), "")
        at = went[-1]["at"] if went else iso(effect["night"])
        told.append(Event(at, "us", f"{_intent(effect)} → {', then '.join(dict.fromkeys(path))}{note}"))
    return told


def findings_about(seen: Snapshot, names: Iterable[str]) -> list[dict[str, Any]]:
    """All findings that were ever seen and name one of these, the gravest first."""
    wanted = set(names) - {"", None}
    found = []
    for finding in seen.journal.findings(all_states=True):
        said = f"{finding['subject']} {finding['text']}".replace(",", " ").replace(":", " ").split()
        if wanted & {finding["subject"], *said, *(" ".join(pair) for pair in pairwise(said))}:
            found.append(finding)
    return [dict(finding) for finding in words.by_severity(found)]


def lives(seen: Snapshot, findings: Iterable[Row]) -> list[Event]:
    """When findings were seen and gone, and what people did about them."""
    told = []
    for finding in findings:
        for event in seen.journal.finding_events(finding):
            by = "person" if "who" in event["data"] else "finding"
            told.append(Event(event["at"], by, f"{finding['code']} ({finding['id']}) {event_text(event)}"))
    return told


def in_order(events: Iterable[Event]) -> list[Event]:
    """By moment; what is known only by its day comes after the night of that day."""
    return sorted((event for event in events if event.text), key=_order)


def _order(event: Event) -> str:
    return moment(event.on) if "T" in event.on else f"{event.on} 24"


def to_come(seen: Snapshot, findings: Iterable[Row], effects: Iterable[Row], names: Iterable[str]) -> list[str]:
    """What findings ask for, what is asked for on the next night, and what the newest plan would do about `names`."""
    coming = [f"finding {f['id']}: {reason_of(f['code']).fix}" for f in findings if f["state"] == "open"]
    unknown = [e for e in effects if e["state"] in ("intent", "uncertain")]
    coming += [f"the {what(e)} {e['reference']} is asked for on the next night" for e in unknown]
    for plan in seen.journal.plans(1):
        if plan["state"] != "stored":
            continue
        how = f"waits for `{command()} approve {plan['hash'][:12]}`" if plan["verdict"] == "approval" else "is sent"
        wanted = set(names)
        # A plan may be as long as the ledger: what does not even contain a name is not read.
        rows = seen.journal.rows(sql("planned_about", QUERIES), [plan["hash"], json.dumps(sorted(wanted))])
        coming += [
            f"a planned {what(effect)} of {display(effect['content']['amount'])} {how}"
            for effect in (json.loads(row["body"]) for row in rows)
            if wanted & {effect["content"]["document"], effect["source"], *effect["source"].split(":")[:1]}
        ]
    return coming


# -- words -----------------------------------------------------------------------------------------------------------


def kr(amount: Any) -> str:
    """Kroner of the ledger as people write them."""
    return display(ore(amount))


def iso(value: date | datetime | None) -> str:
    """A day or a moment as an event carries it."""
    return value.isoformat() if value else ""


def shown(value: Any) -> str:
    """Any value of a mirror in words."""
    if isinstance(value, Decimal):
        return kr(value)
    return {True: "yes", False: "no", None: "none", "": "none"}.get(value, str(value))


def what(effect: Row) -> str:
    """A kind of effect in words."""
    return words.EFFECTS.get(effect["kind"], (effect["kind"],))[0]


def _intent(effect: Row) -> str:
    amount = f" {display(effect['amount'])}" if effect["amount"] else ""
    details = json.loads(effect["details"])
    more = {
        "hold": f" {str(details.get('hold', '')).lower()}, {details.get('reason', '')}",
        "case_reference": f" {details.get('case_number', '')} shown on the invoice",
        "reduction": f" for {details.get('document_type', '')} {details.get('number', '')}",
    }.get(effect["kind"], "")
    return f"{what(effect)}{amount}{more} [{effect['reference']}]"
