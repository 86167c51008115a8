"""Nights as the journal tells their runs: which are missing, and what the runs of one did together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from cloudcollect_pipeline.domain.clock import last_due_night

HISTORY = 400
"""Runs that are looked at, the newest first: a year of nights."""


def missing_nights(runs: Sequence[Mapping[str, Any]], now: datetime) -> tuple[date, ...]:
    """Nights up to the newest that was due at `now` on which no run ended and for which none made up.

    `runs` are ended runs as the journal tells them, the newest first. Before the first of them nothing is missing.
    """
    if not runs:
        return ()
    done = {date.fromisoformat(run["night"]) for run in runs}
    done |= {date.fromisoformat(day) for run in runs for day in run["summary"].get("made_up_for", ())}
    first, last = min(date.fromisoformat(run["night"]) for run in runs), last_due_night(now)
    days = (first + timedelta(days=passed) for passed in range((last - first).days + 1))
    return tuple(day for day in days if day not in done)


def dispatched(runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """Kind -> outcome -> count and sum over runs as the journal tells them: each tells only what it did itself."""
    total: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for run in runs:
        for kind, outcomes in run["summary"].get("dispatched", {}).items():
            for outcome, told in outcomes.items():
                into = total[kind].setdefault(outcome, {"count": 0, "sum": 0})
                into["count"] += told["count"]
                into["sum"] += told["sum"]
    return dict(total)
