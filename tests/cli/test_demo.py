"""The demo tells its story to the end, and what it leaves behind can be looked at."""

import json
import re
import sqlite3
from html import unescape
from itertools import accumulate
from pathlib import Path

import duckdb
import pytest

from cloudcollect_pipeline.domain.money import display
from tests.cli.conftest import Command
from tools.docs.pictures import PICTURES

MOST_LINES = 40
DOCS = Path(__file__).parents[2] / "docs"
ELSEWHERE = ("  next run", "  published", "  requests")
"""Lines of `status` that tell of the moment it is called."""


def squeezed(text: str) -> str:
    """Without any space, so that it does not matter where a line is broken."""
    return "".join(unescape(text).split())


def figures(company: Path) -> set[str]:
    """Every amount by which account 1510 and the differences can be told, from what the demo left behind."""
    with duckdb.connect(str(company / "ledger.duckdb"), read_only=True) as ledger:
        moved = ledger.execute(
            "select cast(100 * sum(amount) as bigint) from suspense_movement "
            "group by posting_date, movement order by posting_date, movement"
        ).fetchall()
        others = ledger.execute(
            "select cast(100 * amount as bigint) from suspense_movement "
            "union all select cast(100 * sum(amount) as bigint) from suspense_movement group by movement "
            "union all select cast(100 * unnest([erp_balance, agency_open, difference]) as bigint) from subledger_diff "
            "union all select cast(100 * sum(difference) as bigint) from subledger_diff order by 1"
        ).fetchall()
    journal = sqlite3.connect(company / "journal.sqlite")
    (booked,) = (json.loads(row[0]) for row in journal.execute("select details from effect where kind = 'settlement'"))
    journal.close()
    lines = [line["amount"] for line in booked["lines"]]
    amounts = [row[0] for row in moved + others] + lines + [sum(line for line in lines if line > 0), 0]
    amounts += accumulate(row[0] for row in moved)
    return {display(abs(amount)).replace("\u00a0", " ") for amount in amounts}


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

    # The pages tell this very demo: its amounts, and what its commands say.
    known = figures(tmp_path / "data" / "demo" / "nordlys")
    for page in ("accountant.md", "regnskap.md", "differences.md"):
        told = set(re.findall(r"\d{1,3}(?: \d{3})*,\d\d", (DOCS / page).read_text()))
        assert len(told) > 5
        assert told - known == set(), page
    shown = [
        said,
        *(cloudcollect(*typed.split()) for typed in ("status", "explain 100665", "findings show 3", "journal verify")),
    ]
    lines = [line for heard in shown for line in heard.out.splitlines()]
    for page in ("index", "differences-are-explained", "every-effect-is-confirmed"):
        blocks = re.findall(
            r"^```text\n(.*?)^```", (DOCS / "runbook" / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE
        )
        copied = [line for block in blocks for line in block.splitlines() if not line.startswith(ELSEWHERE)]
        assert copied
        assert [line for line in copied if line not in lines] == [], page

    # And the pictures show what it says today.
    for name, typed in PICTURES.items():
        heard = said.out if typed == ("demo",) else cloudcollect(*typed).out
        seen = squeezed(re.sub("<[^>]*>", "", (DOCS / "pictures" / f"terminal-{name}.svg").read_text()))
        lines = [line for line in heard.splitlines() if not line.startswith((*ELSEWHERE, "ERP http"))]
        assert [line for line in lines if squeezed(line) not in seen] == [], f"{name}: make pictures"

    refused = cloudcollect("run")
    assert refused.code == 1
    assert "counterparties are gone" in refused.err


def test_a_folder_with_something_in_it_is_left_alone(cloudcollect: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    said = cloudcollect("demo", "--keep", str(tmp_path))
    assert said.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
