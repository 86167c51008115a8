"""Two years of a real receivables history: with its disputes and without.

Every night of it takes about ten minutes, so only those on which the first claims are handed over are lived unless
`CLOUDCOLLECT_HISTORY_NIGHTS` says how many, from the first on; `make history` lives them all.
"""

import os
from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.world import World
from tests.story import Story

CSV = "data/accounts-receivable-history.csv"
WITHOUT_CLAIMS, WITH_CLAIMS = 30, 15
"""The first nights of the history, on which nothing is old enough to be handed over, and those after them."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("disputes", [True, False], ids=["with its disputes", "ignoring them"])
def test_a_real_history_ends_equal_with_nothing_done_twice(shared, tmp_path, disputes):
    world = World.from_history(shared / CSV, disputes=disputes)
    assert world.ends is not None
    policy: dict[str, Any] = dict(world.policy)
    story = Story(tmp_path, world=world, **policy)
    with story.opened() as night:
        nights = int(os.environ.get("CLOUDCOLLECT_HISTORY_NIGHTS", "0"))
        if not nights:
            story.morning(WITHOUT_CLAIMS)
            nights = WITH_CLAIMS
        while story.world.today <= world.ends and nights > 0:
            nights -= 1
            story.morning()
            night.start_over()
            result = night.run(approve=True)
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
