"""Messages: what people read. Counts, sums, dates, keys of plans and runs; of findings only what they mean.

A `Message` is a value without a form: its receivers make text, blocks or a card of it. `data` holds the same for
programs, amounts in øre.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

from cloudcollect_pipeline.domain.effect import TO_THE_AGENCY, TO_THE_ERP
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.reporting.morning import Morning, Need, Waiting
from cloudcollect_pipeline.reporting.words import words
from cloudcollect_pipeline.settings import News

Severity = Literal["good", "person", "off"]
"""All is well; somebody should look; the books do not tie, or a night failed or is missing."""
Totals = Mapping[str, Mapping[str, int]]
"""Kind of effect -> count, and sum in øre."""
Line = tuple[str, str]
"""What it is about (empty: as the line above), and what there is to say."""

SHOWN = 8
"""Kinds of findings, reasons or nights that a message lists; the rest is counted."""


@dataclass(frozen=True)
class Message:
    """One thing to tell. `company` is a short name, or empty where it is about all; `link` may be empty."""

    news: News
    company: str
    severity: Severity
    subject: str
    lines: tuple[Line, ...]
    link: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The lines as plain text, labels in a column."""
        width = max((len(label) for label, _ in self.lines), default=0)
        told = [f"{label:<{width}}  {said}".rstrip() for label, said in self.lines]
        return "\n".join([*told, *(("", self.link) if self.link else ())])

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes it again."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What `as_json` told."""
        return cls(**{**told, "lines": tuple((label, said) for label, said in told["lines"])})


@cache
def _catalogue() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Writer:
    """Writes messages in one language, with links to a Dagster UI where its address is known."""

    language: str = "en"
    ui_url: str = ""

    def say(self, group: str, name: str, /, **filled: object) -> str:
        """One text of the catalogue."""
        return _catalogue()[group][name][self.language].format(**filled)

    def morning(self, morning: Morning) -> Message:
        """What the night did and how the books stand: also when all is well."""
        severity: Severity = "person" if morning.verdict == "missing" else morning.verdict
        done = {kind: outcomes["confirmed"] for kind, outcomes in morning.dispatched.items() if "confirmed" in outcomes}
        counted = _by_code(morning.needs)
        new, old = morning.new_findings, morning.old_findings
        stuck = len(morning.uncertain) + len(morning.without_receipt)
        lines = [
            (self.say("label", "sent"), self._amounts(done, TO_THE_AGENCY)),
            (self.say("label", "posted"), self._amounts(done, TO_THE_ERP)),
            *self._under("open", self._open(morning.dispatched)),
            (self.say("label", "held_back"), self.say("text", "receivables", count=morning.held_back)),
            *self._under("difference", self._differences(morning)),
            (self.say("label", "findings"), self.say("text", "findings", new=new, old=old)),
            *(("", said) for said in self._needs(counted)),
            *self._under("old_items", self._old_items(morning)),
            *self._under("paused", [self.say("text", "paused")] if morning.paused else []),
            *self._under("waits", [self._plan(morning.waiting)] if morning.waiting else []),
            *self._under("unknown", [str(len(morning.uncertain))] if morning.uncertain else []),
            *self._under("no_receipt", [str(len(morning.without_receipt))] if morning.without_receipt else []),
            *self._nights(morning.missing_nights),
        ]
        lines += self._under(
            "do",
            [
                *([self.say("do", "approve", hash=morning.waiting.hash[:12])] if morning.waiting else []),
                *(
                    [self.say("do", "missing", first=morning.missing_nights[0], last=morning.missing_nights[-1])]
                    if morning.missing_nights
                    else []
                ),
                *([self.say("do", "findings")] if counted or severity == "off" else []),
                *([self.say("do", "checks")] if stuck else []),
            ],
        )
        data = {
            "night": morning.night.isoformat(),
            "verdict": morning.verdict,
            "sent": {kind: total for kind, total in done.items() if kind in TO_THE_AGENCY},
            "posted": {kind: total for kind, total in done.items() if kind in TO_THE_ERP},
            "not_confirmed": {
                kind: rest
                for kind, outcomes in morning.dispatched.items()
                if (rest := {outcome: total for outcome, total in outcomes.items() if outcome != "confirmed"})
            },
            "held_back": morning.held_back,
            "account": morning.account,
            "currency": morning.currency,
            "statement": dict(morning.statement),
            "difference": morning.ledger_difference,
            "agency_difference": morning.agency_difference,
            "old_items": {"count": len(morning.old_items), "sum": sum(item.open for item in morning.old_items)},
            "findings": {"new": new, "old": old, "by_code": counted},
            "paused": morning.paused,
            "plan": _plan_json(morning.waiting),
            "unknown_outcomes": stuck,
            "missing_nights": [night.isoformat() for night in morning.missing_nights],
        }
        return Message(
            "morning",
            morning.company,
            severity,
            self.say("subject", severity, name=morning.name, night=morning.night),
            tuple(lines),
            self._link(f"/assets/{morning.company}/morning"),
            data,
        )

    def approval(self, company: str, name: str, waiting: Waiting | None) -> Message:
        """A plan waits for a person; None is one that was not published."""
        lines: list[Line] = [(self.say("label", "do"), self.say("do", "look_at_plan"))]
        if waiting:
            lines = [
                (self.say("label", "plan"), self._plan(waiting)),
                *self._under("why", list(waiting.reasons[:SHOWN])),
                (self.say("label", "do"), self.say("do", "approve", hash=waiting.hash[:12])),
            ]
        return Message(
            "approval",
            company,
            "person",
            self.say("subject", "approval", name=name),
            tuple(lines),
            self._link(f"/assets/{company}/plan"),
            {"plan": _plan_json(waiting)},
        )

    def failure(
        self,
        company: str,
        name: str,
        *,
        job: str,
        night: str,
        run_id: str,
        failed: bool,
        steps: Sequence[str],
        checks: Sequence[str],
    ) -> Message:
        """A run failed in some steps (in none: before the first), or ended well and left checks that do not hold."""
        kind = "failed" if failed else "checks"
        places = list(steps) or [self.say("text", "start")]
        lines = [
            *self._under("failed_in", places if failed else []),
            *self._under("not_so", [self._check(check) for check in checks]),
            (self.say("label", "do"), self.say("do", kind)),
        ]
        return Message(
            "failure",
            company,
            "off" if failed else "person",
            self.say("subject", kind, name=name, job=job, night=night),
            tuple(lines),
            self._link(f"/runs/{run_id}"),
            {"job": job, "night": night, "run": run_id, "failed_in": list(steps), "checks": list(checks)},
        )

    def freshness(self, company: str, name: str, last: date, missing: Sequence[date]) -> Message:
        """No night has ended today. `missing` has at least this one."""
        return Message(
            "freshness",
            company,
            "off",
            self.say("subject", "missing", name=name),
            (
                *self._nights(missing),
                (self.say("label", "last"), last.isoformat()),
                (self.say("label", "do"), self.say("do", "missing", first=missing[0], last=missing[-1])),
            ),
            self._link(f"/assets/{company}/morning"),
            {"last_night": last.isoformat(), "missing_nights": [night.isoformat() for night in missing]},
        )

    def unreadable(self, company: str, name: str) -> Message:
        """What a company's last night published cannot be read."""
        subject, mend = self.say("subject", "unreadable", name=name), self.say("do", "unreadable")
        return Message("failure", company, "off", subject, ((self.say("label", "do"), mend),))

    def unreached(self, receiver: str, why: str, tries: int) -> Message:
        """One receiver was given up on: the others are told."""
        lines = ((self.say("label", "do"), self.say("do", "unreached", count=tries, why=why)),)
        subject = self.say("subject", "unreached", receiver=receiver)
        return Message("failure", "", "person", subject, lines, data={"receiver": receiver, "tries": tries})

    def test(self, companies: Iterable[str]) -> Message:
        """Nothing is wrong."""
        lines = (
            (self.say("label", "company"), ", ".join(companies)),
            (self.say("label", "do"), self.say("do", "test")),
        )
        return Message("morning", "", "good", self.say("subject", "test"), lines, self._link("/"), {"test": True})

    # -- parts ---------------------------------------------------------------------------------------------------

    def _link(self, path: str) -> str:
        return f"{self.ui_url}{path}" if self.ui_url else ""

    def _under(self, label: str, said: Sequence[str]) -> list[Line]:
        """Several lines under one label; none where there is nothing to say."""
        return [(self.say("label", label) if i == 0 else "", text) for i, text in enumerate(said)]

    def _amounts(self, totals: Totals, kinds: Iterable[str]) -> str:
        """`41 claims 180 294,51 · 4 reductions 7 465,92`; a sum of nothing is left out."""
        said = [self._amount(kind, totals[kind]) for kind in kinds if kind in totals and totals[kind]["count"]]
        return " · ".join(said) or self.say("text", "nothing")

    def _amount(self, kind: str, total: Mapping[str, int]) -> str:
        word = self.say("one" if total["count"] == 1 else "many", kind)
        return f"{total['count']} {word} {display(total['sum']) if total['sum'] else ''}".rstrip()

    def _open(self, dispatched: Mapping[str, Totals]) -> list[str]:
        return [
            f"{self._amount(kind, total)} {self.say('state', outcome)}"
            for kind in (*TO_THE_AGENCY, *TO_THE_ERP)
            for outcome, total in sorted(dispatched.get(kind, {}).items())
            if outcome != "confirmed" and total["count"]
        ]

    def _differences(self, morning: Morning) -> list[str]:
        if not morning.statement:
            return []
        account = self.say(
            "text",
            "account",
            difference=display(morning.ledger_difference),
            account=morning.account,
            closing=display(morning.statement["closing"]),
            ledger=display(morning.statement["ledger"]),
        )
        if not morning.agency_difference:
            return [account]
        return [account, self.say("text", "at_agency", difference=display(morning.agency_difference))]

    def _old_items(self, morning: Morning) -> list[str]:
        items = morning.old_items
        if not items:
            return []
        amount = display(sum(item.open for item in items))
        return [self.say("text", "old_items", count=len(items), amount=amount, days=morning.oldest_days)]

    def _needs(self, counted: Mapping[str, Mapping[str, int]]) -> list[str]:
        texts, said = words(self.language), []
        for code, total in list(counted.items())[:SHOWN]:
            new = f", {self.say('text', 'new', count=total['new'])}" if total["new"] else ""
            amount = f" {display(total['sum'])}" if total["sum"] else ""
            said.append(f"{total['count']} × {texts.get(f'reason.{code}', code)}{amount} ({code}{new})")
        return said + ([f"… {len(counted) - SHOWN}"] if len(counted) > SHOWN else [])

    def _plan(self, waiting: Waiting) -> str:
        totals = self._amounts(waiting.totals, (*TO_THE_AGENCY, *TO_THE_ERP))
        return self.say("text", "plan", hash=waiting.hash[:12], totals=totals)

    def _nights(self, nights: Sequence[date]) -> list[Line]:
        if not nights:
            return []
        days = [night.isoformat() for night in nights]
        shown = ", ".join(days) if len(days) <= SHOWN else f"{days[0]} … {days[-1]}"
        return [(self.say("label", "missing"), f"{len(days)}: {shown}")]

    def _check(self, check: str) -> str:
        """`asset: check` in words; a check that this version does not know by its name."""
        asset, _, name = check.rpartition(": ")
        known = _catalogue()["check"].get(name, {})
        return f"{known.get(self.language, name.replace('_', ' '))} ({asset.rpartition('/')[2]})"


def _by_code(needs: Sequence[Need]) -> dict[str, dict[str, int]]:
    """Code -> how many, how many of them new, and their sum in øre; in the order of the needs, gravest first."""
    counted: dict[str, dict[str, int]] = {}
    for need in needs:
        total = counted.setdefault(need.code, {"count": 0, "new": 0, "sum": 0})
        total["count"] += 1
        total["new"] += need.new
        total["sum"] += need.amount or 0
    return counted


def _plan_json(waiting: Waiting | None) -> dict[str, Any] | None:
    if waiting is None:
        return None
    return {"hash": waiting.hash, "totals": waiting.totals, "reasons": list(waiting.reasons)}
