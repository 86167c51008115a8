"""The commands as such: what they cost, and what they say when called wrongly."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloudcollect_pipeline import __version__
from tests.cli.conftest import Command

COMMANDS = (
    "demo", "sandbox", "init", "up", "run", "plan", "approve", "pause", "resume", "hold", "findings", "status",
    "explain", "morning", "backfill", "reconcile", "export-audit", "doctor", "alerts", "journal", "privacy", "reports",
    "simulate", "soak",
)  # fmt: skip
SLOW = {"dagster", "pandas", "pandera", "pyarrow", "duckdb", "httpx", "pydantic", "holidays", "uvicorn"}


def test_help_loads_nothing_slow() -> None:
    code = (
        "import sys\nfrom cloudcollect_pipeline.cli import main\nsys.argv = ['cloudcollect', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert SLOW.isdisjoint(said.split())


def test_help_names_every_command(cloudcollect: Command) -> None:
    said = cloudcollect("--help")
    assert said.code == 0
    assert [name for name in COMMANDS if f"  {name} " not in said.out] == []
    assert "3 needs a person" in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cloudcollect: Command, command: str) -> None:
    said = cloudcollect(command, "--help")
    assert said.code == 0
    assert said.out.startswith("Usage: cloudcollect")


def test_version(cloudcollect: Command) -> None:
    assert cloudcollect("--version").out.strip() == __version__


@pytest.mark.parametrize(
    "arguments", [("frobnicate",), ("approve",), ("findings", "show", "one"), ("hold", "add", "1")]
)
def test_a_wrong_call_is_code_2(cloudcollect: Command, arguments: tuple[str, ...]) -> None:
    assert cloudcollect(*arguments).code == 2


@pytest.mark.parametrize(
    "arguments", [("run",), ("status",), ("plan",), ("explain", "1"), ("findings", "list"), ("pause",)]
)
def test_without_settings_one_line_says_what_to_do(
    cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDCOLLECT_CONFIG", raising=False)
    said = cloudcollect(*arguments)
    assert said.code == 1
    assert said.err == "settings: there is no cloudcollect.toml here; `cloudcollect init` writes one\n"


def test_wrong_settings_are_told_line_by_line(
    cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDCOLLECT_CONFIG", raising=False)
    assert cloudcollect("init", "--company", "nord", "--name", 'Nord "Æ" AS').code == 0
    file = tmp_path / "cloudcollect.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert '\nname = "Nord \\"Æ\\" AS"' in file.read_text()
    again = cloudcollect("init")
    assert again.code == 2
    assert "not overwritten" in again.err
    said = cloudcollect("status")
    assert said.code == 1
    assert all(line.startswith("settings: companies.nord.") for line in said.err.splitlines())
    assert "Traceback" not in said.err


def test_a_short_name_must_be_one(cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDCOLLECT_CONFIG", raising=False)
    assert cloudcollect("init", "--company", "Nord Lys").code == 2
    assert not (tmp_path / "cloudcollect.toml").exists()
