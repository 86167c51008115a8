"""Many lives in several processes, and what they are evidence of."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from cloudcollect_pipeline.testing.simulation.ablation import ABLATIONS, without
from cloudcollect_pipeline.testing.simulation.life import Lived
from cloudcollect_pipeline.testing.simulation.oracle import INVARIANTS, Violation
from cloudcollect_pipeline.testing.simulation.tiers import CORE, ELSEWHERE, TIERS, Tier

FOCUS: Mapping[str, tuple[str, ...]] = {
    "a 5xx counts as not done": ("write 500 done", "nothing new is listed"),
    "no hash chain": ("bit flipped",),
}
"""Safeguards that are missed only where a rare fault strikes or two meet: their lives are drawn of these alone."""
PARTS = ("full", "story", "states", "soak")
"""Of the file of evidence, beside the nights over values: whole nights, one story, every order, real processes."""
THE_MODELS_OWN = dict.fromkeys(("L1", "L3", "L4"), " (the model's own)")
"""Invariants that compare the sandbox's books with themselves: no product can break them."""
MOST_SEEDS = 200
"""Lives in which a safeguard that was taken out must have been missed."""


@dataclass
class Evidence:
    """What many lives add up to. `lives` and `nights` as asked for; `lived` are nights really lived, quiet ones too."""

    tier: Tier
    lives: int
    nights: int
    faults_a_night: float
    first: int = 0
    lived: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    idle: int = 0
    """Faults that changed nothing where they struck, and are none of these."""
    quarantined: int = 0
    quiet_after: list[int] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    hash: str = ""

    def add(self, lived: Lived) -> None:
        """One more life, in the order of the seeds."""
        self.lived += lived.nights
        self.happened += lived.happened
        self.effects += lived.effects
        self.struck += lived.struck
        self.idle += lived.idle
        self.quarantined += lived.quarantined
        self.quiet_after.append(lived.quiet_after)
        self.violations += lived.violations
        self.hash = hashlib.sha256(f"{self.hash}{lived.hash}".encode()).hexdigest()

    @property
    def cells(self) -> dict[tuple[str, str], int]:
        """Kind of fault and place -> how often it struck there, for every place that it can strike."""
        cells = dict.fromkeys(self.tier.cells, 0)
        for (kind, place), times in self.struck.items():
            cell = kind, place
            if cell not in cells:  # of places that a tier does not tell apart, all are one
                cell = kind, ELSEWHERE.get(self.tier.faults[kind].place, "")
            if cell in cells:
                cells[cell] += times
        return cells

    def as_json(self) -> dict[str, Any]:
        """Plain values for the file of evidence."""
        cells = self.cells
        effects = sum(self.effects.values())
        matrix: dict[str, dict[str, int]] = {}
        for (kind, place), times in cells.items():
            matrix.setdefault(kind, {})[place] = times
        return {
            "tier": self.tier.name,
            "seeds": self.lives,
            "first_seed": self.first,
            "nights": self.nights,
            "faults_a_night": self.faults_a_night,
            "nights_lived": self.lived,
            "events": sum(self.happened.values()),
            "effects": dict(sorted(self.effects.items())),
            "faults": sum(self.struck.values()),
            "faults_that_changed_nothing": self.idle,
            "fault_kinds": len({kind for kind, _ in self.struck}),
            "matrix": matrix,
            "matrix_cells": len(cells),
            "matrix_hit": round(sum(1 for times in cells.values() if times) / len(cells), 4),
            "matrix_least": min(cells.values(), default=0),
            "quarantined_per_million": round(1_000_000 * self.quarantined / effects) if effects else 0,
            "quiet_nights_p50": median(self.quiet_after) if self.quiet_after else None,
            "quiet_nights_max": max(self.quiet_after, default=None),
            "violations": len(self.violations),
            "violated": [asdict(violation) for violation in self.violations],
            "history_hash": self.hash,
        }


def survey(
    tier: Tier,
    seeds: Iterable[int],
    nights: int,
    faults_a_night: float,
    processes: int,
    progress: Callable[[Lived], None] = lambda _: None,
) -> Evidence:
    """Live the scripts of these seeds; the result does not depend on how many processes share the work."""
    seeds = list(seeds)
    evidence = Evidence(tier, len(seeds), nights, faults_a_night, min(seeds, default=0))
    for lived in _lives(tier, seeds, nights, faults_a_night, processes):
        evidence.add(lived)
        progress(lived)
    return evidence


def _lives(tier: Tier, seeds: list[int], nights: int, faults_a_night: float, processes: int) -> Iterator[Lived]:
    one = partial(_one, tier.name, nights, faults_a_night)
    if processes == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(one, seeds, chunksize=8 if tier is CORE else 1)


def _one(tier: str, nights: int, faults_a_night: float, seed: int) -> Lived:
    try:
        return TIERS[tier].live(TIERS[tier].drawn(seed, nights, faults_a_night))
    except Exception as crash:  # of whatever kind: it goes on, and says whose life it ended
        crash.add_note(f"in the life of seed {seed}")
        raise


def seeds_needed(safeguard: str, nights: int = 60, most: int = MOST_SEEDS) -> tuple[int, Violation | None]:
    """How many lives over values it takes to miss a safeguard, and by what it was missed; None where it was not."""
    tier = CORE.only(FOCUS[safeguard]) if safeguard in FOCUS else CORE
    with without(safeguard):
        for seed in range(most):
            found = tier.live(tier.drawn(seed, nights), to_the_end=False).violations
            if found:
                return seed + 1, found[0]
    return most, None


def ablations() -> dict[str, dict[str, Any]]:
    """Each safeguard taken out: after how many lives it was missed, and which invariant said so."""
    told: dict[str, dict[str, Any]] = {}
    for safeguard in ABLATIONS:
        seeds, violation = seeds_needed(safeguard)
        told[safeguard] = {"seeds": seeds, "invariant": violation.invariant if violation else None}
    return told


def write(told: Mapping[str, Any], folder: Path, commit: str, part: str = "") -> None:
    """Lay what was found into evidence.json and evidence.md of a folder; what other commands left there stays.

    `told` is as its `as_json` says it, `commit` names the code that ran. `part` is one of `PARTS`; without one it is
    the nights over values, and the safeguards are taken out too.
    """
    file = folder / "evidence.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    told = {"commit": commit, **told}
    if part:
        kept[part] = told
    else:
        kept = told | {"ablations": ablations()} | {name: kept[name] for name in PARTS if name in kept}
    file.write_text(json.dumps(kept, indent=1) + "\n")
    (folder / "evidence.md").write_text(page(kept))


def page(told: Mapping[str, Any]) -> str:
    """The evidence for people, in Markdown, from what the file of evidence holds."""
    lines = ["# Evidence: nights that were simulated", ""]
    if "tier" in told:
        lines += [
            "Dispatch, journal and the pure functions of planning, as they run at night, were run straight onto the "
            "sandbox's books over what had been read of them, with things happening and things going wrong at random; "
            "an oracle that knows only the books judged every write and every night.",
            "",
            *_figures(told),
            *_matrices(told),
            "## Without a safeguard",
            "",
            "Each safeguard was taken out of the code; so many lives it took until something that must hold did not.",
            "",
            "| taken out | lives | missed by |",
            "|---|---:|---|",
            *(f"| {name} | {e['seeds']} | {e['invariant'] or 'nobody'} |" for name, e in told["ablations"].items()),
            "",
        ]
    if "full" in told:
        lines += [
            "## The whole night",
            "",
            "The same with the real files, HTTP bodies, SQL and DuckDB: fewer nights, nothing left out.",
            "",
            *_figures(told["full"]),
            *_matrices(told["full"]),
        ]
    if "story" in told:
        lines += _story(told["story"])
    if "states" in told:
        lines += _states(told["states"])
    if "soak" in told:
        lines += _soak(told["soak"])
    lines += ["## What must hold", "", "| | |", "|---|---|"]
    lines += [f"| {code}{THE_MODELS_OWN.get(code, '')} | {text} |" for code, text in INVARIANTS.items()]
    lines += [
        "",
        "## What this does not prove",
        "",
        "That the books of the sandbox behave as the live systems do: they follow the vendor's description and, where "
        "it is silent, the unkind reading. That a disk keeps what it says it has synced. A list that hides a write for "
        "two nights in a row, or on the night on which our mirrors are put back or read anew; an agency's list that "
        "leaves out what is older than the overlap of two readings, the same record twice, or what happened between a "
        "plan and the guard's look; a clock an hour wrong "
        "around midnight, or more at any time: these are outside the promise. After journal, head and mirrors were put "
        "back together from an older copy, which nothing beside them can tell, nothing is done twice; but a hold that "
        "they have forgotten stays, and a cancelled settlement is told by the statement alone. The agency tells that a "
        "claim is paused, not by whom: a pause of its own that it makes while the outcome of a hold of ours is "
        "unknown, or that stands when all files are put back, may be taken for ours.",
        "",
        "Of the nights over values: the rules of transfer and the joins of the ledger are a model in Python there, the "
        "journal is SQLite in memory, and that an adapter notices what its list lacks, where it counts, is taken for "
        "granted: a row that is missing there is an answer that cannot be read. L2 is asked of whole nights alone, "
        "and there, as the verdicts of the rules, after two nights without a fault. S9 is the ERP's own: its books "
        "refuse what is more than owed. S13 and S14 are a test of every artefact, and of S15 only that a night makes "
        "no more than so many requests.",
        "",
        "L1, L3 and L4 are the model's own: the sandbox's books are compared with themselves, which shows that the "
        "model is sound and says nothing of the product.",
    ]
    return "\n".join(lines) + "\n"


def _figures(told: Mapping[str, Any]) -> list[str]:
    return [
        "Anyone can run it again:",
        "",
        f"    cloudcollect simulate --tier {told['tier']} --first {told['first_seed']} --seeds {told['seeds']} "
        f"--nights {told['nights']} --faults {told['faults_a_night']}",
        "",
        *_table(
            (
                "lives × nights",
                f"{told['seeds']} × {told['nights']}, {told['nights_lived']} nights lived with quiet ones",
            ),
            ("things that happened", told["events"]),
            ("effects carried out", sum(told["effects"].values())),
            ("faults that changed something", f"{told['faults']} of {told['fault_kinds']} kinds"),
            ("faults beside them that changed nothing", told.get("faults_that_changed_nothing", "not counted")),
            (
                "fault × place: cells that were hit",
                f"{told['matrix_hit']:.1%} of {told['matrix_cells']}, the rarest {told['matrix_least']} times",
            ),
            ("violations", told["violations"]),
            ("parked for a person, per million effects", told["quarantined_per_million"]),
            (
                "quiet nights until all was at rest",
                f"{told['quiet_nights_p50']} in the median, {told['quiet_nights_max']} at most",
            ),
            ("hash of all histories", f"`{told['history_hash'][:16]}`"),
            ("commit", f"`{told['commit']}`"),
        ),
    ]


def _story(told: Mapping[str, Any]) -> list[str]:
    boundaries: Mapping[str, int] = told["boundaries"]
    return [
        "## One story, with everything at every boundary",
        "",
        "Six nights in which something is handed over, reported, held, shown on an invoice, posted, voided and "
        "settled, told once for every kind of fault at every boundary that it has, and for every two crashes.",
        "",
        "    cloudcollect simulate --pairs",
        "",
        *_table(
            ("faults at boundaries", f"{sum(boundaries.values())} of {len(boundaries)} kinds"),
            ("pairs of crashes", told["pairs"]),
            ("violations", told["violations"]),
            ("commit", f"`{told['commit']}`"),
        ),
    ]


def _states(told: Mapping[str, Any]) -> list[str]:
    words, found = sum(told["words"].values()), sum(told["states"].values())
    return [
        "## Every order of a few things",
        "",
        f"Every order of these: {', '.join(told['things'])}; with a night after any of them, and in one night one of "
        f"these: {', '.join(told['troubles'])}. A state that was met before is not gone on from.",
        "",
        f"    cloudcollect simulate --states {told['most']} --things {len(told['things'])}",
        "",
        *_table(
            ("orders lived", words),
            ("different states", found),
            ("small companies", len(told["whole_up_to_events"])),
            ("no order left out of up to", f"{' and '.join(map(str, told['whole_up_to_events']))} events"),
            ("violations", told["violations"]),
            ("commit", f"`{told['commit']}`"),
        ),
    ]


def _soak(told: Mapping[str, Any]) -> list[str]:
    shown = ("violations", "violated", "commit", "effects", "lives")
    return [
        "## Real processes",
        "",
        "Nights as processes of their own against servers, killed at random moments, stopped, begun twice or without a "
        "disk; the same oracle judges the books that are left. The moments are chance: no run is like another.",
        "",
        f"    cloudcollect soak --kills {told['kills']}",
        "",
        *_table(
            ("lives", told["lives"]),
            *((what, count) for what, count in told.items() if what not in shown),
            ("effects carried out", told["effects"]),
            ("violations", told["violations"]),
            ("commit", f"`{told['commit']}`"),
        ),
    ]


def _table(*rows: tuple[str, Any]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]


def _matrices(told: Mapping[str, Any]) -> list[str]:
    """What went wrong and where: a table for each set of places, the kinds with one place in one list."""
    matrix: Mapping[str, Mapping[str, int]] = told["matrix"]
    faults = TIERS[told["tier"]].faults
    lines = ["### What went wrong, and where", ""]
    for places in dict.fromkeys(tuple(row) for row in matrix.values() if len(row) > 1):
        lines += ["| fault | " + " | ".join(places) + " |", "|---|" + "---:|" * len(places)]
        for kind, row in matrix.items():
            if tuple(row) == places:
                lines.append(f"| {kind} | " + " | ".join(str(row[place]) for place in places) + " |")
        lines.append("")
    lines += ["| fault | what it is | times |", "|---|---|---:|"]
    for kind, row in matrix.items():
        where = "" if len(row) > 1 else f" ({next(iter(row))})"
        lines.append(f"| {kind} | {faults[kind].text}{where} | {sum(row.values())} |")
    return [*lines, ""]
