"""Retention of personal data as a job of its own: once a week, off until a person turns it on.

Belongs here: when it runs and what a run shows. Does not belong here: what is removed (`privacy`). It asks no
counterparty anything, holds the company's lock while it works, and touches no asset: the nights do not depend on it.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg

from cloudcollect_pipeline.orchestration.jobs import NO_RETRY, job_name
from cloudcollect_pipeline.orchestration.logs import OUR_CONSOLE
from cloudcollect_pipeline.privacy.acts import retain
from cloudcollect_pipeline.settings import load
from cloudcollect_pipeline.web import SystemClock

NAME = "privacy"


def privacy_job(slug: str, companies: Sequence[str]) -> dg.JobDefinition:
    """Remove what is older than the settings' section `[privacy]` says; metadata are counts and a file's name."""
    name = job_name(slug, NAME, companies)

    @dg.op(name=f"{name}_retention", description="Removes spools, persons and reports that are over their days.")
    def retention(context: dg.OpExecutionContext) -> None:
        who = f"Dagster run {context.run_id[:8]} ({name})"
        act = retain(load(None, os.environ), slug, who=who, note="retention", clock=SystemClock())
        removed = asdict(act.removed)
        context.log.info("removed: %s", ", ".join(f"{number} {what}" for what, number in removed.items()))
        context.add_output_metadata({**removed, "report": act.report.name if act.report else ""})

    @dg.job(
        name=name,
        description="Remove personal data that was kept long enough: landed spools, settled persons, report files.",
        tags={**NO_RETRY, "company": slug},
    )
    def privacy() -> None:
        retention()

    return privacy


def privacy_schedule(job: dg.JobDefinition, slug: str) -> dg.ScheduleDefinition:
    """Sundays at noon in Norway, clear of the nights."""
    return dg.ScheduleDefinition(
        job=job,
        name=f"{job.name}_on_sundays",
        cron_schedule="0 12 * * 0",
        execution_timezone="Europe/Oslo",
        description=f"Retention of {slug}'s personal data. Off until you turn it on.",
        run_config=OUR_CONSOLE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
