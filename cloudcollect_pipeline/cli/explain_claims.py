"""Receivables and the cases that group them: all that happened, every rule of transfer and stop, what comes next."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from cloudcollect_pipeline.cli.telling import (
    QUERIES,
    Event,
    Row,
    Told,
    Verdict,
    branch,
    findings_about,
    in_order,
    iso,
    kr,
    lives,
    own,
    shown,
    to_come,
)
from cloudcollect_pipeline.domain.calendar import transferable_from
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.planning.plan import judge
from cloudcollect_pipeline.planning.rules import rules
from cloudcollect_pipeline.reporting.published import UNKNOWN_HERE, Snapshot

Judged = Mapping[str, tuple[Row, frozenset[str]]]
"""Document -> what the rules asked about, and the codes of those that failed."""


def judged(seen: Snapshot, documents: list[str]) -> Judged:
    """Ask every rule about these receivables."""
    ledger = seen.ledger
    ledger.db.execute(sql("subjects", QUERIES), {"documents": documents})
    judge(ledger)
    candidates = ledger.rows("select c.*, p.* from candidate c, policy p order by c.document_type, c.number")
    failed = {row["document"]: frozenset(row["failed"]) for row in ledger.rows("select document, failed from verdict")}
    return {(name := f"{row['document_type']} {row['number']}"): (row, failed[name]) for row in candidates}


class Receivable(Told):
    """One receivable and all that hangs on it."""

    def __init__(self, seen: Snapshot, row: Row, known: Judged | None = None) -> None:
        super().__init__(seen)
        self.row = row
        self.key = {"document_type": row["document_type"], "number": row["number"]}
        self.document = f"{row['document_type']} {row['number']}"
        self.claims = self.query("claims", self.key)
        self.live = next((claim for claim in self.claims if claim["live"]), None)
        self.effects = self.query("effects", self.key)
        self.entries = self.query("entries", self.key)
        names = {self.document, *(c["claim_id"] for c in self.claims), *(e["reference"] for e in self.effects)}
        self.findings = findings_about(seen, names | {entry["entry_id"] for entry in self.entries})
        self.timeline = self._timeline()
        self.verdicts = self._verdicts((known or judged(seen, [self.document]))[self.document])
        self.next = to_come(seen, self.findings, self.effects, [self.document]) or [self._otherwise()]
        self.title = f"[bold]{escape(self.document)}[/] · customer {escape(row['customer'])} · {self.standing()}"

    # -- what happened

    def _timeline(self) -> list[Event]:
        row = self.row
        events = [
            Event(iso(row["document_date"]), "erp", f"issued, {kr(row['amount'])}, due {row['due_date']}"),
            *(self._seen_change(before, now) for before, now in pairwise(self.query("versions", self.key))),
            *(Event(iso(a["payment_date"]), "erp", _application(a)) for a in self.query("applications", self.key)),
            *(Event(iso(c["received_at"]), "agency", _claim(c)) for c in self.claims),
            *(Event(iso(c["known_at"]), "agency", _case(c)) for c in self.query("cases", self.key)),
            *(Event(iso(e["recorded_at"]), "agency", _entry(e)) for e in self.entries),
            *own(self.seen, self.effects),
            *lives(self.seen, self.findings),
        ]
        if row["dunning_date"]:
            events.append(Event(iso(row["dunning_date"]), "erp", f"dunning letter, level {row['dunning_level']}"))
        return in_order(events)

    def _seen_change(self, before: Row, now: Row) -> Event:
        changes = [
            f"{label} {shown(before[name])} → {shown(now[name])}"
            for name, label in _TOLD_CHANGES.items()
            if before[name] != now[name]
        ]
        return Event(iso(now["known_at"]), "erp", ", ".join(changes))

    # -- the rules

    def _verdicts(self, asked: tuple[Row, frozenset[str]]) -> list[Verdict]:
        candidate, failed = asked
        verdicts = []
        for rule in rules():
            passed = None if rule.code in UNKNOWN_HERE else rule.code not in failed
            numbers = _NUMBERS.get(rule.code, _nothing)(candidate)
            verdicts.append(Verdict(rule.code, rule.group, passed, rule.text, numbers, rule.fix))
        return verdicts

    def rules(self) -> list[Verdict]:
        """Every rule that was asked."""
        return self.verdicts

    # -- what comes

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
        row, live = self.row, self.live
        return {
            "document": self.document,
            "customer": row["customer"],
            "currency": row["currency"],
            "amount": ore(row["amount"]),
            "balance": ore(row["balance"]),
            "status": row["status"],
            "agency_open": ore(live["principal_open"]) if live else None,
            "claim": live["claim_id"] if live else None,
            "case_number": live["case_number"] if live else None,
            **super().as_json(),
        }

    def standing(self) -> str:
        """How it stands at both parties, in one line."""
        row = self.row
        standing = f"{row['status'].lower()}, {kr(row['balance'])} of {kr(row['amount'])} {row['currency']}"
        if self.live:
            same = row["balance"] == self.live["principal_open"]
            standing += f" · at the agency {kr(self.live['principal_open'])}"
            standing += f" {'[green]✔[/]' if same else '[yellow]≠[/]'} case {self.live['case_number'] or 'not yet'}"
        return standing

    def show_rules(self, tree: Tree) -> None:
        """Every rule, with its mark and its numbers."""
        night = f"(night {self.seen.night})"
        stop = [verdict for verdict in self.verdicts if verdict.group == "stop"]
        may = [verdict for verdict in self.verdicts if verdict.group == "may"]
        if self.live:
            branch(tree, f"must the claim stop? Not while these hold {night}", stop)
            branch(tree, f"asked before a transfer; it is at the agency already {night}", may)
        else:
            asked = [verdict for verdict in self.verdicts if verdict.group in ("may", "stop")]
            branch(tree, f"may it be transferred? Only if all of these hold {night}", asked)


class Case(Told):
    """A case with several claims: what happened to each of their receivables, in one order."""

    def __init__(self, seen: Snapshot, case_id: str) -> None:
        super().__init__(seen)
        rows = self.query("on_case", {"number": case_id})
        known = judged(seen, [f"{row['document_type']} {row['number']}" for row in rows])
        self.case_id, self.parts = case_id, [Receivable(seen, row, known) for row in rows]
        claims = [claim for part in self.parts for claim in part.claims if claim["case_id"] == case_id]
        self.number = next((claim["case_number"] for claim in claims if claim["case_number"]), None)
        said: dict[Event, list[str]] = {}
        for part in self.parts:
            for event in part.timeline:
                said.setdefault(event, []).append(part.document)
        # What is told alike of all of them, such as the number of the case, is told once.
        self.timeline = in_order(
            event if len(of) == len(self.parts) else Event(event.on, event.by, f"{', '.join(of)}: {event.text}")
            for event, of in said.items()
        )
        self.effects = _once(effect for part in self.parts for effect in part.effects)
        self.findings = _once(finding for part in self.parts for finding in part.findings)
        self.next = list(dict.fromkeys(f"{part.document}: {coming}" for part in self.parts for coming in part.next))
        there = display(sum(ore(claim["principal_open"]) for claim in claims if claim["live"]))
        balance = display(sum(ore(part.row["balance"]) for part in self.parts))
        self.title = (
            f"[bold]Case {escape(self.number or case_id)}[/] · {len(self.parts)} receivables · "
            f"{balance} open in the ERP, {there} at the agency"
        )

    def rules(self) -> list[Verdict]:
        """Every rule that was asked."""
        return [verdict for part in self.parts for verdict in part.verdicts]

    def show_rules(self, tree: Tree) -> None:
        """Every rule, with its mark and its numbers."""
        for part in self.parts:
            part.show_rules(tree.add(f"[bold]{escape(part.document)}[/] · {part.standing()}"))

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre."""
        parts = {part.document: part.as_json() for part in self.parts}
        return {**super().as_json(), "rules": [], "case": self.number or self.case_id, "receivables": parts}


def _once(rows: Any) -> list[Any]:
    """Rows without those that stand twice."""
    kept: list[Any] = []
    for row in rows:
        if row not in kept:
            kept.append(row)
    return kept


# -- words -----------------------------------------------------------------------------------------------------------


def _nothing(row: Row) -> str:
    return ""


def _claim(row: Row) -> str:
    stage = f", {row['stage'].lower()}" if row["stage"] else ""
    disputed = ", disputed" if row["disputed"] else ""
    hold = f", {row['hold'].lower()}" if row["hold"] != "NONE" else ""
    return f"claim {row['claim_id']} of {kr(row['principal'])}; now {row['status'].lower()}{stage}{hold}{disputed}"


def _application(row: Row) -> str:
    parts = [f"{word} {kr(row[name])}" for name, word in (("paid", "paid"), ("write_off", "written off")) if row[name]]
    ours = " (agency money, posted by us)" if row["ours"] else ""
    voided = ", voided since" if row["voided"] else ""
    return f"{' and '.join(parts)} by {row['document_type']} {row['number']}{ours}{voided}"


def _case(row: Row) -> str:
    return f"case {row['number']}, {row['status']}"


def _entry(row: Row) -> str:
    ours = ", reported by us" if row["ours"] else ""
    to = {"AGENCY": " received by the agency", "CREDITOR": " received by the creditor"}.get(row["received_by"], "")
    gone = ", cancelled" if row["cancelled"] else ""
    other = f" and {kr(row['other'])} interest and fees" if row["other"] else ""
    kind = row["kind"].split("_")[-1].lower()
    money = f"principal {kr(row['principal'])}{other}, value date {row['value_date']}"
    return f"{kind}{to}: {money}{ours}{gone} [{row['entry_id']}]"


_TOLD_CHANGES = {
    "due_date": "due date",
    "balance": "balance",
    "excluded": "excluded from dunning",
    "revoked": "revoked from dunning",
    "case_number": "case number shown",
}
_NUMBERS: Mapping[str, Callable[[Row], str]] = {
    "OPEN": lambda c: f"{c['status']}, balance {kr(c['balance'])}",
    "PICKED": lambda c: (
        f"level {c['dunning_level'] or 0} of {c['min_dunning_level']}, on {c['dunning_date'] or 'no day'}"
    ),
    "OLD_ENOUGH": lambda c: f"due {c['due_date']}, tonight up to {c['latest_due_date']}",
    "NOT_EXCLUDED": lambda c: f"excluded {shown(c['excluded'])}, revoked {shown(c['revoked'])}",
    "CUSTOMER_NOT_EXCLUDED": lambda c: f"excluded {shown(c['customer_excluded'])}",
    "NOT_DISPUTED": lambda c: f"on hold {shown(c['on_hold'])}, disputed {shown(c['disputed'])}",
    "MINIMUM_AMOUNT": lambda c: f"{kr(c['balance'])} of at least {kr(c['min_amount'])}",
    "CURRENCY": lambda c: f"{c['currency']} of {', '.join(c['currencies'])}",
    "NO_UNRELEASED": lambda c: f"unreleased {shown(c['has_unreleased'])}",
    "NOT_CREDITED": lambda c: f"credited in full {shown(c['credited_in_full'])}",
    "NOT_WRITTEN_OFF": lambda c: f"written off in full {shown(c['written_off_in_full'])}",
    "ROUTED_HERE": lambda c: (
        f"{c['country'] or 'no country'}, {'business' if c['business'] else 'private'}, {kr(c['amount'])}"
    ),
    "NOT_AT_ANOTHER_AGENCY": lambda c: f"at another {shown(c['elsewhere'])}",
    "NO_FOREIGN_PAYMENT": lambda c: f"such a payment {shown(c['has_foreign_payment'])}",
    "TRUSTED": lambda c: f"something does not add up {shown(c['fenced'])}",
    "NO_UNAPPLIED_CREDIT": lambda c: f"credit {kr(c['unapplied_credit'])}",
    "NO_CASE": lambda c: f"case {c['case_number'] or 'none'}",
    "NOT_A_DUNNING_FEE": lambda c: str(c["document_type"]),
    "DOCUMENT_TYPE": lambda c: str(c["document_type"]),
    "AFTER_GO_LIVE": lambda c: f"issued {c['document_date']}, go-live {c['go_live']}",
    "NOT_TIME_BARRED": lambda c: f"due {c['due_date']}, barred up to {c['time_barred_due_date']}",
    "NO_LIVE_CLAIM": lambda c: f"{c['live_claims']} live, {c['pending_transfers']} on their way",
    "NEW_EPISODE_APPROVED": lambda c: f"{c['past_claims']} past claims",
}
"""The numbers behind a rule; one that is not listed speaks for itself."""
