"""What moved since main: ratios to the floor, or to the first peer where there is none, never seconds.

    python -m benchmarks.guard [REF]

Compares `results.json` here with the one of another commit (main) and prints what moved by more than 15 per cent.
Ends with 1 when something became dearer.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks import results

TOLERATED = 0.15

Known = Mapping[str, Any]


def moved(before: Known, now: Known) -> list[tuple[str, float, float, bool]]:
    """Rows whose ratio moved: name and size, the ratio then and now, and whether that is worse."""
    then = {(row["name"], row["size"]): row for row in before["rows"]}
    found = []
    for row in now["rows"]:
        old, new = ratio(then.get((row["name"], row["size"]), {})), ratio(row)
        if old and new and abs(new / old - 1) > TOLERATED:
            found.append((f"{row['name']}, {row['size']:,}", old, new, (new > old) != row["more_is_better"]))
    return found


def ratio(row: Known) -> float | None:
    """What is compared of a row."""
    if row.get("ratio_to_floor"):
        return float(row["ratio_to_floor"])
    peer = next((value for value in row.get("peers", {}).values() if value), None)
    return row["value"] / peer if peer and row.get("value") else None


def main() -> int:
    """Print what moved; 1 when something is worse."""
    ref = sys.argv[1] if len(sys.argv) > 1 else "main"
    shown = subprocess.run(
        ["git", "show", f"{ref}:benchmarks/results.json"], capture_output=True, text=True, check=False
    )
    if shown.returncode:
        print(f"{ref} has no benchmarks/results.json to compare with")
        return 0
    found = moved(json.loads(shown.stdout), results.read())
    for name, old, new, worse in found:
        print(f"{'worse ' if worse else 'better'} {name}: {old:.3g} → {new:.3g} ({new / old - 1:+.0%})")
    if not found:
        print(f"nothing moved by more than {TOLERATED:.0%}")
    return int(any(worse for *_, worse in found))


if __name__ == "__main__":
    sys.exit(main())
