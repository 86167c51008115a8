"""`sandbox`: two made-up counterparties to run against, for as long as this command lives."""

import signal
import threading
from datetime import date, timedelta
from pathlib import Path
from types import FrameType

from cloudcollect_pipeline.cli.context import parse_day, write_private
from cloudcollect_pipeline.cli.exits import OK, Stop
from cloudcollect_pipeline.cli.screen import command, moment, say
from cloudcollect_pipeline.domain.clock import NIGHT_AT
from cloudcollect_pipeline.sandbox.serve import serve, settings_toml
from cloudcollect_pipeline.sandbox.world import World, local

MARK = "# Written by `cloudcollect sandbox`"


def run(history: Path | None, seed: int, write: Path, start: str | None, *, disputes: bool) -> int:
    """Serve a world until interrupted."""
    first = parse_day(start) if start else None
    if write.exists() and not write.read_text(encoding="utf-8").startswith(MARK):
        raise Stop(f"{write} is not a sandbox's; it is not overwritten. Name another file with --write")
    world = World.from_history(history, first, seed, disputes=disputes) if history else World.demo(seed, first)
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    with serve(world) as servers:
        # Each start is another world, so each has a data folder of its own.
        data = f"data-{servers.erp_url.rpartition(':')[2]}"
        head = f'{MARK}: its counterparties live as long as that command.\ndata_dir = "{data}"\n\n'
        write_private(write, head + settings_toml(world, servers))
        night = next_night(world)
        call = command()
        say(
            f"ERP       {servers.erp_url}",
            f"agency    {servers.agency_url}",
            f"settings  {write}; what is run against it is written to {write.parent / data}",
            f"world     {moment(world.now)}, seed {seed}; its time moves only when told to",
            "",
            "In another terminal:",
            f"  export CLOUDCOLLECT_CONFIG={write}",
            f"  {call} init --first-run",
            f'  curl -d \'{{"until": "{local(night, NIGHT_AT).isoformat()}"}}\' {servers.erp_url}/_sandbox/advance',
            f"  {call} doctor --at {night}",
            f"  {call} run --at {night}",
            f"  {call} approve HASH --at {night}",
            "Then the next day: advance, run. Ctrl-C ends the sandbox.",
        )
        stop.wait()
    return OK


def next_night(world: World) -> date:
    """The first night that is not over yet."""
    today = world.today
    return today if world.now <= local(today, NIGHT_AT) else today + timedelta(days=1)
