"""The production journal in memory: the same schema, triggers, chain and head; nothing is synced anywhere.

SQLite's `:memory:` with its rollback journal in memory. What is not the product's here: files, WAL, fsync. A kill drops
what is not committed, as it does with a file; a torn tail is a database of some commits ago beside the newest head.
"""

import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.verify import UNREADABLE

SAY = frozenset({"decided", "held", "released", "intent", "restored", "declared_new"})
Commit = Callable[[str, str], None]
"""Told of every commit: `before`, `head` (committed, its head not written) or `after`, and the entry that it writes."""


class _Database(sqlite3.Connection):
    """A connection that tells of its commits."""

    told: Commit
    committed: Callable[[], None]
    entry = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "commit":
            self.told("before", self.entry)
            answer = super().execute(sql)
            self.committed()
            self.told("head", self.entry)
            return answer
        if sql.startswith("insert into event"):
            self.entry = parameters[2]
        return super().execute(sql, parameters)


@cache
def _empty() -> bytes:
    """A database with the tables of the newest version and nothing else: made once, it is the same for everyone."""
    db = sqlite3.connect(":memory:")
    schema.migrate(db, schema.scripts())
    db.commit()
    return db.serialize()


class MemoryJournal(Journal):
    """A journal over a database in memory. `image` and `head` are what a copy kept; without them a new one begins."""

    def __init__(
        self,
        company: str,
        tenant: str,
        at: datetime,
        *,
        image: bytes | None = None,
        head: bytes = b"",
        told: Commit = lambda when, entry: None,
    ) -> None:
        self.path = Path("journal.sqlite")
        self._lock = threading.RLock()
        self._depth = 0
        self._head = None
        self._newest = None
        self._head_text = head
        self._told = told
        self.newest = 0, ""
        """Number and seal of the newest entry that is committed."""
        self.said = 0
        """Grows with every entry that may change what people decided or whether the journal forgot something."""
        self.db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=_Database)
        assert isinstance(self.db, _Database)  # noqa: S101
        self.db.told, self.db.committed = told, self._committed
        self.db.deserialize(_empty() if image is None else image)
        self.db.row_factory = sqlite3.Row
        try:
            for pragma in ("journal_mode=memory", "synchronous=off", "foreign_keys=on", "temp_store=memory"):
                self.db.execute(f"pragma {pragma}")
            if image is None:
                with self._transaction():
                    self._set("company", company)
                    self._set("tenant", tenant)
            seq = self.seq()
            self.newest = seq, self.seal_of(seq)
            self._check(company, tenant, at)
        except UNREADABLE as error:
            self.close()
            raise self._unusable(error) from None
        except BaseException:
            self.close()
            raise

    def _kept_head(self) -> bytes:
        return self._head_text

    def _keep_head(self, text: bytes) -> None:
        self._head_text = text
        if isinstance(self.db, _Database):
            self._told("after", self.db.entry)

    def _appended(self, at: datetime, kind: str, subject: str, data: Mapping[str, Any]) -> tuple[int, str]:
        if kind in SAY:
            self.said += 1
        return super()._appended(at, kind, subject, data)

    def _committed(self) -> None:
        if self._newest:
            self.newest = self._newest

    def image(self) -> tuple[bytes, bytes]:
        """The database and its head, as a copy of both files would be."""
        return self.db.serialize(), self._head_text
