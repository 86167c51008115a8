"""A script: everything that happens and goes wrong in one simulated life, as data.

The same script gives the same life, byte for byte. It is drawn from a seed, can be kept as JSON, and shrinks by leaving
steps out.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any

from cloudcollect_pipeline.testing.simulation.events import EVENTS
from cloudcollect_pipeline.testing.simulation.faults import FAULTS, Fault

EVENTS_A_NIGHT = 2.0
SETTINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "caps": {
        "floor_count": ("1", "3", "8"),
        "floor_sum": ("60", "150", "500000"),
        "single_amount": ("45", "75", "250000"),
    },
    "policy": {
        "excluded_after_transfer": ("pause", "ask", "recall"),
        "disputed_after_transfer": ("pause", "ask", "recall"),
        "credited_after_transfer": ("report", "ask", "recall"),
        "written_off_after_transfer": ("report", "ask", "recall"),
    },
}
"""Section -> setting -> what it may be in the lives in which somebody has set that section; kroner as the file has it.

A receivable of these lives is of one to ninety kroner.
"""
ANSWERS_ON = 0.2
"""The share of nights after which somebody answers what is asked, in lives whose policy somebody has set."""


@dataclass(frozen=True, order=True)
class Step:
    """One thing on one day: an event of `EVENTS`, or a fault of `FAULTS` at the `nth` boundary that it fits.

    `dice` seeds whatever is chosen within it, so that it chooses the same when other steps are left out.
    """

    night: int
    what: str
    nth: int = 0
    dice: int = 0

    @property
    def fault(self) -> bool:
        """Whether it is something that goes wrong, not something that happens."""
        return self.what not in EVENTS

    def __str__(self) -> str:
        return f"night {self.night}: {self.what}" + (f" at the {self.nth + 1}. chance" if self.fault else "")


@dataclass(frozen=True)
class Script:
    """`nights` of the world that `seed` names, with these steps in order, to be lived by a tier (`tiers.py`)."""

    seed: int
    nights: int
    steps: tuple[Step, ...]
    tier: str = "whole"
    settings: tuple[tuple[str, str, str], ...] = ()
    """What is not as in most lives: section of the settings, setting, value."""

    @classmethod
    def drawn(
        cls,
        seed: int,
        nights: int,
        faults_a_night: float = 1.0,
        events_a_night: float = EVENTS_A_NIGHT,
        *,
        faults: Mapping[str, Fault] = FAULTS,
        tier: str = "whole",
    ) -> "Script":
        """The script of a seed, with these faults."""
        dice = Random(seed)
        happening = {name: (event.weight, 0) for name, event in EVENTS.items()}
        failing = {name: (fault.weight, fault.reach) for name, fault in faults.items()}
        steps: list[Step] = []
        for night in range(nights):
            steps += _drawn(dice, night, happening, events_a_night)
            steps += _drawn(dice, night, failing, faults_a_night)
        return cls(seed, nights, tuple(steps), tier, _settings(seed))

    def of(self, night: int) -> tuple[Step, ...]:
        """The steps of one night."""
        return tuple(step for step in self.steps if step.night == night)

    def answers_on(self, night: int) -> Random | None:
        """The dice of whoever answers after this night; None where nobody does."""
        dice = Random(f"{self.seed} answers {night}")
        asked = any(section == "policy" for section, *_ in self.settings)
        return dice if asked and dice.random() < ANSWERS_ON else None

    def as_json(self) -> str:
        """To be kept; `from_json` reads it back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Script":
        """The script that `as_json` wrote. Raises ValueError or KeyError where it is none."""
        told = json.loads(text)
        return cls(
            told["seed"],
            told["nights"],
            tuple(Step(**step) for step in told["steps"]),
            told.get("tier", "whole"),
            tuple((section, name, value) for section, name, value in told.get("settings", ())),
        )


def set_in(told: dict[str, Any], settings: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """A company's settings, as a file has them, with those of a script in them."""
    for section, name, value in settings:
        told[section] = {**told.get(section, {}), name: value}
    return told


def _settings(seed: int) -> tuple[tuple[str, str, str], ...]:
    """Each section is set in a third of all lives, by dice of its own: what happens and fails is not drawn with it."""
    dice = Random(seed * 1_000_003 + 17)
    return tuple(
        (section, name, dice.choice(values))
        for section, choices in SETTINGS.items()
        if dice.random() < 1 / 3
        for name, values in choices.items()
    )


def _drawn(dice: Random, night: int, table: Mapping[str, tuple[float, int]], mean: float) -> list[Step]:
    """About `mean` steps of a night: each throw adds one until one fails. `table`: name -> weight and reach."""
    names = list(table)
    weights = list(accumulate(weight for weight, _ in table.values()))
    steps: list[Step] = []
    while dice.random() < mean / (1 + mean):
        [name] = dice.choices(names, cum_weights=weights)
        reach = table[name][1]
        steps.append(Step(night, name, dice.randrange(reach) if reach else 0, dice.getrandbits(32)))
    return steps


def shrunk(script: Script, still_fails: Callable[[Script], bool], attempts: int = 200) -> Script:
    """The shortest script found that still fails: ever smaller chunks of its steps are left out, then its last nights.

    `still_fails` lives a script; it is asked at most `attempts` times.
    """
    steps: Sequence[Step] = script.steps
    chunk = max(1, len(steps) // 2)
    while attempts and chunk:
        start = 0
        while start < len(steps) and attempts:
            shorter = (*steps[:start], *steps[start + chunk :])
            attempts -= 1
            if still_fails(replace(script, steps=shorter)):
                steps = shorter
            else:
                start += chunk
        chunk //= 2
    nights = max((step.night for step in steps), default=0) + 1
    short = replace(script, steps=tuple(steps), nights=nights)
    return short if still_fails(short) else replace(script, steps=tuple(steps))
