"""What `up` prepares before it starts Dagster; the history itself is tested with the orchestration."""

import socket
from pathlib import Path

import pytest

from cloudcollect_pipeline.cli.up import dagster_home, free_port
from tests.cli.conftest import Command


def test_a_checkout_is_its_own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dagster.yaml", "workspace.yaml"):
        (tmp_path / name).touch()
    assert dagster_home() == tmp_path


def test_elsewhere_a_home_is_made_below_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = dagster_home()
    assert home == tmp_path / "data" / "dagster"
    assert "cloudcollect_pipeline.definitions" in (home / "workspace.yaml").read_text()
    (home / "dagster.yaml").write_text("# mine\n")
    assert dagster_home() == home
    assert (home / "dagster.yaml").read_text() == "# mine\n"


def test_a_port_that_is_taken_is_not_offered() -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert free_port() != port


def test_wrong_settings_are_told_before_dagster_is_started(
    cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[companies.nord]\n")
    monkeypatch.setenv("CLOUDCOLLECT_CONFIG", str(file))
    said = cloudcollect("up")
    assert said.code == 1
    assert said.err.startswith("settings: companies.nord")
