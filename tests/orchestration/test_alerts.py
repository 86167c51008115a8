"""When somebody is told: the sensor over real nights, real runs and real receivers on loopback."""

import email
import email.policy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cloudcollect_pipeline.alerts.outbox import TRIES
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.orchestration.checks import EVERY_EFFECT_IS_CONFIRMED, MORNING, PLAN_MAY_BE_SENT
from cloudcollect_pipeline.orchestration.sensors import build_alerts, failed_checks
from cloudcollect_pipeline.sandbox.serve import settings_toml
from cloudcollect_pipeline.settings import FILE_VARIABLE
from cloudcollect_pipeline.testing.simulation.network import NOWHERE
from tests.orchestration.conftest import QUIET, Stage
from tests.receivers import NOBODY_LISTENS, Webhook, mail_server, webhook
from tests.story import Story

CANARY = ("Kanarifugl Særnavn", "Gjemmeveien 13", "kanari@example.no")


@dataclass
class Office:
    """A company, its Dagster instance, and the sensor with its cursor. The clock is the world's unless moved."""

    story: Story
    instance: dg.DagsterInstance
    file: Path
    clock: VirtualClock
    cursor: str | None = None
    said: list[str] = field(default_factory=list)

    def configure(self, alerts: str) -> None:
        self.file.touch(mode=0o600)
        companies = settings_toml(self.story.world, NOWHERE)
        self.file.write_text(f'data_dir = "{self.story.data}"\n[alerts]\n{alerts}\n{companies}')

    def tick(self, at: datetime | timedelta | None = None, **options: float) -> str:
        """One evaluation, by a sensor built anew as after a restart; what it says of itself."""
        now = self.clock.now()
        self.clock.set(at if isinstance(at, datetime) else now + at if at else max(now, self.story.world.now))
        sensor = build_alerts(self.clock, {FILE_VARIABLE: str(self.file)}, deadline=0.5, **options)
        told = sensor.evaluate_tick(dg.build_sensor_context(self.instance, cursor=self.cursor))
        assert not told.run_requests
        self.cursor = told.cursor
        self.said.append(told.skip_message or "")
        return self.said[-1]

    def run(self, *, fails: bool = False, checks: dict[str, bool] | None = None, job: str = "nightly") -> dg.DagsterRun:
        """A run of a small job that stands in for one of the company's, with checks that hold or not."""
        checks = checks or {}

        @dg.asset(
            key=["nordlys", "plan"], check_specs=[dg.AssetCheckSpec(name, asset=["nordlys", "plan"]) for name in checks]
        )
        def plan() -> dg.MaterializeResult:
            if fails:
                raise RuntimeError(CANARY[0])
            return dg.MaterializeResult(
                check_results=[
                    dg.AssetCheckResult(passed=held, check_name=name, description=CANARY[0])
                    for name, held in checks.items()
                ]
            )

        definitions = dg.Definitions(
            assets=[plan], jobs=[dg.define_asset_job(job, [plan], tags={"company": "nordlys"})]
        )
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, run_config=QUIET, tags={"dagster/partition": "2026-01-06"}, raise_on_error=False
        )
        assert result.success is not fails
        return result.dagster_run


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    with ExitStack() as opened:

        def make(**options: Any) -> Office:
            (tmp_path / "dagster").mkdir()
            instance = opened.enter_context(dg.instance_for_test(temp_dir=str(tmp_path / "dagster")))
            story = Story(tmp_path / "data", **options)
            return Office(story, instance, tmp_path / "cloudcollect.toml", VirtualClock(story.world.now))

        yield make


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as made:
        yield made


def to(hook: Webhook, kind: str = "webhook", **settings: Any) -> str:
    more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return f'[alerts.{kind}.own]\nurl = "{hook.url}"\n{more}'


def news(hook: Webhook) -> list[str]:
    return [body["news"] for body in hook.bodies]


# --- the morning -----------------------------------------------------------------------------------------------------


def test_every_morning_has_one_message_with_the_money_in_it_also_when_all_is_well(office, hook):
    made = office()
    made.configure(to(hook))
    document = made.story.receivable(600_000)
    assert made.tick() == "There is nothing to tell."
    made.story.night()
    made.tick()
    made.story.collect(document, 200_000)
    made.story.night()
    made.tick()
    first, second = hook.bodies
    assert first["subject"] == "Nordlys AS, night of 2026-01-06: all is well"
    assert (first["severity"], first["data"]["night"]) == ("good", "2026-01-06")
    assert first["data"]["sent"] == {"transfer": {"count": 1, "sum": 600_000}}
    assert second["data"]["posted"]["posting"] == {"count": 1, "sum": 200_000}
    assert second["data"]["statement"]["closing"] == second["data"]["statement"]["ledger"] == 200_000
    assert (second["data"]["difference"], second["data"]["held_back"]) == (0, 0)
    assert second["data"]["findings"] == {"new": 0, "old": 0, "by_code": {}}
    assert "Posted      1 payment 2\u00a0000,00" in second["text"]
    assert "0,00 (account 1510 closes at 2\u00a0000,00, general ledger 2\u00a0000,00)" in second["text"]


def test_a_night_is_told_once_whatever_runs_and_restarts_after_it(office, hook):
    made = office()
    made.configure(to(hook))
    made.story.receivable()
    made.story.night()
    for _ in range(3):
        made.tick(timedelta(minutes=1))
    made.story.night(same_night=True)
    made.tick(timedelta(minutes=1))
    assert news(hook) == ["morning"]


def test_a_night_that_ended_before_alerts_were_turned_on_is_no_news_a_day_later(office, hook):
    made = office()
    made.configure("")
    made.story.night()
    assert made.tick() == "Nobody is told: fill in [alerts] in cloudcollect.toml."
    made.configure(to(hook, wants=["morning"]))
    made.tick(timedelta(hours=1))
    made.cursor = None
    made.tick(timedelta(hours=24))
    assert hook.told == []


@pytest.mark.parametrize("language", ["en", "nb"])
def test_nothing_personal_is_told_by_any_way(office, hook, language):
    name, address, mailbox = CANARY
    made = office()
    with mail_server() as mail:
        post = "\n".join(f"{key} = {json.dumps(value)}" for key, value in mail.settings().items())
        ways = "".join(to(hook, kind) for kind in ("webhook", "slack", "teams"))
        made.configure(f'language = "{language}"\n{ways}[alerts.email.own]\n{post}')
        made.story.receivable(600_000, customer=made.story.customer(name=name, address=address, email=mailbox))
        made.story.erp.receive(made.story.customer(name=name), 5_000, cash_account="1510")
        made.tick()
        made.story.night(approve=False)
        made.run(fails=True)
        made.tick()
        made.tick(timedelta(hours=50))
    assert sorted(body["news"] for body in hook.bodies if "news" in body) == [
        "approval",
        "failure",
        "freshness",
        "morning",
    ]
    letters = [email.message_from_string(text, policy=email.policy.default) for text in mail.delivered]
    bodies = [part.get_content() for letter in letters for part in letter.iter_parts()]
    assert (len(letters), len(bodies), len(hook.bodies)) == (4, 8, 12)
    assert any(("(konto 1510" if language == "nb" else "(account 1510") in body for body in bodies)
    everything = json.dumps(hook.bodies, ensure_ascii=False) + "".join(mail.delivered + bodies + made.said)
    for word in (*name.split(), address, mailbox):
        assert word not in everything


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_failed_run_is_told_by_job_night_and_step_only(office, hook):
    made = office()
    made.configure('ui_url = "https://dagster.example"\n' + to(hook))
    made.run(fails=True)
    made.tick()
    assert hook.told == [], "what ended before the first tick is no news"
    run = made.run(fails=True)
    made.tick()
    made.tick()
    (message,) = hook.bodies
    assert message["subject"].endswith(": nightly of 2026-01-06 failed")
    assert message["text"].startswith("Failed in  nordlys__plan\nTo do      Look at the run")
    assert message["link"] == f"https://dagster.example/runs/{run.run_id}"
    assert message["data"]["failed_in"] == ["nordlys__plan"]
    assert CANARY[0] not in json.dumps(message, ensure_ascii=False)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ({PLAN_MAY_BE_SENT: True}, []),
        ({"suspense_equals_ledger": False}, ["failure"]),
        (dict.fromkeys(MORNING, False), []),
        ({PLAN_MAY_BE_SENT: False}, ["approval"]),
        ({PLAN_MAY_BE_SENT: False, EVERY_EFFECT_IS_CONFIRMED: False}, ["approval"]),
        ({PLAN_MAY_BE_SENT: False, "suspense_equals_ledger": False}, ["approval", "failure"]),
    ],
)
def test_a_green_run_with_failed_checks_is_told_for_what_they_mean(office, hook, checks, expected):
    made = office()
    made.configure(to(hook))
    made.tick()
    made.run(checks=checks)
    made.tick()
    made.tick()
    assert news(hook) == expected
    for message in hook.bodies:
        if message["news"] == "failure":
            assert "Not so  The suspense account equals the general ledger (plan)" in message["text"]


def test_a_plan_that_waits_is_told_once_with_its_totals_reasons_and_the_command(office, hook, tmp_path):
    made = office()
    made.configure(to(hook, wants=["approval", "failure"]))
    made.tick()
    made.story.receivable(600_000)
    made.story.morning()
    waiting = Stage(made.story, made.instance, tmp_path).run("nightly")
    assert failed_checks(made.instance, waiting.run_id)
    made.tick()
    made.tick(timedelta(minutes=1))
    (message,) = hook.bodies
    digest = made.story.with_journal(lambda journal: journal.plans(1)[0]["hash"])
    assert message["data"]["plan"]["hash"] == digest
    assert message["data"]["plan"]["totals"]["transfer"]["sum"] == 600_000
    assert f"plan {digest[:12]}: 1 claim 6\u00a0000,00" in message["text"]
    assert f"cloudcollect approve {digest[:12]}" in message["text"]
    assert "first night" in message["text"]


def test_a_plan_whose_snapshot_is_read_by_a_later_tick_is_told_once_by_that_tick(office, hook, tmp_path):
    made = office()
    made.configure(to(hook, wants=["approval"]))
    made.tick()
    made.story.receivable(600_000)
    made.story.morning()
    Stage(made.story, made.instance, tmp_path).run("nightly")
    made.tick(reading=-1.0)
    assert hook.told == []
    made.tick(timedelta(minutes=1))
    made.tick(timedelta(minutes=1))
    (message,) = hook.bodies
    assert message["data"]["plan"]["totals"]["transfer"]["sum"] == 600_000


def test_a_plan_whose_snapshot_cannot_be_read_is_told_by_its_run(office, hook, tmp_path):
    made = office()
    made.configure(to(hook, wants=["approval", "failure"]))
    made.tick()
    made.story.receivable(600_000)
    made.story.morning()
    Stage(made.story, made.instance, tmp_path).run("nightly")
    (made.story.data / "nordlys" / "published" / "journal.sqlite").write_bytes(b"not a database" * 999)
    made.tick()
    made.tick(timedelta(minutes=1))
    assert news(hook) == ["failure", "approval"]


def test_a_plan_that_waits_after_a_night_on_the_command_line_is_told_too(office, hook):
    made = office()
    made.configure(to(hook))
    made.tick()
    made.story.receivable(600_000)
    made.story.night(approve=False)
    made.tick()
    assert sorted(news(hook)) == ["approval", "morning"]


def test_a_run_of_assets_chosen_in_the_ui_belongs_to_their_company(office, hook):
    made = office()
    made.configure(to(hook, companies=["nordlys"]))
    made.tick()

    @dg.asset(key=["nordlys", "plan"])
    def plan() -> None:
        raise RuntimeError

    definitions = dg.Definitions(assets=[plan])
    definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=made.instance,
        run_config=QUIET,
        raise_on_error=False,
        asset_selection=[dg.AssetKey(["nordlys", "plan"])],
    )
    made.tick()
    (message,) = hook.bodies
    assert (message["company"], message["data"]["job"]) == ("nordlys", "Materialize")


def test_a_warning_is_not_a_failed_check(office):
    made = office()

    @dg.asset(key=["nordlys", "plan"], check_specs=[dg.AssetCheckSpec("old", asset=["nordlys", "plan"])])
    def plan() -> dg.MaterializeResult:
        warned = dg.AssetCheckResult(passed=False, check_name="old", severity=dg.AssetCheckSeverity.WARN)
        return dg.MaterializeResult(check_results=[warned])

    result = dg.materialize([plan], instance=made.instance, run_config=QUIET)
    assert failed_checks(made.instance, result.run_id) == []


# --- missing nights --------------------------------------------------------------------------------------------------


def test_an_outage_of_four_nights_is_told_once_a_day_with_the_missing_nights(office, hook):
    made = office()
    made.configure(to(hook, wants=["freshness"]))
    made.story.night()  # 6 January
    made.tick()
    six = datetime(2026, 1, 7, 6, tzinfo=OSLO)
    made.tick(six - timedelta(minutes=1))
    assert hook.told == []
    for day in range(4):
        for minutes in (0, 1, 600):
            made.tick(six + timedelta(days=day, minutes=minutes))
    assert [body["data"]["missing_nights"][-1] for body in hook.bodies] == [
        "2026-01-07", "2026-01-08", "2026-01-09", "2026-01-10",
    ]  # fmt: skip
    assert "Missing nights         4: 2026-01-07, 2026-01-08, 2026-01-09, 2026-01-10" in hook.bodies[-1]["text"]
    assert "Last night that ended  2026-01-06" in hook.bodies[-1]["text"]


def test_a_night_that_died_is_missing_and_no_morning(office, hook):
    made = office()
    made.configure(to(hook))
    made.story.receivable()
    made.story.night()
    made.tick()
    made.story.morning()
    with made.story.opened() as night:
        night.land_and_mirror()
    with made.story.opened() as night:
        night.publish()  # as every command by which a person answers does
    made.tick()
    made.tick(timedelta(hours=2))
    assert news(hook) == ["morning", "freshness"]
    assert hook.bodies[-1]["data"]["missing_nights"] == ["2026-01-07"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda journal: journal.unlink(), ["freshness"]),
        (lambda journal: journal.write_bytes(b"not a database" * 999), ["failure", "freshness"]),
        (lambda journal: journal.write_bytes(b""), ["failure", "freshness"]),
    ],
    ids=["gone", "no database", "empty"],
)
def test_a_night_is_missed_too_where_the_last_one_cannot_be_read_any_more(office, hook, spoil, told):
    made = office()
    made.configure(to(hook, wants=["freshness", "failure"]))
    made.story.night()  # 6 January
    made.tick()
    spoil(made.story.data / "nordlys" / "published" / "journal.sqlite")
    six = datetime(2026, 1, 8, 6, tzinfo=OSLO)
    made.tick(six)
    made.tick(six + timedelta(minutes=1))
    assert news(hook) == told
    assert hook.bodies[-1]["data"] == {"last_night": "2026-01-06", "missing_nights": ["2026-01-07", "2026-01-08"]}


def test_a_company_that_was_never_run_misses_no_night(office, hook):
    made = office()
    made.configure(to(hook))
    made.tick(timedelta(days=3))
    assert hook.told == []


# --- receivers that cannot be told -----------------------------------------------------------------------------------


def test_an_address_that_hangs_keeps_nobody_else_and_is_tried_again_alone(office, hook):
    made = office()
    with webhook() as hanging:
        hanging.status = 0
        made.configure(to(hook) + to(hanging, "slack"))
        made.tick()
        made.story.night()
        assert "slack own could NOT be told" in made.tick()
        assert "(try 1 of 5; tried again from 04:" in made.said[-1]
        assert made.tick(timedelta(seconds=30)) == "There is nothing to tell."
        hanging.status = 200
        assert "slack own was told" in made.tick(timedelta(minutes=2))
        assert len(hanging.told) == 2
    assert len(hook.told) == 1


def test_who_is_given_up_on_is_named_to_the_others_and_to_the_health_check(office, hook):
    made = office()
    with webhook() as health:
        made.configure(f'health_check_url = "{health.url}"\n{to(hook)}[alerts.teams.own]\nurl = "{NOBODY_LISTENS}"\n')
        made.tick()
        made.story.night()
        for _ in range(TRIES + 3):
            made.tick(timedelta(hours=1, minutes=15) if made.said[1:] else None)
    morning, unreached = [body for body in hook.bodies if body["news"] != "freshness"]
    assert (morning["news"], unreached["news"]) == ("morning", "failure")
    assert unreached["subject"] == "Nobody could be told by teams own"
    assert "5 tries in vain: it could not be reached" in unreached["text"]
    assert sum("teams own could NOT be told" in said for said in made.said) >= TRIES
    assert [path for path, _ in health.told] == ["/hook?sig=a%2Fb", "/hook/fail?sig=a%2Fb"]


# --- the dead man's switch -------------------------------------------------------------------------------------------


def test_the_health_check_hears_of_every_night_and_of_every_failure(office):
    made = office()
    with webhook() as health:
        made.configure(f'health_check_url = "{health.url}"')
        made.tick()
        made.story.night()
        made.tick()
        made.tick()
        made.run(fails=True)
        made.tick()
        made.tick(timedelta(hours=26))
        assert [path for path, _ in health.told] == ["/hook?sig=a%2Fb", "/hook/fail?sig=a%2Fb"], "silent when none ran"


def test_the_health_check_is_silent_as_long_as_one_company_has_no_night(office):
    made = office(companies=("nordlys", "fjell"))
    with webhook() as health:
        made.configure(f'health_check_url = "{health.url}"')
        made.story.night(slug="nordlys")
        made.story.night(slug="fjell", same_night=True)
        made.tick()
        assert len(health.told) == 1
        made.story.night(slug="nordlys")
        made.tick()
        assert len(health.told) == 1
        made.story.night(slug="fjell", same_night=True)
        made.tick()
        assert len(health.told) == 2


# --- what is wrong here ----------------------------------------------------------------------------------------------


def test_without_settings_nothing_happens_and_a_broken_file_fails_the_tick(office, tmp_path, monkeypatch):
    made = office()
    monkeypatch.chdir(tmp_path)
    context = dg.build_sensor_context(made.instance)
    assert build_alerts(made.clock, {}).evaluate_tick(context).skip_message == "There are no settings."
    made.configure("nonsense = 1")
    with pytest.raises(Exception, match="alerts"):
        made.tick()


def test_a_tick_that_has_read_for_long_leaves_the_rest_to_the_next_and_loses_nothing(office, hook):
    made = office(companies=("nordlys", "fjell"))
    made.configure(to(hook))
    made.tick()
    made.story.night(slug="nordlys")
    made.story.night(slug="fjell", same_night=True)
    made.tick(reading=-1.0)
    assert hook.told == []
    made.tick()
    assert sorted(body["company"] for body in hook.bodies) == ["fjell", "nordlys"]


def test_a_snapshot_that_cannot_be_read_is_told_once_a_day_and_stops_no_other_company(office, hook):
    made = office(companies=("nordlys", "fjell"))
    made.configure(to(hook))
    made.tick()
    made.story.night(slug="nordlys")
    made.story.night(slug="fjell", same_night=True)
    (made.story.data / "nordlys" / "published" / "journal.sqlite").write_bytes(b"not a database" * 999)
    made.tick()
    made.tick()
    assert sorted((body["company"], body["news"]) for body in hook.bodies) == [
        ("fjell", "morning"),
        ("nordlys", "failure"),
    ]
