"""The journal's tables by version: a list of SQL scripts, each of which makes the next version out of the one before.

A script that was released is never changed; what must change is a new script at the end of the list.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files

MIGRATIONS = ("journal_1", "journal_2")
"""Names in `dispatch/sql`; the length of the list is the newest version."""


def scripts() -> list[str]:
    """The texts of all versions, the first first."""
    folder = files("cloudcollect_pipeline.dispatch.sql")
    return [folder.joinpath(f"{name}.sql").read_text() for name in MIGRATIONS]


EMPTY, UNKNOWN = 0, -1


def version(db: sqlite3.Connection) -> int:
    """The version a file was written by; `EMPTY`, or `UNKNOWN` where it is no journal."""
    names = {row[0] for row in db.execute("select name from sqlite_master")}
    if not names:
        return EMPTY
    row = db.execute("select value from meta where name = 'schema_version'").fetchone() if "meta" in names else None
    return int(row[0]) if row and row[0].isdecimal() else UNKNOWN


def migrate(db: sqlite3.Connection, to: Sequence[str]) -> None:
    """Run what is missing of these scripts. The caller's transaction makes it all or nothing."""
    for script in to[version(db) :]:
        for statement in statements(script):
            db.execute(statement)
    db.execute("insert or replace into meta values ('schema_version', ?)", (str(len(to)),))


def as_newest(db: sqlite3.Connection) -> sqlite3.Connection:
    """A journal that may only be read, at the newest version: itself, or a copy in memory if an older one wrote it.

    A newer or unknown one is returned as it is.
    """
    if not 0 < version(db) < len(MIGRATIONS):
        return db
    # Readers may run in threads of a server, one after the other.
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.backup(copy)
    db.close()
    migrate(copy, scripts())
    return copy


def statements(script: str) -> Iterator[str]:
    """A script in single statements: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def shape(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Tables, indices and triggers as the file says them, and the transitions that it allows."""
    made = db.execute("select type, name, coalesce(sql, '') from sqlite_master order by name").fetchall()
    return [tuple(row) for row in [*made, *db.execute("select before, after from transition order by 1, 2")]]


def expected_shape(of: Sequence[str]) -> list[tuple[str, ...]]:
    """The shape of a journal that was made by these scripts."""
    db = sqlite3.connect(":memory:")
    try:
        migrate(db, of)
        return shape(db)
    finally:
        db.close()
