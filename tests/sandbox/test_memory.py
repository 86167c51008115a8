"""A demo world that outlives its process."""

from datetime import date

from cloudcollect_pipeline.nightly import Night
from cloudcollect_pipeline.sandbox.demo import FIRST_NIGHT, nights
from cloudcollect_pipeline.sandbox.memory import remembered
from cloudcollect_pipeline.sandbox.world import World
from tests.story import settings_of, world_transport


def play(world: World, folder) -> None:
    """Three nights of the demo: claims, lost answers, and postings that are released when they are read."""
    for night in nights()[:3]:
        world.advance(night.at)
        with Night.open(
            "nordlys", settings_of(world, folder), world.clock, transport=world_transport(world), parallel=1
        ) as run:
            if night.number == 1:
                run.journal.declare_new(world.now, "test")
            result = run.run()
            if result.plan and "waits for approval" in result.not_sent:
                run.carry_out(run.approve(result.plan.plan.hash))


def test_a_world_is_as_it_was_left_when_it_is_remembered(tmp_path):
    file = tmp_path / "world.jsonl"
    left = remembered(file, 7, FIRST_NIGHT)
    play(left, tmp_path)
    found = remembered(file, 99, date(2000, 1, 4))
    assert found.seed == 7
    assert found.now == left.now
    assert found.truth() == left.truth()
    assert found.truth()["nordlys"].claims
    assert file.stat().st_mode & 0o077 == 0
    with file.open("a") as torn:
        torn.write('{"at": "2026-02-05T03:')  # killed while writing
    assert remembered(file, 7, FIRST_NIGHT).truth() == left.truth()
