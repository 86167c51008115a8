"""Two years of a real receivables history: with its disputes and without.

Every night of it takes about ten minutes, so only its first nights are lived unless `CLOUDCOLLECT_HISTORY_NIGHTS`
says otherwise; `make history` lives them all.
"""

import os
from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.world import World
from tests.story import Story

CSV = "data/accounts-receivable-history.csv"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("disputes", [True, False], ids=["with its disputes", "ignoring them"])
def test_a_real_history_ends_equal_with_nothing_done_twice(shared, tmp_path, disputes):
    world = World.from_history(shared / CSV, disputes=disputes)
    assert world.ends is not None
    policy: dict[str, Any] = dict(world.policy)
    story = Story(tmp_path, world=world, **policy)
    with story.opened() as night:
        nights = int(os.environ.get("CLOUDCOLLECT_HISTORY_NIGHTS", "45"))
        while story.world.today <= world.ends and nights > 0:
            nights -= 1
            story.morning()
            night.start_over()
            result = night.run()
            if result.plan and "waits for approval" in result.not_sent:
                night.approve(result.plan.plan.hash)
                result = night.carry_out()
            story.results = [result]
            assert result.statement is not None
            assert result.statement.ties, result.statement.as_json()
            assert set(result.statement.differences) <= {"equal", "in flight"}, result.statement.differences
    truth = world.truth()[story.slug]
    assert not truth.double_effects
    if world.today <= world.ends:
        assert len(truth.claims) >= 15
        return
    assert len(truth.claims) >= 400
    assert not truth.unequal
    story.assert_ties()
    assert not story.findings()
    story.quiet(3)  # the last Friday's settlement is booked
    story.assert_quiet()
