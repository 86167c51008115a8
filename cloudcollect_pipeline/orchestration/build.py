"""The assembly: every definition in one place, for production, tests and the command line alike.

Belongs here: putting together what the other modules define. Does not belong here: defining any of it.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from cloudcollect_pipeline.orchestration.assets import build_company_assets
from cloudcollect_pipeline.orchestration.jobs import company_jobs
from cloudcollect_pipeline.orchestration.logs import console
from cloudcollect_pipeline.orchestration.privacy import privacy_job, privacy_schedule
from cloudcollect_pipeline.orchestration.resources import Nights
from cloudcollect_pipeline.orchestration.schedules import morning_schedule, nightly_schedule
from cloudcollect_pipeline.orchestration.sensors import SENSORS
from cloudcollect_pipeline.settings import CompanySettings, first_nights

FIRST_NIGHT: date = CompanySettings.model_fields["first_night"].default
DEMO_COMPANY = "nordlys"
"""Stands in the graph where there is no settings file."""


def build_definitions(
    *,
    companies: Sequence[str] | Mapping[str, date] | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """Assets, jobs and a schedule per company. Of the settings only short names and first nights are read.

    `companies`, with or without their first nights, stand in for those in the settings file; `resources` go over the
    defaults.
    """
    told = companies if companies is not None else first_nights(None, os.environ) or [DEMO_COMPANY]
    nights = dict(told) if isinstance(told, Mapping) else dict.fromkeys(told, FIRST_NIGHT)
    slugs = list(nights)
    jobs = {slug: company_jobs(slug, slugs) for slug in slugs}
    privacy = {slug: privacy_job(slug, slugs) for slug in slugs}
    return dg.Definitions(
        assets=[asset for slug in slugs for asset in build_company_assets(slug, nights[slug])],
        jobs=[*(job for by_name in jobs.values() for job in by_name.values()), *privacy.values()],
        schedules=[
            *(nightly_schedule(jobs[slug]["nightly"], slug) for slug in slugs),
            *(morning_schedule(jobs[slug]["morning"], slug) for slug in slugs),
            *(privacy_schedule(privacy[slug], slug) for slug in slugs),
        ],
        sensors=SENSORS,
        resources={"nights": Nights(), **(resources or {})},
        executor=dg.in_process_executor,
        loggers={"console": console},
    )
