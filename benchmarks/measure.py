"""The harness: contenders take turns, each in a fresh process, so that what drifts on the machine drifts for all alike.

A contender is a function `benchmarks.<module>:<name>` that makes ready what it needs and returns the figures that its
`stopwatch` took. The process that measures imports nothing large: a child begins with the most memory its parent held.
"""

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

ROUNDS = 5
SMALL = "not run in a small run"
"""Why a contender that takes long is left out of a smoke run."""
LONGEST = 900.0
"""Seconds after which a contender counts as dead."""

Figures = dict[str, float]
"""wall and cpu in seconds (user and system, all threads), peak in MB, and whatever else a contender counted."""


@dataclass(frozen=True)
class Contender:
    """A function and what it is called with; it is not run where `unless` says why."""

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    unless: str = ""


@dataclass(frozen=True)
class Result:
    """Medians of a contender's figures over `runs`, their spread, or why there are none."""

    medians: Mapping[str, float]
    spread: Mapping[str, tuple[float, float]]
    runs: int
    died: str = ""

    def __getitem__(self, name: str) -> float | None:
        return self.medians.get(name)


@dataclass
class Row:
    """One line of the issue's table at one size. Smaller is better, except where `more_is_better`.

    `value`, `floor` and `peers` are in `unit`; `ratio_to_floor` is value / floor. A peer without a value has its reason
    in `reasons`. `met` is None where the target is not for this size, or nothing is claimed.
    """

    name: str
    size: int
    value: float | None
    unit: str
    floor: float | None
    ratio_to_floor: float | None
    peers: dict[str, float | None]
    target: str
    met: bool | None
    runs: int
    spread: tuple[float, float] | None = None
    also: dict[str, float] = field(default_factory=dict)
    floor_is: str = ""
    reasons: dict[str, str] = field(default_factory=dict)
    more_is_better: bool = False
    stage: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values, at four significant digits."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


@contextmanager
def stopwatch() -> Iterator[Figures]:
    """Measure a block: the figures stand in the dictionary after it."""
    figures: Figures = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield figures
    figures["wall"], figures["cpu"] = time.perf_counter() - wall, time.process_time() - cpu
    figures["peak"] = peak()


def peak() -> float:
    """The most memory that this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def contest(contenders: Mapping[str, Contender], rounds: int = ROUNDS) -> dict[str, Result]:
    """Run the contenders in turn, `rounds` times over; one that dies is not tried again."""
    taken: dict[str, list[Figures]] = {name: [] for name in contenders}
    died = {name: contender.unless for name, contender in contenders.items() if contender.unless}
    for _ in range(rounds):
        for name, contender in contenders.items():
            if name not in died:
                try:
                    taken[name].append(_run(contender))
                except Died as reason:
                    died[name] = str(reason)
    return {name: _result(figures, died.get(name, "")) for name, figures in taken.items()}


def made_by(maker: Contender) -> None:
    """Run what makes something ready, in a process of its own too; raises `Died`."""
    _run(maker)


def row(
    name: str,
    size: int,
    results: Mapping[str, Result],
    by: str,
    unit: str,
    *,
    target: str = "",
    met: bool | None = None,
    floor_is: str = "",
    per: float | None = None,
    **more: Any,
) -> Row:
    """A row of what `ours` and `floor` and all other contenders took by one figure.

    With `per` the value is `per` divided by the figure: so many things in a second.
    """

    def of(result: Result | None) -> float | None:
        figure = result[by] if result else None
        return figure if figure is None or per is None else per / figure

    ours, floor = results["ours"], results.get("floor")
    value, least = of(ours), of(floor)
    peers = {peer: of(result) for peer, result in results.items() if peer not in ("ours", "floor")}
    reasons = {peer: result.died for peer, result in results.items() if result.died}
    spread = ours.spread.get(by)
    if spread and per is not None:
        spread = per / spread[1], per / spread[0]
    return Row(
        name,
        size,
        value,
        unit,
        least,
        value / least if value is not None and least else None,
        peers,
        target,
        met,
        ours.runs,
        spread,
        dict(ours.medians) | more.pop("also", {}),
        floor_is,
        reasons,
        more_is_better=per is not None,
        **more,
    )


class Died(Exception):
    """A contender ended without figures; says how."""


def _run(contender: Contender) -> Figures:
    command = [sys.executable, "-m", "benchmarks.measure", contender.function, json.dumps(dict(contender.arguments))]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False, env=environ)
    except subprocess.TimeoutExpired:
        raise Died(f"not done in {LONGEST:.0f} s") from None
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        raise Died(told[-1][:200])
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


def _result(figures: list[Figures], died: str) -> Result:
    if not figures or died:
        return Result({}, {}, len(figures), died)
    names = figures[0]
    medians = {name: statistics.median(each[name] for each in figures) for name in names}
    spread = {name: (min(each[name] for each in figures), max(each[name] for each in figures)) for name in names}
    return Result(medians, spread, len(figures))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return value


def main() -> None:
    """Run one contender in this process and print its figures."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    print(json.dumps(function(**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
