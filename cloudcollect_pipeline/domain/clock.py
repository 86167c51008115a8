"""The clock as a value to inject; the real one lives in `web.clock`."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from cloudcollect_pipeline.domain.calendar import OSLO


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
