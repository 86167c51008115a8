"""Every order of a few things, with a night after any of them: the suite takes three things and two troubles."""

from cloudcollect_pipeline.testing.simulation.ablation import without
from cloudcollect_pipeline.testing.simulation.core.life import Life
from cloudcollect_pipeline.testing.simulation.states import Day, Word, explore, live_word, script_of
from cloudcollect_pipeline.testing.simulation.tiers import CORE

THREE = ("pay", "pay the agency", "take money back")
TWO = ("write done answer lost", "journal lost")


def test_every_state_that_three_things_lead_to_comes_to_rest() -> None:
    explored = explore(2_000, events=THREE, troubles=TWO)
    assert explored.violations == []
    assert explored.whole == [3, 3]
    assert 80 < explored.states.total() < explored.words.total()


def test_two_orders_that_leave_everything_alike_are_one_state() -> None:
    explored = explore(2_000, companies=(122,), events=("pay", "take money back"), troubles=())
    # there is nothing to take back, so the payment alone tells states apart: of this night, of the first, of the second
    assert explored.words == {1: 2, 2: 4}
    assert explored.states == {1: 2, 2: 3}


def test_the_number_of_processes_changes_nothing() -> None:
    one, two = (explore(100, events=THREE, troubles=TWO, processes=n) for n in (1, 2))
    assert one == two
    assert one.whole[0] < 3


def test_a_word_is_a_script_that_can_be_lived_again() -> None:
    script = script_of((Day(("pay", "pay the agency")), Day(("take money back",), "write lost")))
    lived = CORE.live(script)
    assert lived.happened.total() == 3
    assert lived.struck == {("write lost", "void"): 1}
    assert lived.violations == []


def test_a_word_that_goes_on_from_another_ends_as_if_it_were_lived_alone() -> None:
    day, settled, late = Day(("pay",)), Day(("settle", "pay the agency")), Day((), "write done late")
    words: list[Word] = [
        (day, last) for last in (Day(("take money back",)), settled, Day(("pay the agency",), "journal lost"))
    ]
    words += [(day, settled, last) for last in (Day(("void a payment",)), Day(("credit",), "write lost"))]
    words += [(day, settled, late, Day(("credit",)))]
    reached = [live_word(122, word) for word in words]
    assert reached == [(Life(script_of(word), known=set()).live().state, []) for word in words]
    assert len({state for state, _ in reached}) == len(words)


def test_without_a_safeguard_a_state_breaks() -> None:
    with without("nothing is looked up before a write"):
        explored = explore(200, events=THREE, troubles=("journal lost",), processes=1)
    assert {violation.invariant for _, violation in explored.violations} & {"S1", "S3", "S5"}
