"""What people see: colour and a moving line on a terminal, plain lines everywhere else."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.log import line as log_line

PLAIN_WIDTH = 160
"""Columns of a table where there is no terminal to ask."""


@cache
def console() -> Console:
    """Standard output. Rich itself keeps to NO_COLOR."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def say(*lines: str) -> None:
    """Lines with markup; never cut, so that what is copied is whole."""
    for line in lines:
        console().print(line, soft_wrap=True)


def say_json(value: Any) -> None:
    """Plain values for programs: one document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def table(*columns: str, right: tuple[str, ...] = (), wrap: tuple[str, ...] = (), title: bool = True) -> Table:
    """An unframed table; a column wraps only if it is named in `wrap`."""
    made = Table(box=None, show_header=title, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        justify = "right" if column in right else "left"
        made.add_column(column, justify=justify, no_wrap=column not in wrap)  # type: ignore[arg-type]
    return made


def say_table(made: Table, indent: int = 2) -> None:
    """Print a table, a little to the right."""
    print_lines(Padding(made, (0, 0, 0, indent), expand=False))


def print_lines(made: RenderableType) -> None:
    """Print something drawn, without blanks at the ends of its lines."""
    with console().capture() as captured:
        console().print(made)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


class Working(Protocol):
    """Told what is going on."""

    def __call__(self, stage: str, text: str) -> None:
        """A stage and a line of text."""
        ...


@dataclass
class LogStream:
    """Standard error as a log: how lines are written, and whose they are."""

    form: str = "plain"
    company: str = ""
    run: str = field(default_factory=lambda: uuid4().hex[:8])

    def __call__(self, stage: str, text: str, level: str = "info") -> None:
        """Write a line."""
        told = log_line(self.form, datetime.now(UTC), stage, text, company=self.company, run=self.run, level=level)
        sys.stderr.write(f"{told}\n")


LOG = LogStream()
"""The log of this process; `working` says how it is written."""


def complain(lines: Sequence[str]) -> None:
    """The lines that end a command, as the log is written."""
    for line in lines:
        if LOG.form == "json":
            LOG("end", line, "error")
        else:
            sys.stderr.write(f"{line}\n")


@contextmanager
def working(what: str, *, aloud: bool = True, form: str = "plain", company: str = "") -> Iterator[Working]:
    """Show that something goes on: one moving line on a terminal, else (if `aloud`) lines on standard error.

    With the form `json` every line is an object, on a terminal too.
    """
    LOG.form, LOG.company = form, company
    if form == "json":
        yield LOG
        return
    if sys.stdout.isatty():
        with console().status(escape(what)) as status:
            yield lambda stage, text: status.update(escape(f"{what} · {stage}: {text}"[: console().width - 4]))
        return

    def tell(stage: str, text: str) -> None:
        if aloud and stage != "dispatch":
            LOG(stage, text)

    yield tell


def moment(at: datetime | str | None) -> str:
    """A moment as people in Norway write it down: `2026-02-04 05:30`."""
    if not at:
        return ""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{known.astimezone(OSLO):%Y-%m-%d %H:%M}"


def day(on: date | str) -> str:
    """A date with its weekday: `Tue 3 Feb 2026`."""
    known = date.fromisoformat(on) if isinstance(on, str) else on
    return f"{known:%a} {known.day} {known:%b %Y}"


def days(first: date, last: date) -> str:
    """A stretch of days: `Sun 8 Feb – Tue 10 Feb 2026`."""
    return f"{first:%a} {first.day} {first:%b} – {day(last)}"


def command() -> str:
    """How to call `cloudcollect` from here."""
    if shutil.which("cloudcollect"):
        return "cloudcollect"
    called = Path(sys.argv[0])
    if called.name != "cloudcollect":
        return "cloudcollect"
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_absolute() and called.is_relative_to(here) else str(called)
