"""The partitions: nights.

Belongs here: what a partition stands for. Does not belong here: when nights run (`schedules`).

A partition is a label, not a window of data. Both systems show only today, so every run reads from the last watermark
to now; a backfill over missed nights is one run that catches up once and labels them all.
"""

from datetime import date

import dagster as dg

from cloudcollect_pipeline.domain.clock import NIGHT_AT


def nights_from(first: date) -> dg.DailyPartitionsDefinition:
    """One business date in Norway each, from a company's first night on: what is missing in Dagster was then missed.

    Tonight's is there from the minute it is due on and not from midnight, or *Missing* would choose a night that has
    not been missed.
    """
    return dg.DailyPartitionsDefinition(
        first.isoformat(),
        timezone="Europe/Oslo",
        hour_offset=NIGHT_AT.hour,
        minute_offset=NIGHT_AT.minute,
        end_offset=1,
    )
