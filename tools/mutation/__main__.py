"""Change one small thing at a time in the rooms that decide and send, and see whether a test notices (`make mutation`).

mutmut makes the mutants and knows which tests call which function (`[tool.mutmut]` in pyproject.toml). This draws a
sample that a seed names, runs it, and writes the page docs/mutation.md. Why a mutant may live stands in reasons.toml.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "mutants"
PAGE = ROOT / "docs" / "mutation.md"
REASONS = Path(__file__).with_name("reasons.toml")
PACKAGE = "cloudcollect_pipeline"
ROOMS = ("domain", "planning", "dispatch")
FIRST = f"{PACKAGE}.domain.debtor.x_debtor_mark__mutmut_1"
"""Run alone it has mutmut make all mutants and watch all tests once."""
OUTCOMES = {1: "killed", 3: "killed", 0: "survived", 5: "no tests", 33: "no tests"} | dict.fromkeys(
    (-24, 24, 36, 152, 255), "timed out"
)
"""mutmut's exit codes; any other is an outcome that says nothing."""
UNCLEAR = "unclear"
NOTICED = ("killed", "timed out")
SHOWN = (*NOTICED, "survived", "no tests", UNCLEAR)


@dataclass(frozen=True)
class Alive:
    """A mutant that no test noticed: its function, what was changed, and by which mark its reason is kept."""

    function: str
    outcome: str
    change: str

    @property
    def mark(self) -> str:
        """The same for the same change of the same function, wherever it stands and however mutmut numbers it."""
        return hashlib.sha256(f"{self.function}\n{self.change}".encode()).hexdigest()[:10]


def mutmut(*arguments: str) -> str:
    """Run mutmut in the repository; hypothesis tries the same values for every mutant."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    quiet = arguments[0] == "show"
    told = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "CI": "1"},
        check=True,
        text=True,
        stdout=subprocess.PIPE if quiet else None,
    )
    return told.stdout or ""


def outcomes() -> dict[str, str]:
    """Mutant -> what became of it, in the order of their names."""
    found: dict[str, str] = {}
    for path in sorted(MUTANTS.rglob("*.py.meta")):
        codes: Mapping[str, int | None] = json.loads(path.read_text())["exit_code_by_key"]
        found |= {name: "not run" if code is None else OUTCOMES.get(code, UNCLEAR) for name, code in codes.items()}
    return dict(sorted(found.items()))


def again(mutant: str) -> str:
    """Ask the domain's tests once more in a process of their own; returns what became of the mutant.

    mutmut's children inherit what was worked out once and kept, such as a year's holidays or a table of rates.
    """
    given = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    command = [sys.executable, "-m", "pytest", "-qx", *given["pytest_add_cli_args"], f"tests/{ROOMS[0]}"]
    environment = {**os.environ, "CI": "1", "MUTANT_UNDER_TEST": mutant}
    tried = subprocess.run(command, cwd=MUTANTS, env=environment, check=False, stdout=subprocess.DEVNULL)
    return "killed" if tried.returncode else "survived"


def room_of(mutant: str) -> str:
    """The room a mutant lives in."""
    return mutant.split(".")[1]


def alive(mutant: str, outcome: str) -> Alive:
    """What was changed, with the lines around it."""
    module, _, mangled = mutant.removeprefix(f"{PACKAGE}.").rpartition(".")
    function = re.sub(r"__mutmut_\d+$", "", mangled)[2:].replace("ǁ", ".")
    diff = mutmut("show", mutant).splitlines()
    lines = [line for line in diff if line[:1] in ("+", "-", " ") and line[:3] not in ("+++", "---")]
    return Alive(f"{module}: {function}", outcome, "\n".join(lines))


def interval(noticed: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95 %."""
    z, share = 1.959964, noticed / of
    middle, half = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


def row(name: str, made: int, counted: Counter[str]) -> str:
    """A line of the table of figures."""
    of, noticed = counted.total(), sum(counted[outcome] for outcome in NOTICED)
    low, high = interval(noticed, of) if of else (0.0, 1.0)
    score = f"{noticed / of:.1%} | {low:.1%} – {high:.1%}" if of else "– | –"
    return f"| {name} | {made} | {of} | {' | '.join(str(counted[o]) for o in SHOWN)} | {score} |"


def page(found: Mapping[str, str], sample: Sequence[str], seed: int, commit: str, living: Iterable[Alive]) -> str:
    """The page of a sample."""
    known = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    made = Counter(map(room_of, found))
    drawn = {room: Counter(found[name] for name in sample if room_of(name) == room) for room in ROOMS}
    lines = [
        "# Would a test notice?",
        "",
        "Mutation testing changes the code in one small place – a `<` into a `<=`, an argument into `None`, a word "
        "into another – and runs the tests. A change that no test notices is either no change at all, or behaviour "
        "that nobody has written down. The rooms `domain`, `planning` and `dispatch` decide what is sent, and send "
        "it: they are what is changed.",
        "",
        "Anyone can run it again; another `SEED` draws another sample:",
        "",
        f"    make mutation SAMPLE={len(sample)} SEED={seed}",
        "",
        f"Commit `{commit}`. Of all {len(found)} mutants {len(sample)} were drawn, each as likely as any other.",
        "",
        f"| room | mutants | drawn | {' | '.join(SHOWN)} | score | 95 % interval |",
        f"|---|{'---:|' * (len(SHOWN) + 4)}",
        *(row(f"`{room}`", made[room], drawn[room]) for room in ROOMS),
        row("**all**", len(found), sum(drawn.values(), Counter())),
        "",
        "The score is killed and timed out over drawn: what no test calls counts against it. The interval is Wilson's. "
        "Which tests are asked, and which not, stands under `[tool.mutmut]` in pyproject.toml.",
        "",
        "## What lives",
        "",
    ]
    for each in sorted(living, key=lambda each: (each.function, each.change)):
        why = known.get(each.mark, {}).get("reason", "**No reason is given yet.**")
        lines += [f"`{each.function}`, {each.outcome}, `{each.mark}`: {why}", "", "```diff", each.change, "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Draw, run, write."""
    asked = argparse.ArgumentParser(prog="tools.mutation", description=__doc__)
    asked.add_argument("--sample", type=int, default=400, help="how many mutants are drawn")
    asked.add_argument("--seed", type=int, default=1, help="which")
    asked.add_argument("--children", type=int, default=1, help="how many are run at a time")
    asked.add_argument("--keep", action="store_true", help="go on with the mutants and results that are there")
    asked.add_argument("--commit", default="", help="what the page calls the code")
    asked.add_argument("--page", type=Path, default=PAGE)
    given = asked.parse_args()
    if not given.keep:
        shutil.rmtree(MUTANTS, ignore_errors=True)
    children = ("--max-children", str(given.children))
    if not given.keep or not MUTANTS.exists():
        mutmut("run", *children, FIRST)
    every = list(outcomes())
    sample = sorted(random.Random(given.seed).sample(every, min(given.sample, len(every))))  # noqa: S311 – named by a seed
    before = outcomes()
    waiting = [name for name in sample if not given.keep or before[name] == "not run"]
    if waiting:
        mutmut("run", *children, *waiting)
    found = outcomes()
    for name in sample:
        if room_of(name) == ROOMS[0] and found[name] in ("survived", "no tests"):
            found[name] = again(name)
    living = [alive(name, found[name]) for name in sample if found[name] not in NOTICED]
    given.page.write_text(page(found, sample, given.seed, given.commit, living), encoding="utf-8")
    print(f"{len(sample) - len(living)} of {len(sample)} were noticed; {given.page.name} tells the rest")


if __name__ == "__main__":
    main()
