"""Nights that never were: lives drawn from seeds, their evidence, and the shortest script of one that goes wrong."""

import os
from collections.abc import Sequence
from pathlib import Path

from cloudcollect_pipeline.cli.exits import ERROR, OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import say, say_json
from cloudcollect_pipeline.testing.simulation import evidence, exhaustive, states
from cloudcollect_pipeline.testing.simulation.exhaustive import Explored
from cloudcollect_pipeline.testing.simulation.life import Lived
from cloudcollect_pipeline.testing.simulation.oracle import INVARIANTS, Violation
from cloudcollect_pipeline.testing.simulation.script import Script, shrunk
from cloudcollect_pipeline.testing.simulation.tiers import TIERS, live

EVERY = 500
"""Stories between two lines of progress."""


def survey(
    tier: str,
    seeds: int,
    first: int,
    nights: int,
    faults: float,
    processes: int,
    folder: Path | None,
    commit: str,
    *,
    as_json: bool,
) -> int:
    """Live `seeds` scripts of a tier from `first` on; an error where something that must hold did not."""
    if tier not in TIERS:
        raise Stop(f"there is no tier {tier}, but {' and '.join(TIERS)}", USAGE)
    must_be_a_folder(folder)
    done = 0

    def progress(lived: Lived) -> None:
        nonlocal done
        done += 1
        if as_json:
            return
        for violation in lived.violations:
            say(str(violation))
        if done % max(1, seeds // 20) == 0:
            say(f"{done} of {seeds} lives")

    found = evidence.survey(
        TIERS[tier], range(first, first + seeds), nights, faults, processes or os.cpu_count() or 1, progress=progress
    )
    told = found.as_json()
    if folder is not None:
        evidence.write(told, folder, commit, "full" if tier == "whole" else "")
    if as_json:
        say_json({"commit": commit, **told})
    else:
        say(
            f"{found.lives} lives, {found.lived} nights, {told['faults']} faults of {told['fault_kinds']} kinds, "
            f"{sum(found.effects.values())} effects: {len(found.violations)} violations"
        )
        say_where(folder)
    if not found.violations:
        return OK
    worst = found.violations[0]
    if not as_json:
        say(f"{worst.invariant}: {INVARIANTS[worst.invariant]}")
        say("looking for the shortest script that still goes wrong (some minutes)")
        short = shrunk(TIERS[tier].drawn(worst.seed, nights, faults), lambda script: _fails(script, worst.invariant))
        target = Path(f"simulation-{worst.seed}.json")
        target.write_text(short.as_json() + "\n")
        _say_steps(short)
        say(f"cloudcollect simulate --replay {target}")
    return ERROR


def replay(path: Path) -> int:
    """Live one script again."""
    try:
        script = Script.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Stop(f"{path} is no script of a simulation ({type(error).__name__})", USAGE) from None
    _say_steps(script)
    lived = live(script)
    for violation in lived.violations:
        say(str(violation))
    say(f"{lived.nights} nights, {len(lived.violations)} violations, history {lived.hash[:16]}")
    return ERROR if lived.violations else OK


def must_be_a_folder(folder: Path | None) -> None:
    """Said before anything is lived, and not after hours."""
    if folder is not None and not folder.is_dir():
        raise Stop(f"{folder} is no folder to write the evidence into", USAGE)


def say_where(folder: Path | None) -> None:
    """Where the evidence is, if it was to be kept."""
    if folder is not None:
        say(f"the evidence is in {folder / 'evidence.md'}")


def explore(processes: int, folder: Path | None, commit: str, *, pairs: bool, as_json: bool) -> int:
    """Every fault at every boundary of one story, and every two crashes; an error where something does not hold."""
    must_be_a_folder(folder)
    told = 0

    def progress(explored: Explored) -> None:
        nonlocal told
        if not as_json and explored.boundaries.total() + explored.pairs >= told + EVERY:
            told = explored.boundaries.total() + explored.pairs
            say(f"{told} stories told")

    found = exhaustive.explore(pairs=pairs, processes=processes, tell=progress)
    if folder is not None:
        evidence.write(found.as_json(), folder, commit, "story")
    if as_json:
        say_json(found.as_json())
    else:
        say(
            f"{found.boundaries.total()} boundaries of {len(found.boundaries)} kinds of faults, "
            f"{found.pairs} pairs of crashes: {len(found.violations)} violations"
        )
        say_where(folder)
        _say_first(found.violations)
    return ERROR if found.violations else OK


def explore_states(most: int, things: int, processes: int, folder: Path | None, commit: str, *, as_json: bool) -> int:
    """Every order of so many things and every state they lead to; an error where something does not hold."""
    must_be_a_folder(folder)
    told = 0

    def progress(explored: states.Explored) -> None:
        nonlocal told
        if not as_json and explored.words.total() >= told + EVERY:
            told = explored.words.total()
            say(f"{told} words lived, {explored.states.total()} states")

    names = states.EVENTS[:things]
    found = states.explore(most, events=names, processes=processes, tell=progress)
    if folder is not None:
        evidence.write(
            {"most": most, "things": names, "troubles": states.TROUBLES, **found.as_json()}, folder, commit, "states"
        )
    if as_json:
        say_json(found.as_json())
    else:
        say(
            f"{found.states.total()} states by {found.words.total()} words, every word of up to "
            f"{' and '.join(map(str, found.whole))} events of {len(found.whole)} companies: "
            f"{len(found.violations)} violations"
        )
        say_where(folder)
        _say_first(found.violations)
    return ERROR if found.violations else OK


def _say_first(violations: Sequence[tuple[Script, Violation]]) -> None:
    """What did not hold first, and how to live it again."""
    for script, violation in violations[:1]:
        target = Path(f"story-{violation.invariant}.json")
        target.write_text(script.as_json() + "\n")
        say(f"{violation} ({INVARIANTS[violation.invariant]})", f"cloudcollect simulate --replay {target}")


def _fails(script: Script, invariant: str) -> bool:
    return any(violation.invariant == invariant for violation in live(script).violations)


def _say_steps(script: Script) -> None:
    say(f"seed {script.seed}, {script.nights} nights")
    for step in script.steps:
        say(f"  {step}")
