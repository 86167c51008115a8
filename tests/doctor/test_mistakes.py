"""Every set-up mistake that is planted is found by its name, alone, and with a sentence that says how to mend it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)
from dagster._daemon.types import DaemonHeartbeat
from pydantic import SecretStr

from cloudcollect_pipeline.cli.doctor import alerts, ask, data_folder, look, schedule
from cloudcollect_pipeline.doctor.check import Check
from cloudcollect_pipeline.doctor.results import keep
from cloudcollect_pipeline.orchestration.schedules import SCHEDULER
from cloudcollect_pipeline.sandbox.erp.api import SCOPES
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.settings import AlertSettings
from tests.story import START, Story

Plant = Callable[[Story], object]


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A company whose agency money has been posted once, so that nothing is left to warn of."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    told = Story(tmp_path)
    told.erp.receive(told.customer(), 100, cash_account="1510")
    told.erp.document("500001").payment_method = "4"
    return told


def examined(story: Story) -> list[Check]:
    return list(look(story.settings, story.slug, story.world.clock, story.transport))


def set_up(story: Story, section: str, **changes: Any) -> None:
    """The same company with other settings in one of its sections."""
    company = story.settings.companies[story.slug]
    changed = company.model_copy(update={section: getattr(company, section).model_copy(update=changes)})
    story.settings = story.settings.model_copy(update={"companies": {story.slug: changed}})


def method(story: Story, **changes: Any) -> None:
    methods = story.erp.payment_methods
    methods["4"] = replace(methods["4"], **changes)


def ungranted(story: Story, right: str, *, narrow: bool) -> None:
    story.world.erp_api.granted_scopes = SCOPES - {f"vismanet_erp_service_api:{right}"}
    story.world.erp_api.narrow_scopes = narrow


def no_longer_a_cash_account(story: Story) -> None:
    """As when another account stands behind the cash account of the same number."""
    story.erp.cash_accounts["1510"] = "1515"


def unproven(story: Story) -> None:
    method(story, cash_accounts=("1920",))
    story.erp.document("500001").payment_method = "1"


def close_today(story: Story, modules: tuple[str, ...]) -> None:
    story.erp.close_period(f"{story.world.today:%Y%m}", modules)


MISTAKES: list[tuple[str, Plant, str, str, str, str]] = [
    (
        "wrong client secret",
        lambda s: set_up(s, "erp", client_secret=SecretStr("last-year")),
        "ERP token", "error", "does not accept the client id with this secret", "make a new secret",
    ),
    (
        "a tenant nobody knows",
        lambda s: set_up(s, "erp", tenant_id="0000"),
        "ERP token", "error", "does not know this tenant", "set erp.tenant_id to the company's tenant id",
    ),
    (
        "customer tenant instead of company tenant",
        lambda s: set_up(s, "erp", tenant_id=s.world.customer_tenant),
        "ERP company", "error", "401: erp.tenant_id is most likely the customer tenant", "to the company tenant",
    ),
    (
        "a scope that was never granted",
        lambda s: ungranted(s, "update", narrow=False),
        "ERP scopes", "error", "refuses the scopes", "vismanet_erp_service_api:update on its page",
    ),
    (
        "a token with fewer scopes than asked for",
        lambda s: ungranted(s, "update", narrow=True),
        "ERP scopes", "error", "lacks vismanet_erp_service_api:update", "grant the application the scopes",
    ),
    (
        "token endpoint down",
        lambda s: s.world.erp_faults.add("lost_before", "POST", "/connect/token", count=9),
        "ERP token", "error", "could not be asked", "look at erp.token_url",
    ),
    (
        "suspense account unknown",
        lambda s: set_up(s, "erp", suspense_account="1519", suspense_cash_account="1510"),
        "suspense account", "error", "is not in the chart of accounts (is 1", "create account 1519",
    ),
    (
        "suspense account not a cash account",
        no_longer_a_cash_account,
        "suspense account", "error", "an ordinary account, not a cash account", "make a cash account",
    ),
    (
        "suspense account inactive",
        lambda s: s.erp.deactivate("1510"),
        "suspense account", "error", "account 1510 (erp.suspense_account) is inactive", "tick Active on account 1510",
    ),
    (
        "cash account unknown",
        lambda s: set_up(s, "erp", suspense_cash_account="1511"),
        "suspense cash account", "error", "there is no cash account 1511 (is 1510 meant?)", "make cash account 1511",
    ),
    (
        "cash account of another account",
        lambda s: set_up(s, "erp", suspense_cash_account="1920"),
        "suspense cash account", "error", "1920 stands on account 1920, not on 1510", "name account 1920 as",
    ),
    (
        "payment method unknown",
        lambda s: set_up(s, "erp", payment_method="INK"),
        "payment method", "error", "there is no payment method INK", "make payment method INK",
    ),
    (
        "payment method inactive",
        lambda s: method(s, active=False),
        "payment method", "error", "payment method 4 is inactive", "tick Active on payment method 4",
    ),
    (
        "payment method not allowed for the cash account",
        unproven,
        "payment method on the cash account", "warning",
        "nothing shows that method 4 is allowed on cash account 1510; payments on it use method 1",
        "list cash account 1510 among the allowed cash accounts of payment method 4",
    ),
    (
        "voucher account inactive",
        lambda s: s.erp.deactivate("7790"),
        "voucher accounts", "error", "account 7790 (accounts.commission_cost) is inactive", "tick Active on account",
    ),
    (
        "voucher account unknown",
        lambda s: set_up(s, "accounts", rounding="7740"),
        "voucher accounts", "error", "7740 (accounts.rounding) is not in the chart", "correct accounts.rounding",
    ),
    (
        "voucher account that people may not write on",
        lambda s: set_up(s, "accounts", fee_income="1500"),
        "voucher accounts", "error", "1500 (accounts.fee_income) takes no manual entries", "takes manual entries as",
    ),
    (
        "current period closed",
        lambda s: close_today(s, ("AR",)),
        "period", "error", "the current period 202601 is closed; postings would be dated in 202602", "open period",
    ),
    (
        "wrong agency key",
        lambda s: set_up(s, "agency", api_key=SecretStr("last-year")),
        "agency", "error", "it does not accept the API key", "have the agency confirm the key",
    ),
    (
        "agency key that is no key",
        lambda s: set_up(s, "agency", api_key=SecretStr("two words")),
        "agency", "error", "printable ASCII without spaces", "put the key alone where agency.api_key comes from",
    ),
    (
        "an address that no credential of the ERP may go to",
        lambda s: set_up(s, "erp", token_url="http://connect.example/connect/token"),
        "ERP", "error", "connect.example must be reached over https", "what erp.client_secret holds",
    ),
    (
        "agency unreachable",
        lambda s: s.world.agency_faults.add("lost_before", count=9),
        "agency", "error", "the agency cannot be reached", "look at agency.base_url, at the network",
    ),
    (
        "an agency address where something else answers",
        lambda s: s.world.agency_faults.add("html", count=9),
        "agency", "error", "not what the contract promises", "correct it",
    ),
]  # fmt: skip


def test_a_company_that_is_set_up_well_has_nothing_to_mend(story: Story) -> None:
    checks = examined(story)
    assert [check for check in checks if check.state not in ("ok", "skipped")] == []
    assert [check.name for check in checks if check.state == "skipped"] == ["unconfirmed", "schedule", "alerts"]


@pytest.mark.parametrize(
    ("plant", "name", "state", "found", "mend"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_planted_mistake_is_found_by_name(
    story: Story, plant: Plant, name: str, state: str, found: str, mend: str
) -> None:
    plant(story)
    checks = examined(story)
    (mistake,) = (check for check in checks if check.state in ("error", "warning"))
    assert (mistake.name, mistake.state) == (name, state)
    assert found in mistake.found
    assert mend in mistake.mend


def test_a_probe_that_cannot_even_begin_leaves_it_to_the_checks_to_say_why(story: Story) -> None:
    set_up(story, "erp", token_url="http://connect.example/connect/token")
    assert ask(story.settings, story.slug, story.world.clock, story.transport, write=False) == []
    assert "ERP" in [check.name for check in examined(story) if check.state == "error"]


@pytest.mark.parametrize(
    ("skew", "state", "found"),
    [
        (timedelta(seconds=60), "ok", "agree"),
        (timedelta(minutes=-5), "warning", "5 minutes ahead of that of the"),
        (timedelta(hours=3), "error", "3 hours behind that of the"),
    ],
)
def test_a_clock_that_is_wrong_is_seen_by_the_date_of_the_answers(
    story: Story, skew: timedelta, state: str, found: str
) -> None:
    story.world.skew = skew
    for check in examined(story):
        if check.name in ("clock and ERP", "clock and agency"):
            assert check.state == state
            assert found in check.found
            assert "NTP" in check.mend or state == "ok"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ERP and an agency whose adapters come from elsewhere."""
    packages = tmp_path / "packages"
    told = packages / "elsewhere-1.0.dist-info"
    told.mkdir(parents=True)
    (packages / "elsewhere_erp.py").write_text("from cloudcollect_pipeline.erp.visma_net import connect\n")
    (packages / "elsewhere_agency.py").write_text("from cloudcollect_pipeline.agency.cloud_collect import connect\n")
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(
        "[cloudcollect.erp]\nelsewhere = elsewhere_erp:connect\n"
        "[cloudcollect.agency]\nelsewhere = elsewhere_agency:connect\n"
    )
    monkeypatch.syspath_prepend(packages)
    invalidate_caches()


def from_elsewhere(story: Story) -> None:
    for section in ("erp", "agency"):
        set_up(story, section, adapter="elsewhere")


@pytest.mark.usefixtures("installed")
def test_adapters_from_elsewhere_are_looked_at_through_their_ports_and_the_rest_is_said(story: Story) -> None:
    from_elsewhere(story)
    states = {check.name: check.state for check in examined(story)}
    skipped = {name for name, state in states.items() if state == "skipped"}
    assert skipped == {"ERP token", "clock and agency", "unconfirmed", "schedule", "alerts"}
    assert {states[name] for name in ("ERP company", "suspense account", "period", "agency")} == {"ok"}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("section", "wrong", "name"),
    [
        ("agency", {"api_key": SecretStr("last-year")}, "agency"),
        ("erp", {"client_secret": SecretStr("last-year")}, "ERP company"),
        ("erp", {"suspense_account": "1519"}, "suspense account"),
        ("erp", {"adapter": "nobody"}, "adapters"),
        ("agency", {"adapter": "nobody"}, "adapters"),
    ],
)
def test_mistakes_are_found_through_the_ports_too(story: Story, section: str, wrong: dict[str, Any], name: str) -> None:
    from_elsewhere(story)
    set_up(story, section, **wrong)
    assert name in [check.name for check in examined(story) if check.state == "error"]


def test_a_company_whose_agency_is_debitura_is_looked_at_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    story = Story(tmp_path, world=World.empty(START, agency="debitura"))
    states = {check.name: check.state for check in examined(story)}
    assert (states["agency"], states["clock and agency"]) == ("ok", "ok")
    set_up(story, "agency", api_key=SecretStr("last-year"))
    (agency,) = (check for check in examined(story) if check.name == "agency")
    assert (agency.state, "does not accept the API key" in agency.found) == ("error", True)


def test_what_depends_on_a_mistake_is_skipped_and_not_called_wrong(story: Story) -> None:
    set_up(story, "erp", client_secret=SecretStr("last-year"))
    states = {check.name: check.state for check in examined(story)}
    assert {states[name] for name in ("ERP scopes", "ERP company")} == {"skipped"}
    assert states["agency"] == "ok"
    assert "suspense account" not in states


def test_no_check_writes_or_shows_a_secret(story: Story) -> None:
    before = story.world.truth()
    said = " ".join(f"{check.found} {check.mend}" for check in examined(story))
    company = story.world.company(story.slug)
    assert company.client_secret not in said
    assert company.api_key not in said
    assert story.world.truth() == before


def test_a_data_folder_that_others_may_read_is_seen(tmp_path: Path) -> None:
    assert data_folder(tmp_path / "nothing").state == "ok"
    tmp_path.chmod(0o755)
    assert data_folder(tmp_path) == Check(
        "data folder", "warning", f"others on this machine may read {tmp_path}", f"run: chmod 700 {tmp_path}"
    )
    tmp_path.chmod(0o700)
    assert data_folder(tmp_path).state == "ok"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as made:
        yield made


def switched(status: InstigatorStatus, name: str, kind: InstigatorType = InstigatorType.SCHEDULE) -> InstigatorState:
    location = RegisteredCodeLocationOrigin(location_name="cloudcollect_pipeline")
    origin = RemoteInstigatorOrigin(
        repository_origin=RemoteRepositoryOrigin(code_location_origin=location, repository_name="__repository__"),
        instigator_name=name,
    )
    data = ScheduleInstigatorData("0 4 * * *", None) if kind == InstigatorType.SCHEDULE else SensorInstigatorData()
    return InstigatorState(origin, kind, status, data)


@pytest.mark.parametrize(
    ("status", "beats", "state", "found"),
    [
        (None, True, "warning", "nightly_at_four is stopped"),
        (InstigatorStatus.STOPPED, True, "warning", "nightly_at_four is stopped"),
        (InstigatorStatus.RUNNING, False, "error", "Dagster's daemon does not run"),
        (InstigatorStatus.RUNNING, True, "ok", "is on, and Dagster's daemon runs"),
    ],
)
def test_a_schedule_that_is_stopped_in_dagster_is_seen(
    instance: dg.DagsterInstance, status: InstigatorStatus | None, beats: bool, state: str, found: str
) -> None:
    if status is not None:
        instance.add_instigator_state(switched(status, "nightly_at_four"))
    if beats:
        # a heartbeat is judged by the machine's own clock
        from cloudcollect_pipeline.web import SystemClock

        now = SystemClock().now().timestamp()
        instance.add_daemon_heartbeat(DaemonHeartbeat(now, SCHEDULER, "a daemon"))
    check = schedule("nordlys", ["nordlys"], os.environ["DAGSTER_HOME"])
    assert check.state == state
    assert found in check.found
    assert bool(check.mend) == (state != "ok")


def test_with_several_companies_each_has_its_schedule(instance: dg.DagsterInstance) -> None:
    instance.add_instigator_state(switched(InstigatorStatus.RUNNING, "fjell_as_nightly_at_four"))
    found = {
        slug: schedule(slug, ["nordlys", "fjell-as"], os.environ["DAGSTER_HOME"]) for slug in ("nordlys", "fjell-as")
    }
    assert "nordlys_nightly_at_four is stopped" in found["nordlys"].found
    assert "fjell_as_nightly_at_four is on" in found["fjell-as"].found


@pytest.mark.parametrize(
    ("status", "state"),
    [(None, "ok"), (InstigatorStatus.DECLARED_IN_CODE, "ok"), (InstigatorStatus.STOPPED, "warning")],
)
def test_a_sensor_that_was_switched_off_tells_nobody_and_is_seen(
    instance: dg.DagsterInstance, tmp_path: Path, status: InstigatorStatus | None, state: str
) -> None:
    if status is not None:
        instance.add_instigator_state(switched(status, "alerts", InstigatorType.SENSOR))
    somebody = AlertSettings.model_validate({"slack": {"finance": {"url": "https://chat.example/x"}}})
    settings = Story(tmp_path / "story").settings.model_copy(update={"alerts": somebody})
    check = alerts(settings, "nordlys", os.environ["DAGSTER_HOME"])
    assert check.state == state
    assert ("the sensor alerts is stopped" in check.found) == (state == "warning")


def test_without_dagster_the_schedule_is_skipped_and_says_so(tmp_path: Path) -> None:
    check = schedule("nordlys", ["nordlys"], None)
    assert (check.state, "DAGSTER_HOME is not set" in check.found) == ("skipped", True)
    assert schedule("nordlys", ["nordlys"], str(tmp_path / "gone")).state == "error"


def test_a_dagster_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster.yaml").write_text("no_such_setting: 1\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    check = schedule("nordlys", ["nordlys"], str(tmp_path))
    assert (check.state, check.mend) == ("error", f"correct {tmp_path}/dagster.yaml")


@pytest.mark.parametrize(
    ("answer", "state", "found"),
    [
        ("4 on 1510 accepted", "ok", "was accepted by --write-probe"),
        ("4 on 1510 refused: not allowed", "error", "the ERP refused method 4 on cash account 1510: not allowed"),
        ("4 on 1920 accepted", "warning", "nothing shows"),
        ("1 on 1510 refused: not allowed", "warning", "nothing shows"),
        ("", "warning", "nothing shows"),
    ],
)
def test_what_a_write_probe_met_counts_for_its_method_and_account_only(
    story: Story, answer: str, state: str, found: str
) -> None:
    unproven(story)
    company = story.settings.companies[story.slug]
    keep(story.data / story.slug, company.erp.tenant_id, {"payment_method": (answer, "")}, story.world.now, "writes")
    (check,) = (each for each in examined(story) if each.name == "payment method on the cash account")
    assert check.state == state
    assert found in check.found
