"""The outbox: who is still to be told what. A value: it is kept by whoever delivers, here it is only worked out.

Everybody is told at the same time, each within a deadline, so that one who hangs keeps nobody waiting. Who could not be
told is tried again a few times, later each time; who was told is not told again.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from cloudcollect_pipeline.alerts.message import Message
from cloudcollect_pipeline.alerts.receivers import NotTold, Receiver

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""Before the second try, the third, and so on; after the last nobody tries again."""
TRIES = len(WAITS) + 1
PATIENCE = 20.0
"""Seconds after which a round begins nothing new; what is left waits for the next."""


@dataclass(frozen=True)
class Letter:
    """A message and whom it has not reached. `key` names it for ever; `due` is when it may be tried."""

    key: str
    message: Message
    left: tuple[str, ...]
    due: datetime
    tries: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes it again."""
        return {
            "key": self.key,
            "message": self.message.as_json(),
            "left": list(self.left),
            "due": self.due.isoformat(),
            "tries": self.tries,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What `as_json` told."""
        message, due = Message.from_json(told["message"]), datetime.fromisoformat(told["due"])
        return cls(told["key"], message, tuple(told["left"]), due, told["tries"])


@dataclass(frozen=True)
class Round:
    """What came of one delivery: letters not done with, (letter, receiver) told, and (letter, receiver, why) not."""

    left: tuple[Letter, ...]
    told: tuple[tuple[Letter, str], ...]
    failed: tuple[tuple[Letter, str, str], ...]

    @property
    def given_up(self) -> tuple[tuple[Letter, str, str], ...]:
        """Of those who were not told, the ones nobody will try again."""
        return tuple(each for each in self.failed if each[0].tries >= TRIES)


def deliver(
    letters: Sequence[Letter], receivers: Sequence[Receiver], now: datetime, *, patience: float = PATIENCE
) -> Round:
    """Tell every receiver, all at once, what it has not been told and is due. Never raises.

    A receiver that does not answer is not asked again in this round. One the settings no longer name is forgotten.
    """
    until = time.monotonic() + patience
    due = [letter for letter in letters if letter.due <= now]
    with ThreadPoolExecutor(max(1, len(receivers)), thread_name_prefix="alerts") as pool:
        asked = {
            receiver.name: pool.submit(_tell, receiver, [each for each in due if receiver.name in each.left], until)
            for receiver in receivers
        }
    said: dict[str, Mapping[str, str]] = {}
    for name, future in asked.items():
        broken = future.exception()  # ours, not the receiver's: still nobody else may suffer from it
        said[name] = {each.key: type(broken).__name__ for each in due} if broken else future.result()
    left, told, failed = list[Letter](), list[tuple[Letter, str]](), list[tuple[Letter, str, str]]()
    for letter in letters:
        answers = {name: said[name].get(letter.key) for name in letter.left if name in said}
        tried = any(answers.values())
        still = tuple(name for name, why in answers.items() if why is None or why)
        wait = WAITS[min(letter.tries, len(WAITS) - 1)] if tried else timedelta(0)
        after = replace(
            letter, left=still, tries=letter.tries + tried, due=max(letter.due, now + wait) if tried else letter.due
        )
        told += [(after, name) for name, why in answers.items() if why == ""]
        failed += [(after, name, why) for name, why in answers.items() if why]
        if still and after.tries < TRIES:
            left.append(after)
    return Round(tuple(left), tuple(told), tuple(failed))


def _tell(receiver: Receiver, letters: Sequence[Letter], until: float) -> dict[str, str]:
    """Key -> why it was not told, empty if it was; what was not tried is not in it."""
    said: dict[str, str] = {}
    silent = ""
    for letter in letters:
        if silent:
            said[letter.key] = silent
            continue
        if time.monotonic() > until:
            break
        try:
            receiver.tell(letter.key, letter.message)
        except NotTold as error:
            said[letter.key] = str(error)
            silent = "" if error.answers else str(error)
        else:
            said[letter.key] = ""
    return said
