"""The repository itself: the lock, the package and what importing costs."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cloudcollect_pipeline"


def direct_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    return [line for group in groups for line in group if isinstance(line, str)]


def locked() -> dict[str, tuple[str, int]]:
    """Name -> version and number of hashes."""
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text())
    found = (re.match(r"([a-z0-9-]+)==(\S+)", block) for block in blocks)
    return {m[1]: (m[2], m.string.count("--hash=sha256:")) for m in found if m}


@pytest.mark.parametrize(
    ("lock", "least"),
    [
        ("requirements.lock", 50),
        ("benchmarks/requirements.lock", 50),
        ("docs/requirements.lock", 5),
        ("tools/mutation/requirements.lock", 50),
    ],
)
def test_a_lock_records_no_download_address_and_a_hash_for_every_version(lock, least):
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|@", text)
    blocks = [block for block in re.split(r"\n(?=\S)", text) if re.match(r"[a-z0-9]", block)]
    assert len(blocks) > least
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_what_is_benchmarked_has_the_versions_that_are_run():
    def versions(lock):
        return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / lock).read_text(), re.MULTILINE))

    ours, benched = versions("requirements.lock"), versions("benchmarks/requirements.lock")
    assert {name: benched[name] for name in ours.keys() & benched} == {
        name: ours[name] for name in ours.keys() & benched
    }
    assert {"duckdb", "httpx", "dagster", "polars"} <= benched.keys()


@pytest.mark.parametrize("line", direct_dependencies())
def test_every_dependency_is_bounded_and_locked_within_its_bounds(line):
    wanted = Requirement(line)
    version, _ = locked()[wanted.name]
    assert wanted.specifier.contains(version)
    assert any(bound.operator == "<" for bound in wanted.specifier) or wanted.name == "tzdata"  # tzdata: a calendar


def test_the_wheel_carries_everything_the_package_reads(tmp_path):
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not in this environment")
    build = [uv, "build", "--quiet", "--wheel", "--offline", "--no-build-isolation", "--out-dir", tmp_path, ROOT]
    subprocess.run([*build, "--python", sys.executable], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    files = (f for f in PACKAGE.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    assert {str(file.relative_to(ROOT)) for file in files} <= carried
    assert "cloudcollect_pipeline/py.typed" in carried


def test_settings_are_read_without_loading_what_is_slow():
    code = "import sys, cloudcollect_pipeline.settings; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert {"dagster", "pandas", "duckdb", "httpx"}.isdisjoint(loaded.split())


def test_no_sql_puts_what_is_looked_for_between_the_quotes_of_a_path():
    """A number with a quote in it would end the path; a pointer has two signs to escape, and no quotes."""
    texts = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.sql"))}
    assert len(texts) > 50
    assert [path.name for path, text in texts.items() if re.search(r"'\$[^']*'\s*\|\|", text)] == []


def test_no_sql_divides_ore_into_kroner():
    """DuckDB makes a float of it; a product with 0.01 stays a decimal."""
    texts = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.sql"))}
    assert len(texts) > 50
    assert [path.name for path, text in texts.items() if re.search(r"/\s*100(\.0)?\b", text)] == []
