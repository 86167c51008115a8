"""Schedules: when nights run.

Belongs here: the clock times. Does not belong here: what a night is (`jobs`).

A schedule is off until a person turns it on (Automation in the UI): a checkout with real settings that merely starts
Dagster must not begin to write to anyone. Once on, the statement's freshness says whether last night ran. The morning
alone is on from the start: it asks and writes to nobody, and must be made when no night ran most of all.
"""

import os
import sqlite3
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType

from cloudcollect_pipeline.dispatch.journal import JournalError
from cloudcollect_pipeline.orchestration.logs import OUR_CONSOLE
from cloudcollect_pipeline.reporting.published import NotPublished, snapshot
from cloudcollect_pipeline.settings import SettingsError, load

SCHEDULER = "SCHEDULER"
"""Dagster's name of the daemon that starts what is due."""


class ScheduleState(NamedTuple):
    """Whether a night starts by itself: the schedule is on, and the daemon that looks at it is alive."""

    name: str
    on: bool
    daemon: bool


def schedule_name(job: str) -> str:
    """The schedule of a job."""
    return f"{job}_at_four"


def schedule_state(job: str) -> ScheduleState:
    """What the Dagster instance of DAGSTER_HOME says about a job's schedule. Loads no definitions."""
    name = schedule_name(job)
    with dg.DagsterInstance.get() as instance:
        states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        alive = instance.get_daemon_statuses([SCHEDULER])[SCHEDULER].healthy
    return ScheduleState(name, any(state.name == name and state.is_running for state in states), alive is True)


def nightly_schedule(job: Any, slug: str) -> dg.ScheduleDefinition:
    """A company's night at 04:00 in Norway: clear of the hour that is missing or doubled when the clocks change."""

    @dg.schedule(
        job=job,
        name=schedule_name(job.name),
        cron_schedule="0 4 * * *",
        execution_timezone="Europe/Oslo",
        description=f"Every night of {slug}. Off until you turn it on.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
    def at_four(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        night = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=night, run_config=OUR_CONSOLE, partition_key=night)

    return at_four


def morning_schedule(job: Any, slug: str) -> dg.ScheduleDefinition:
    """A company's morning at 06:05 in Norway, whether a night ran or not: the page must not show the last good one."""

    @dg.schedule(
        job=job,
        name=f"{job.name}_at_six",
        cron_schedule="5 6 * * *",
        execution_timezone="Europe/Oslo",
        description=f"How {slug} stands, every morning. It asks and writes to nobody.",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def at_six(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            with snapshot(load(None, os.environ), slug):
                pass
        except (SettingsError, NotPublished) as nothing:
            return dg.SkipReason(f"There is nothing to show yet: {nothing}")
        except (sqlite3.Error, JournalError) as broken:
            return dg.SkipReason(f"What the last night published cannot be read, which the alerts say too: {broken}")
        return dg.RunRequest(run_key=context.scheduled_execution_time.date().isoformat(), run_config=OUR_CONSOLE)

    return at_six
