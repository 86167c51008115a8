"""`soak`: real runs killed at random moments; `make soak` kills a thousand."""

import json

import pytest

from tests.cli.conftest import Command

KILLS = 8


@pytest.mark.timeout(300)
def test_runs_killed_at_random_moments_lose_nothing_and_do_nothing_twice(cloudcollect: Command) -> None:
    said = cloudcollect("soak", "--kills", str(KILLS), "--json")
    found = json.loads(said.out)
    assert (said.code, found["kills"], found["violations"]) == (0, KILLS, 0)
    assert found["effects"] > 0
