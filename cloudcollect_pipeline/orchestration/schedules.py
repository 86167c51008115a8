"""Schedules: when nights run.

Belongs here: the clock times. Does not belong here: what a night is (`jobs`).

A schedule is off until a person turns it on (Automation in the UI): a checkout with real settings that merely starts
Dagster must not begin to write to anyone. Once on, the statement's freshness says whether last night ran.
"""

from typing import Any

import dagster as dg


def nightly_schedule(job: Any, slug: str) -> dg.ScheduleDefinition:
    """A company's night at 04:00 in Norway: clear of the hour that is missing or doubled when the clocks change."""

    @dg.schedule(
        job=job,
        name=f"{job.name}_at_four",
        cron_schedule="0 4 * * *",
        execution_timezone="Europe/Oslo",
        description=f"Every night of {slug}. Off until you turn it on.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    def at_four(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        night = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=night, partition_key=night)

    return at_four
