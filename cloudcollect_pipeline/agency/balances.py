"""Entries derived from cumulative balances, for an agency that shows what it has received per claim and no payments.

What a balance rose by since the entries already known is a new entry; what its principal fell by takes back the newest
of them. Known entries are never changed, and what they carry always adds up to the balance. A derived entry exists
nowhere else, so its name must not depend on when it was read: it is the claim and a running number, and what the
journal has posted for a number counts as known even where the ledger was lost.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cloudcollect_pipeline.agency.port import Agency, Balance, DerivedEntry, TellsBalances

MARK = "#"
"""Between the claim and the running number."""
WAITING = "unallocated"
"""The bucket of money that the agency has not allocated yet."""


@dataclass(frozen=True)
class KnownOfClaim:
    """What is known of one claim: its derived entries, and postings (amount in øre, day) of entries not among them."""

    entries: tuple[DerivedEntry, ...] = ()
    posted: Mapping[str, tuple[int, date]] = field(default_factory=dict)


Known = Callable[[Sequence[str]], Mapping[str, KnownOfClaim]]


def derive(balance: Balance, known: KnownOfClaim) -> list[DerivedEntry]:
    """The entries that a balance brings beside what is known; none for a balance older than what is known.

    What was posted and is not known comes first, so that its number is not given to something else. Money that the
    agency has not allocated yet is an entry of its own, taken back when it becomes principal, interest or fees.
    """
    if any(entry.recorded_at > balance.updated_at for entry in known.entries):
        return []
    new: list[DerivedEntry] = []

    def add(entry_id: str, lines: Mapping[str, int], on: date, reverses: str | None = None) -> None:
        new.append(
            DerivedEntry(entry_id, balance.claim_id, balance.currency, on, balance.updated_at, dict(lines), reverses)
        )

    def next_id() -> str:
        taken = (number_of(entry.entry_id) for entry in (*known.entries, *new))
        return f"{balance.claim_id}{MARK}{max(taken, default=0) + 1}"

    have = {entry.entry_id for entry in known.entries}
    for entry_id in sorted(known.posted.keys() - have, key=number_of):
        amount, day = known.posted[entry_id]
        add(entry_id, {"principal": amount}, day)
    change = _change(balance, (*known.entries, *new))
    for bucket in ("principal", WAITING):
        fallen = -change.get(bucket, 0)
        for root, carried in reversed(_carried((*known.entries, *new), bucket).items()):
            if fallen > 0 and carried > 0:
                taken = min(fallen, carried)
                add(next_id(), {bucket: -taken}, balance.value_date, root)
                fallen -= taken
                change[bucket] += taken
    waiting = change.pop(WAITING, 0)
    for risen in (change, {WAITING: waiting}):
        lines = {bucket: amount for bucket, amount in sorted(risen.items()) if amount}
        if lines:
            add(next_id(), lines, balance.value_date)
    return new


def number_of(entry_id: str) -> int:
    """The running number in a derived entry's name."""
    return int(entry_id.rpartition(MARK)[2])


def is_derived(entry_id: str) -> bool:
    """Whether an entry's name is one of ours."""
    claim, mark, number = entry_id.rpartition(MARK)
    return bool(claim and mark) and number.isdecimal()


def _change(balance: Balance, entries: Iterable[DerivedEntry]) -> dict[str, int]:
    change = dict(balance.received)
    for entry in entries:
        for bucket, amount in entry.lines.items():
            change[bucket] = change.get(bucket, 0) - amount
    return change


def _carried(entries: Iterable[DerivedEntry], bucket: str) -> dict[str, int]:
    """What of a bucket each original entry still carries, oldest first."""
    carried: dict[str, int] = {}
    for entry in sorted(entries, key=lambda entry: number_of(entry.entry_id)):
        root = entry.reverses or entry.entry_id
        carried[root] = carried.get(root, 0) + entry.lines.get(bucket, 0)
    return carried


class EntriesOfBalances:
    """An agency of balances that looks like one of payments: `known` tells what was derived of its claims before."""

    def __init__(self, agency: Agency, known: Known) -> None:
        if not isinstance(agency, TellsBalances):
            raise TypeError(f"{type(agency).__name__} is said to tell balances and has no methods that do")
        self._agency, self._ask, self._known = agency, agency, known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agency, name)

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """The agency's own records; after its entries those that its balances bring."""
        yield from self._agency.pages(feed, since)
        if feed == "entries":
            records = self._records(self._ask.balances(since))
            if records:
                yield records

    def entries(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw entries; a derived one is told by its claim's balance."""
        claims = sorted({id_.rpartition(MARK)[0] for id_ in ids if is_derived(id_)})
        asked = [id_ for id_ in ids if not is_derived(id_)]
        return [
            *(self._agency.entries(asked) if asked else []),
            *(self._records(self._ask.balances(None, claims)) if claims else []),
        ]

    def _records(self, balances: Sequence[Balance]) -> list[bytes]:
        # A claim that changes while pages are read may come twice: what was told last of it counts.
        newest = {each.claim_id: each for each in sorted(balances, key=lambda balance: balance.updated_at)}
        known = self._known(sorted(newest))
        return [
            self._ask.entry_record(entry)
            for _, balance in sorted(newest.items())
            for entry in derive(balance, known.get(balance.claim_id, KnownOfClaim()))
        ]
