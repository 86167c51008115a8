"""docs/performance.md and its picture, made of `results.json` and the prose in `performance.md` beside this file.

    python -m benchmarks.page

In the prose {{rows}}, {{curve}}, {{machine}} and {{missed}} stand for what is made here, and {{value|NAME|SIZE}},
{{ratio|NAME|SIZE}} and {{also|NAME|SIZE|KEY}} for a figure of one row, so that no figure is copied by hand.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Any

from benchmarks import results

DOCS = Path(__file__).parents[1] / "docs"
PICTURE = "pictures/cost.svg"
COLOURS = ("#0b6e99", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0f766e", "#a16207", "#475569", "#be185d")
GROWN = 1.15
"""How much steeper than linear a decade may be before it is said."""

Known = Mapping[str, Any]


def write(known: Known) -> None:
    """Write both files."""
    (DOCS / PICTURE).write_text(picture(known["rows"]))
    (DOCS / "performance.md").write_text(text(known))


def text(known: Known) -> str:
    """The page: the prose with every figure filled in."""
    rows = {(row["name"], str(row["size"])): row for row in known["rows"]}

    def filled(match: re.Match[str]) -> str:
        kind, *named = match[1].split("|")
        if kind in PARTS:
            return PARTS[kind](known)
        row = rows.get((named[0], named[1]), {})
        found = {"value": row.get("value"), "ratio": row.get("ratio_to_floor")}.get(kind)
        return figure(row.get("also", {}).get(named[2]) if kind == "also" else found)

    prose = Path(__file__).with_name("performance.md").read_text()
    return re.sub(r"{{([^}]+)}}", filled, prose)


def _table(known: Known) -> str:
    lines = ["| what | size | ours | floor | ratio | peers | target | met |", "|---|--:|--:|--:|--:|---|---|---|"]
    for row in known["rows"]:
        peers = [f"{name} {_peer(row, name, value)}" for name, value in row["peers"].items()]
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        cells = [
            row["name"],
            f"{row['size']:,}",
            f"{figure(row['value'])} {row['unit']}",
            figure(row["floor"]) if row["floor"] is not None else "",
            figure(row["ratio_to_floor"]) if row["ratio_to_floor"] is not None else "",
            "; ".join(peers),
            row["target"],
            met,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _peer(row: Known, name: str, value: float | None) -> str:
    if value is None or not row["value"]:
        return f"({row['reasons'].get(name, 'no figure')})"
    ratio = row["value"] / value if row["more_is_better"] else value / row["value"]
    return (
        f"{figure(value)} ({figure(ratio)} × of ours)"
        if not row["more_is_better"]
        else f"{figure(value)} (1/{figure(ratio)})"
    )


def _floors(known: Known) -> str:
    told = {row["name"]: row["floor_is"] for row in known["rows"] if row["floor_is"]}
    return "\n".join(f"- {name}: {what}." for name, what in told.items())


def _machine(known: Known) -> str:
    told = known["machine"]
    if not told:
        return "Nothing has been measured yet."
    packages = ", ".join(f"{name} {version}" for name, version in told["packages"].items())
    where = f"{told['cores']} cores, {told['memory_gb']} GB, {told['system']}, Python {told['python']}"
    return f"{where}; {packages}. Measured on {told['day']}."


def _missed(known: Known) -> str:
    missed = [row for row in known["rows"] if row["met"] is False]
    lines = [
        f"- {row['name']}, {row['size']:,}: {figure(row['value'])} {row['unit']}, target {row['target']}"
        for row in missed
    ]
    return "\n".join(lines) or "None."


def _growth(known: Known) -> str:
    lines = []
    for name, points in _curves(known["rows"]).items():
        steps = [
            (large, (log10(slow) - log10(fast)) / (log10(large) - log10(small)))
            for (small, fast), (large, slow) in pairwise(points)
        ]
        if steps:
            size, steepest = max(steps, key=lambda step: step[1])
            word = "faster than linear" if steepest > GROWN else "not faster than linear"
            lines.append(f"- {name}: steepest up to {size:,} items, by the power {steepest:.2f}: {word}.")
    return "\n".join(lines)


def _curve(_: Known) -> str:
    return f"![Seconds by number of items, both on logarithmic axes]({PICTURE})"


PARTS = {
    "rows": _table,
    "floors": _floors,
    "machine": _machine,
    "missed": _missed,
    "growth": _growth,
    "curve": _curve,
}


def figure(value: float | None) -> str:
    """A figure at three digits."""
    if value is None:
        return "not measured"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _curves(rows: Sequence[Known]) -> dict[str, list[tuple[int, float]]]:
    """Stage -> (items, seconds), where it was measured at more than one size."""
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        seconds = (
            row["value"]
            if row["unit"] == "s"
            else row["size"] / row["value"]
            if "/" in row["unit"] and row["value"]
            else None
        )
        if seconds:
            curves[row["name"]].append((row["size"], seconds))
    return {name: sorted(points) for name, points in curves.items() if len(points) > 1}


def picture(rows: Sequence[Known]) -> str:
    """The cost of every stage from the smallest to the largest size, on logarithmic axes."""
    curves = _curves(rows)
    width, height, left, right, top, bottom = 940, 520, 60, 330, 20, 50
    sizes = [size for points in curves.values() for size, _ in points] or [1, 10]
    costs = [cost for points in curves.values() for _, cost in points] or [1, 10]
    x0, x1 = log10(min(sizes)), log10(max(sizes))
    y0, y1 = int(log10(min(costs)) // 1), int(-(-log10(max(costs)) // 1))

    def x(size: float) -> float:
        return left + (log10(size) - x0) / ((x1 - x0) or 1) * (width - left - right)

    def y(cost: float) -> float:
        return height - bottom - (log10(cost) - y0) / ((y1 - y0) or 1) * (height - top - bottom)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for power in range(y0, y1 + 1):
        at, label = y(10.0**power), f"{10.0**power:g} s"
        out.append(f'<path d="M{left} {at:.1f}H{width - right}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{label}</text>')
    for power in range(round(x0), round(x1) + 1):
        at = x(10.0**power)
        out.append(f'<path d="M{at:.1f} {top}V{height - bottom}" stroke="#eee"/>')
        out.append(
            f'<text x="{at:.1f}" y="{height - bottom + 20}" text-anchor="middle" fill="#555">{10**power:,}</text>'
        )
    ends = sorted(((y(points[-1][1]), name) for name, points in curves.items()))
    labels: dict[str, float] = {}
    lowest = 0.0
    for at, name in ends:
        lowest = labels[name] = max(at, lowest + 16)
    for colour, (name, points) in zip(COLOURS * 3, curves.items(), strict=False):
        path = " ".join(f"{x(size):.1f},{y(cost):.1f}" for size, cost in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x(size):.1f}" cy="{y(cost):.1f}" r="3" fill="{colour}"/>' for size, cost in points]
        out.append(f'<text x="{width - right + 10}" y="{labels[name] + 4:.1f}" fill="{colour}">{name}</text>')
    out.append(f'<text x="{left}" y="{height - 8}" fill="#555">items</text></svg>')
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    write(results.read())
