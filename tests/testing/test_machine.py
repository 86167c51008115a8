"""Nights as a state machine: hypothesis chooses what happens and what goes wrong, and shrinks what breaks."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cloudcollect_pipeline.testing.simulation.ablation import without
from cloudcollect_pipeline.testing.simulation.core.faults import FAULTS
from cloudcollect_pipeline.testing.simulation.core.life import Life
from cloudcollect_pipeline.testing.simulation.events import EVENTS
from cloudcollect_pipeline.testing.simulation.script import Script, Step

DICE = st.integers(0, 2**32 - 1)


class Nights(RuleBasedStateMachine):
    """A company over values; what was chosen by day happens before the next night."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(Script(122, 0, (), tier="core"))
        self.life.begin()
        self.night = 0
        self.steps: list[Step] = []

    @rule(event=st.sampled_from(sorted(EVENTS)), dice=DICE)
    def something_happens(self, event: str, dice: int) -> None:
        self.steps.append(Step(self.night, event, 0, dice))

    @rule(fault=st.sampled_from(sorted(FAULTS)), nth=st.integers(0, 7), dice=DICE)
    def something_will_go_wrong(self, fault: str, nth: int, dice: int) -> None:
        self.steps.append(Step(self.night, fault, nth, dice))

    @rule()
    def a_night_passes(self) -> None:
        self.life.day(self.night, self.steps)
        self.night, self.steps = self.night + 1, []

    @invariant()
    def nothing_that_must_hold_is_broken(self) -> None:
        assert self.life.oracle.found == []

    def teardown(self) -> None:
        self.life.rest()
        assert self.life.end().violations == []


def machine(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_happens_in_whatever_order_the_books_come_to_rest() -> None:
    run_state_machine_as_test(Nights, settings=machine(120))


def test_a_missing_safeguard_is_found_within_a_few_nights() -> None:
    found: list[Nights] = []

    class Watched(Nights):
        def teardown(self) -> None:
            try:
                super().teardown()
            except AssertionError:
                found.append(self)
                raise

    with without("nothing is looked up before a write"):
        try:
            run_state_machine_as_test(Watched, settings=machine(400))
        except AssertionError:
            pass
        else:
            raise AssertionError("nothing was found")
    shortest = min(found, key=lambda each: each.night)
    assert shortest.night <= 4
