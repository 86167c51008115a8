"""The clock as a value to inject; the real one lives in `web.clock`."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from cloudcollect_pipeline.domain.calendar import OSLO

NIGHT_AT = time(4)
"""When a night runs, in Norway: clear of the hour that is missing or doubled when the clocks change."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The moment, with zone, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class VirtualClock:
    """A clock that stands still until told otherwise; sleeping moves it at once."""

    def __init__(self, at: datetime) -> None:
        self._now = at.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it was last set to."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance without waiting."""
        self._now += timedelta(seconds=seconds)

    def set(self, at: datetime) -> None:
        """Move to `at`, forwards or backwards."""
        self._now = at.astimezone(UTC)


def night_of(moment: datetime) -> date:
    """The business date of a moment: its date in Europe/Oslo."""
    return moment.astimezone(OSLO).date()


def last_due_night(moment: datetime) -> date:
    """The newest night whose time to run has come."""
    local = moment.astimezone(OSLO)
    return local.date() if local.time() >= NIGHT_AT else local.date() - timedelta(days=1)
