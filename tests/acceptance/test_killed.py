"""kill -9 at ten random moments of the demo's nights, started again each time: the same final books, nothing twice.

The nights are real processes (`cloudcollect run --at …`) against real servers. A moment is a request: the process is
killed right before it is carried out, or right after, before the answer arrives.
"""

import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.sandbox import demo
from cloudcollect_pipeline.sandbox.serve import serve, write_settings
from cloudcollect_pipeline.sandbox.world import World

QUIET_NIGHTS = 5
KILLS = 10
SEED = 20261124


class Killer:
    """Counts requests and kills the process that sends them when its number comes up."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.at: int | None = None
        self.before = False
        self.seen = 0

    def around(self, handler):
        def answer(request):
            self.seen += 1
            if self.seen == self.at and self.before:
                self.kill()
                raise ConnectionError
            told = handler(request)
            if self.seen == self.at:
                self.kill()
            return told

        return answer

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def sandbox(folder: Path):
    world, killer = World.demo(seed=7), Killer()
    world.erp_handler = killer.around(world.erp_handler)
    world.agency_handler = killer.around(world.agency_handler)
    with serve(world) as servers:
        write_settings(world, servers, folder / "cloudcollect.toml")
        run(folder, "init", "--first-run")
        yield world, killer


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from cloudcollect_pipeline.cli import main; main()", *words]


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "CLOUDCOLLECT_CONFIG": str(folder / "cloudcollect.toml"),
        "CLOUDCOLLECT_DATA_DIR": str(folder),
    }


def run(folder: Path, *words: str) -> None:
    done = subprocess.run(command(*words), env=environment(folder), capture_output=True, text=True, timeout=110)
    assert done.returncode in (0, 3), done.stdout + done.stderr


def night(folder: Path, at: datetime) -> None:
    run(folder, "run", "--at", at.isoformat(), "--yes")


def lived(folder: Path, kills: dict[int, list[tuple[float, bool]]]) -> tuple[World, int, list[int]]:
    """Live the demo's nights; per night a list of (share of a usual night's requests, before or after)."""
    folder.mkdir()
    killed = 0
    lengths = []
    with sandbox(folder) as (world, killer):
        nights = [n for n in demo.nights(demo.FIRST_NIGHT) if not n.missed]
        last = nights[-1].date
        quiet = [datetime.combine(last + timedelta(days=n), time(4), OSLO) for n in range(1, QUIET_NIGHTS + 1)]
        for number, at in enumerate([*(n.at for n in nights), *quiet]):
            world.advance(at)
            for share, before in kills.get(number, []):
                killer.seen, killer.at, killer.before = 0, max(1, int(share)), before
                with subprocess.Popen(
                    command("run", "--at", at.isoformat(), "--yes"),
                    env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                ) as killer.process:  # fmt: skip
                    killed += killer.process.wait(timeout=110) == -signal.SIGKILL
                killer.at = None
            killer.seen = 0
            night(folder, at)
            lengths.append(killer.seen)
        return world, killed, lengths


def books(world: World):
    truth = world.truth()["nordlys"]
    return {
        "balances": truth.balances,
        "claims": truth.claims,
        "1510": truth.suspense_balance,
        "unsettled": truth.unsettled_principal,
        "postings": sorted(truth.postings.values()),
    }


@pytest.mark.timeout(600)
def test_ten_kills_of_the_demo_lead_to_the_same_final_books(tmp_path):
    undisturbed, _, lengths = lived(tmp_path / "undisturbed", {})
    rng = random.Random(SEED)
    kills: dict[int, list[tuple[float, bool]]] = {}
    for number in rng.choices(range(len(demo.nights(demo.FIRST_NIGHT)) - 3), k=KILLS):
        kills.setdefault(number, []).append((rng.uniform(1, lengths[number]), rng.random() < 0.5))
    world, killed, _ = lived(tmp_path / "killed", kills)
    assert killed == KILLS
    truth = world.truth()["nordlys"]
    assert not truth.double_effects
    assert books(world) == books(undisturbed)
