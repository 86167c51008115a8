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

from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.nightly import Night
from cloudcollect_pipeline.sandbox import demo
from cloudcollect_pipeline.sandbox.serve import serve, settings_toml
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.settings import load

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
        write_private(folder / "cloudcollect.toml", settings_toml(world, servers))
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


def nights_of_the_demo() -> list[datetime]:
    nights = [night for night in demo.nights(demo.FIRST_NIGHT) if not night.missed]
    quiet = [datetime.combine(nights[-1].date + timedelta(days=n), time(4), OSLO) for n in range(1, QUIET_NIGHTS + 1)]
    return [*(night.at for night in nights), *quiet]


def undisturbed(folder: Path) -> tuple[World, list[int]]:
    """The same nights in one process; also how many requests each of them takes."""
    folder.mkdir()
    lengths = []
    with sandbox(folder) as (world, counter):
        settings = load(folder / "cloudcollect.toml", environment(folder))
        for at in nights_of_the_demo():
            world.advance(at)
            counter.seen = 0
            with Night.open("nordlys", settings, VirtualClock(at)) as night:
                stored = night.prepare_plan()
                if stored.reasons:
                    night.approve(stored.plan.hash)
                night.carry_out()
            lengths.append(counter.seen)
        return world, lengths


def killed(folder: Path, kills: dict[int, list[tuple[int, bool]]]) -> tuple[World, int]:
    """Per night, real runs that are killed at a request (before it is carried out, or after), then one that is not."""
    folder.mkdir()
    dead = 0
    with sandbox(folder) as (world, killer):
        for number, at in enumerate(nights_of_the_demo()):
            world.advance(at)
            for request, before in kills.get(number, []):
                died = False
                while not died:  # a night begun again may be shorter than the request that was drawn
                    killer.seen, killer.at, killer.before = 0, request, before
                    with subprocess.Popen(
                        command("run", "--at", at.isoformat(), "--yes"),
                        env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    ) as killer.process:  # fmt: skip
                        died = killer.process.wait(timeout=110) == -signal.SIGKILL
                    request = max(1, request // 2)
                dead += 1
                killer.at = None
            run(folder, "run", "--at", at.isoformat(), "--yes")
        return world, dead


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
    quiet_world, lengths = undisturbed(tmp_path / "undisturbed")
    rng = random.Random(SEED)
    kills: dict[int, list[tuple[int, bool]]] = {}
    for number in rng.choices(range(len(lengths) - QUIET_NIGHTS), k=KILLS):
        kills.setdefault(number, []).append((rng.randint(1, lengths[number]), rng.random() < 0.5))
    world, dead = killed(tmp_path / "killed", kills)
    assert dead == KILLS
    assert not world.truth()["nordlys"].double_effects
    assert books(world) == books(quiet_world)
