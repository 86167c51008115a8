"""Every order in which a few things can happen to a small company, and every state that they lead to, brought to rest.

A word is some of `EVENTS`, each at most once and in any order; after any of them a night may pass, and in one of these
nights one of `TROUBLES` may strike. Words are lived in the order of their length. Two that leave books, mirrors and
journal alike on the same day have led to one state, which is gone on from once. From every state quiet nights follow,
in which a person does what each finding asks, and all invariants are asked as in any other life.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple

from cloudcollect_pipeline.testing.simulation.core.life import Life
from cloudcollect_pipeline.testing.simulation.oracle import Violation
from cloudcollect_pipeline.testing.simulation.script import Script, Step

EVENTS = ("pay", "pay the agency", "take money back", "void a payment", "credit", "settle", "dispute or not")
TROUBLES = (
    "killed after a write",
    "write lost",
    "write done answer lost",
    "write done late",
    "journal lost",
    "nothing new is listed",
)
"""A crash, a lost request, a lost answer, a request done late, a lost journal, and lists that lag behind."""
SEED, BEFORE = 122, 2
"""The company of all words, and the nights in which its first claims are handed over."""
DICE = 1298360814


class Day(NamedTuple):
    """Some things that happen, and the night after them: what strikes in it, or nothing."""

    events: tuple[str, ...]
    trouble: str = ""


Word = tuple[Day, ...]


@dataclass
class Explored:
    """Words lived and states found, by the number of events; what did not hold, with its script."""

    words: Counter[int] = field(default_factory=Counter)
    states: Counter[int] = field(default_factory=Counter)
    whole: int = 0
    """Up to so many events no word was left out."""
    violations: list[tuple[Script, Violation]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "words": dict(self.words),
            "states": dict(self.states),
            "whole_up_to_events": self.whole,
            "violations": len(self.violations),
            "violated": [str(violation) for _, violation in self.violations],
        }


def script_of(word: Word) -> Script:
    """A word as a script of the core tier."""
    steps = []
    for night, day in enumerate(word, start=BEFORE):
        steps += [Step(night, name, 0, DICE) for name in day.events]
        steps += [Step(night, day.trouble, 0, DICE)] if day.trouble else []
    return Script(SEED, BEFORE + len(word), tuple(steps), tier="core")


def explore(
    most_words: int,
    *,
    events: Sequence[str] = EVENTS,
    troubles: Sequence[str] = TROUBLES,
    processes: int = 0,
    tell: Callable[[Explored], None] = lambda _: None,
) -> Explored:
    """Live words in the order of their length, at most so many; the same words whatever the number of processes."""
    explored = Explored()
    seen: set[tuple[str, frozenset[str], bool]] = set()
    first: list[list[Word]] = [[()]]  # by number of events, the first word that led to each state
    with _many(processes or os.cpu_count() or 1) as live_all:
        for length in range(1, len(events) + 1):
            words = [
                longer
                for shorter, known in enumerate(first)
                for word in known
                for longer in _longer(word, length - shorter, events, troubles)
            ]
            left = most_words - explored.words.total()
            found = []
            for word, (state, violations) in zip(words[:left], live_all(words[:left]), strict=True):
                explored.words[length] += 1
                explored.violations += [(script_of(word), violation) for violation in violations]
                reached = state, frozenset(_left(word, events)), _troubled(word)
                if reached not in seen:
                    seen.add(reached)
                    explored.states[length] += 1
                    found.append(word)
                tell(explored)
            if len(words) > left:
                return explored
            explored.whole = length
            first.append(found)
    return explored


def _longer(word: Word, more: int, events: Iterable[str], troubles: Sequence[str]) -> Iterator[Word]:
    """The word and one day more, with so many of the things that have not happened yet."""
    for happening in permutations(_left(word, events), more):
        for trouble in ("",) if _troubled(word) else ("", *troubles):
            yield (*word, Day(happening, trouble))


def _left(word: Word, events: Iterable[str]) -> list[str]:
    return [name for name in events if not any(name in day.events for day in word)]


def _troubled(word: Word) -> bool:
    return any(day.trouble for day in word)


_known: set[str] = set()
"""States that this process has brought to rest already."""


@contextmanager
def _many(processes: int) -> Iterator[Callable[[Sequence[Word]], Iterable[tuple[str, list[Violation]]]]]:
    """What lives many words, in this process alone or in several."""
    _known.clear()
    if processes == 1:
        yield partial(map, _lived)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield partial(pool.map, _lived, chunksize=32)


def _lived(word: Word) -> tuple[str, list[Violation]]:
    lived = Life(script_of(word), known=_known).live()
    _known.add(lived.state)
    return lived.state, lived.violations
