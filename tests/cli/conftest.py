"""A small company behind two real servers, with settings on disk: what the commands are tried on."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloudcollect_pipeline.cli import main
from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.cli.screen import console
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.sandbox.serve import serve, settings_toml
from cloudcollect_pipeline.sandbox.world import World

FIRST = datetime(2026, 1, 6, 4, tzinfo=OSLO)


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def cloudcollect(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call the command line as its entry point does."""

    def call(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["cloudcollect", *arguments])
        console.cache_clear()
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        code = end.value.code
        return Said(code if isinstance(code, int) else 0, said.out.replace("\u00a0", " "), said.err)

    return call


@dataclass
class Town:
    """One company with one debtor and an overdue invoice, its counterparties listening."""

    world: World
    folder: Path
    file: Path
    invoice: str
    held_back: str
    nights: list[str] = field(default_factory=list)

    def night(self) -> str:
        """Let the next 04:00 come; the moment to say to `--at`."""
        at = FIRST + timedelta(days=len(self.nights))
        self.world.advance(at)
        self.nights.append(at.isoformat())
        return self.nights[-1]

    @property
    def data(self) -> Path:
        return self.folder / "data" / "nordlys"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDCOLLECT_CONFIG", raising=False)
    world = World.empty(FIRST - timedelta(hours=4))
    books = world.erp()
    due = FIRST.date() - timedelta(days=40)

    def invoice(amount: int) -> str:
        card = books.add_customer(
            name="Privatkunde Oslo", business=False, address="Storgata 1", postal_code="0155", city="Oslo"
        )
        return books.invoice(card, amount, due - timedelta(days=14), due).number

    numbers = invoice(250_000), invoice(5_000)
    books.run_dunning(world.today)
    world.go_live = due - timedelta(days=100)
    with serve(world) as servers:
        file = tmp_path / "cloudcollect.toml"
        write_private(file, settings_toml(world, servers))
        yield Town(world, tmp_path, file, *numbers)


@pytest.fixture
def approved(town: Town, cloudcollect: Command) -> Town:
    """The same after its first night, whose plan a person has approved."""
    assert cloudcollect("init", "--first-run").code == 0
    at = town.night()
    assert cloudcollect("run", "--at", at, "--yes").code == 0
    return town
