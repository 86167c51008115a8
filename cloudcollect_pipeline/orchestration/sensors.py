"""Sensors: who is told that a night needs a person.

Belongs here: which runs are worth a message. Does not belong here: how one is sent (`alerts`). No sensor starts a run.

Both stay silent until `[alerts]` is filled in. A failed check leaves its run green, so green runs are looked at too.
"""

import os

import dagster as dg

from cloudcollect_pipeline.orchestration import alerts
from cloudcollect_pipeline.settings import load


def _tell(context: dg.RunStatusSensorContext, subject: str, text: str) -> dg.SkipReason | None:
    settings = load(None, os.environ).alerts
    if not alerts.wanted(settings):
        return dg.SkipReason("No alerts are configured: fill in [alerts] in cloudcollect.toml.")
    told = alerts.send(settings, subject, text)
    context.log.info(told)
    return None


def _about(run: dg.DagsterRun) -> str:
    nights = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_end") or "no night"
    return f"{run.job_name} of {nights} (run {run.run_id[:8]})"


@dg.run_failure_sensor(
    name="alert_when_a_run_fails",
    description="Webhook and e-mail when a run fails; silent until [alerts] is filled in.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def alert_when_a_run_fails(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """A run ended in failure: nothing more of it will happen by itself."""
    steps = [event.step_key for event in context.get_step_failure_events() if event.step_key]
    return _tell(
        context,
        f"{_about(context.dagster_run)} failed",
        f"It failed in {', '.join(steps) or 'its start'}. Look at the run, then run the night again: "
        "nothing is sent twice.",
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="alert_when_a_check_fails",
    description="Webhook and e-mail when a run succeeds but a check says a person is needed.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def alert_when_a_check_fails(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """A plan waits, something was not sent, or the statement does not tie."""
    failed = failed_checks(context.instance, context.dagster_run.run_id)
    if not failed:
        return dg.SkipReason("Every check passed, or only warned.")
    return _tell(context, f"{_about(context.dagster_run)} needs a person", "\n".join(f"- {name}" for name in failed))


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Failed checks of severity ERROR in a run, as `company/asset: check`."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = (
        record.event_log_entry.dagster_event.asset_check_evaluation_data
        for record in records
        if record.event_log_entry.dagster_event
    )
    return sorted(
        f"{check.asset_key.to_user_string()}: {check.check_name.replace('_', ' ')}"
        for check in found
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    )


SENSORS = [alert_when_a_run_fails, alert_when_a_check_fails]
