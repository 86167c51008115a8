"""Personal data from the command line and as a job: codes, reasons, counts only; and the log as JSON lines."""

import json
from pathlib import Path

import dagster as dg
import pytest

from cloudcollect_pipeline.orchestration.build import build_definitions
from cloudcollect_pipeline.orchestration.logs import OUR_CONSOLE
from tests.cli.conftest import Command, Town

CUSTOMERS = ("10001", "10002")
FIELDS = ["time", "level", "company", "run", "stage", "text"]


def lines_of(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_debtor_with_an_open_case_is_refused_with_code_4_and_the_night_goes_on(
    approved: Town, cloudcollect: Command
) -> None:
    said = cloudcollect("privacy", "erase", CUSTOMERS[0], "--note", "asked by letter")
    assert said.code == 4
    assert "1 claim at the agency of 2 500,00" in said.out
    assert "nothing was changed" in said.out
    told = json.loads(cloudcollect("privacy", "erase", CUSTOMERS[0], "--note", "asked by letter", "--json").out)
    assert [ground["code"] for ground in told["grounds"]] == ["CLAIM_LIVE", "RECEIVABLE_OPEN"]
    assert cloudcollect("run", "--at", approved.night()).code == 0

    approved.world.erp().pay(approved.invoice, 250_000)
    assert cloudcollect("run", "--at", approved.night()).code == 0
    said = cloudcollect("privacy", "erase", CUSTOMERS[0], "--note", "asked by letter")
    assert (said.code, "1 persons" in said.out) == (0, True), said
    assert cloudcollect("run", "--at", approved.night()).code == 0
    (act,) = json.loads(cloudcollect("privacy", "report", "--json").out)["acts"]
    assert (act["about"], act["note"]) == (f"customer {CUSTOMERS[0]}", "asked by letter")
    assert "Privatkunde" not in json.dumps(act)
    assert cloudcollect("privacy", "erase", "4711", "--note", "x").code == 2
    assert cloudcollect("privacy", "erase", CUSTOMERS[0], "--note", " ").code == 2
    assert cloudcollect("journal", "verify").code == 0


def test_retention_says_first_and_then_removes_what_is_over_its_days(approved: Town, cloudcollect: Command) -> None:
    assert cloudcollect("privacy", "report").code == 3  # the town's nights are long ago
    dry = json.loads(cloudcollect("privacy", "retain", "--dry-run", "--json").out)
    assert (dry["dry_run"], dry["report"]) == (True, None)
    done = json.loads(cloudcollect("privacy", "retain", "--json").out)
    assert done["removed"]["spools"] == dry["removed"]["spools"] > 0
    assert json.loads(Path(done["report"]).read_text())["removed"] == done["removed"]
    assert cloudcollect("privacy", "report").code == 0
    assert cloudcollect("run", "--at", approved.night()).code == 0


def test_the_weekly_job_is_off_says_counts_and_logs_json(
    approved: Town, cloudcollect: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("CLOUDCOLLECT_LOG__FORMAT", "json")
    definitions = build_definitions()
    schedule = definitions.resolve_schedule_def("privacy_on_sundays")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 12 * * 0", "Europe/Oslo")
    number = len(list((approved.data / "landing").rglob("*.zst")))
    home = tmp_path / "dagster"
    home.mkdir()
    capsys.readouterr()
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        done = definitions.resolve_job_def("privacy").execute_in_process(instance=instance, run_config=OUR_CONSOLE)
    assert done.success
    logged = lines_of(capsys.readouterr().err)
    assert all(list(line) == FIELDS for line in logged)
    (said,) = [line for line in logged if line["text"].startswith("removed: ")]
    assert f"{number} spools" in said["text"]
    assert (said["company"], said["level"], said["run"]) == ("nordlys", "info", done.run_id[:8])
    assert said["time"].endswith("Z")
    assert not list((approved.data / "landing").rglob("*.zst"))
    (act,) = json.loads(cloudcollect("privacy", "report", "--json").out)["acts"]
    assert act["who"].startswith("Dagster run ")


@pytest.mark.parametrize("asked", ["option", "settings"])
def test_a_nights_log_is_one_object_a_line_also_when_it_fails(
    approved: Town, cloudcollect: Command, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("CLOUDCOLLECT_LOG__FORMAT", "plain")  # put back afterwards, whatever the option does
    before = []
    if asked == "option":
        before = ["--log-format", "json"]
    else:
        monkeypatch.delenv("CLOUDCOLLECT_LOG__FORMAT")
        approved.file.write_text(approved.file.read_text() + '\n[log]\nformat = "json"\n')
    said = cloudcollect(*before, "run", "--at", approved.night())
    logged = [json.loads(line) for line in said.err.splitlines()]
    assert {line["stage"] for line in logged} >= {"land", "mirror", "plan", "statement"}
    assert {(*line,) for line in logged} == {tuple(FIELDS)}
    assert {(line["company"], line["level"]) for line in logged} == {("nordlys", "info")}
    assert len({line["run"] for line in logged}) == 1
    (approved.data / "journal.sqlite").write_bytes(b"no journal at all")
    said = cloudcollect(*before, "run", "--at", approved.night())
    assert said.code == 1
    (last,) = [json.loads(line) for line in said.err.splitlines()]
    assert (last["level"], last["stage"], "journal rebuild" in last["text"]) == ("error", "end", True)


def test_a_log_format_that_is_none_is_said(
    approved: Town, cloudcollect: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDCOLLECT_LOG__FORMAT", "plain")
    said = cloudcollect("--log-format", "xml", "run", "--at", approved.night())
    assert (said.code, "log.format" in said.err) == (1, True)
