"""`soak`: real runs killed at random moments, and what is left of the books."""

from pathlib import Path

from cloudcollect_pipeline.cli.exits import ERROR, OK
from cloudcollect_pipeline.cli.screen import say, say_json
from cloudcollect_pipeline.cli.simulate import must_be_a_folder, say_where
from cloudcollect_pipeline.testing.simulation import evidence
from cloudcollect_pipeline.testing.simulation.oracle import INVARIANTS
from cloudcollect_pipeline.testing.soak import Soaked, soak


def run(kills: int, first: int, folder: Path | None, commit: str, *, as_json: bool) -> int:
    """Kill that many runs; an error where something that must hold did not."""

    def tell(soaked: Soaked) -> None:
        if not as_json:
            say(f"life {first + soaked.lives - 1}: {soaked.counts['kills']} of {kills} kills")

    must_be_a_folder(folder)
    found = soak(kills, first, tell)
    if folder is not None:
        evidence.write(found.as_json(), folder, commit, "soak")
    if as_json:
        say_json(found.as_json())
    else:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(found.counts.items()))
        say(f"{found.lives} lives: {counts}, {found.effects.total()} effects, {len(found.violations)} violations")
        say_where(folder)
        for violation in found.violations:
            say(f"{violation} ({INVARIANTS[violation.invariant]})")
        if found.violations:
            say(f"the same world again: cloudcollect soak --first {first + found.lives - 1}; the moments are chance")
    return ERROR if found.violations else OK
