"""The two ways to live a script: `core` over values, hundreds of nights a second; `whole` with files, HTTP and SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cloudcollect_pipeline.testing.simulation import faults as whole_faults
from cloudcollect_pipeline.testing.simulation import life as whole
from cloudcollect_pipeline.testing.simulation.core import faults as core_faults
from cloudcollect_pipeline.testing.simulation.core import life as core
from cloudcollect_pipeline.testing.simulation.faults import Fault
from cloudcollect_pipeline.testing.simulation.life import Lived
from cloudcollect_pipeline.testing.simulation.network import OPERATIONS
from cloudcollect_pipeline.testing.simulation.script import Script


@dataclass(frozen=True)
class Tier:
    """How scripts are drawn and lived. `cells`: every fault at every place that it can strike.

    Things happen `events_a_night` in the mean, and `when_busy` in every fourth life.
    """

    name: str
    faults: Mapping[str, Fault]
    cells: tuple[tuple[str, str], ...]
    live: Callable[..., Lived]
    events_a_night: float
    when_busy: float

    def only(self, kinds: Sequence[str]) -> "Tier":
        """The same with these faults alone."""
        return replace(self, faults={kind: self.faults[kind] for kind in kinds})

    def drawn(self, seed: int, nights: int, faults_a_night: float = 1.0) -> Script:
        """The script of a seed."""
        events = self.when_busy if seed % 4 == 3 else self.events_a_night
        return Script.drawn(seed, nights, faults_a_night, events, faults=self.faults, tier=self.name)


WRITES = tuple(dict.fromkeys(name for *_, name in OPERATIONS))
ELSEWHERE: Mapping[str, str] = {
    "read": "a read",
    "token": "the token",
    "clock": "between two steps",
    "night": "a night",
}
"""What the places are called that the whole tier does not tell apart."""

WHOLE = Tier(
    "whole",
    whole_faults.FAULTS,
    tuple(
        (kind, place)
        for kind, fault in whole_faults.FAULTS.items()
        for place in (WRITES if fault.place == "write" else (ELSEWHERE[fault.place],))
    ),
    whole.live,
    events_a_night=2.0,
    when_busy=2.0,
)
CORE = Tier("core", core_faults.FAULTS, core_faults.CELLS, core.live, events_a_night=0.25, when_busy=1.5)
TIERS: Mapping[str, Tier] = {tier.name: tier for tier in (CORE, WHOLE)}


def live(script: Script, *, to_the_end: bool = True) -> Lived:
    """The life of a script, by its tier."""
    return TIERS[script.tier].live(script, to_the_end=to_the_end)
