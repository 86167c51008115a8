"""The operator's way back: a lost disk, a broken journal, an older copy, a new version. Practised as it is written down
in docs/operations.md, through the command line; what damage itself does to a journal is tests/dispatch/test_damage.py.
"""

import json
import re
import shutil
import sqlite3
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Command, Town

VERSION_1 = Path(__file__).parents[1] / "dispatch" / "journal_version_1.sql"


def backed_up(town: Town, elsewhere: Path) -> Path:
    """What the operations page says to copy each morning: the published folder, whole."""
    return Path(shutil.copytree(town.data / "published", elsewhere / "nordlys"))


def claims(town: Town) -> dict[str, int]:
    return town.world.truth()["nordlys"].claims


def test_a_backup_is_two_whole_files_and_names_nobody(approved: Town, tmp_path: Path) -> None:
    copy = backed_up(approved, tmp_path / "disk2")
    assert sorted(path.name for path in copy.iterdir()) == ["journal.sqlite", "ledger.duckdb"]
    everything = b"".join(path.read_bytes() for path in copy.iterdir())
    with duckdb.connect(str(copy / "ledger.duckdb"), read_only=True) as db:
        for (name,) in db.execute("select table_name from duckdb_tables() order by 1").fetchall():
            everything += repr(db.execute(f'from "{name}"').fetchall()).encode()
    assert b"Privatkunde" not in everything
    assert b"Storgata" not in everything


def test_a_lost_disk_comes_back_from_the_copy_on_another_one_and_nothing_is_sent_twice(
    approved: Town, cloudcollect: Command, tmp_path: Path
) -> None:
    copy = backed_up(approved, tmp_path / "disk2")
    approved.world.erp().pay(approved.invoice, 100_000)  # a night the copy does not know
    assert cloudcollect("run", "--at", approved.night()).code == 0
    before = json.loads(cloudcollect("status", "--json").out)
    shutil.rmtree(approved.data)

    approved.data.mkdir(mode=0o700)
    shutil.copytree(copy, approved.data / "published")
    shutil.copy(copy / "ledger.duckdb", approved.data / "ledger.duckdb")
    assert cloudcollect("journal", "verify").code == 1
    at = approved.night()
    rebuilt = cloudcollect("journal", "rebuild", "--at", at)
    assert (rebuilt.code, "published" in rebuilt.out, "nothing was sent" in rebuilt.out) == (0, True, True), rebuilt
    assert cloudcollect("journal", "verify").code == 0
    assert cloudcollect("run", "--at", at).code == 4  # quiet: both sides were only asked
    assert cloudcollect("run", "--at", at.replace("T04", "T17")).code == 0
    assert claims(approved) == {f"Invoice {approved.invoice}": 1}
    assert not approved.world.truth()["nordlys"].double_effects
    assert not approved.world.truth()["nordlys"].unequal
    after = json.loads(cloudcollect("status", "--json").out)
    assert [(s["closing"], s["ties"]) for s in after] == [(s["closing"], s["ties"]) for s in before]
    # The nights that the copy knew are still to be shown, persons were read again.
    assert cloudcollect("reconcile", approved.nights[0][:10]).code == 0
    with duckdb.connect(str(approved.data / "persons.duckdb"), read_only=True) as persons:
        assert persons.execute("select count(*) from person").fetchone() == (2,)


def test_a_broken_journal_comes_back_from_the_published_copy(approved: Town, cloudcollect: Command) -> None:
    (approved.data / "journal.sqlite").write_bytes(b"")
    (approved.data / "journal.backup.sqlite").unlink()
    rebuilt = json.loads(cloudcollect("journal", "rebuild", "--at", approved.night(), "--json").out)
    assert rebuilt["copy"].endswith("published/journal.sqlite")
    assert rebuilt["found_again"] == {}  # the copy knew it all
    assert claims(approved) == {f"Invoice {approved.invoice}": 1}


def test_an_older_copy_laid_back_by_hand_is_noticed_and_quiet(
    approved: Town, cloudcollect: Command, tmp_path: Path
) -> None:
    copy = backed_up(approved, tmp_path / "disk2")
    assert cloudcollect("run", "--at", approved.night()).code == 0
    for path in approved.data.glob("journal.sqlite*"):
        path.unlink()
    shutil.copy(copy / "journal.sqlite", approved.data / "journal.sqlite")
    assert cloudcollect("journal", "verify").code == 4
    said = cloudcollect("run", "--at", approved.night())
    assert (said.code, "12 hours" in said.out) == (4, True), said
    assert claims(approved) == {f"Invoice {approved.invoice}": 1}


def test_a_folder_that_was_set_back_whole_asks_both_sides_once_it_is_told(
    approved: Town, cloudcollect: Command, tmp_path: Path
) -> None:
    snapshot = shutil.copytree(approved.data, tmp_path / "snapshot")
    approved.world.erp().pay(approved.invoice, 100_000)
    assert cloudcollect("run", "--at", approved.night()).code == 0
    shutil.rmtree(approved.data)
    shutil.copytree(snapshot, approved.data)
    assert cloudcollect("journal", "verify").code == 0  # nothing beside it can tell
    (approved.data / "journal.head").unlink()
    assert cloudcollect("journal", "verify").code == 4
    at = approved.night()
    rebuilt = json.loads(cloudcollect("journal", "rebuild", "--at", at, "--json").out)
    assert rebuilt["found_again"]["reduction"]["count"] == 1
    assert cloudcollect("run", "--at", at).code == 4
    assert cloudcollect("run", "--at", at.replace("T04", "T17")).code == 0
    assert not approved.world.truth()["nordlys"].double_effects
    assert not approved.world.truth()["nordlys"].unequal


def test_reading_what_is_kept_of_people_does_not_hide_that_an_older_journal_was_laid_back(
    approved: Town, cloudcollect: Command, tmp_path: Path
) -> None:
    for name in ("journal.sqlite", "journal.head"):
        shutil.copy(approved.data / name, tmp_path / name)
    approved.world.erp().pay(approved.invoice, 100_000)
    assert cloudcollect("run", "--at", approved.night()).code == 0
    for path in approved.data.glob("journal.sqlite-*"):
        path.unlink()
    for name in ("journal.sqlite", "journal.head"):
        shutil.copy(tmp_path / name, approved.data / name)
    assert cloudcollect("privacy", "report").code in (0, 3)
    said = cloudcollect("run", "--at", approved.night())
    assert (said.code, "12 hours" in said.out) == (4, True), said


@pytest.fixture
def of_version_1(approved: Town) -> Town:
    """The same folder with its journal as version 1 of the tables held it."""
    path = approved.data / "journal.sqlite"
    now = sqlite3.connect(path)
    then = sqlite3.connect(approved.data / "old.sqlite")
    then.executescript(VERSION_1.read_text())
    names = [row[0] for row in then.execute("select name from sqlite_master where type = 'table' order by name")]
    for name in sorted(names, key=lambda name: name == "planned_effect"):
        if name == "transition":
            continue
        columns = ", ".join(row[1] for row in then.execute(f"pragma table_info({name})"))
        marks = ", ".join("?" * len(columns.split(", ")))
        rows = now.execute(f"select {columns} from {name} order by 1").fetchall()
        then.executemany(f"insert into {name} ({columns}) values ({marks})", rows)
    then.execute("update meta set value = '1' where name = 'schema_version'")
    then.commit()
    then.close()
    now.close()
    for beside in approved.data.glob("journal.sqlite-*"):
        beside.unlink()
    (approved.data / "old.sqlite").replace(path)
    return approved


def test_a_folder_of_the_first_version_is_opened_moved_on_and_lives_on(
    of_version_1: Town, cloudcollect: Command
) -> None:
    town = of_version_1
    town.world.erp().pay(town.invoice, 100_000)
    said = cloudcollect("run", "--at", town.night())
    assert said.code == 0, said
    assert cloudcollect("journal", "verify").code == 0
    assert claims(town) == {f"Invoice {town.invoice}": 1}
    assert not town.world.truth()["nordlys"].unequal
    (status,) = json.loads(cloudcollect("status", "--json").out)
    assert (status["ties"], status["quiet_until"]) == (True, None)


PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("operations.md", "security.md")]


def test_what_the_page_says_of_status_is_there_for_programs(approved: Town, cloudcollect: Command) -> None:
    (status,) = json.loads(cloudcollect("status", "--json").out)
    rows = re.findall(r"^\| (`[^|]+) \| ", PAGES[0].read_text().partition("## What programs ask")[2], re.MULTILINE)
    named = {field for row in rows for field in re.findall(r"`([a-z_.]+)`", row)} - {"never_run"}
    assert {"outcome", "ties", "age_seconds", "findings.error"} <= named
    told = {*status, *(f"findings.{severity}" for severity in status["findings"])}
    settings = {"spool_days", "person_days", "report_days"}
    assert named - settings <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_and_file_that_a_page_names_exists(page: Path, cloudcollect: Command) -> None:
    text = page.read_text()
    called = {tuple(found.split()) for found in re.findall(r"cloudcollect ([a-z]+(?: [a-z]+(?=[ `\n]))?)", text)}
    assert called
    for words in sorted(called):
        command = words[:2] if words[0] in ("journal", "privacy", "findings") else words[:1]
        assert cloudcollect(*command, "--help").code == 0, command
    for name in re.findall(r"`((?:tests|deploy|docs)/[\w./]+)`", text):
        assert (page.parents[1] / name).exists(), name
