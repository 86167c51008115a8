"""The partitions: nights.

Belongs here: what a partition stands for. Does not belong here: when nights run (`schedules`).

A partition is a label, not a window of data. Both systems show only today, so every run reads from the last watermark
to now; a backfill over missed nights is one run that catches up once and labels them all.
"""

from datetime import date

import dagster as dg


def nights_from(first: date) -> dg.DailyPartitionsDefinition:
    """One business date in Norway each, from a company's first night on: what is missing in Dagster was then missed.

    The offset makes tonight's exist already at 04:00.
    """
    return dg.DailyPartitionsDefinition(first.isoformat(), timezone="Europe/Oslo", end_offset=1)
