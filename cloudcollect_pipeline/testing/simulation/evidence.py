"""Many lives in several processes, and what they are evidence of."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from cloudcollect_pipeline.testing.simulation.faults import FAULTS
from cloudcollect_pipeline.testing.simulation.life import Lived, live
from cloudcollect_pipeline.testing.simulation.network import OPERATIONS
from cloudcollect_pipeline.testing.simulation.oracle import INVARIANTS, Violation
from cloudcollect_pipeline.testing.simulation.script import Script

WRITES = tuple(dict.fromkeys(name for *_, name in OPERATIONS))


@dataclass
class Evidence:
    """What many lives add up to. `lives` and `nights` as asked for; `lived` are nights really lived, quiet ones too."""

    lives: int
    nights: int
    faults_a_night: float
    first: int = 0
    lived: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
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
        self.quarantined += lived.quarantined
        self.quiet_after.append(lived.quiet_after)
        self.violations += lived.violations
        self.hash = hashlib.sha256(f"{self.hash}{lived.hash}".encode()).hexdigest()

    @property
    def cells(self) -> dict[tuple[str, str], int]:
        """Kind of fault and write -> how often it struck there; other places count as one cell a kind."""
        cells: dict[tuple[str, str], int] = {}
        for kind, fault in FAULTS.items():
            if fault.place == "write":
                cells |= {(kind, write): self.struck[kind, write] for write in WRITES}
            else:
                struck = sum(times for (what, _), times in self.struck.items() if what == kind)
                cells[
                    kind,
                    {"read": "a read", "token": "the token", "clock": "between two steps"}.get(fault.place, "a night"),
                ] = struck
        return cells

    def as_json(self) -> dict[str, Any]:
        """Plain values for the file of evidence."""
        cells = self.cells
        effects = sum(self.effects.values())
        return {
            "seeds": self.lives,
            "first_seed": self.first,
            "nights": self.nights,
            "faults_a_night": self.faults_a_night,
            "nights_lived": self.lived,
            "events": sum(self.happened.values()),
            "effects": dict(sorted(self.effects.items())),
            "faults": sum(self.struck.values()),
            "fault_kinds": len({kind for kind, _ in self.struck}),
            "matrix_hit": round(sum(1 for times in cells.values() if times) / len(cells), 4),
            "matrix_least": min(cells.values(), default=0),
            "quarantined_per_million": round(1_000_000 * self.quarantined / effects) if effects else 0,
            "quiet_nights_p50": median(self.quiet_after) if self.quiet_after else None,
            "quiet_nights_max": max(self.quiet_after, default=None),
            "violations": [asdict(violation) for violation in self.violations],
            "history_hash": self.hash,
        }


def survey(
    seeds: Iterable[int],
    nights: int,
    faults_a_night: float,
    processes: int,
    progress: Callable[[Lived], None] = lambda _: None,
) -> Evidence:
    """Live the scripts of these seeds; the result does not depend on how many processes share the work."""
    seeds = list(seeds)
    evidence = Evidence(len(seeds), nights, faults_a_night, min(seeds, default=0))
    for lived in _lives(seeds, nights, faults_a_night, processes):
        evidence.add(lived)
        progress(lived)
    return evidence


def _lives(seeds: list[int], nights: int, faults_a_night: float, processes: int) -> Iterator[Lived]:
    one = partial(_one, nights=nights, faults_a_night=faults_a_night)
    if processes == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(one, seeds)


def _one(seed: int, nights: int, faults_a_night: float) -> Lived:
    return live(Script.drawn(seed, nights, faults_a_night))


def write(evidence: Evidence, folder: Path, commit: str) -> None:
    """evidence.json and evidence.md in a folder; `commit` names the code that ran."""
    told = {"commit": commit, "full": evidence.as_json()}
    (folder / "evidence.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    (folder / "evidence.md").write_text(page(evidence, commit))


def page(evidence: Evidence, commit: str) -> str:
    """The evidence for people, in Markdown."""
    told = evidence.as_json()
    cells = evidence.cells
    lines = [
        "# Evidence: nights that were simulated",
        "",
        "The pipeline that runs at night (planner, dispatch, journal, ledger) was run against the sandbox's books with "
        "things happening and things going wrong at random, and an oracle that knows only the books judged every "
        "request and every night. Anyone can run it again:",
        "",
        f"    cloudcollect simulate --first {evidence.first} --seeds {evidence.lives} --nights {evidence.nights} "
        f"--faults {evidence.faults_a_night}",
        "",
        "| | |",
        "|---|---|",
        f"| lives × nights | {evidence.lives} × {evidence.nights}, {evidence.lived} nights lived with the quiet ones |",
        f"| things that happened | {told['events']} |",
        f"| effects carried out | {sum(evidence.effects.values())} |",
        f"| faults | {told['faults']} of {told['fault_kinds']} kinds |",
        f"| fault × place: cells that were hit | {told['matrix_hit']:.0%}, the rarest {told['matrix_least']} times |",
        f"| violations | {len(evidence.violations)} |",
        f"| parked for a person, per million effects | {told['quarantined_per_million']} |",
        f"| quiet nights until all was at rest | {told['quiet_nights_p50']} in the median, "
        f"{told['quiet_nights_max']} at most |",
        f"| hash of all histories | `{evidence.hash[:16]}` |",
        f"| commit | `{commit}` |",
        "",
        "## What went wrong, and where",
        "",
        "| fault | " + " | ".join(WRITES) + " |",
        "|---|" + "---:|" * len(WRITES),
    ]
    for kind, fault in FAULTS.items():
        if fault.place == "write":
            lines.append(f"| {kind} | " + " | ".join(str(cells[kind, write]) for write in WRITES) + " |")
    lines += ["", "| fault | what it is | times |", "|---|---|---:|"]
    for (kind, place), times in cells.items():
        if FAULTS[kind].place != "write":
            lines.append(f"| {kind} | {FAULTS[kind].text} ({place}) | {times} |")
    lines += ["", "## What must hold", "", "| | |", "|---|---|"]
    lines += [f"| {code} | {text} |" for code, text in INVARIANTS.items()]
    lines += [
        "",
        "## What this does not prove",
        "",
        "That the books of the sandbox behave as the live systems do: they follow the vendor's description and, where "
        "it is silent, the unkind reading. That a disk keeps what it says it has synced. A list that hides a write for "
        "two nights in a row, and a clock more than an hour wrong, are outside the promise.",
    ]
    return "\n".join(lines) + "\n"
