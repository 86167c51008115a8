"""What may still be asked: equal reads in a minute, and the hour that the counterparty tells of."""

from datetime import UTC, datetime

import httpx
import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.web import Budget, Web
from cloudcollect_pipeline.web.quota import Quota, Repeats

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


def seconds(clock: VirtualClock) -> float:
    return (clock.now() - START).total_seconds()


@pytest.mark.parametrize(("reads", "waited"), [(5, 0), (6, 60), (10, 60), (11, 120)])
def test_a_sixth_equal_read_waits_until_the_first_is_a_minute_old(
    clock: VirtualClock, reads: int, waited: float
) -> None:
    web = Web("https://erp.test", clock=clock, transport=httpx.MockTransport(lambda _: httpx.Response(200)), repeats=5)
    for _ in range(reads):
        web.read("/v1/x", (("page", "1"),))
    assert seconds(clock) == waited
    web.read("/v1/x", (("page", "2"),))
    assert seconds(clock) == waited


def test_the_attempts_of_one_read_count_as_well(clock: VirtualClock) -> None:
    steps = iter([500, 500, 200, 500, 500, 200])
    transport = httpx.MockTransport(lambda _: httpx.Response(next(steps)))
    web = Web("https://erp.test", clock=clock, transport=transport, repeats=3)
    web.read("/v1/x")
    assert seconds(clock) == 5
    web.read("/v1/x")
    assert seconds(clock) == 65


def test_a_minute_slides(clock: VirtualClock) -> None:
    repeats = Repeats(clock, 2)
    for _ in range(4):
        repeats.wait("a")
        clock.sleep(40)
    assert seconds(clock) == 160


def test_reads_of_long_ago_are_forgotten(clock: VirtualClock) -> None:
    repeats = Repeats(clock, 2)
    for target in range(1000):
        repeats.wait(str(target))
        clock.sleep(1)
    assert len(repeats._made) <= 61


def test_without_a_limit_nothing_waits_and_nothing_is_kept(clock: VirtualClock) -> None:
    repeats = Repeats(clock, None)
    for _ in range(100):
        repeats.wait("a")
    assert seconds(clock) == 0
    assert repeats._made == {}


def test_the_budget_is_what_was_asked_and_what_the_headers_leave(clock: VirtualClock) -> None:
    quota = Quota(clock, 0.8, None)
    quota.spend("GET", ValueError)  # type: ignore[arg-type]
    assert quota.budget() == Budget({"GET": 1})
    quota.learn({"x-ratelimit-limit": "500", "x-ratelimit-remaining": "499", "x-ratelimit-reset": "3600"})
    quota.spend("POST", ValueError)  # type: ignore[arg-type]
    assert quota.budget() == Budget({"GET": 1, "POST": 1}, 500, 498)


@pytest.mark.parametrize("nonsense", ["", "-1", "1.5", "many", "²", "9" * 12, "9" * 5000])
def test_headers_of_nonsense_are_passed_over(clock: VirtualClock, nonsense: str) -> None:
    quota = Quota(clock, 0.8, None)
    for name in ("limit", "remaining", "reset"):
        sound = {"x-ratelimit-limit": "500", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "60"}
        quota.learn({**sound, f"x-ratelimit-{name}": nonsense})
    assert quota.budget() == Budget({})
    quota.wait_for_room()
    assert seconds(clock) == 0
