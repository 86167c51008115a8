"""`soak`: real runs killed at random moments, and what is left of the books."""

from cloudcollect_pipeline.cli.exits import ERROR, OK
from cloudcollect_pipeline.cli.screen import say, say_json
from cloudcollect_pipeline.testing.simulation.oracle import INVARIANTS
from cloudcollect_pipeline.testing.soak import Soaked, soak


def run(kills: int, first: int, *, as_json: bool) -> int:
    """Kill that many runs; an error where something that must hold did not."""

    def tell(soaked: Soaked) -> None:
        if not as_json:
            say(f"life {first + soaked.lives - 1}: {soaked.counts['kills']} of {kills} kills")

    found = soak(kills, first, tell)
    if as_json:
        say_json(found.as_json())
    else:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(found.counts.items()))
        say(f"{found.lives} lives: {counts}, {found.effects.total()} effects, {len(found.violations)} violations")
        for violation in found.violations:
            say(f"{violation} ({INVARIANTS[violation.invariant]})")
        if found.violations:
            say(f"the same world again: cloudcollect soak --first {first + found.lives - 1}; the moments are chance")
    return ERROR if found.violations else OK
