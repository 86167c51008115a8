"""One line of a log, for people or for programs. Nothing personal comes here: keys, counts and amounts only."""

import json
from datetime import UTC, datetime


def line(
    form: str, at: datetime, stage: str, text: str, *, company: str = "", run: str = "", level: str = "info"
) -> str:
    """`stage: text`, or with `json` one object: time (UTC), level, company, run, stage, text."""
    if form != "json":
        return f"{stage}: {text}"
    told = {
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "company": company,
        "run": run,
        "stage": stage,
        "text": text,
    }
    return json.dumps(told, ensure_ascii=False)
