"""One story with every fault at every boundary; the suite takes every write, every commit and a sample of the pairs."""

from collections import Counter

import pytest

from cloudcollect_pipeline.testing.simulation.ablation import without
from cloudcollect_pipeline.testing.simulation.exhaustive import (
    CRASHES,
    STORY,
    Explored,
    after,
    each,
    everywhere,
    explore,
    with_faults,
)
from cloudcollect_pipeline.testing.simulation.script import Step
from cloudcollect_pipeline.testing.simulation.tiers import CORE

EFFECTS = {"transfer", "reduction", "hold", "case_reference", "posting", "void", "settlement"}
QUICK = tuple(kind for kind, fault in CORE.faults.items() if fault.place in ("write", "commit", "night"))
"""Reads and readings of the clock have many boundaries: `cloudcollect simulate --exhaustive` takes them too."""


def test_the_story_has_every_kind_of_effect_and_breaks_nothing_by_itself() -> None:
    lived = CORE.live(STORY)
    assert lived.violations == []
    assert set(lived.effects) == EFFECTS


@pytest.mark.parametrize("kind", QUICK)
def test_a_fault_at_any_boundary_of_the_story_breaks_nothing(kind: str) -> None:
    explored = each(kind)
    assert explored.violations == []
    assert explored.boundaries[kind] >= 6


FIRST = Step(0, "killed after a write", 4, 1)


def test_a_second_crash_anywhere_after_the_first_breaks_nothing() -> None:
    explored = after(FIRST)
    assert explored.violations == []
    assert explored.pairs > len(CRASHES)


def test_a_second_crash_that_keeps_the_first_from_coming_about_ends_no_search() -> None:
    """To die before the head is written or after it is possible at the same commits as before it."""
    of_commits = [kind for kind in CRASHES if CORE.faults[kind].place == "commit"]
    first, *others = [
        [(faults[-1].night, faults[-1].nth) for faults, _ in everywhere((FIRST,), kind)] for kind in of_commits
    ]
    assert others == [first, first]
    assert {night for night, _ in first} == {3, 5}


@pytest.mark.parametrize(
    "kind", ["killed before a commit", "killed and journal torn", "write done late", "killed anywhere"]
)
def test_a_story_told_from_the_night_of_its_fault_is_the_whole_story(kind: str) -> None:
    told = list(everywhere((), kind))
    told = told[:: 1 + len(told) // 30]
    for faults, lived in told:
        whole = CORE.live(with_faults(faults))
        assert (lived.hash, lived.struck, lived.effects) == (whole.hash, whole.struck, whole.effects)
    assert len({lived.hash for _, lived in told}) > 1


def test_pages_that_repeat_rows_change_nothing() -> None:
    histories = [lived.hash for _, lived in everywhere((), "rows twice")]
    assert len(histories) > 60
    assert set(histories) == {CORE.live(STORY).hash}


def test_rows_in_another_order_lead_to_the_same_effects() -> None:
    effects = [lived.effects for _, lived in everywhere((), "rows in another order")]
    assert len(effects) > 10
    told = CORE.live(STORY).effects
    assert all(those == told for those in effects)


def test_several_processes_explore_what_one_does() -> None:
    kinds = ("write lost", "killed before a write")
    together = explore(pairs=False, processes=2, kinds=kinds)
    assert together.violations == []
    assert together.boundaries == sum((each(kind).boundaries for kind in kinds), Counter())


def test_without_a_safeguard_the_story_breaks() -> None:
    with without("nothing is looked up before a write"):
        explored = Explored()
        explored += each("journal lost")
        explored += each("everything of an earlier night")
    assert {violation.invariant for _, violation in explored.violations} & {"S1", "S3", "S5"}
