"""The outbox: nobody waits for another, nobody is told twice, and everything comes to an end."""

import threading
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.alerts.message import Message
from cloudcollect_pipeline.alerts.outbox import TRIES, WAITS, Letter, Round, deliver
from cloudcollect_pipeline.alerts.receivers import NotTold

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
LONG = timedelta(hours=3)


class Ear:
    """A receiver that answers as its script says, one word a message: told, refused, silent, or broken."""

    def __init__(self, name: str, script: str = "") -> None:
        self.name, self.script, self.asked, self.heard = name, list(script), list[str](), list[str]()

    def wants(self, news: str, company: str) -> bool:
        return True

    def tell(self, key: str, message: Message) -> None:
        self.asked.append(key)
        match self.script.pop(0) if self.script else "t":
            case "r":
                raise NotTold("it answered 500", answers=True)
            case "s":
                raise NotTold("no answer", answers=False)
            case "b":
                raise RuntimeError("a mistake of ours")
        self.heard.append(key)


def letter(key: str, *names: str) -> Letter:
    return Letter(key, Message("morning", "nordlys", "good", key, ()), names, NOW)


def test_who_could_not_be_told_is_tried_again_later_and_nobody_else_is():
    good, bad = Ear("good"), Ear("bad", "rr")
    first = deliver([letter("a", "good", "bad")], [good, bad], NOW)
    assert [(each.left, each.tries, each.due) for each in first.left] == [(("bad",), 1, NOW + WAITS[0])]
    assert [name for _, name in first.told] == ["good"]
    assert [(name, why) for _, name, why in first.failed] == [("bad", "it answered 500")]
    too_early = deliver(first.left, [good, bad], NOW + WAITS[0] / 2)
    assert too_early.left == first.left
    second = deliver(too_early.left, [good, bad], NOW + WAITS[0])
    third = deliver(second.left, [good, bad], NOW + LONG)
    assert third.left == ()
    assert (good.heard, bad.heard, bad.asked) == (["a"], ["a"], ["a", "a", "a"])


def test_nobody_is_tried_for_ever():
    deaf, now = Ear("deaf", "s" * 99), NOW
    letters: tuple[Letter, ...] = (letter("a", "deaf"),)
    rounds = list[Round]()
    while letters:
        rounds.append(deliver(letters, [deaf], now))
        letters, now = rounds[-1].left, now + LONG
    assert len(rounds) == len(deaf.asked) == TRIES
    assert [len(each.given_up) for each in rounds] == [0] * (TRIES - 1) + [1]


def test_one_that_is_silent_is_asked_once_a_round_and_one_that_refuses_for_each_message():
    silent, refuses = Ear("silent", "s"), Ear("refuses", "r")
    done = deliver([letter(key, "silent", "refuses") for key in "abc"], [silent, refuses], NOW)
    assert silent.asked == ["a"]
    assert (refuses.asked, refuses.heard) == (["a", "b", "c"], ["b", "c"])
    assert [each.left for each in done.left] == [("silent", "refuses"), ("silent",), ("silent",)]


def test_a_mistake_of_ours_keeps_nobody_else_from_being_told():
    broken, good = Ear("broken", "b"), Ear("good")
    done = deliver([letter("a", "broken", "good")], [broken, good], NOW)
    assert good.heard == ["a"]
    assert [(name, why) for _, name, why in done.failed] == [("broken", "RuntimeError")]


def test_who_is_no_longer_in_the_settings_is_forgotten():
    assert deliver([letter("a", "gone")], [Ear("other")], NOW).left == ()


def test_a_round_that_has_lasted_long_begins_nothing_new_and_loses_nothing():
    ear = Ear("ear")
    done = deliver([letter(key, "ear") for key in "ab"], [ear], NOW, patience=-1)
    assert ear.asked == []
    assert done.left == (letter("a", "ear"), letter("b", "ear"))


def test_everybody_is_told_at_the_same_time():
    both = threading.Barrier(2, timeout=10)

    class Waits(Ear):
        def tell(self, key: str, message: Message) -> None:
            both.wait()  # breaks unless the other one is being told meanwhile
            super().tell(key, message)

    ears = [Waits(f"ear {n}") for n in range(2)]
    deliver([letter("a", *(ear.name for ear in ears))], ears, NOW)
    assert all(ear.heard == ["a"] for ear in ears)


@given(scripts=st.lists(st.text("trs", max_size=12), min_size=1, max_size=4), keys=st.integers(1, 4))
def test_whatever_fails_nobody_hears_a_thing_twice_and_the_outbox_empties(scripts, keys):
    ears = [Ear(f"ear {n}", script) for n, script in enumerate(scripts)]
    left, now, given_up = tuple(letter(f"k{n}", *(ear.name for ear in ears)) for n in range(keys)), NOW, []
    for _ in range(TRIES):
        done = deliver([Letter.from_json(each.as_json()) for each in left], ears, now)
        given_up += [(each.key, name) for each, name, _ in done.given_up]
        left, now = done.left, now + LONG
    assert left == ()
    for ear in ears:
        heard = sorted(ear.heard + [key for key, name in given_up if name == ear.name])
        assert heard == sorted(f"k{n}" for n in range(keys)), "told once or given up, never both, never neither"
