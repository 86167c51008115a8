"""Every order in which a few things can happen to small companies, and every state that they lead to, brought to rest.

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

from cloudcollect_pipeline.testing.simulation.core.life import Kept, Life
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
COMPANIES, BEFORE = (122, 5), 2
"""The companies of the words, by their seeds, and the nights in which their first claims are handed over."""
DICE = 1298360814


class Day(NamedTuple):
    """Some things that happen, and the night after them: what strikes in it, or nothing."""

    events: tuple[str, ...]
    trouble: str = ""


Word = tuple[Day, ...]
Brought = tuple[str, list[Violation]]
"""The state that a word leads to, and what did not hold on the way and at rest."""


@dataclass
class Explored:
    """Words lived and states found, by the number of events; what did not hold, with its script."""

    words: Counter[int] = field(default_factory=Counter)
    states: Counter[int] = field(default_factory=Counter)
    whole: list[int] = field(default_factory=list[int])
    """Of each company: up to so many events no word was left out."""
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


def script_of(word: Word, company: int = COMPANIES[0]) -> Script:
    """A word as a script of the core tier."""
    steps = []
    for night, day in enumerate(word, start=BEFORE):
        steps += [Step(night, name, 0, DICE) for name in day.events]
        steps += [Step(night, day.trouble, 0, DICE)] if day.trouble else []
    return Script(company, BEFORE + len(word), tuple(steps), tier="core")


def explore(
    most_words: int,
    *,
    companies: Sequence[int] = COMPANIES,
    events: Sequence[str] = EVENTS,
    troubles: Sequence[str] = TROUBLES,
    processes: int = 0,
    tell: Callable[[Explored], None] = lambda _: None,
) -> Explored:
    """Live words in the order of their length, company by company and at most so many; on any number of processes."""
    explored = Explored()
    with _many(processes or os.cpu_count() or 1) as live_all:
        for company in companies:
            left = most_words - explored.words.total()
            if left > 0:
                _explore(company, left, events, troubles, partial(live_all, company), explored, tell)
    return explored


def _explore(
    company: int,
    most_words: int,
    events: Sequence[str],
    troubles: Sequence[str],
    live_all: Callable[[Sequence[Word]], Iterable[Brought]],
    explored: Explored,
    tell: Callable[[Explored], None],
) -> None:
    """What can happen to one company."""
    seen: set[tuple[str, frozenset[str], bool]] = set()
    first: list[list[Word]] = [[()]]  # by number of events, the first word that led to each state
    explored.whole.append(0)
    for length in range(1, len(events) + 1):
        words = [
            longer
            for shorter, known in enumerate(first)
            for word in known
            for longer in _longer(word, length - shorter, events, troubles)
        ]
        some = words[:most_words]
        most_words -= len(some)
        found = []
        for word, (state, violations) in zip(some, live_all(some), strict=True):
            explored.words[length] += 1
            explored.violations += [(script_of(word, company), violation) for violation in violations]
            reached = state, frozenset(_left(word, events)), _troubled(word)
            if reached not in seen:
                seen.add(reached)
                explored.states[length] += 1
                found.append(word)
            tell(explored)
        if len(words) > len(some):
            return
        explored.whole[-1] = length
        first.append(found)


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
_begun: dict[tuple[int, Word], Kept | None] = {}
"""The life of the word that this process lived longer ones of last, without its end."""


@contextmanager
def _many(processes: int) -> Iterator[Callable[[int, Sequence[Word]], Iterable[Brought]]]:
    """What lives many words of a company, in this process alone or in several."""
    _known.clear()
    _begun.clear()
    if processes == 1:
        yield lambda company, words: map(partial(live_word, company), words)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield lambda company, words: pool.map(partial(live_word, company), words, chunksize=32)


def live_word(company: int, word: Word) -> Brought:
    """The state that a word leads to, brought to rest unless this process has brought it there before."""
    script = script_of(word, company)
    before = _so_far(company, word[:-1])
    lived = (before.begun(script) if before else _begin(script)).go_on()
    _known.add(lived.state)
    return lived.state, lived.violations


def _so_far(company: int, word: Word) -> Kept | None:
    """Most words differ from the one lived before them in their last day alone."""
    if (company, word) not in _begun:
        life = _begin(script_of(word, company))
        life.live_nights()
        _begun.clear()
        _begun[company, word] = life.kept()
    return _begun[company, word]


def _begin(script: Script) -> Life:
    life = Life(script, known=_known)
    life.begin()
    return life
