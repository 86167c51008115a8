"""The results as a file: one row per line of the table and size, those of an earlier run kept until measured again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Row

STAGES = (
    "extraction",
    "validation",
    "diff",
    "mirror",
    "history",
    "plan",
    "effects",
    "night",
    "orchestrated",
    "companies",
    "bad_input",
    "looking",
)
"""The modules in the order of the issue's table."""
PATH = Path(__file__).with_name("results.json")


def read(path: Path = PATH) -> dict[str, Any]:
    """The machine and the rows; empty where nothing was measured yet."""
    return json.loads(path.read_text()) if path.exists() else {"machine": {}, "rows": []}  # type: ignore[no-any-return]


def keep(path: Path, machine: Mapping[str, Any], stage: str, rows: Sequence[Row]) -> None:
    """Put what was measured of a stage in the place of what was known of the same rows."""
    measured = [row.as_json() for row in rows]
    names = {(row["name"], row["size"]) for row in measured}
    others = [row for row in read(path)["rows"] if (row["name"], row["size"]) not in names]
    rows = sorted([*others, *measured], key=lambda row: STAGES.index(row["stage"]) if row["stage"] else 0)
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1, ensure_ascii=False) + "\n")


def line(row: Row) -> str:
    """A row for a person who waits."""
    told = [f"{row.name}, {row.size:,}: {_figure(row.value)} {row.unit}"]
    if row.ratio_to_floor is not None:
        told.append(f"{row.ratio_to_floor:.2f} of the floor")
    if row.target:
        told.append(f"target {row.target}" + ("" if row.met is None else ", met" if row.met else ", MISSED"))
    told += [f"{peer} {row.reasons.get(peer) or _figure(value)}" for peer, value in row.peers.items()]
    told += [f"{name}: {why}" for name, why in row.reasons.items() if name not in row.peers]
    return "; ".join(told)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
