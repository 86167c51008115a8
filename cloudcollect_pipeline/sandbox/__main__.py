"""A sandbox in a process of its own: `python -m cloudcollect_pipeline.sandbox [--history FILE] [--seed N]`."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import FrameType

from cloudcollect_pipeline.sandbox.history import HistoryError
from cloudcollect_pipeline.sandbox.serve import serve, write_settings
from cloudcollect_pipeline.sandbox.world import World


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a world until interrupted; 1 when the history cannot be used."""
    parser = argparse.ArgumentParser(prog="sandbox", description="Serve a made-up ERP and a made-up agency.")
    parser.add_argument("--history", type=Path, metavar="FILE", help="a CSV of invoices to live instead of the demo")
    parser.add_argument("--no-disputes", action="store_true", help="ignore the history's disputes")
    parser.add_argument("--start", type=date.fromisoformat, metavar="DATE", help="first night, or first Monday")
    parser.add_argument("--seed", type=int, default=7, help="another seed makes another world (default 7)")
    parser.add_argument("--settings", type=Path, default=Path("cloudcollect.toml"), help="where to write the settings")
    options = parser.parse_args(arguments)
    try:
        world = (
            World.from_history(options.history, options.start, options.seed, disputes=not options.no_disputes)
            if options.history
            else World.demo(options.seed, options.start)
        )
    except (HistoryError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    with serve(world) as servers:
        write_settings(world, servers, options.settings)
        sys.stdout.write(
            f"ERP       {servers.erp_url}\nagency    {servers.agency_url}\nsettings  {options.settings}\n"
            f"time      {world.now.isoformat()} (moves by POST /_sandbox/advance)\n"
        )
        sys.stdout.flush()
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
