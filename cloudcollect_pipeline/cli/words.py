"""Effects, outcomes and findings in the words people use."""

from collections.abc import Iterable, Mapping
from typing import Any

from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.domain.finding import SEVERITIES, severity
from cloudcollect_pipeline.domain.money import display

EFFECTS: Mapping[str, tuple[str, str]] = {
    Kind.TRANSFER: ("claim", "claims"),
    Kind.REDUCTION: ("reduction", "reductions"),
    Kind.HOLD: ("hold", "holds"),
    Kind.DEBTOR: ("debtor", "debtors"),
    Kind.ANSWER: ("answer", "answers"),
    Kind.CASE_REFERENCE: ("case number", "case numbers"),
    Kind.VOID: ("void", "voids"),
    Kind.POSTING: ("payment", "payments"),
    Kind.SETTLEMENT: ("settlement", "settlements"),
}

OUTCOMES: Mapping[str, str] = {
    "uncertain": "without an answer",
    "rejected": "refused",
    "later": "put off to the next night",
    "dropped": "dropped by the guard",
    "blocked": "waiting for another",
    "quarantined": "in quarantine",
    "created": "created, not released",
    "absent": "not there",
}


def count(number: int, kind: str) -> str:
    """`1 claim`, `41 claims`."""
    one, many = EFFECTS.get(kind, (kind, kind))
    return f"{number} {one if number == 1 else many}"


def amounts(totals: Mapping[str, Mapping[str, int]], kinds: Iterable[str] = EFFECTS) -> str:
    """`41 claims 180 294,51 · 4 reductions 7 465,92` for the kinds that occur; a sum of nothing is left out."""
    parts = []
    for kind in kinds:
        total = totals.get(str(kind))
        if total and total["count"]:
            parts.append(f"{count(total['count'], kind)} {display(total['sum']) if total['sum'] else ''}".rstrip())
    return " · ".join(parts)


def by_severity(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The gravest first, then the oldest."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(severity(f["code"])), f["first_night"], f["code"], f["id"]))
