"""What `cloudcollect up` opens on: real runs of the demo's nights, and a world that is still there next time."""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cloudcollect_pipeline.dispatch.lock import CompanyBusy
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import VirtualClock, last_due_night
from cloudcollect_pipeline.orchestration import history
from cloudcollect_pipeline.orchestration.clock import NotAtHome, SandboxClock, run_clock
from cloudcollect_pipeline.orchestration.resources import open_night
from cloudcollect_pipeline.sandbox.demo import FIRST_NIGHT, nights
from tests.story import Story

ROOT = Path(__file__).parents[2]


def short(first: date):
    return nights(first)[:2]


@pytest.mark.parametrize("hour", [3, 5])
def test_the_last_night_is_the_newest_that_has_begun(hour):
    now = datetime(2026, 11, 24, hour, tzinfo=OSLO)
    assert last_due_night(now) == date(2026, 11, 24 if hour >= 4 else 23)


@pytest.mark.parametrize("tonight", [date(2026, 11, 18) + timedelta(days=n) for n in range(8)])
def test_the_story_ends_tonight_or_less_than_a_week_ago_and_begins_on_its_weekday(tonight):
    first = history.first_night(tonight, 9)
    assert first.weekday() == FIRST_NIGHT.weekday()
    assert timedelta(0) <= tonight - (first + timedelta(days=8)) < timedelta(days=7)


def test_the_demos_nights_are_in_the_history_once_and_its_world_goes_on(tmp_path):
    home, folder = tmp_path / "home", tmp_path / "demo"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    clock = VirtualClock(datetime(2026, 2, 4, 9, tzinfo=OSLO))
    told: list[str] = []
    with history.demo(
        folder, home, clock=clock, story=short, tell=lambda done, of, text: told.append(f"{done}/{of} {text}")
    ) as environ:
        assert folder / "cloudcollect.toml" == Path(environ["CLOUDCOLLECT_CONFIG"])
        assert (folder / "cloudcollect.toml").stat().st_mode & 0o077 == 0
        with pytest.raises(CompanyBusy), history.demo(folder, home, clock=clock, story=short):
            pass
    assert told[0] == "0/2 night of 2026-02-03"
    assert told[-1].startswith("2/2")
    with history._instance(home) as instance:
        runs = [(run.job_name, run.tags["dagster/partition"], run.status) for run in instance.get_runs()]
        assert {status for *_, status in runs} == {dg.DagsterRunStatus.SUCCESS}
        assert sorted(run[:2] for run in runs) == [
            ("nightly", "2026-02-03"),
            ("nightly", "2026-02-04"),
            ("transfer", "2026-02-03"),
        ]
        assert all(run.remote_job_origin for run in instance.get_runs())
    with history.demo(folder, home, clock=clock, story=short) as environ, history._instance(home) as instance:
        assert instance.get_runs_count() == len(runs)
        assert SandboxClock(environ["CLOUDCOLLECT_SANDBOX"]).now() == clock.now()
        with open_night("nordlys", "test", environ) as night:
            result = night.run()
        assert result.outcome == "done"
        assert not [finding for finding in result.findings if finding.code == "STATEMENT_DOES_NOT_TIE"]


def test_a_made_up_moment_is_refused_unless_everyone_is_on_this_machine(tmp_path):
    company = Story(tmp_path).settings.companies["nordlys"]
    at = "2026-02-03T04:00:00+01:00"
    assert run_clock(company, at).now() == datetime.fromisoformat(at)
    abroad = company.model_copy(
        update={"agency": company.agency.model_copy(update={"base_url": "https://agency.example"})}
    )
    for made_up in ({"at": at}, {"sandbox": "http://127.0.0.1:9"}):
        with pytest.raises(NotAtHome, match=r"not https://agency\.example; nothing was sent"):
            run_clock(abroad, **made_up)
    with pytest.raises(NotAtHome):
        run_clock(company, sandbox="http://sandbox.example")
    with pytest.raises(ValueError, match="needs a zone"):
        run_clock(company, "2026-02-03T04:00:00")
