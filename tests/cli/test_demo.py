"""The demo tells its story to the end, and what it leaves behind can be looked at."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command

MOST_LINES = 40


def test_the_demo_ends_with_the_books_tied(
    cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLOUDCOLLECT_CONFIG", raising=False)
    left_over = tmp_path / "data" / "demo" / "left_over"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    said = cloudcollect("demo")
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert len(lines) <= MOST_LINES
    assert "✘" not in said.out
    assert not left_over.exists()
    for part in (
        "approved", "held back", "7 are there, 0 duplicates", "is not matched", "the pipeline is down",
        "catches up on four nights", "settlement", "needs a person",
    ):  # fmt: skip
        assert part in said.out, part
    closing = re.search(r"= closing ([\d ,]+)\n.*general ledger ([\d ,]+) ✔", said.out)
    assert closing
    assert closing[1].strip() == closing[2].strip()
    assert "\x1b" not in said.out
    private = [p for p in (tmp_path / "data").rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert private == []

    # Looking at it afterwards needs no settings and no counterparties.
    (number,) = re.findall(r"explain (\d+)", lines[-1])
    explained = cloudcollect("explain", number)
    assert explained.code == 0
    assert "voided since" in explained.out
    found = json.loads(cloudcollect("findings", "list", "--json").out)
    assert {f["severity"] for f in found} == {"error", "question", "warning"}
    (status,) = json.loads(cloudcollect("status", "--json").out)
    assert (status["outcome"], status["ties"], status["unknown_outcomes"]) == ("done", True, 0)
    plan = json.loads(cloudcollect("plan", "--json").out)
    assert plan["state"] == "dispatched"
    assert plan["held_back"]
    refused = cloudcollect("run")
    assert refused.code == 1
    assert "counterparties are gone" in refused.err


def test_a_folder_with_something_in_it_is_left_alone(cloudcollect: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    said = cloudcollect("demo", "--keep", str(tmp_path))
    assert said.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
