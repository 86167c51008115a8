"""`soak`: real runs killed at random moments; `make soak` kills a thousand."""

import json
from pathlib import Path

import pytest

from cloudcollect_pipeline.testing.simulation.script import Script
from cloudcollect_pipeline.testing.soak import KilledLife
from tests.cli.conftest import Command

KILLS = 8


@pytest.mark.timeout(300)
def test_runs_killed_at_random_moments_lose_nothing_and_do_nothing_twice(cloudcollect: Command) -> None:
    said = cloudcollect("soak", "--kills", str(KILLS), "--json")
    found = json.loads(said.out)
    assert (said.code, found["kills"], found["violations"]) == (0, KILLS, 0)
    assert found["effects"] > 0


def test_the_runs_of_a_life_have_the_settings_that_it_is_judged_by(tmp_path: Path) -> None:
    """Once they had not, and what the settings wanted recalled went on: the oracle said so, rightly, of wrong runs."""
    script = Script(5, 0, (), settings=(("policy", "credited_after_transfer", "recall"),))
    life = KilledLife(script, tmp_path, 0)
    assert life.live().violations == []
    [company] = life.settings.companies.values()
    assert company.policy.credited_after_transfer == life.oracle.policy.credited_after_transfer == "recall"
