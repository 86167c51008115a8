"""The real clock; the only place that asks the machine for the time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`domain.clock.Clock` of the machine."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`; a negative number does not wait."""
        time.sleep(max(0.0, seconds))
