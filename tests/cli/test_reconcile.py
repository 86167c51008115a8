"""Reports from the command line: files in the company's folder, names in them and nowhere else."""

import json
import zipfile
from pathlib import Path

import openpyxl
import pytest

from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.web import SystemClock
from tests.cli.conftest import Command, Town

NIGHT = "2026-01-06"
NAME = "Privatkunde Oslo"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_reconcile_writes_a_workbook_and_a_page_and_says_where(approved: Town, cloudcollect: Command) -> None:
    said = cloudcollect("reconcile", NIGHT)
    assert said.code == 0, said.err
    folder = approved.data / "reports"
    files = [folder / f"reconciliation-{NIGHT}.en.{kind}" for kind in ("html", "xlsx")]
    assert sorted(folder.iterdir()) == files
    assert [mode(path) for path in (folder, *files)] == [0o700, 0o600, 0o600]
    for part in ("The account is explained to the øre", "closing 0,00 = general ledger", str(files[0].name), "  next "):
        assert part in said.out
    assert said.out.splitlines()[-1].startswith("  next")
    assert "Front" in openpyxl.load_workbook(files[1]).sheetnames


def test_reconcile_in_norwegian(approved: Town, cloudcollect: Command) -> None:
    said = cloudcollect("reconcile", NIGHT, "--lang", "nb")
    assert said.code == 0
    assert "The account is explained to the øre" in said.out
    page = (approved.data / "reports" / f"reconciliation-{NIGHT}.nb.html").read_text()
    assert 'lang="nb"' in page
    assert "6. januar 2026" in page


def test_a_past_night_is_written_as_it_was(approved: Town, cloudcollect: Command) -> None:
    before = json.loads(cloudcollect("reconcile", NIGHT, "--json").out)
    files = [Path(before[kind]) for kind in ("workbook", "page")]
    first = [path.read_bytes() for path in files]
    claim = approved.world.agency.claim_for("nordlys", approved.invoice)
    assert claim is not None
    approved.world.agency.receive(claim, 70_000)
    assert cloudcollect("run", "--at", approved.night()).code == 0
    assert cloudcollect("reconcile", NIGHT).code == 0
    assert [path.read_bytes() for path in files] == first
    now = json.loads(cloudcollect("reconcile", "2026-01-07", "--json").out)
    assert (before["closing"], now["closing"], now["ledger"], now["open_items"]) == (0, 70_000, 70_000, 1)
    assert (now["verdict"], now["ties"]) == ("clean", True)


def test_names_are_in_the_files_and_not_in_what_is_said(approved: Town, cloudcollect: Command) -> None:
    for arguments in (("reconcile", NIGHT), ("reconcile", NIGHT, "--json"), ("export-audit", NIGHT, NIGHT)):
        said = cloudcollect(*arguments)
        assert NAME not in said.out + said.err
    page = approved.data / "reports" / f"reconciliation-{NIGHT}.en.html"
    assert NAME in page.read_text()
    archive = zipfile.ZipFile(approved.data / "reports" / f"audit-{NIGHT}-{NIGHT}.zip")
    assert not any(NAME.encode() in archive.read(name) for name in archive.namelist())


def test_while_a_run_is_on_the_report_has_numbers_only(approved: Town, cloudcollect: Command) -> None:
    with company_lock(approved.data, "a run", SystemClock()):
        said = cloudcollect("reconcile", NIGHT)
    assert said.code == 0
    assert "customers have numbers only" in said.out
    assert NAME not in (approved.data / "reports" / f"reconciliation-{NIGHT}.en.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("reconcile", "2026-01-05"), "there was no night 2026-01-05; there are nights from 2026-01-06 to 2026-01-06"),
        (("reconcile", "yesterday"), "yesterday is not a date"),
        (("reconcile", NIGHT, "--lang", "sv"), "there are no reports in sv; there are en and nb"),
        (("reconcile", NIGHT, "--company", "nordlis"), "did you mean nordlys?"),
        (("export-audit", NIGHT, "2026-01-05"), "is before"),
        (("export-audit", "2025-01-01", "2025-12-31"), "there was no night from 2025-01-01 to 2025-12-31"),
    ],
)
def test_a_wrong_call_is_a_usage_error(
    approved: Town, cloudcollect: Command, arguments: tuple[str, ...], told: str
) -> None:
    said = cloudcollect(*arguments)
    assert said.code == 2
    assert told in said.err
    assert not (approved.data / "reports").exists()


def test_before_the_first_run_it_says_so(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("reconcile", NIGHT)
    assert said.code == 1
    assert "has not been run yet" in said.err


def test_export_audit_writes_an_archive_and_says_what_is_in_it(
    approved: Town, cloudcollect: Command, tmp_path: Path
) -> None:
    out = tmp_path / "for the auditor" / "january.zip"
    said = cloudcollect("export-audit", "2026-01-01", "2026-01-31", "--out", str(out))
    assert said.code == 0, said.err
    assert mode(out) == 0o600
    for part in ("1 receipts", "1 statements", "whole", "january.zip", "SHA-256"):
        assert part in said.out
    told = json.loads(cloudcollect("export-audit", NIGHT, NIGHT, "--json").out)
    assert told["nights"] == {"first": NIGHT, "last": NIGHT}
    assert told["files"]["receipts.jsonl"]["rows"] == 1
    assert told["journal"]["broken"] is None
