"""How far a counterparty's clock is off, by what its answers show and when they came."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.web import Web

SENT = datetime(2026, 1, 15, 3, 0, 0, 400_000, tzinfo=UTC)
SECONDS = 10
"""How long an answer takes."""


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Thu, 15 Jan 2026 03:00:00 GMT", 0),
        ("Thu, 15 Jan 2026 03:00:10 GMT", 0),
        ("Thu, 15 Jan 2026 02:59:59 GMT", -0.4),
        ("Thu, 15 Jan 2026 03:00:11 GMT", 0.6),
        ("Thu, 15 Jan 2026 04:00:10 GMT", 3599.6),
        ("Thu, 15 Jan 2026 02:00:00 GMT", -3599.4),
        ("Thu, 15 Jan 2026 04:00:05 +0100", 0),
        ("", None),
        ("yesterday", None),
        ("Thu, 15 Jan 2026 03:00:00", None),
        ("Thu, 99 Jan 2026 03:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_a_clock_is_off_by_no_more_than_its_answer_proves(date: str, seconds: float | None) -> None:
    clock = VirtualClock(SENT)

    def answer(_: httpx.Request) -> httpx.Response:
        clock.sleep(SECONDS)
        return httpx.Response(200, headers={"date": date} if date else {}, content=b"[]")

    with Web("https://api.test", clock=clock, transport=httpx.MockTransport(answer)) as web:
        assert web.clock_skew is None
        web.read("/")
        assert web.clock_skew == (None if seconds is None else timedelta(seconds=seconds))


def test_an_answer_that_shows_no_time_leaves_what_was_measured() -> None:
    dates = iter([{"date": "Thu, 15 Jan 2026 04:00:00 GMT"}, {}])
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=next(dates)))
    with Web("https://api.test", clock=VirtualClock(SENT), transport=transport) as web:
        web.read("/")
        web.read("/")
        assert web.clock_skew == timedelta(seconds=3599.6)
