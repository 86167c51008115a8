"""Two years of a real receivables history, every night of it: with its disputes and without."""

from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.world import World
from tests.story import Story

CSV = "data/accounts-receivable-history.csv"


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("disputes", [True, False], ids=["with its disputes", "ignoring them"])
def test_a_real_history_ends_equal_with_nothing_done_twice(shared, tmp_path, disputes):
    world = World.from_history(shared / CSV, disputes=disputes)
    assert world.ends is not None
    policy: dict[str, Any] = dict(world.policy)
    story = Story(tmp_path, world=world, **policy)
    with story.opened() as night:
        while story.world.today <= world.ends:
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
    assert len(truth.claims) >= 400
    assert not truth.double_effects
    assert not truth.unequal
    story.assert_ties()
    assert not story.findings()
    story.quiet(3)  # the last Friday's settlement is booked
    story.assert_quiet()
