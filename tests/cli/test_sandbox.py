"""The sandbox as a command: it serves, writes settings that fit, and ends when asked to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_it_serves_until_interrupted_and_can_be_run_against(
    cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from cloudcollect_pipeline.cli import main; main()"
    serving = subprocess.Popen(
        [sys.executable, "-c", code, "sandbox", "--seed", "3"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        file = tmp_path / "data" / "sandbox" / "cloudcollect.toml"
        deadline = time.monotonic() + 30
        while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert file.stat().st_mode & 0o777 == 0o600
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CLOUDCOLLECT_CONFIG", str(file))
        made = cloudcollect("plan", "--make", "--at", "2026-02-03")
        assert made.code == 3, made
        assert "claims" in made.out
    finally:
        serving.send_signal(signal.SIGINT)
        out, _ = serving.communicate(timeout=20)
    assert serving.returncode == 0
    for part in (
        "ERP       http://127.0.0.1:",
        "doctor --at 2026-02-03",
        "init --first-run",
        "/_sandbox/advance",
        "run --at 2026-02-03",
    ):
        assert part in out


def test_it_does_not_overwrite_settings_of_ones_own(cloudcollect: Command, tmp_path: Path) -> None:
    file = tmp_path / "cloudcollect.toml"
    file.write_text("# mine\n")
    said = cloudcollect("sandbox", "--write", str(file))
    assert said.code == 1
    assert file.read_text() == "# mine\n"


def test_a_history_that_cannot_be_used_is_one_line(cloudcollect: Command, tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text("not,a,history\n1,2,3\n")
    said = cloudcollect("sandbox", "--history", str(history), "--write", str(tmp_path / "new.toml"))
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    missing = cloudcollect("sandbox", "--history", str(tmp_path / "none.csv"), "--write", str(tmp_path / "new.toml"))
    assert missing.code == 1
