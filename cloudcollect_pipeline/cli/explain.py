"""`explain`: everything known of one receivable, in order, with every rule and what happens next."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from cloudcollect_pipeline.cli import context, words
from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop
from cloudcollect_pipeline.cli.reading import QUERIES, UNKNOWN_HERE, Snapshot, snapshot
from cloudcollect_pipeline.cli.screen import command, moment, print_lines, say_json
from cloudcollect_pipeline.domain.calendar import transferable_from
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.ledger.light import without_pandas
from cloudcollect_pipeline.planning.plan import judge
from cloudcollect_pipeline.planning.rules import rules

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One thing that happened: `on` is a day or a moment, `by` erp, agency or us."""

    on: str
    by: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """One rule on this receivable: passed, failed, or None where it cannot be told here."""

    code: str
    group: str
    passed: bool | None
    text: str
    numbers: str
    fix: str


def run(words_: list[str], slug: str | None, *, as_json: bool) -> int:
    """Explain a receivable, found by its number, its case or its claim."""
    settings = context.settings()
    with without_pandas(), snapshot(settings, context.company(settings, slug)) as seen:
        receivable = _find(seen, " ".join(words_))
        about = Receivable(seen, receivable)
        if as_json:
            say_json(about.as_json())
        else:
            about.show()
    return OK


def _find(seen: Snapshot, text: str) -> Row:
    kind, _, number = text.partition(" ")
    asked = {"number": number or kind, "document_type": kind.lower() if number else None, "text": text}
    rows = seen.ledger.rows(sql("find", QUERIES), asked)
    if not rows:
        raise Stop(f"{text} is neither a receivable, a case nor a claim that the last night knew", USAGE)
    if len(rows) > 1:
        names = ", ".join(f"{row['document_type']} {row['number']}" for row in rows[:5])
        raise Stop(f"{text} is not the only one: name one of {names}", USAGE)
    return rows[0]


class Receivable:
    """One receivable and all that hangs on it."""

    def __init__(self, seen: Snapshot, row: Row) -> None:
        self.seen, self.row = seen, row
        self.key = {"document_type": row["document_type"], "number": row["number"]}
        self.document = f"{row['document_type']} {row['number']}"
        self.claims = self._query("claims")
        self.live = next((claim for claim in self.claims if claim["live"]), None)
        self.effects = self._query("effects")
        self.entries = self._query("entries")
        self.timeline = self._timeline()
        self.candidate, self.verdicts = self._verdicts()
        self.findings = self._findings()
        self.next = self._next()

    def _query(self, name: str) -> list[dict[str, Any]]:
        return self.seen.ledger.rows(sql(name, QUERIES), self.key)

    # -- what happened

    def _timeline(self) -> list[Event]:
        row = self.row
        events = [
            Event(_iso(row["document_date"]), "erp", f"issued, {_kr(row['amount'])}, due {row['due_date']}"),
            *(self._seen_change(before, now) for before, now in pairwise(self._query("versions"))),
            *(Event(_iso(a["payment_date"]), "erp", _application(a)) for a in self._query("applications")),
            *(Event(_iso(c["received_at"]), "agency", _claim(c)) for c in self.claims),
            *(Event(_iso(c["known_at"]), "agency", _case(c)) for c in self._query("cases")),
            *(Event(_iso(e["recorded_at"]), "agency", _entry(e)) for e in self.entries),
            *self._own(),
        ]
        if row["dunning_date"]:
            events.append(Event(_iso(row["dunning_date"]), "erp", f"dunning letter, level {row['dunning_level']}"))
        return sorted((event for event in events if event.text), key=_order)

    def _seen_change(self, before: Row, now: Row) -> Event:
        changes = [
            f"{label} {_shown(before[name])} → {_shown(now[name])}"
            for name, label in _TOLD_CHANGES.items()
            if before[name] != now[name]
        ]
        return Event(_iso(now["known_at"]), "erp", ", ".join(changes))

    def _own(self) -> list[Event]:
        """Our effects, each as one line with the states it went through."""
        steps: dict[str, list[dict[str, Any]]] = {effect["reference"]: [] for effect in self.effects}
        for event in self.seen.journal.events():
            if event["subject"] in steps and "content" in event["data"]:
                steps[event["subject"]].append(event)
        told = []
        for effect in self.effects:
            went = steps[effect["reference"]]
            path = [step["kind"] for step in went if step["kind"] not in ("intent", "created")] or [effect["state"]]
            note = next((f" ({step['data']['note']})" for step in reversed(went) if step["data"].get("note")), "")
            at = went[-1]["at"] if went else _iso(effect["night"])
            told.append(Event(at, "us", f"{_intent(effect)} → {', then '.join(dict.fromkeys(path))}{note}"))
        return told

    # -- the rules

    def _verdicts(self) -> tuple[Row, list[Verdict]]:
        ledger = self.seen.ledger
        ledger.db.execute(sql("one_subject", QUERIES), self.key)
        judge(ledger)
        candidate = ledger.rows("select c.*, p.* from candidate c, policy p")[0]
        failed = set(ledger.rows("select failed from verdict")[0]["failed"])
        verdicts = []
        for rule in rules():
            passed = None if rule.code in UNKNOWN_HERE else rule.code not in failed
            numbers = _NUMBERS.get(rule.code, _nothing)(candidate)
            verdicts.append(Verdict(rule.code, rule.group, passed, rule.text, numbers, rule.fix))
        return candidate, verdicts

    # -- what a person must see, and what comes

    def _findings(self) -> list[dict[str, Any]]:
        names = {self.document, *(c["claim_id"] for c in self.claims), *(e["reference"] for e in self.effects)}
        names |= {entry["entry_id"] for entry in self.entries}
        found = []
        for finding in self.seen.open_findings():
            said = f"{finding['subject']} {finding['text']}".replace(",", " ").split()
            if names & {*said, *(" ".join(pair) for pair in pairwise(said))}:
                found.append(finding)
        return [dict(finding) for finding in words.by_severity(found)]

    def _next(self) -> list[str]:
        coming = [f"finding {f['id']}: {CATALOGUE[f['code']].fix}" for f in self.findings]
        unknown = [e for e in self.effects if e["state"] in ("intent", "uncertain")]
        coming += [f"the {_what(e)} {e['reference']} is asked for on the next night" for e in unknown]
        plan = self.seen.newest_plan()
        if plan and plan["state"] == "stored":
            how = f"waits for `{command()} approve {plan['hash'][:12]}`" if plan["verdict"] == "approval" else "is sent"
            coming += [
                f"a planned {_what(effect)} of {display(effect['content']['amount'])} {how}"
                for effect in plan["effects"]
                if self.document in (effect["content"]["document"], effect["source"])
            ]
        return coming or [self._otherwise()]

    def _otherwise(self) -> str:
        if self.live:
            balance, there = ore(self.row["balance"]), ore(self.live["principal_open"])
            if balance == there:
                return f"nothing to do: the ERP shows {display(balance)}, the agency {display(there)}"
            return f"the ERP shows {display(balance)}, the agency {display(there)}: the next night tells the difference"
        failed = [verdict for verdict in self.verdicts if verdict.passed is False]
        if any(verdict.code == "OPEN" for verdict in failed):
            return "nothing: it is not open in the ERP"
        if [verdict.code for verdict in failed] == ["OLD_ENOUGH"]:
            policy = self.seen.settings.policy
            day = transferable_from(self.row["due_date"], policy.grace_days, policy.banking_days)
            return f"it may be transferred from {day} on, if it is still open"
        if failed:
            return "; ".join(f"{verdict.code}: {verdict.fix}" for verdict in failed)
        return "it is transferred on the next night, if it is still open and its debtor's address is complete"

    # -- telling it

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre."""
        return {
            "document": self.document,
            "customer": self.row["customer"],
            "currency": self.row["currency"],
            "amount": ore(self.row["amount"]),
            "balance": ore(self.row["balance"]),
            "status": self.row["status"],
            "agency_open": ore(self.live["principal_open"]) if self.live else None,
            "claim": self.live["claim_id"] if self.live else None,
            "case_number": self.live["case_number"] if self.live else None,
            "as_of_night": self.seen.night.isoformat(),
            "timeline": [asdict(event) for event in self.timeline],
            "rules": [asdict(verdict) for verdict in self.verdicts],
            "effects": [{**effect, "details": json.loads(effect["details"])} for effect in self.effects],
            "findings": self.findings,
            "next": self.next,
        }

    def show(self) -> None:
        """A tree of what happened, the rules, and what happens next."""
        row = self.row
        standing = f"{row['status'].lower()}, {_kr(row['balance'])} of {_kr(row['amount'])} {row['currency']}"
        if self.live:
            same = row["balance"] == self.live["principal_open"]
            standing += f" · at the agency {_kr(self.live['principal_open'])}"
            standing += f" {'[green]✔[/]' if same else '[yellow]≠[/]'} case {self.live['case_number'] or 'not yet'}"
        tree = Tree(f"[bold]{escape(self.document)}[/] · customer {escape(row['customer'])} · {standing}")
        for event in self.timeline:
            on = moment(event.on) if "T" in event.on else f"{event.on}      "
            tree.add(f"[cyan]{on}[/]  {event.by:<6}  {escape(event.text)}")
        if self.live:
            self._rules(tree, "must the claim stop? Not while these hold", ("stop",))
            self._rules(tree, "asked before a transfer; it is at the agency already", ("may",))
        else:
            self._rules(tree, "may it be transferred? Only if all of these hold", ("may", "stop"))
        for finding in self.findings:
            tree.add(f"[yellow]finding {finding['id']}[/] {words.severity(finding['code'])}: {escape(finding['text'])}")
        for coming in self.next:
            tree.add(f"[bold]next[/]  {escape(coming)}")
        print_lines(tree)

    def _rules(self, tree: Tree, title: str, groups: Sequence[str]) -> None:
        branch = tree.add(f"[bold]{title}[/] (night {self.seen.night})")
        for verdict in self.verdicts:
            if verdict.group in groups:
                mark = {True: "[green]✔[/]", False: "[red]✘[/]", None: "?"}[verdict.passed]
                numbers = f" [dim]· {escape(verdict.numbers)}[/]" if verdict.numbers else ""
                branch.add(f"{mark} {verdict.code:<22}{escape(verdict.text)}{numbers}")


# -- words -----------------------------------------------------------------------------------------------------------


def _kr(amount: Any) -> str:
    return display(ore(amount))


def _iso(value: date | datetime | None) -> str:
    return value.isoformat() if value else ""


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return _kr(value)
    return {True: "yes", False: "no", None: "none", "": "none"}.get(value, str(value))


def _nothing(row: Row) -> str:
    return ""


def _order(event: Event) -> str:
    """By moment; what is known only by its day comes after the night of that day."""
    return moment(event.on) if "T" in event.on else f"{event.on} 24"


def _what(effect: Row) -> str:
    return words.EFFECTS.get(effect["kind"], (effect["kind"],))[0]


def _claim(row: Row) -> str:
    stage = f", {row['stage'].lower()}" if row["stage"] else ""
    disputed = ", disputed" if row["disputed"] else ""
    hold = f", {row['hold'].lower()}" if row["hold"] != "NONE" else ""
    return f"claim {row['claim_id']} of {_kr(row['principal'])}; now {row['status'].lower()}{stage}{hold}{disputed}"


def _application(row: Row) -> str:
    parts = [f"{word} {_kr(row[name])}" for name, word in (("paid", "paid"), ("write_off", "written off")) if row[name]]
    ours = " (agency money, posted by us)" if row["ours"] else ""
    voided = ", voided since" if row["voided"] else ""
    return f"{' and '.join(parts)} by {row['document_type']} {row['number']}{ours}{voided}"


def _case(row: Row) -> str:
    return f"case {row['number']}, {row['status']}"


def _entry(row: Row) -> str:
    ours = ", reported by us" if row["ours"] else ""
    to = {"AGENCY": " received by the agency", "CREDITOR": " received by the creditor"}.get(row["received_by"], "")
    gone = ", cancelled" if row["cancelled"] else ""
    other = f" and {_kr(row['other'])} interest and fees" if row["other"] else ""
    kind = row["kind"].split("_")[-1].lower()
    money = f"principal {_kr(row['principal'])}{other}, value date {row['value_date']}"
    return f"{kind}{to}: {money}{ours}{gone} [{row['entry_id']}]"


def _intent(effect: Row) -> str:
    amount = f" {display(effect['amount'])}" if effect["amount"] else ""
    details = json.loads(effect["details"])
    more = {
        "hold": f" {str(details.get('hold', '')).lower()}, {details.get('reason', '')}",
        "case_reference": f" {details.get('case_number', '')} shown on the invoice",
        "reduction": f" for {details.get('document_type', '')} {details.get('number', '')}",
    }.get(effect["kind"], "")
    return f"{_what(effect)}{amount}{more} [{effect['reference']}]"


_TOLD_CHANGES = {
    "due_date": "due date",
    "balance": "balance",
    "excluded": "excluded from dunning",
    "revoked": "revoked from dunning",
    "case_number": "case number shown",
}
_NUMBERS: Mapping[str, Callable[[Row], str]] = {
    "OPEN": lambda c: f"{c['status']}, balance {_kr(c['balance'])}",
    "PICKED": lambda c: (
        f"level {c['dunning_level'] or 0} of {c['min_dunning_level']}, on {c['dunning_date'] or 'no day'}"
    ),
    "OLD_ENOUGH": lambda c: f"due {c['due_date']}, tonight up to {c['latest_due_date']}",
    "NOT_EXCLUDED": lambda c: f"excluded {_shown(c['excluded'])}, revoked {_shown(c['revoked'])}",
    "CUSTOMER_NOT_EXCLUDED": lambda c: f"excluded {_shown(c['customer_excluded'])}",
    "NOT_DISPUTED": lambda c: f"on hold {_shown(c['on_hold'])}, disputed {_shown(c['disputed'])}",
    "MINIMUM_AMOUNT": lambda c: f"{_kr(c['balance'])} of at least {_kr(c['min_amount'])}",
    "CURRENCY": lambda c: f"{c['currency']} of {', '.join(c['currencies'])}",
    "NO_UNAPPLIED_CREDIT": lambda c: f"credit {_kr(c['unapplied_credit'])}",
    "NO_CASE": lambda c: f"case {c['case_number'] or 'none'}",
    "NOT_A_DUNNING_FEE": lambda c: str(c["document_type"]),
    "DOCUMENT_TYPE": lambda c: str(c["document_type"]),
    "AFTER_GO_LIVE": lambda c: f"issued {c['document_date']}, go-live {c['go_live']}",
    "NOT_TIME_BARRED": lambda c: f"due {c['due_date']}, barred up to {c['time_barred_due_date']}",
    "NO_LIVE_CLAIM": lambda c: f"{c['live_claims']} live, {c['pending_transfers']} on their way",
    "NEW_EPISODE_APPROVED": lambda c: f"{c['past_claims']} past claims",
}
"""The numbers behind a rule; one that is not listed speaks for itself."""
