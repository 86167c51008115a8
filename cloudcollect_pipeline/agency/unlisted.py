"""Deleted payments of an agency that lists all it has and does not tell what was deleted.

A payment the ledger knows and a whole list does not show is asked for at the agency itself. Only what is gone there
too comes back as cancelled; a list that was not read to its end makes nothing vanish.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from cloudcollect_pipeline.agency.port import Agency, KnownEntry


@runtime_checkable
class ListsAll(Protocol):
    """An agency whose feed `entries` gives everything each time it is read."""

    def unlisted(self, entries: Sequence[KnownEntry]) -> list[bytes]:
        """Entries that are not in the list any more, as raw records: as they are now, or marked as cancelled."""
        ...


class _Record(msgspec.Struct):
    id: str


class EntriesStillListed:
    """An agency that lists all its payments, looking like one that cancels: `known` tells what should be there."""

    def __init__(self, agency: Agency, ask: ListsAll, known: Callable[[], Sequence[KnownEntry]]) -> None:
        self._agency, self._ask, self._known = agency, ask, known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agency, name)

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """The agency's own records; after its entries those that are not among them any more."""
        listed: set[str] = set()
        for page in self._agency.pages(feed, since):
            if feed == "entries":
                listed.update(msgspec.json.decode(raw, type=_Record).id for raw in page)
            yield page
        if feed == "entries":
            missing = [entry for entry in self._known() if entry.entry_id not in listed]
            if missing:
                yield self._ask.unlisted(missing)
