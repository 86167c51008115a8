"""The partitions: nights.

Belongs here: what a partition stands for. Does not belong here: when nights run (`schedules`).

A partition is a label, not a window of data. Both systems show only today, so every run reads from the last watermark
to now; a backfill over missed nights is one run that catches up once and labels them all.
"""

import dagster as dg

NIGHTS = dg.DailyPartitionsDefinition("2026-01-01", timezone="Europe/Oslo", end_offset=1)
"""One business date in Norway each; the offset makes tonight's exist already at 04:00."""
