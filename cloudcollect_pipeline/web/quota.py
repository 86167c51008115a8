"""What may still be asked of a counterparty: its hourly window, our own budget, and equal requests in a minute."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent, Transient

LONGEST_WAIT = 120.0
"""Seconds a read waits for a limit to pass; a longer wait is left to the next night."""

_SAME_WINDOW = timedelta(seconds=5)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Budget:
    """Requests made, by method, and what the counterparty last told of its hourly window (None: nothing)."""

    requests: Mapping[str, int]
    limit: int | None = None
    remaining: int | None = None


class Quota:
    """The counterparty's hourly window as its headers tell it, and our own count."""

    def __init__(self, clock: Clock, share: float, limit: int | None) -> None:
        self._clock, self._share, self._own_limit = clock, share, limit
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._limit = self._remaining = 0
        self._reset: datetime | None = None

    def budget(self) -> Budget:
        """What was used and what is left."""
        with self._lock:
            if self._reset is None:
                return Budget(dict(self._counts))
            return Budget(dict(self._counts), self._limit, max(0, self._remaining))

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take what an answer's headers tell; nonsense is passed over."""
        told = [_small(headers.get(f"x-ratelimit-{name}", "")) for name in ("limit", "remaining", "reset")]
        limit, remaining, reset = told
        if limit is None or remaining is None or reset is None:
            return
        ends = self._clock.now() + timedelta(seconds=reset)
        with self._lock:
            same = self._reset is not None and abs(ends - self._reset) <= _SAME_WINDOW
            # answers of parallel requests arrive out of order: within one window the count only falls
            self._remaining = min(self._remaining, remaining) if same else remaining
            self._limit, self._reset = limit, ends

    def wait_for_room(self) -> None:
        """Wait for the next window where this one is used up but for what is left to others."""
        wait = self._seconds_to_room()
        if wait > LONGEST_WAIT:
            raise Transient(f"the hourly quota is used but for the part left to others; it resets in {wait:.0f} s")
        if wait > 0:
            self._clock.sleep(wait)

    def spend(self, method: str, error: type[CounterpartyError]) -> None:
        """Count one request that is about to be made, or raise `error`."""
        if error is NotSent and self._seconds_to_room() > 0:
            raise NotSent("quota left to others")
        with self._lock:
            if self._own_limit is not None and self._counts.total() >= self._own_limit:
                raise error(f"the budget of {self._own_limit} requests is used up")
            self._counts[method] += 1
            self._remaining -= 1

    def _seconds_to_room(self) -> float:
        with self._lock:
            if self._reset is None or self._remaining >= (1 - self._share) * self._limit:
                return 0.0
            return max(0.0, (self._reset - self._clock.now()).total_seconds())


class Repeats:
    """Keeps equal requests apart: at most `most` of one target in any minute (None: as many as one likes)."""

    def __init__(self, clock: Clock, most: int | None) -> None:
        self._clock, self._most = clock, most
        self._lock = threading.Lock()
        self._made: dict[str, deque[datetime]] = {}

    def wait(self, target: str) -> None:
        """Wait until the target may be asked for once more, and count it."""
        while self._most is not None and (seconds := self._seconds(target, self._most)) > 0:
            self._clock.sleep(seconds)

    def _seconds(self, target: str, most: int) -> float:
        now = self._clock.now()
        with self._lock:
            for old in [known for known, made in self._made.items() if now - made[-1] >= _MINUTE]:
                del self._made[old]
            made = self._made.setdefault(target, deque(maxlen=most))
            if len(made) == most and now - made[0] < _MINUTE:
                return (made[0] + _MINUTE - now).total_seconds()
            made.append(now)
            return 0.0


def _small(text: str) -> int | None:
    """A whole number of at most nine digits: a header must not overflow a date."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
