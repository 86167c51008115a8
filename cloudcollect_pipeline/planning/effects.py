"""The effects of a plan: filed as they are planned, read back one by one in the order of sending.

A plan may be larger than memory, so its effects are never all held in it: they lie in a file of the company's folder
that nobody else can open and that is gone when nobody reads the plan any more.
"""

import hashlib
import json
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Protocol

from cloudcollect_pipeline.domain.effect import Content, Effect, Kind

ORDER = {kind: place for place, kind in enumerate(Kind)}
Totals = dict[str, dict[str, int]]
"""Per kind: count, sum of absolute amounts and the largest, øre."""


def sending_order(effect: Effect) -> tuple[int, str, str, int]:
    """The key by which a plan's effects are sorted."""
    day = effect.details.get("due_date") or effect.details.get("value_date") or ""
    return ORDER[effect.kind], day, effect.source, effect.ordinal


def totals(effects: Iterable[Effect]) -> Totals:
    """What effects add up to."""
    result: Totals = {}
    for effect in effects:
        total = result.setdefault(effect.kind.value, {"count": 0, "sum": 0, "largest": 0})
        amount = abs(effect.content.amount)
        total["count"] += 1
        total["sum"] += amount
        total["largest"] = max(total["largest"], amount)
    return dict(sorted(result.items(), key=lambda item: ORDER[Kind(item[0])]))


def as_text(effect: Effect) -> str:
    """An effect as JSON in one form only; `from_text` reads it back."""
    return json.dumps({**vars(effect), "content": vars(effect.content)}, sort_keys=True)


def from_text(text: str) -> Effect:
    """The effect that `as_text` wrote."""
    value = json.loads(text)
    content = Content(**value.pop("content"))
    return Effect(Kind(value.pop("kind")), content=content, after=tuple(value.pop("after")), **value)


def plan_hash(tenant: str, agency: str, night: date, version: int, effects: Iterable[str]) -> str:
    """A plan's name: SHA-256 over whose it is, the night, the mirror version and the effects in their order."""
    digest = hashlib.sha256(f"{tenant}\x1f{agency}\x1f{night}\x1f{version}\n".encode())
    for text in effects:
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


class Sink(Protocol):
    """Where planned effects go: the plan's own `Effects`, or any list."""

    def append(self, effect: Effect, /) -> None:
        """Add one."""
        ...


class Effects:
    """Effects in the order of sending, however they were added; those that tie keep the order they came in.

    Raises `sqlite3.Error` where the disk has no room for them.
    """

    def __init__(self, folder: Path) -> None:
        handle, name = tempfile.mkstemp(dir=folder)
        os.close(handle)
        self._db = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.executescript(
            """
            pragma journal_mode = off; pragma synchronous = off; pragma locking_mode = exclusive;
            create table effect (
                kind integer, day text, source text, ordinal integer, came integer, body text not null,
                primary key (kind, day, source, ordinal, came)
            ) strict, without rowid;
            begin;
            """
        )
        Path(name).unlink()
        self._count = 0

    def append(self, effect: Effect, /) -> None:
        """Add one."""
        self._db.execute(
            "insert into effect values (?, ?, ?, ?, ?, ?)", (*sending_order(effect), self._count, as_text(effect))
        )
        self._count += 1

    def extend(self, effects: Iterable[Effect]) -> None:
        """Add several."""
        for effect in effects:
            self.append(effect)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Effect]:
        return map(from_text, self.texts())

    def of(self, *kinds: Kind) -> Iterator[Effect]:
        """Those of these kinds."""
        return (from_text(text) for kind in sorted(kinds, key=ORDER.__getitem__) for text in self._texts(kind))

    def texts(self) -> Iterator[str]:
        """Each as `as_text` writes it."""
        return (text for kind in Kind for text in self._texts(kind))

    def _texts(self, kind: Kind) -> Iterator[str]:
        query = "select body from effect where kind = ? order by day, source, ordinal, came"
        return (text for (text,) in self._db.execute(query, (ORDER[kind],)))
