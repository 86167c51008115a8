"""A feed: the newest version of every record of one kind, ordered by when it changed."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

_COMPACT_FROM = 1024


class Key(NamedTuple):
    """Where a version stands in its feed."""

    updated_at: datetime
    id: str


class Feed:
    """Versions come in by `put`, become readable by `publish` and are read by `page` or `read`.

    Readers cost what they read: a superseded version stays in the ordered keys as a hole until holes outnumber records.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Key, bytes]] = deque()
        self._keys: list[Key] = []
        self._newest: dict[str, tuple[Key, bytes]] = {}

    def put(self, key: Key, body: bytes) -> None:
        """Add a version. Moments must not decrease from call to call."""
        self._waiting.append((key, body))

    def publish(self, until: datetime) -> None:
        """Make readable what changed at or before a moment."""
        while self._waiting and self._waiting[0][0].updated_at <= until:
            key, body = self._waiting.popleft()
            known = self._newest.get(key.id)
            self._newest[key.id] = (key, body)
            if known is None or known[0] != key:
                insort(self._keys, key)
        if len(self._keys) > _COMPACT_FROM and len(self._keys) > 2 * len(self._newest):
            self._keys = sorted(key for key, _ in self._newest.values())

    def read(self, ids: Sequence[str]) -> list[bytes]:
        """The records with these ids in the order asked for; an unknown one is left out."""
        return [self._newest[id_][1] for id_ in dict.fromkeys(ids) if id_ in self._newest]

    def page(self, since: datetime | None, after: Key | None, limit: int) -> tuple[list[bytes], Key | None]:
        """Up to `limit` records changed at or after `since`, or past the key `after`, and the key to go on from."""
        if after is not None:
            place = bisect_right(self._keys, after)
        else:
            place = 0 if since is None else bisect_left(self._keys, Key(since, ""))
        bodies: list[bytes] = []
        last: Key | None = None
        for position in range(place, len(self._keys)):
            key = self._keys[position]
            newest, body = self._newest[key.id]
            if newest != key:
                continue
            if len(bodies) == limit:
                return bodies, last
            bodies.append(body)
            last = key
        return bodies, None
