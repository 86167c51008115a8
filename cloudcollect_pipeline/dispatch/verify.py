"""Is a journal whole: the file, its tables, the chain, what it adds up to, and its head beside it. Reads only."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.dispatch.replay import UNTOUCHED, Replayed, replay

REBUILD = "`cloudcollect journal rebuild` sets it aside and asks both counterparties what they hold"

MOST_QUOTED = 120
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file raises: where it quotes its own schema, SQLite's words are no text either."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a journal: by which check, at which entry of the log if at one, what to do."""

    check: str
    text: str
    mend: str = REBUILD
    entry: int | None = None


def problems(db: sqlite3.Connection, company: str, tenant: str) -> Iterator[Problem]:
    """What is wrong with an open journal, the first thing first; without its head, which is a file of its own."""
    try:
        known = _file(db) or _owner(db, company, tenant)
        broken: list[Problem] = []
        sums = None if known else replay(_entries(db, broken), _legal(db))
        known = known or next(iter(broken), None) or _shape(db)
        if known:
            yield known
        elif sums:
            yield from _differences(db, sums)
    except UNREADABLE as error:
        yield Problem("file", f"it cannot be read ({one_line(error)})")


def one_line(error: Exception) -> str:
    """What SQLite says, which may quote a whole definition of a table."""
    return " ".join(str(error).split())[:MOST_QUOTED]


def _file(db: sqlite3.Connection) -> Problem | None:
    (told,) = db.execute("pragma integrity_check(1)").fetchone()
    return None if told == "ok" else Problem("file", f"the file is damaged: {' '.join(str(told).split())}")


def _owner(db: sqlite3.Connection, company: str, tenant: str) -> Problem | None:
    newest, written_by = len(schema.MIGRATIONS), schema.version(db)
    if written_by < 1:
        return Problem("schema_version", "it does not say by which version it was written")
    if written_by > newest:
        text = f"it was written by a newer version (schema {written_by}, this program knows {newest})"
        return Problem("schema_version", text, "update cloudcollect-pipeline")
    meta = dict(db.execute("select name, value from meta").fetchall())
    if (meta.get("company"), meta.get("tenant")) == (company, tenant):
        return None
    text = f"it belongs to company {meta.get('company')} (tenant {meta.get('tenant')}), not to {company}"
    return Problem("company", text, "point the company at its own data folder")


def _shape(db: sqlite3.Connection) -> Problem | None:
    wanted = _shape_of(schema.version(db))
    text = "its tables and triggers are not those of its version"
    return None if schema.shape(db) == wanted else Problem("schema", text)


@cache
def _shape_of(version: int) -> list[tuple[str, ...]]:
    return schema.expected_shape(schema.scripts()[:version])


def _legal(db: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    return frozenset((row["before"], row["after"]) for row in db.execute("select before, after from transition"))


def _entries(db: sqlite3.Connection, broken: list[Problem]) -> Iterator[dict[str, Any]]:
    """The log up to where its chain breaks; that goes to `broken`."""
    before = ""
    # By name: where a column is called otherwise, SQLite says so.
    log = db.execute("select seq, at, kind, subject, data, hash from event order by seq")
    for expected, row in enumerate(log, start=1):
        if row["seq"] != expected:
            broken.append(Problem("sequence", f"entry {expected} is missing", entry=expected))
            return
        if seal(before, row["seq"], row["at"], row["kind"], row["subject"], row["data"]) != row["hash"]:
            broken.append(Problem("chain", f"the chain breaks at entry {expected}", entry=expected))
            return
        before = row["hash"]
        yield dict(row) | {"data": msgspec.json.decode(row["data"])}


def _differences(db: sqlite3.Connection, sums: Replayed) -> Iterator[Problem]:
    for seq, text in sums.illegal:
        yield Problem("transition", f"entry {seq}: {text}, which is not a legal move", entry=seq)
    yield from _effects(db, sums)
    yield from _plans(db, sums)
    yield from _nights(db)
    yield from _compared("hold", sums.holds, {r["subject"]: tuple(r)[1:] for r in db.execute("select * from hold")})
    yield from _compared(
        "decision",
        {" ".join(key): value for key, value in sums.decisions.items()},
        {f"{r['code']} {r['subject']}": tuple(r)[2:] for r in db.execute("select * from decision")},
    )
    if schema.version(db) > 1:
        findings = {f"{r['code']} {r['subject']}": r for r in db.execute("select * from finding")}
        told = {name: {column: row[column] for column in UNTOUCHED} for name, row in findings.items()}
        yield from _compared("finding", sums.findings, told)
    kept = {r["name"]: r["value"] for r in db.execute("select name, value from meta")}
    for name in ("company", "tenant", "schema_version"):
        kept.pop(name, None)
    yield from _compared("meta", sums.meta, kept)


def _effects(db: sqlite3.Connection, sums: Replayed) -> Iterator[Problem]:
    kept = {row["reference"]: dict(row) for row in db.execute("select * from effect")}
    for reference in sorted({*kept, *sums.effects}):
        mine, wanted = kept.get(reference), sums.effects.get(reference)
        if mine is None or wanted is None:
            entry = wanted["seq"] if wanted else None
            text = f"effect {reference} is {'not in the log' if wanted is None else f'missing; entry {entry} tells it'}"
            yield Problem("effect", text, entry=entry)
            continue
        differ = [name for name, value in wanted.items() if mine[name] != value]
        if differ:
            text = f"effect {reference} differs from what its entries add up to, the last of them {wanted['seq']}: "
            yield Problem("effect", text + ", ".join(differ), entry=wanted["seq"])


def _plans(db: sqlite3.Connection, sums: Replayed) -> Iterator[Problem]:
    """Plans that are not what their entries say: their state and verdict let them be sent, past sums set the caps."""
    query = (
        "select p.hash, p.night, p.version, p.totals, p.verdict, p.state, p.made_at, p.seq, e.at, e.data "
        "from plan p left join event e on e.seq = p.seq and e.kind = 'planned' and e.subject = p.hash order by p.seq"
    )
    for digest, night, version, totals, verdict, state, made_at, seq, at, data in db.execute(query):
        told = msgspec.json.decode(data) if data else {}
        mine = night, version, _decoded(totals), made_at
        if (told.get("night"), told.get("version"), told.get("totals"), at) != mine:
            yield Problem("plan", f"plan {digest[:12]} differs from what entry {seq} says", entry=seq)
        elif state != sums.plans.get(digest):
            yield Problem("plan", f"plan {digest[:12]} is {state}, which the log does not say", entry=seq)
        elif state == "stored" and verdict != told.get("verdict"):
            yield Problem("plan", f"plan {digest[:12]} may be sent otherwise than entry {seq} says", entry=seq)


def _nights(db: sqlite3.Connection) -> Iterator[Problem]:
    query = (
        "select n.*, e.subject, e.at from night n "
        "left join event e on e.seq = n.seq and e.kind = 'night_started' order by n.seq"
    )
    for row in db.execute(query):
        if (row["subject"], row["at"]) != (row["night"], row["started_at"]):
            yield Problem("night", f"a night is not the one that entry {row['seq']} tells", entry=row["seq"])


def _decoded(text: str) -> Any:
    """A value from JSON; None where it is none any more."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _compared(table: str, wanted: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[Problem]:
    for name in sorted({*wanted, *kept}):
        if wanted.get(name) != kept.get(name):
            yield Problem(table, f"{table} {name} differs from what the log adds up to")


def seal(before: str, seq: int, at: str, kind: str, subject: str, data: str) -> str:
    """SHA-256 over an entry and the seal of the one before it."""
    return hashlib.sha256("\x1f".join((before, str(seq), at, kind, subject, data)).encode()).hexdigest()


# -- the head ----------------------------------------------------------------------------------------------------------

HEAD = re.compile(r"(\d{20}) ([0-9a-f]{64})\n")


def read_head(text: bytes) -> tuple[int, str]:
    """The newest entry and its seal as the second copy says; (0, "") when it does not say."""
    found = HEAD.match(text.decode("ascii", "replace"))
    return (int(found[1]), found[2]) if found and int(found[1]) < 2**63 else (0, "")


def head_problem(db: sqlite3.Connection, head: tuple[int, str]) -> Problem | None:
    """Whether the journal is older than its head says, or the head cannot say."""
    newest = entries(db)
    mend = "nothing need be done: the next night asks both counterparties first and sends nothing for 12 hours"
    seq, digest = head
    if not seq:
        return Problem("head", f"journal.head does not say which entry is the newest; have {newest}", mend)
    row = db.execute("select hash from event where seq = ?", (seq,)).fetchone()
    if row is None:
        return Problem("head", f"the journal is an older copy: it ends at entry {newest}, its head at {seq}", mend, seq)
    if row[0] != digest:
        return Problem("head", f"entry {seq} is another one than journal.head says: this is another copy", mend, seq)
    return None


def head_of(folder: Path) -> tuple[int, str]:
    """What the second copy of the head in a company's folder says."""
    file = folder / "journal.head"
    return read_head(file.read_bytes()) if file.is_file() else (0, "")


def examine(path: Path, head: tuple[int, str], company: str, tenant: str) -> tuple[int, list[Problem]]:
    """How many entries a journal has, and all that is wrong with it; writes nothing.

    The head is read first: it is written after its entry, so a run that is on can only be ahead of it.
    """
    if not path.is_file():
        return 0, [Problem("file", "it is not there")]
    # Without a log beside it nobody has it open; read as it stands, SQLite need not make one.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    db = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)
    db.row_factory = sqlite3.Row
    try:
        db.execute("begin")
        found = list(problems(db, company, tenant)) or [p for p in [head_problem(db, head)] if p]
        return entries(db), found
    except UNREADABLE as error:
        return 0, [Problem("file", f"it cannot be read ({one_line(error)})")]
    finally:
        db.close()


def entries(db: sqlite3.Connection) -> int:
    """The number of the newest entry."""
    return int(db.execute("select coalesce(max(seq), 0) from event").fetchone()[0])
