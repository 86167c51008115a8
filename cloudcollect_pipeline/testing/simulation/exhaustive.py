"""One story of six nights, and all that can go wrong in it: every fault at every boundary, and every pair of crashes.

Most failures of such systems need one or two things to go wrong at the right moments; here no moment is left to chance.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cloudcollect_pipeline.testing.simulation.core.life import Kept, Life
from cloudcollect_pipeline.testing.simulation.life import Lived
from cloudcollect_pipeline.testing.simulation.oracle import Violation
from cloudcollect_pipeline.testing.simulation.script import Script, Step
from cloudcollect_pipeline.testing.simulation.tiers import CORE

NIGHTS = 6
STORY = Script(
    122,
    NIGHTS,
    (
        Step(0, "a stranger on the suspense account", 0, 1298360814),
        Step(1, "pay", 0, 4181932694),
        Step(2, "invoice", 0, 1933349604),
        Step(3, "pay the agency", 0, 4051646748),
        Step(3, "pay", 0, 3347233929),
        Step(5, "move our posting", 0, 2248227588),
        Step(5, "void a payment", 0, 1211687450),
        Step(5, "dispute or not", 0, 168681743),
        Step(5, "take money back", 0, 1701667963),
        Step(5, "invoice", 0, 1580190324),
        Step(5, "match or unmatch", 0, 4158365456),
    ),
    tier="core",
)
"""In it something is handed over, reported, held, shown on an invoice, posted, voided and settled."""
CRASHES = tuple(kind for kind in CORE.faults if kind.startswith("killed"))


@dataclass
class Explored:
    """How many stories were told: by kind of fault the boundaries at which it struck, and pairs of crashes."""

    boundaries: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    violations: list[tuple[Script, Violation]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "boundaries": dict(self.boundaries),
            "pairs": self.pairs,
            "violations": len(self.violations),
            "violated": [str(violation) for _, violation in self.violations],
        }

    def __iadd__(self, other: "Explored") -> "Explored":
        """Both together."""
        self.boundaries += other.boundaries
        self.pairs += other.pairs
        self.violations += other.violations
        return self


def each(kind: str) -> Explored:
    """The story with this fault, once at every boundary that it has."""
    explored = Explored()
    for faults, lived in everywhere((), kind):
        explored.boundaries[kind] += 1
        explored.violations += [(with_faults(faults), violation) for violation in lived.violations]
    return explored


def after(first: Step) -> Explored:
    """The story with this crash, and once more with a second one at every boundary after it."""
    explored, known = Explored(), set[str]()
    for kind in CRASHES:
        for faults, lived in everywhere((first,), kind, known):
            explored.pairs += 1
            explored.violations += [(with_faults(faults), violation) for violation in lived.violations]
    return explored


def explore(
    *,
    pairs: bool,
    processes: int = 0,
    kinds: Sequence[str] = tuple(CORE.faults),
    tell: Callable[[Explored], None] = lambda _: None,
) -> Explored:
    """Every fault of these kinds at every boundary; with `pairs` every two crashes that begin with one of them too."""
    explored = Explored()
    with ProcessPoolExecutor(processes or os.cpu_count() or 1) as pool:
        for found in pool.map(each, kinds):
            explored += found
            tell(explored)
        firsts = [Step(0, kind, nth, 1) for kind in CRASHES for nth in range(explored.boundaries[kind])]
        for found in pool.map(after, firsts) if pairs else ():
            explored += found
            tell(explored)
    return explored


def everywhere(
    before: Sequence[Step], kind: str, known: set[str] | None = None
) -> Iterator[tuple[tuple[Step, ...], Lived]]:
    """The fault at one boundary after the other, or on one night after the other, until there is none left.

    Each story is told from the night in which it strikes; with `known`, no further than to a state that is among them.
    """
    whole = CORE.faults[kind].place == "night"
    told = Life(with_faults(before), known=known)
    told.begin()
    for night in range(NIGHTS):
        kept = told.kept()
        told.live_nights(night + 1)
        if any(told.chaos.waits_for(step) for step in before):
            continue  # that the second of two comes first is told of the two the other way round
        for nth in range(1) if whole else count():
            faults = (*before, Step(night, kind, nth, 1))
            life = _begun(kept, faults, night, known)
            life.live_nights(night + 1)
            if life.chaos.waits_for(faults[-1]):
                break
            lived = life.go_on()
            if known is not None:
                known.add(lived.state)
            if whole or lived.struck.total() > len(before):
                yield faults, lived


def _begun(kept: Kept | None, faults: Sequence[Step], night: int, known: set[str] | None) -> Life:
    """The story with these faults until this night."""
    if kept:
        return kept.begun(with_faults(faults))
    life = Life(with_faults(faults), known=known)
    life.begin()
    life.live_nights(night)
    return life


def with_faults(faults: Sequence[Step]) -> Script:
    """The story with these faults in it."""
    steps = sorted((*STORY.steps, *faults), key=lambda step: step.night)
    return Script(STORY.seed, STORY.nights, tuple(steps), tier=STORY.tier)
