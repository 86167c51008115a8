"""What Dagster loads: names, places, promises on every asset, and when nights are asked for."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import last_due_night
from cloudcollect_pipeline.ledger.tables import CUSTOMER, RECEIVABLE
from cloudcollect_pipeline.orchestration import metadata
from cloudcollect_pipeline.orchestration.build import FIRST_NIGHT, build_definitions
from cloudcollect_pipeline.orchestration.partitions import nights_from
from cloudcollect_pipeline.sandbox.serve import settings_toml
from cloudcollect_pipeline.testing.simulation.network import NOWHERE
from tests.story import Story

ROOT = Path(__file__).parents[2]

GROUPS = {
    "systems": {"visma_net", "agency"},
    "told": {"visma_net_told", "agency_told"},
    "landing": {
        "erp_documents",
        "erp_payments",
        "erp_customers",
        "agency_cases",
        "agency_entries",
        "agency_settlements",
    },
    "ledger": {"receivables", "claims", "subledger_diff"},
    "planning": {"plan"},
    "dispatch": {
        "transfers",
        "reductions",
        "holds",
        "case_references",
        "agency_payment_postings",
        "settlement_bookings",
    },
    "reconciliation": {"suspense_ledger", "reconciliation_statement"},
    "morning": {"reports", "morning"},
}
COUNTERPARTIES = GROUPS["systems"] | GROUPS["told"]
AFTERWARDS = GROUPS["reconciliation"] | GROUPS["morning"]
WRITING = ("nightly", "transfer", "payment_posting")


@pytest.fixture(scope="module")
def one() -> dg.Definitions:
    return build_definitions(companies=["nordlys"])


@pytest.fixture(scope="module")
def several() -> dg.Definitions:
    return build_definitions(companies=["nordlys", "sor-vest"])


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}


def test_definitions_load(one, several):
    dg.Definitions.validate_loadable(one)
    dg.Definitions.validate_loadable(several)


def test_a_companys_assets_are_keyed_by_it_and_grouped_by_stage(one):
    assert all(spec.key.path[0] == "nordlys" for spec in one.resolve_all_asset_specs())
    assert {group: {n for n, spec in specs(one).items() if spec.group_name == group} for group in GROUPS} == GROUPS


def test_every_asset_says_what_it_is_who_owns_it_and_what_it_is_made_of(one):
    for name, spec in specs(one).items():
        assert spec.description, name
        assert spec.description.splitlines()[0].endswith("."), name
        assert spec.owners == ["team:receivables"], name
        assert spec.kinds, name
        if name not in COUNTERPARTIES:
            assert spec.code_version == "1", name
            assert spec.partitions_def == (None if name in GROUPS["morning"] else nights_from(FIRST_NIGHT)), name


def test_nights_are_offered_from_a_companys_first_night_on():
    """So that what is missing in Dagster was missed, and one click chooses it."""
    told = specs(build_definitions(companies={"nordlys": date(2026, 2, 3)}))
    assert told["plan"].partitions_def == nights_from(date(2026, 2, 3))


@pytest.mark.parametrize("day", [date(2026, 2, 5), date(2026, 3, 29), date(2026, 10, 25)])  # the clocks change on two
@pytest.mark.parametrize(("hour", "nights_ago"), [(time(0, 30), 1), (time(3, 59), 1), (time(4), 0), (time(23), 0)])
def test_a_night_is_offered_from_the_minute_it_is_due(day, hour, nights_ago):
    """Before that nobody has missed it, and *Missing* must not choose it."""
    at = datetime.combine(day, hour, OSLO)
    keys = nights_from(date(2026, 2, 3)).get_partition_keys(current_time=at)
    assert keys[0] == "2026-02-03"
    assert keys[-1] == (day - timedelta(days=nights_ago)).isoformat() == last_due_night(at).isoformat()


def test_a_range_of_nights_is_one_run_for_every_asset(one):
    graph = one.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        assert graph.get(key).backfill_policy == dg.BackfillPolicy.single_run(), key


def test_lineage_leads_from_both_systems_through_every_table_to_the_morning_and_back_to_both(one):
    graph = one.resolve_asset_graph()

    def above(name):
        return {key.path[-1] for key in graph.get_ancestor_asset_keys(dg.AssetKey(["nordlys", name]))}

    assert above("morning") == set().union(*GROUPS.values()) - {"morning"} - GROUPS["told"]
    for told, phase in (("visma_net_told", "agency_payment_postings"), ("agency_told", "transfers")):
        assert {phase, "plan", "receivables", "claims", "visma_net", "agency"} <= above(told)


def test_jobs_have_plain_names_with_one_company_and_its_name_before_with_several(one, several):
    plain = {"nightly", "transfer", "payment_posting", "plan_only", "morning", "privacy"}
    assert jobs(one) == plain
    assert jobs(several) == {f"{slug}_{name}" for slug in ("nordlys", "sor_vest") for name in plain}


def jobs(definitions: dg.Definitions) -> set[str]:
    return {job.name for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}


@pytest.mark.parametrize(
    ("job", "wanted"),
    [
        ("nightly", set().union(*GROUPS.values()) - COUNTERPARTIES),
        ("plan_only", GROUPS["landing"] | GROUPS["ledger"] | GROUPS["planning"]),
        ("transfer", {"transfers", "reductions", "holds", "case_references"} | AFTERWARDS),
        ("payment_posting", {"agency_payment_postings", "settlement_bookings"} | AFTERWARDS),
    ],
)
def test_a_job_runs_these_assets_of_its_company(several, job, wanted):
    definition = several.resolve_job_def(f"sor_vest_{job}")
    keys = definition.asset_layer.executable_asset_keys
    assert {key.path[0] for key in keys} == {"sor-vest"}
    assert {key.path[-1] for key in keys} == wanted


@pytest.mark.parametrize("job", WRITING)
def test_nothing_that_writes_is_ever_retried(one, job):
    definition = one.resolve_job_def(job)
    assert definition.run_tags["dagster/max_retries"] == "0"
    assert definition.run_tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert all(node.retry_policy is None for node in definition.nodes)
    for spec in one.resolve_all_asset_specs():
        assert spec.automation_condition is None


def test_the_launchpad_asks_for_a_plan_hash_and_explains_it(one):
    field = one.resolve_job_def("transfer").run_config_schema.config_type.fields["resources"]
    asked = field.config_type.fields["nights"].config_type.fields["config"].config_type.fields["plan_hash"]
    assert "approves that plan" in asked.description


@pytest.mark.parametrize(
    ("moment", "night"),
    [
        (datetime(2026, 3, 29, 2, 0, tzinfo=UTC), "2026-03-29"),  # 04:00 summer time, an hour was left out
        (datetime(2026, 10, 25, 3, 0, tzinfo=UTC), "2026-10-25"),  # 04:00 winter time, an hour came twice
        (datetime(2026, 11, 1, 3, 0, tzinfo=UTC), "2026-11-01"),
    ],
)
def test_a_night_is_asked_for_once(one, moment, night):
    schedule = one.resolve_schedule_def("nightly_at_four")
    with dg.build_schedule_context(scheduled_execution_time=moment, repository_def=one.get_repository_def()) as context:
        tick = schedule.evaluate_tick(context)
    assert [(request.run_key, request.partition_key) for request in tick.run_requests] == [(night, night)]


@pytest.mark.parametrize(("day", "utc_hour"), [(date(2026, 3, 29), 2), (date(2026, 10, 25), 3), (date(2026, 7, 1), 2)])
def test_the_schedule_ticks_once_a_day_at_four_in_norway(one, day, utc_hour):
    schedule = one.resolve_schedule_def("nightly_at_four")
    midnight = datetime.combine(day, time(), UTC)
    ticks = schedule_execution_time_iterator(
        midnight.timestamp(), schedule.cron_schedule, schedule.execution_timezone, True
    )
    first, second = next(ticks), next(ticks)
    assert first.timestamp() == midnight.replace(hour=utc_hour).timestamp()
    assert second.date() != first.date()


def test_what_writes_is_off_until_a_person_turns_it_on_and_the_morning_is_made_without_a_night_too(one):
    assert one.resolve_schedule_def("nightly_at_four").default_status is dg.DefaultScheduleStatus.STOPPED
    assert one.resolve_schedule_def("privacy_on_sundays").default_status is dg.DefaultScheduleStatus.STOPPED
    assert one.resolve_schedule_def("morning_at_six").default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_morning_is_asked_for_once_a_day_and_not_before_a_night_has_published(one, tmp_path, monkeypatch):
    story = Story(tmp_path)
    file = tmp_path / "cloudcollect.toml"
    write_private(file, f'data_dir = "."\n\n{settings_toml(story.world, NOWHERE)}')
    monkeypatch.setenv("CLOUDCOLLECT_CONFIG", str(file))
    schedule = one.resolve_schedule_def("morning_at_six")

    def tick():
        at = datetime(2026, 1, 7, 5, 5, tzinfo=UTC)
        with dg.build_schedule_context(scheduled_execution_time=at, repository_def=one.get_repository_def()) as context:
            return schedule.evaluate_tick(context)

    before = tick()
    assert (before.run_requests, "has not been run yet" in before.skip_message) == ([], True)
    story.night()
    assert [(request.run_key, request.partition_key) for request in tick().run_requests] == [("2026-01-07", None)]


def test_loading_reads_the_companies_names_and_no_secret(tmp_path):
    (tmp_path / "cloudcollect.toml").write_text(
        '[companies.fjell.erp]\nclient_secret_file = "nowhere"\n[companies.vidde]\nname = "unfinished"\n'
    )
    code = (
        "import sys; from cloudcollect_pipeline.definitions import defs\n"
        "print(sorted({spec.key.path[0] for spec in defs.resolve_all_asset_specs()}))"
    )
    told = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:cloudcollect_pipeline", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == "['fjell', 'vidde']"
    assert told.stderr == ""


def test_columns_are_shown_with_what_they_mean_and_what_may_be_erased():
    shown = {column.name: column for column in metadata.table_schema(CUSTOMER).columns}
    assert shown["name"].tags == {"personal_data": "erasable"}
    assert shown["number"].constraints.unique
    balance = next(c for c in metadata.table_schema(RECEIVABLE).columns if c.name == "balance")
    assert balance.description
    assert balance.tags == {"unit": "document_currency"}
    assert not balance.constraints.nullable


def test_every_table_has_its_columns_with_units_and_what_is_personal(one):
    """Files and counterparties have none: they are no tables."""
    told = specs(one)
    for name, spec in told.items():
        if name in COUNTERPARTIES | GROUPS["morning"]:
            continue
        columns = spec.metadata["dagster/column_schema"].columns
        assert all(column.description for column in columns), name
        amounts = [c for c in columns if c.type.startswith("DECIMAL") or "øre" in c.type]
        assert all(column.tags.get("unit") for column in amounts), name
    for name in GROUPS["landing"]:
        (raw,) = told[name].metadata["dagster/column_schema"].columns
        assert raw.tags == {"personal_data": "erasable"}


def test_a_table_stays_short_enough_to_be_drawn_and_says_what_it_leaves_out():
    text = metadata.markdown(("document", ">NOK"), [(f"Invoice {n}", "1 234,50") for n in range(500)])
    assert len(text) < metadata.INLINE_LIMIT
    assert "more" in text.splitlines()[-1]
    assert metadata.markdown(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"
    assert len(metadata.bullets("a long line " * 10 for _ in range(50))) < metadata.INLINE_LIMIT
    assert metadata.bullets([]) == metadata.markdown(("a",), []) == "none"
