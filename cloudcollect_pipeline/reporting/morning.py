"""The morning: what a person needs to know of a company at eight, from what its last night published.

It is asked of the state, not of a run: what was mended since is not told any more. Amounts are øre, debit positive;
keys only, nobody's name.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from cloudcollect_pipeline.dispatch.gate import PLAN_LIFE
from cloudcollect_pipeline.dispatch.journal import BLOCKING
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.domain.finding import SEVERITIES
from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.reporting.books import Aged, Balance, aged
from cloudcollect_pipeline.reporting.nights import HISTORY, dispatched, missing_nights
from cloudcollect_pipeline.reporting.published import Snapshot
from cloudcollect_pipeline.reporting.standing import standing

HERE = "cloudcollect_pipeline.reporting.sql"
TOO_OLD = 14
"""Days after which money in the suspense account should have been settled."""
TWO_NIGHTS = timedelta(days=2)
LINES = ("opening", "posted", "reversed", "settled", "foreign", "closing", "ledger", "in_transit", "agency_unsettled")
"""The terms of the statement that a morning shows."""

Verdict = Literal["good", "person", "missing", "off"]
VERDICTS: Mapping[Verdict, str] = {
    "good": "the account is explained to the øre; nothing needs a person",
    "person": "the account is explained to the øre; somebody must look",
    "missing": "a night did not run",
    "off": "the account is NOT explained: do not close on it",
}


@dataclass(frozen=True)
class Need:
    """An open finding. `new`: first seen on the last night; `age` in days; `amount` øre or None.

    `owner` is the role that usually deals with it, `assigned_to` whoever a person gave it to, `came_back` how often it
    was gone before.
    """

    id: int
    code: str
    severity: str
    subject: str
    text: str
    fix: str
    amount: int | None
    since: date
    age: int
    new: bool
    owner: str = ""
    assigned_to: str = ""
    came_back: int = 0


@dataclass(frozen=True)
class Waiting:
    """A stored plan that nobody has approved yet. `totals` per kind: count, sum, largest."""

    hash: str
    night: date
    expires_at: datetime
    reasons: tuple[str, ...]
    totals: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class OldItem:
    """Agency money that has stood in the account for long; age in days since its value date."""

    entry: str
    customer: str
    value_date: date
    open: int
    age: int


@dataclass(frozen=True)
class Stuck:
    """An effect whose outcome two nights have not settled, or that was sent and has no receipt."""

    reference: str
    kind: str
    state: str
    night: date
    amount: int


@dataclass(frozen=True)
class Morning:
    """One company at one moment. `night` is the newest that ran; moments are UTC.

    `dispatched` is what all runs of the night did, as kind -> outcome -> count and sum. `statement` is empty where no
    night has made one yet.
    """

    company: str
    name: str
    account: str
    currency: str
    now: datetime
    published_at: datetime
    night: date
    ended_at: datetime | None
    paused: bool
    statement: Mapping[str, int]
    ledger_difference: int
    agency_difference: int
    dispatched: Mapping[str, Mapping[str, Mapping[str, int]]]
    not_sent: str
    held_back: int
    held_back_by_rule: Mapping[str, int]
    waiting: Waiting | None
    needs: tuple[Need, ...]
    ageing: tuple[Aged, ...]
    trend: tuple[Balance, ...]
    open_items: int
    old_items: tuple[OldItem, ...]
    oldest_days: int
    missing_nights: tuple[date, ...]
    uncertain: tuple[Stuck, ...]
    without_receipt: tuple[Stuck, ...]

    @property
    def ties(self) -> bool:
        """Whether both identities of the last statement hold to the øre."""
        return self.ledger_difference == 0 and self.agency_difference == 0

    @property
    def verdict(self) -> Verdict:
        """`off`: the account is not explained; `missing`: a night did not run; `person`: somebody must look."""
        if not self.ties:
            return "off"
        if self.missing_nights:
            return "missing"
        asks = any(need.severity != "warning" for need in self.needs)
        return "person" if asks or self.waiting or self.uncertain or self.without_receipt else "good"

    @property
    def new_findings(self) -> int:
        """How many findings were first seen on the last night."""
        return sum(need.new for need in self.needs)

    @property
    def old_findings(self) -> int:
        """How many were known before."""
        return len(self.needs) - self.new_findings

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts in øre, moments and days as ISO text."""
        told = {"verdict": self.verdict, "new_findings": self.new_findings, "old_findings": self.old_findings}
        plain: dict[str, Any] = json.loads(json.dumps({**told, **asdict(self)}, default=str))
        return plain


def read_morning(seen: Snapshot, now: datetime) -> Morning:
    """The morning of a company at `now` (UTC), from what its last night published. Raises `NotPublished`."""
    journal, ledger = seen.journal, seen.ledger
    # a run that died is closed as unfinished: it did not end the night
    runs = [run for run in journal.nights(HISTORY) if run["ended_at"] and run["outcome"] != "unfinished"]
    night = date.fromisoformat(runs[0]["night"]) if runs else seen.night
    tonight = [run for run in runs if run["night"] == night.isoformat()]
    planned: Mapping[str, Any] = next((run["summary"] for run in tonight if run["summary"].get("plan")), {})
    newest: Mapping[str, Any] = tonight[0] if tonight else {}
    statement = json.loads(ledger.value(sql("newest_statement", HERE)) or "{}")
    items = [_old_item(item, night) for item in statement.get("items", ()) if item["posted"] != item["settled"]]
    needs = _needs(seen.open_findings(), night)
    return Morning(
        seen.slug,
        seen.settings.name,
        seen.settings.erp.suspense_account,
        seen.settings.currency,
        now,
        seen.made_at,
        night,
        datetime.fromisoformat(newest["ended_at"]) if newest else None,
        journal.paused(),
        {line: statement[line] for line in LINES if line in statement},
        statement.get("ledger_difference", 0),
        statement.get("agency_difference", 0),
        dispatched(tonight),
        newest.get("summary", {}).get("not_sent", ""),
        planned.get("held_back", 0),
        planned.get("held_back_by_rule", {}),
        _waiting(seen, runs, now),
        needs,
        aged(ledger.rows(sql("ageing", HERE), {"night": night, "currency": seen.settings.currency})),
        tuple(Balance(**row) for row in reversed(ledger.rows(sql("trend", HERE), {"night": night}))),
        len(items),
        tuple(sorted((i for i in items if i.age > TOO_OLD), key=lambda item: (-item.age, item.entry, item.customer))),
        max((item.age for item in items), default=0),
        missing_nights(runs, now),
        tuple(
            Stuck(row.reference, row.kind.value, row.state, row.night, row.content.amount)
            for row in journal.effects(states=BLOCKING)
            if night - (night_of(row.intent_at) if row.intent_at else row.night) >= TWO_NIGHTS
        ),
        tuple(
            Stuck(row["reference"], row["kind"], row["state"], date.fromisoformat(row["night"]), row["amount"])
            for row in journal.rows(sql("without_receipt", HERE))
        ),
    )


def _needs(findings: Iterable[Mapping[str, Any]], night: date) -> tuple[Need, ...]:
    needs = []
    for finding in (standing(finding, night) for finding in findings):
        since = date.fromisoformat(finding["first_night"])
        needs.append(
            Need(
                finding["id"],
                finding["code"],
                finding["severity"],
                finding["subject"],
                finding["text"],
                finding["fix"],
                finding["amount"],
                since,
                finding["age_days"],
                since == night,
                finding["owner"],
                finding["assigned_to"] or "",
                finding["came_back"],
            )
        )
    return tuple(sorted(needs, key=lambda need: (SEVERITIES.index(need.severity), need.since, need.code, need.id)))


def _waiting(seen: Snapshot, runs: Sequence[Mapping[str, Any]], now: datetime) -> Waiting | None:
    plan = seen.waiting_plan(now)
    if plan is None:
        return None
    expires = datetime.fromisoformat(plan["made_at"]) + PLAN_LIFE
    reasons = next((run["summary"]["reasons"] for run in runs if run["summary"].get("plan") == plan["hash"]), ())
    return Waiting(plan["hash"], date.fromisoformat(plan["night"]), expires, tuple(reasons), plan["totals"])


def _old_item(item: Mapping[str, Any], night: date) -> OldItem:
    dated = date.fromisoformat(item["value_date"])
    return OldItem(item["entry"], item["customer"], dated, item["posted"] - item["settled"], (night - dated).days)
