"""What goes wrong in a life without HTTP: at a write, a read, a commit, a reading of the clock, or to a night."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloudcollect_pipeline.testing.simulation.faults import Fault, Place
from cloudcollect_pipeline.testing.simulation.script import Step

WRITES = (
    "transfer",
    "reduction",
    "hold",
    "case number",
    "payment",
    "release of a payment",
    "void",
    "release of a void",
    "voucher",
    "release of a voucher",
)
"""Every write that a life carries out, by name."""
READS = (
    "erp documents",
    "erp payments",
    "erp customers",
    "agency claims",
    "agency cases",
    "agency entries",
    "agency settlements",
    "touched receivables",
    "drafts",
    "guard receivables",
    "guard customers",
    "guard payments",
    "guard claims",
    "guard entries",
    "guard settlement",
    "look-up at the agency",
    "look-up of payments",
    "look-up of vouchers",
    "status of a payment",
    "status of a voucher",
    "periods",
)
"""Every read: the feeds of landing, what is read by key, the guard's reads, the look-ups, the polls."""
COMMITS = ("planned", "intent", "created", "confirmed", "uncertain", "rejected", "later", "dropped", "absent", "missed")
"""What the journal commits, by the entry that is written."""
RELEASES = ("release of a payment", "release of a void", "release of a voucher")


def _at(place: Place, reach: int, weight: float, kinds: Mapping[str, str]) -> dict[str, Fault]:
    return {name: Fault(place, text, weight, reach) for name, text in kinds.items()}


FAULTS: Mapping[str, Fault] = {
    **_at(
        "write",
        3,
        1.0,
        {
            "write not connected": "no connection, so nothing was sent",
            "write 429": "429, nothing done",
            "write refused": "refused for a reason that goes away",
            "write lost": "the request never arrives; the wait for an answer ends",
            "write done answer lost": "carried out, the wait for an answer ends",
            "write done late": "the wait ends, and the request is carried out minutes or hours later",
            "write 500": "500, nothing done",
            "write 500 done": "500 although it is done",
            "killed before a write": "the process is killed after the intent, before the request",
            "killed after a write": "the process is killed after the effect, before the answer",
            "killed and journal torn": "killed after the effect, and the journal's last commits never reached the disk",
            "meanwhile before a write": "something happens between the guard's read and the write",
        },
    ),
    **_at(
        "read",
        20,
        0.8,
        {
            "read lost": "no answer, or a 5xx, or a 429",
            "read unreadable": "a web page with status 200, or half an answer",
            "read refused": "401: the token has been taken back",
            "read stale": "the answer of up to half an hour ago",
            "rows twice": "some rows come twice",
            "rows in another order": "the rows come in another order",
            "row missing": "a row falls between two pages",
            "page lost": "half of the rows are not shown",
            "killed at a read": "the process is killed",
            "meanwhile": "something happens between this read and what follows",
        },
    ),
    **_at(
        "commit",
        6,
        0.7,
        {
            "killed before a commit": "the process is killed before the journal has committed",
            "killed before the head": "killed between a commit of the journal and its head beside it",
            "killed after a commit": "killed right after a commit of the journal",
            "disk full at a commit": "the journal's disk is full",
        },
    ),
    **_at(
        "clock",
        60,
        0.8,
        {
            "killed anywhere": "the process is killed between two steps",
            "stopped": "the process stands still for two hours, then goes on",
        },
    ),
    **_at(
        "night",
        1,
        0.12,
        {
            "outage": "no run for up to thirty nights, then one",
            "journal of an earlier night": "the journal is restored from an older copy",
            "everything of an earlier night": "journal and mirrors are restored from an older copy",
            "journal lost": "the journal is gone with its head and its copies",
            "mirrors lost": "the mirrors are gone",
            "journal and mirrors lost": "both are gone",
            "bit flipped": "one bit of the journal is flipped",
            "second run": "another run starts while this one is under way",
            "nothing new is listed": "for a night no list shows what was written since the night before",
            "clock an hour ahead": "the machine's clock is an hour ahead",
            "clock an hour behind": "the machine's clock is an hour behind",
            "clock two days behind": "the machine's clock is two days behind",
            "run past midnight": "the run starts at five to midnight, or at half past two",
            "approved twice": "a person approves the plan twice",
            "answered twice": "a person answers every question twice",
            "paused": "a person has paused the company for a night",
            "run again": "the run is started again when it is over",
            "plan carried out again": "a person asks for a plan that has been carried out to be carried out",
        },
    ),
}

NEVER: Mapping[str, frozenset[str]] = {
    # One record has no order. What the agency holds its lists have shown before anybody looks it up, and who has
    # two credits is handed nothing over: two rows at once are not met there.
    "rows in another order": frozenset(
        {"status of a payment", "status of a voucher", "guard settlement", "guard payments", "look-up at the agency"}
    ),
    # No period is closed within half an hour of a run. The same about the same customers or references is asked twice
    # in it only by a run after one that died, and the one fault that changes the answer between would have to be met.
    "read stale": frozenset({"periods", "guard customers", "guard payments", "look-up at the agency"}),
}
"""Reads at which a fault cannot change the answer, or not in any number of lives that anybody waits for."""
CELLS: tuple[tuple[str, str], ...] = tuple(
    (kind, place)
    for kind, fault in FAULTS.items()
    for place in {
        "write": WRITES,
        "read": READS,
        "commit": COMMITS,
        "clock": ("between two steps",),
        "night": ("a night",),
        "token": (),
    }[fault.place]
    if place not in NEVER.get(kind, ())
)
"""Every fault at every place that it can strike: a survey that is published must have hit them all."""


@dataclass
class Chaos:
    """Faults that wait for their boundary, over nights if need be. `struck` counts them by kind and place.

    `idle` are those that changed nothing where they struck.
    """

    struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    idle: int = 0
    _again: Step | None = None
    _waiting: dict[str, deque[Step]] = field(
        default_factory=lambda: {place: deque() for place in ("write", "read", "commit", "clock")}
    )
    _left: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("write", "read", "commit", "clock"), -1))
    """Boundaries until the first of those that wait strikes."""

    def arm(self, steps: Iterable[Step]) -> None:
        """Add faults: each strikes the `nth` boundary of its place after the one before it has struck."""
        for step in steps:
            place = FAULTS[step.what].place
            if place != "night":
                waiting = self._waiting[place]
                waiting.append(step)
                if len(waiting) == 1:
                    self._left[place] = step.nth

    def disarm(self) -> None:
        """Nothing goes wrong any more."""
        self.begin()
        for place, waiting in self._waiting.items():
            waiting.clear()
            self._left[place] = -1

    def at(self, place: Place, operation: str) -> Step | None:
        """The fault that strikes this boundary, if one does."""
        left = self._left[place]
        if left < 0:
            return None
        if left > 0:
            self._left[place] = left - 1
            return None
        waiting = self._waiting[place]
        step = waiting.popleft()
        self._left[place] = waiting[0].nth if waiting else -1
        self.struck[step.what, operation] += 1
        return step

    def came_to_nothing(self, step: Step, operation: str, *, again: bool = False) -> None:
        """A fault that has struck changed nothing: it does not count. `again`: it tries the rest of the run's reads."""
        self.struck[step.what, operation] -= 1
        self.struck += Counter()  # leaves out what is zero
        if again:
            place = FAULTS[step.what].place
            self._waiting[place].appendleft(step)
            self._left[place], self._again = 0, step
        else:
            self.idle += 1

    def begin(self) -> None:
        """A run begins: what tried all reads of the one before is given up."""
        step, self._again = self._again, None
        if step is not None:
            place = FAULTS[step.what].place
            waiting = self._waiting[place]
            if waiting and waiting[0] is step:
                waiting.popleft()
                self._left[place] = waiting[0].nth if waiting else -1
                self.idle += 1

    def strike(self, step: Step, operation: str = "a night", *, changed: bool = True) -> None:
        """A fault of a whole night has struck, and `changed` something or nothing."""
        if changed:
            self.struck[step.what, operation] += 1
        else:
            self.idle += 1

    def awaits(self, what: str) -> bool:
        """Whether a fault of this kind is the next one at its place."""
        waiting = self._waiting[FAULTS[what].place]
        return bool(waiting) and waiting[0].what == what

    def waits_for(self, step: Step) -> bool:
        """Whether this very fault has yet to strike."""
        return any(step is waiting for waiting in self._waiting.get(FAULTS[step.what].place, ()))

    def waiting(self) -> list[tuple[str, int]]:
        """What has yet to strike, and the boundaries until then, by place."""
        return [(step.what, self._left[place]) for place, steps in self._waiting.items() for step in steps]
