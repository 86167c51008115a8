"""Run the benchmarks: `make bench`, with SIZE=small for a smoke run and ROWS=diff,mirror for some of them.

Each row is written as soon as it is measured, so that a run can be stopped and gone on with. A full run writes
`results.json` and docs/performance.md; a small one claims nothing, and writes to `.venv-bench/`.
"""

import importlib
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.measure import ROUNDS, Row

SIZES = {"small": [2_000], "full": [10_000, 100_000, 1_000_000, 10_000_000]}
SHOWN = ("duckdb", "httpx", "msgspec", "pandas", "pandera", "pyarrow", "dagster")
PEERS = ("dlt", "polars", "datacompy", "reladiff")


def main() -> int:
    """Measure what was asked for; 0 when every row could be measured."""
    size = os.environ.get("SIZE") or "full"
    wanted = [name for name in os.environ.get("ROWS", "").split(",") if name] or list(results.STAGES)
    unknown = set(wanted) - set(results.STAGES)
    if size not in SIZES or unknown:
        print(f"SIZE is small or full; ROWS are of {', '.join(results.STAGES)}")
        return 2
    path = results.PATH if size == "full" else Path(".venv-bench/results.json")
    rounds = ROUNDS if size == "full" else 1
    failed = False
    for name in (name for name in results.STAGES if name in wanted):
        module = importlib.import_module(f"benchmarks.{name}")
        began = time.monotonic()
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows: list[Row] = []
            for row in module.rows(SIZES[size], rounds, Path(folder)):
                row.stage = name
                row.met = row.met if size == "full" else None
                rows.append(row)
                print(results.line(row), flush=True)
                failed |= row.value is None and not row.reasons.get("ours", "").startswith("not run")
                results.keep(path, machine(), name, rows)
        print(f"== {name}: {time.monotonic() - began:.0f} s", flush=True)
    if size == "full":
        from benchmarks import page

        page.write(results.read(path))
    return int(failed)


def machine() -> dict[str, Any]:
    """What it was measured on, and with."""
    with Path("/proc/meminfo").open() as file:
        kilobytes = int(file.readline().split()[1])
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(kilobytes / 1024**2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in (*SHOWN, *PEERS)},
        "day": time.strftime("%Y-%m-%d"),
    }


if __name__ == "__main__":
    sys.exit(main())
