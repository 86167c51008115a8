"""A finding as it stands on a night: its age, whether it came back, what people did about it; in both languages."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.domain.finding import reason_of
from cloudcollect_pipeline.reporting.words import words

Row = Mapping[str, Any]
"""A row of the journal's findings."""


def standing(finding: Row, night: date, language: str = "en") -> dict[str, Any]:
    """The row with what its code means, its age in days as of a night, and whether a resolved one is still seen."""
    reason = reason_of(finding["code"])
    means, fix = reason.told(language)
    return {
        **finding,
        "severity": reason.severity,
        "owner": reason.owner,
        "means": means,
        "fix": fix,
        "actions": list(reason.actions),
        "age_days": age(finding, night),
        "still_seen": still_seen(finding),
        "remarks": remarks(finding, language),
    }


def age(finding: Row, night: date) -> int:
    """Days from the night it was first seen, this time, to a night or to its end."""
    until = date.fromisoformat(finding["gone_night"]) if finding["state"] == "closed" else night
    return max((until - date.fromisoformat(finding["first_night"])).days, 0)


def still_seen(finding: Row) -> bool:
    """Whether a person has called it resolved and a later night has seen its cause again."""
    return bool(finding["state"] == "resolved" and finding["last_night"] > finding["acted_night"])


def remarks(finding: Row, language: str = "en") -> list[str]:
    """What its life adds to it: came back, resolved and still seen, ignored, assigned, over."""
    told = words(language)
    facts = {
        "nth": ordinal(finding["came_back"], language),
        "who": finding["who"],
        "day": night_of(datetime.fromisoformat(finding["acted_at"])) if finding["acted_at"] else "",
        "night": finding["gone_night"] if finding["state"] == "closed" else finding["last_night"],
        "until": finding["ignored_until"],
        "to": finding["assigned_to"],
    }
    state = {"closed": "over", "resolved": "still_seen" if still_seen(finding) else "resolved", "ignored": "ignored"}
    names = [
        "came_back" if finding["came_back"] else "",
        state.get(finding["state"], ""),
        "assigned" if finding["assigned_to"] else "",
    ]
    return [told[f"life.{name}"].format(**facts) for name in names if name]


def ordinal(number: int, language: str = "en") -> str:
    """`2nd` in English, `2.` in Norwegian."""
    if language != "en":
        return f"{number}."
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"
