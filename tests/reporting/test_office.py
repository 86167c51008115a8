"""The workbooks as a bookkeeper's own program works them out."""

import os
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from cloudcollect_pipeline.reporting.workbook import YES, write_workbook
from tests.reporting.conftest import Weeks

PUBLISHED = sorted((Path(__file__).parents[2] / "docs" / "reports").glob("*.xlsx"))


@pytest.fixture
def office() -> str:
    """LibreOffice; skipped where it is absent, unless CLOUDCOLLECT_REQUIRE_OFFICE=1."""
    found = shutil.which("soffice")
    if found is None and os.environ.get("CLOUDCOLLECT_REQUIRE_OFFICE") == "1":
        pytest.fail("LibreOffice is required but soffice is not on the path")
    return found or pytest.skip("LibreOffice is not here (on Debian: apt install libreoffice-calc-nogui)")


def worked_out(office: str, files: list[Path], folder: Path) -> list[openpyxl.Workbook]:
    """The workbooks with every value calculated anew: what was stored beside the formulas is left out first."""
    bare, done = folder / "bare", folder / "done"
    bare.mkdir()
    for file in files:
        openpyxl.load_workbook(file).save(bare / file.name)
    command = [office, "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
    command += ["--convert-to", "xlsx", "--outdir", str(done), *(str(bare / file.name) for file in files)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return [openpyxl.load_workbook(done / file.name, data_only=True) for file in files]


def test_libreoffice_agrees_with_every_formula_and_every_check(office: str, weeks: Weeks, tmp_path: Path):
    files = [*PUBLISHED]
    for language in ("en", "nb"):
        files.append(tmp_path / f"weeks.{language}.xlsx")
        write_workbook(weeks.last, language, files[-1])
    assert len(files) == 6
    for file, again in zip(files, worked_out(office, files, tmp_path), strict=True):
        formulas, stored = openpyxl.load_workbook(file), openpyxl.load_workbook(file, data_only=True)
        cells = [(s.title, c.coordinate) for s in formulas for row in s.iter_rows() for c in row if c.data_type == "f"]
        assert len(cells) > 50
        for sheet, cell in cells:
            ours, theirs = stored[sheet][cell].value, again[sheet][cell].value
            if isinstance(ours, str):
                assert theirs == ours, (file.name, sheet, cell)
            else:
                assert round(theirs, 2) == round(ours, 2), (file.name, sheet, cell)
        front = again.worksheets[0]
        compared = {str(front.cell(row, 4).value) for row in range(1, front.max_row + 1) if front.cell(row, 4).value}
        assert compared == {YES}, file.name
