"""A night from the command line: run, plan, approve, and what stands in their way."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.web import SystemClock
from tests.cli.conftest import Command, Town


def test_a_first_plan_waits_and_is_approved(town: Town, cloudcollect: Command) -> None:
    assert cloudcollect("init", "--first-run").code == 0
    at = town.night()
    ran = cloudcollect("run", "--at", at)
    assert ran.code == 3
    assert "waits for approval" in ran.out
    assert town.world.truth()["nordlys"].claims == {}

    shown = cloudcollect("plan")
    assert shown.code == 3
    for part in (f"Invoice {town.invoice}", "2 500,00", "MINIMUM_AMOUNT", "first night"):
        assert part in shown.out
    plan = json.loads(cloudcollect("plan", "--json").out)
    assert plan["waits_for_approval"]
    assert [rule["code"] for rule in plan["held_back"]] == ["MINIMUM_AMOUNT"]

    done = cloudcollect("approve", plan["hash"][:12], "--at", at)
    assert done.code == 0
    assert "1 claim 2 500,00 → agency" in done.out
    assert town.world.truth()["nordlys"].claims == {f"Invoice {town.invoice}": 1}

    again = cloudcollect("approve", plan["hash"][:12], "--at", at)
    assert again.code == 4
    assert "carried out already" in again.err
    assert town.world.truth()["nordlys"].claims == {f"Invoice {town.invoice}": 1}


def test_a_plan_is_made_without_sending(town: Town, cloudcollect: Command) -> None:
    cloudcollect("init", "--first-run")
    made = cloudcollect("plan", "--make", "--at", town.night())
    assert made.code == 3
    assert "planned    1 claim 2 500,00" in made.out
    assert town.world.truth()["nordlys"].claims == {}


def test_an_expired_a_superseded_and_an_unknown_plan_cannot_be_approved(town: Town, cloudcollect: Command) -> None:
    cloudcollect("init", "--first-run")
    first = json.loads(cloudcollect("run", "--at", town.night(), "--json").out)["plan"]
    second = json.loads(cloudcollect("run", "--at", town.night(), "--json").out)["plan"]
    later = town.nights[-1].replace("2026-01-07", "2026-01-09")
    for digest, at, code, text in (
        (second, later, 4, "older than 24 hours"),
        (first, town.nights[0], 4, "superseded"),
        ("0123456789", town.nights[-1], 2, "no stored plan is named"),
        (second[:4], town.nights[-1], 2, "no stored plan is named"),
    ):
        said = cloudcollect("approve", digest, "--at", at)
        assert (said.code, text in said.err) == (code, True), said


def test_a_plan_that_was_altered_or_is_another_companys_is_not_sent(town: Town, cloudcollect: Command) -> None:
    cloudcollect("init", "--first-run")
    at = town.night()
    digest = json.loads(cloudcollect("run", "--at", at, "--json").out)["plan"]
    with sqlite3.connect(town.data / "journal.sqlite") as journal:
        before = journal.execute("select body from planned_effect").fetchone()[0]
        journal.execute("update planned_effect set body = replace(body, '250000', '350000')")
    journal.close()
    said = cloudcollect("approve", digest, "--at", at)
    assert (said.code, "is not what it was when it was stored" in said.out) == (4, True), said
    assert town.world.truth()["nordlys"].claims == {}
    with sqlite3.connect(town.data / "journal.sqlite") as journal:
        journal.execute("update planned_effect set body = ?", (before,))
    journal.close()
    assert cloudcollect("approve", digest, "--at", at).code == 0


def test_of_two_approvals_at_once_one_sends_and_the_other_is_told(town: Town, cloudcollect: Command) -> None:
    cloudcollect("init", "--first-run")
    at = town.night()
    digest = json.loads(cloudcollect("run", "--at", at, "--json").out)["plan"]
    command = [str(Path(sys.executable).with_name("cloudcollect")), "approve", digest, "--at", at]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    told = sorted((child.communicate()[0], child.returncode) for child in both)
    assert sorted(code for _, code in told) == [0, 4], told
    (refused,) = (text for text, code in told if code == 4)
    assert "carried out already; nothing is sent" in refused or "is held by" in refused
    assert town.world.truth()["nordlys"].claims == {f"Invoice {town.invoice}": 1}


def test_a_new_journal_is_quiet_until_it_is_declared_new(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("run", "--at", town.night(), "--yes")
    assert said.code == 4
    assert "12 hours" in said.out
    assert "init --first-run" in said.out
    assert cloudcollect("init", "--first-run").code == 0
    assert cloudcollect("run", "--at", town.night(), "--yes").code == 0


def test_a_company_that_was_run_cannot_be_declared_new(town: Town, cloudcollect: Command) -> None:
    cloudcollect("run", "--at", town.night())
    later = town.nights[-1].replace("T04", "T17")
    assert cloudcollect("run", "--at", later, "--yes").code == 0  # the quiet time has passed
    said = cloudcollect("init", "--first-run")
    assert said.code == 4
    assert "has been run before" in said.err


def test_at_is_refused_off_this_machine(town: Town, cloudcollect: Command) -> None:
    text = town.file.read_text()
    erp = next(line for line in text.splitlines() if line.startswith("base_url"))
    town.file.write_text(text.replace(erp, 'base_url = "https://erp.example"', 1))
    said = cloudcollect("run", "--at", town.night())
    assert said.code == 2
    assert "not both counterparties are on this machine" in said.err
    assert not town.data.exists()


@pytest.mark.parametrize("at", ["tomorrow", "2026-13-01", "2026-01-06T25:00"])
def test_a_moment_must_be_one(town: Town, cloudcollect: Command, at: str) -> None:
    assert cloudcollect("run", "--at", at).code == 2


def test_a_second_run_says_who_holds_the_company(town: Town, cloudcollect: Command) -> None:
    with company_lock(town.data, "nightly job 7", SystemClock()):
        said = cloudcollect("run", "--wait", "0", "--at", town.night())
    assert said.code == 4
    assert "nordlys is held by nightly job 7" in said.err
    assert len(said.err.splitlines()) == 1


def test_pause_stops_writing_even_while_a_run_holds_the_company(town: Town, cloudcollect: Command) -> None:
    cloudcollect("init", "--first-run")
    with company_lock(town.data, "a run", SystemClock()):
        assert cloudcollect("pause").code == 0
    said = cloudcollect("run", "--yes", "--at", town.night())
    assert said.code == 4
    assert "paused" in said.out
    assert json.loads(cloudcollect("status", "--json").out)[0]["paused"]
    assert town.world.truth()["nordlys"].claims == {}
    assert cloudcollect("resume").code == 0
    assert cloudcollect("run", "--yes", "--at", town.night()).code == 0
    assert town.world.truth()["nordlys"].claims


def test_an_unknown_company_is_named(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("run", "--company", "nordlis")
    assert said.code == 2
    assert said.err == "no company is called nordlis; did you mean nordlys?\n"


def test_a_counterparty_that_is_gone_is_one_line_or_a_finding(town: Town, cloudcollect: Command) -> None:
    at = town.night()
    text = town.file.read_text()
    lines = [line for line in text.splitlines() if line.startswith(("base_url", "token_url"))]
    for line in lines:
        text = text.replace(line, line.split("=")[0] + '= "http://127.0.0.1:9"')
    town.file.write_text(text)
    said = cloudcollect("run", "--at", at)
    assert said.code in (1, 3, 4)
    assert "Traceback" not in said.err


def test_a_broken_journal_is_told_in_one_line(approved: Town, cloudcollect: Command) -> None:
    (approved.data / "journal.sqlite").write_bytes(b"not a database" * 1000)
    said = cloudcollect("run", "--at", approved.night())
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("journal: ")
    assert "Traceback" not in said.err


def test_files_are_private(approved: Town) -> None:
    open_to_others = [p for p in approved.data.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    assert open_to_others == []
