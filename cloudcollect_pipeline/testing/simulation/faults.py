"""What goes wrong, and where: at a write, a read, the token call, a reading of the clock, or to a whole night."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cloudcollect_pipeline.testing.simulation.script import Step

Place = Literal["write", "read", "token", "commit", "clock", "night"]


@dataclass(frozen=True)
class Fault:
    """One kind. It strikes one of the first `reach` boundaries of its place in a night; `weight` says how often."""

    place: Place
    text: str
    weight: float = 1.0
    reach: int = 1


def _at(place: Place, reach: int, weight: float, kinds: Mapping[str, str]) -> dict[str, Fault]:
    return {name: Fault(place, text, weight, reach) for name, text in kinds.items()}


FAULTS: Mapping[str, Fault] = {
    **_at(
        "write",
        4,
        1.5,
        {
            "write not connected": "no connection, so nothing was sent",
            "write lost": "the request never arrives; the wait for an answer ends",
            "write done answer lost": "carried out, the wait for an answer ends",
            "write done late": "the wait ends, and the request is carried out minutes or hours later",
            "write 500": "500, nothing done",
            "write 500 done": "500 although it is done",
            "write 502 done": "502 from a gateway although it is done",
            "write 503": "503 from a gateway, nothing done",
            "write 504 done": "504 from a gateway although it is done",
            "write 429": "429 with a time to wait, nothing done",
            "write 429 bare": "429 without a time, nothing done",
            "write html": "done, and the answer is a web page with status 200",
            "write truncated": "done, and the answer is cut in half",
            "write without id": "done, and the answer names no id",
            "write reset": "done, and the connection is reset while the answer comes",
            "killed before a write": "the process is killed after the intent, before the request",
            "killed after a write": "the process is killed after the effect, before the answer",
            "killed and journal torn": "killed after the effect, and the journal's last bytes never reached the disk",
        },
    ),
    **_at(
        "read",
        30,
        0.6,
        {
            "read lost": "no answer",
            "read 500": "500",
            "read 503": "503",
            "read 429": "429",
            "read html": "a web page with status 200",
            "read truncated": "the answer is cut in half",
            "read reset": "the connection is reset while the answer comes",
            "read stale": "the answer of up to half an hour ago",
            "rows twice": "some rows come twice",
            "rows in another order": "the rows of a page come in another order",
            "row missing": "a row falls between two pages",
            "token refused": "401: the token has been taken back",
            "killed at a read": "the process is killed",
            "meanwhile": "something happens between this read and what follows",
        },
    ),
    **_at("token", 1, 0.2, {"token endpoint down": "no token is to be had"}),
    **_at(
        "clock",
        120,
        1.5,
        {
            "killed anywhere": "the process is killed between two steps",
            "stopped": "the process stands still for two hours, then goes on",
        },
    ),
    **_at(
        "night",
        1,
        0.5,
        {
            "outage": "no run for up to thirty nights",
            "journal of an earlier night": "the journal is restored from an older copy",
            "everything of an earlier night": "all files are restored from an older copy",
            "journal lost": "the journal is gone with its copies",
            "ledger lost": "the ledger is gone",
            "bit flipped": "one bit of the journal is flipped",
            "disk full": "the journal's disk is full",
            "second run": "another run starts while this one is under way",
            "nothing new is listed": "for a night no list shows what was written since the night before",
            "clock an hour ahead": "the machine's clock is an hour ahead",
            "clock an hour behind": "the machine's clock is an hour behind",
            "run past midnight": "the run starts at five to midnight",
            "approved twice": "a person approves the plan twice",
            "paused": "a person has paused the company for a night",
            "run again": "the run is started again when it is over",
        },
    ),
}


@dataclass
class Chaos:
    """The faults of the night under way. `struck` counts them by kind and operation, `idle` what changed nothing."""

    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    idle: int = 0
    _armed: dict[tuple[str, int], "Step"] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)

    def arm(self, steps: Iterable["Step"]) -> None:
        """Forget what has not struck, and arm these faults; where two fit one boundary the first one strikes."""
        self._seen.clear()
        self._armed.clear()
        for step in steps:
            place = FAULTS[step.what].place
            if place != "night":
                self._armed.setdefault((place, step.nth), step)

    def at(self, place: Place, operation: str) -> "Step | None":
        """The fault that strikes this boundary, if one does."""
        nth = self._seen[place]
        self._seen[place] += 1
        step = self._armed.pop((place, nth), None) if self._armed else None
        if step is not None:
            self.struck[step.what, operation] += 1
        return step

    def came_to_nothing(self, step: "Step", operation: str) -> None:
        """A fault that has struck changed nothing: it does not count."""
        self.struck[step.what, operation] -= 1
        self.struck += Counter()  # leaves out what is zero
        self.idle += 1

    def strike(self, step: "Step", operation: str) -> None:
        """A fault of a whole night has struck."""
        self.struck[step.what, operation] += 1
