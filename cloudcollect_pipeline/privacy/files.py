"""The files that name people: what is in them, and taking it out so that its bytes are gone, not only its rows."""

import hashlib
import html
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import zstandard

from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.privacy.grounds import Subject, is_about
from cloudcollect_pipeline.reporting.files import REPORTS, replacing

LANDING, PERSONS, SPILL = "landing", "persons.duckdb", "spill"
FRESH = "persons.partial"
"""The file of persons while it is written anew; DuckDB's log of it is named after it."""
STALE = timedelta(hours=1)
"""After so long nobody is still at a report."""
SPOOL = ".ndjson.zst"
NAMING = (".xlsx", ".html")
"""Reports that may name people; an audit archive never does."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def night_named(path: Path) -> date:
    """The night in a file's name, else the day on which it was written."""
    found = DAY.search(path.name)
    return date.fromisoformat(found[0]) if found else night_of(datetime.fromtimestamp(path.stat().st_mtime, UTC))


def spools(folder: Path) -> list[Path]:
    """Every landed spool of a company, the oldest first within its feed."""
    return sorted((folder / LANDING).glob(f"*/*{SPOOL}"))


def reports(folder: Path) -> list[Path]:
    """Every report file that may name people."""
    return sorted(path for path in (folder / REPORTS).glob("*") if path.suffix in NAMING)


def remove_leftovers(folder: Path, at: datetime) -> int:
    """Take away what was left half-written and may name people; the caller holds the lock. `at` is UTC.

    Reports are written without the lock: one that is half-written may be somebody's who is still at it.
    """
    ours = [*(folder / SPILL).glob("*"), *folder.glob(f"{FRESH}*"), *(folder / LANDING).glob("*/*.partial")]
    left = [path for path in ours if path.is_file()]
    for path in (folder / REPORTS).glob(".*.partial"):
        with suppress(FileNotFoundError):  # finished in this moment
            if path.stat().st_mtime < (at - STALE).timestamp():
                left.append(path)
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


# -- spools ----------------------------------------------------------------------------------------------------------


def manifest_of(spool: Path) -> Path:
    """The manifest beside a spool."""
    return spool.with_name(spool.name.removesuffix(SPOOL) + ".json")


def drop_spool(spool: Path) -> None:
    """Remove a spool and its manifest. The manifest goes last: what is left of a crash is found by the next time."""
    spool.unlink()
    manifest_of(spool).unlink(missing_ok=True)


def take_out(spool: Path, subject: Subject) -> int:
    """Write a spool anew without the lines about somebody, and its manifest with it; returns how many went."""
    digest, records, gone = hashlib.sha256(), 0, 0
    for line in _lines(spool):
        if is_about(line, subject):
            gone += 1
        else:
            records += 1
            digest.update(line)
    if not gone:
        return 0
    manifest = manifest_of(spool)
    told = json.loads(manifest.read_text()) if manifest.exists() else {}
    told |= {"records": records, "sha256": digest.hexdigest(), "erased": told.get("erased", 0) + gone}
    # The manifest first: after a crash between the two the lines are found again, and both are written anew.
    with replacing(manifest) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n")
    with (
        replacing(spool) as partial,
        partial.open("wb") as file,
        zstandard.ZstdCompressor(level=1).stream_writer(file) as out,
    ):
        for line in _lines(spool):
            if not is_about(line, subject):
                out.write(line)
    return gone


def _lines(spool: Path) -> Iterator[bytes]:
    with spool.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        yield from io.BufferedReader(stream)


# -- reports ---------------------------------------------------------------------------------------------------------


def names(report: Path, subject: Subject) -> bool:
    """Whether a report shows somebody, by number or by name."""
    number = re.compile(rf"(?<![\w.,]){re.escape(subject.customer)}(?!\w|[.,]\d)")
    for content in _unpacked(report):
        text = html.unescape(content.decode("utf-8", "replace"))
        if number.search(text) or subject.named_in(text):
            return True
    return False


# -- persons ---------------------------------------------------------------------------------------------------------


def rewrite_persons(folder: Path, customers: Sequence[str], claims: Sequence[str]) -> dict[str, int]:
    """Write the file of persons anew without these: a row that is only deleted leaves its bytes behind."""
    path = folder / PERSONS
    if not path.exists():
        return {"persons": 0, "questions": 0}
    fresh = folder / FRESH
    for half in (fresh, folder / f"{FRESH}.wal"):
        half.unlink(missing_ok=True)
    without = {"customers": list(customers), "claims": list(claims)}
    gone = {
        "person": "customer in (select unnest($customers))",
        "question": "claim_id in (select unnest($claims))",
        "set_aside": "false",
    }
    counts = {}
    with _attached(path, fresh) as db:
        db.execute("copy from database old to new (schema)")
        for table, condition in gone.items():
            asked = {name: value for name, value in without.items() if f"${name}" in condition}
            db.execute(f"insert into new.{table} from old.{table} where not ({condition})", asked)
            counts[table] = _rows(db, f"old.{table}") - _rows(db, f"new.{table}")
        db.execute("detach old")
        db.execute("detach new")
    fresh.chmod(0o600)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
    fresh.replace(path)
    path.with_name(f"{PERSONS}.wal").unlink(missing_ok=True)
    return {"persons": counts["person"], "questions": counts["question"]}


def _rows(db: duckdb.DuckDBPyConnection, table: str) -> int:
    row = db.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _attached(old: Path, new: Path) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        }
    )
    for name, path in (("old", old), ("new", new)):
        db.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {name}")
    return db


# -- looking afterwards ----------------------------------------------------------------------------------------------

PIECE = 1 << 20
OVERLAP = 1 << 12
"""Bytes of a file looked at once, and those seen twice so that no word falls between two pieces."""
WHOLE = rb"(?<![\w\x80-\xff])%s(?![\w\x80-\xff])"
"""A word with no letter or digit on either side, in UTF-8."""


def still_naming(folders: Sequence[Path], subject: Subject) -> list[Path]:
    """Files below these folders in which one of somebody's words stands, as text, JSON or XML would write it.

    Binary files set texts side by side, so a word counts there inside of others too, unless it is part of what
    somebody else has: that one stands whole or is not theirs.
    """
    forms = {
        re.escape(form.encode()) if word not in subject.in_others else WHOLE % re.escape(form.encode())
        for word in subject.words
        for told in (word, word.lower(), word.upper())
        for form in (told, json.dumps(told)[1:-1], html.escape(told))
    }
    if not forms:
        return []
    pattern = re.compile(b"|".join(sorted(forms)), re.IGNORECASE)
    paths = sorted({path for folder in folders for path in folder.rglob("*") if path.is_file()})
    return [path for path in paths if any(pattern.search(piece) for piece in _pieces(path))]


def _unpacked(path: Path) -> Iterator[bytes]:
    """A file's bytes, or those of what is packed in it."""
    if not zipfile.is_zipfile(path):
        yield path.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield archive.read(name)


def _pieces(path: Path) -> Iterator[bytes]:
    if path.suffix in (".xlsx", ".zip") and zipfile.is_zipfile(path):
        yield from _unpacked(path)
        return
    with path.open("rb") as file:
        source = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
        before = b""
        while piece := source.read(PIECE):
            yield before + piece
            before = piece[-OVERLAP:]
