"""The journal from the command line: is it whole, begun again when it is not, and a disk that fills up on the way."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import Command, Town

LIMITED = (
    "import resource, sys\nfrom cloudcollect_pipeline.cli import main\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)\nmain()\n"
)


def test_a_broken_journal_is_told_rebuilt_and_quiet(approved: Town, cloudcollect: Command) -> None:
    whole = json.loads(cloudcollect("journal", "verify", "--json").out)
    assert (whole["whole"], whole["problems"], whole["entries"] > 5) == (True, [], True)
    assert "nothing to rebuild" in cloudcollect("journal", "rebuild", "--at", approved.nights[-1]).out

    path = approved.data / "journal.sqlite"
    path.write_bytes(path.read_bytes()[:9000])
    said = cloudcollect("journal", "verify")
    assert (said.code, "journal rebuild" in said.out) == (1, True)
    at = approved.night()
    said = cloudcollect("run", "--at", at)
    assert (said.code, len(said.err.splitlines())) == (1, 1)
    assert "journal rebuild" in said.err

    said = cloudcollect("journal", "rebuild", "--at", at)
    assert said.code == 0
    for part in ("nothing was sent", "aside", "kept", "quiet    nothing is sent until 2026-01-07 16:00"):
        assert part in said.out, said.out
    assert list(approved.data.glob("journal.broken-*.sqlite"))
    assert cloudcollect("journal", "verify").code == 0
    assert cloudcollect("run", "--at", at).code == 4
    later = at.replace("T04", "T17")
    assert cloudcollect("run", "--at", later).code == 0
    assert approved.world.truth()["nordlys"].claims == {f"Invoice {approved.invoice}": 1}


def test_an_empty_journal_finds_again_what_the_agency_holds(approved: Town, cloudcollect: Command) -> None:
    for path in [*approved.data.glob("journal*"), *(approved.data / "published").glob("journal*")]:
        path.unlink()
    said = json.loads(cloudcollect("journal", "rebuild", "--at", approved.night(), "--json").out)
    assert said["found_again"] == {"transfer": {"count": 1, "sum": 250_000}}
    assert said["copy"] is None


def test_where_a_side_cannot_be_read_the_quiet_time_does_not_begin_to_run_and_both_commands_say_so(
    approved: Town, cloudcollect: Command
) -> None:
    (approved.data / "journal.head").unlink()
    approved.world.agency_faults.add("html", "GET", "/entries", count=20)
    at = approved.night()
    rebuilt = cloudcollect("journal", "rebuild", "--at", at)
    assert (rebuilt.code, "could not be read whole" in rebuilt.out) == (0, True), rebuilt
    assert json.loads(cloudcollect("journal", "rebuild", "--at", at, "--json").out)["quiet_until"] is None
    assert "quiet      nothing is written until 12 hours after both sides" in cloudcollect("status").out
    [status] = json.loads(cloudcollect("status", "--json").out)
    assert (status["quiet"], status["quiet_until"]) == (True, None)
    approved.world.agency_faults.clear()
    assert "quiet    nothing is sent until" in cloudcollect("journal", "rebuild", "--at", at).out


def test_a_lost_journal_is_not_begun_anew_beside_its_copy(approved: Town, cloudcollect: Command) -> None:
    assert cloudcollect("hold", "add", "customer", "10002", "--reason", "as agreed").code == 0
    for path in approved.data.glob("journal.sqlite*"):
        path.unlink()
    said = cloudcollect("run", "--at", approved.night())
    assert (said.code, "is a copy of it" in said.err, "journal rebuild" in said.err) == (1, True, True), said
    assert cloudcollect("journal", "rebuild", "--at", approved.night()).code == 0
    assert len(json.loads(cloudcollect("hold", "list", "--json").out)) == 1


@pytest.mark.parametrize("limit", [1_000, 20_000, 100_000, 400_000])
def test_a_full_disk_is_one_line_and_the_next_night_does_it_once(town: Town, cloudcollect: Command, limit: int) -> None:
    assert cloudcollect("init", "--first-run").code == 0
    at = town.night()
    said = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), "run", "--at", at, "--yes"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert said.returncode == 1, said.stdout
    assert "Traceback" not in said.stderr
    assert any(word in said.stderr.splitlines()[-1] for word in ("space", "full")), said.stderr
    if limit < 100_000:  # else it filled up after the sending
        assert town.world.truth()["nordlys"].claims == {}
    assert cloudcollect("journal", "verify").code == 0
    assert cloudcollect("run", "--at", at, "--yes").code == 0
    assert town.world.truth()["nordlys"].claims == {f"Invoice {town.invoice}": 1}
