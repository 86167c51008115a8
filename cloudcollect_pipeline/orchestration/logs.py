"""The log of a run's process: Dagster's own lines, or one JSON object a line where the settings say so.

Belongs here: the form of what a run's process writes to standard error. Does not belong here: what is worth a line.
"""

import logging
import os
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from cloudcollect_pipeline.log import line
from cloudcollect_pipeline.settings import SettingsError, load

OUR_CONSOLE: dict[str, Any] = {"loggers": {"console": {}}}
"""Run config by which a run uses `console`: without it Dagster falls back to its own plain lines."""


class JsonLines(logging.Formatter):
    """A record of Dagster's as time (UTC), level, company, run, stage and text."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback stays in Dagster's event log."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        step = meta.get("step_key") or ""
        company = (meta.get("job_tags") or {}).get("company") or (step.partition("__")[0] if "__" in step else "")
        return line(
            "json",
            datetime.fromtimestamp(record.created, UTC),
            step.rpartition("__")[2] or "run",
            str(meta.get("orig_message") or record.getMessage()),
            company=company,
            run=str(meta.get("run_id") or "")[:8],
            level=record.levelname.lower(),
        )


def _console(context: dg.InitLoggerContext) -> logging.Logger:
    """What Dagster writes to standard error."""
    made: logging.Logger = dg.colored_console_logger.logger_fn(context)
    if _form() == "json":
        for handler in made.handlers:
            handler.setFormatter(JsonLines())
    return made


console = dg.LoggerDefinition(_console, dg.colored_console_logger.config_schema, "Plain lines, or JSON by `[log]`.")


def _form() -> str:
    """The form the settings ask for; plain where there are none, as in a demo."""
    try:
        return load(None, os.environ).log.format
    except SettingsError:
        return "plain"
