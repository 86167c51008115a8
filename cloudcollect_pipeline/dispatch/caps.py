"""Caps: how large a night may be before a person must look at it. All or nothing, before the first write."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.settings import CapSettings

FEW = 20
"""Records that may be missing before their share is looked at."""

Totals = Mapping[str, Mapping[str, int]]


def breaches(totals: Totals, history: Sequence[Totals], caps: CapSettings) -> list[str]:
    """Why a plan is larger than its caps, in words; empty when it is not.

    `history` holds the totals of the last dispatched nights, newest first; per kind, count and sum may reach
    max(floor, factor × median of 20 nights), and no single amount may pass its own cap.
    """
    found: list[str] = []
    for kind, total in sorted(totals.items()):
        usual_count = median([past.get(kind, {}).get("count", 0) for past in history[:20]] or [0])
        usual_sum = median([past.get(kind, {}).get("sum", 0) for past in history[:20]] or [0])
        most = max(caps.floor_count, int(caps.factor * usual_count))
        largest_sum = max(ore(caps.floor_sum), int(caps.factor * usual_sum))
        if total["count"] > most:
            found.append(f"{kind}: {total['count']} effects, cap {most}")
        if total["sum"] > largest_sum:
            found.append(f"{kind}: {display(total['sum'])} in all, cap {display(largest_sum)}")
        if total["largest"] > ore(caps.single_amount):
            found.append(f"{kind}: a single {display(total['largest'])}, cap {display(ore(caps.single_amount))}")
    return found


def too_few_rows(sources: Sequence[Mapping[str, Any]], caps: CapSettings) -> list[str]:
    """Which sources list suspiciously little of what they should: `source`, `expected` and `listed` records each.

    A handful missing is lag and holds back only what it touches; a share of everything is a source not to be trusted.
    """
    return [
        f"{row['source']}: only {row['listed']} of {row['expected']} records that should be there are listed"
        for row in sources
        if row["expected"] - row["listed"] > FEW and row["listed"] < caps.few_rows_share * row["expected"]
    ]
