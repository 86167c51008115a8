"""Spools: NDJSON.zst files, one numbered record a line, each file beside a manifest that proves it."""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import zstandard


@dataclass(frozen=True)
class Spool:
    """One landed read. `n` in the file counts records from `first`."""

    feed: str
    path: Path
    records: int
    sha256: str
    first: int = 1

    @property
    def lines(self) -> range:
        """The numbers of its records."""
        return range(self.first, self.first + self.records)


class Landing:
    """The landing folder of one company; spools are written whole or not at all, and never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def land(
        self,
        side: str,
        feed: str,
        night: date,
        at: datetime,
        pages: Iterable[list[bytes]],
        *,
        since: datetime | None = None,
        purpose: str = "delta",
        first: int = 1,
    ) -> Spool:
        """Write every page to a new spool, then its manifest. `side` is erp or agency; `at` is UTC.

        `first` is the number of the first record, so that a second read of the same feed can go on counting.

        An exception from `pages` leaves no spool behind: half a read must not look like a whole one.
        """
        folder = self.folder / f"{side}_{feed}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stem = f"{night.isoformat()}-{purpose}-{at:%Y%m%dT%H%M%S%f}"
        while (folder / f"{stem}.json").exists():
            stem += "x"
        path = folder / f"{stem}.ndjson.zst"
        partial = path.with_suffix(".partial")
        digest = hashlib.sha256()
        records = 0
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as out:
                for page in pages:
                    chunk = io.BytesIO()
                    for raw in page:
                        chunk.write(wrap(first + records, raw))
                        records += 1
                    data = chunk.getvalue()
                    digest.update(data)
                    out.write(data)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        partial.rename(path)
        manifest: dict[str, Any] = {
            "side": side,
            "feed": feed,
            "night": night.isoformat(),
            "purpose": purpose,
            "read_at": at.isoformat(),
            "since": since.isoformat() if since else None,
            "records": records,
            "sha256": digest.hexdigest(),
        }
        (folder / f"{stem}.json").write_text(json.dumps(manifest, indent=1) + "\n")
        return Spool(feed, path, records, digest.hexdigest(), first)


def wrap(number: int, raw: bytes) -> bytes:
    """One spool line. A record that is not an object keeps its bytes beside an empty document, for its finding."""
    if raw.lstrip()[:1] == b"{":
        return b'{"n":%d,"doc":%s}\n' % (number, raw.replace(b"\n", b" "))
    return b'{"n":%d,"doc":{},"odd":%s}\n' % (number, json.dumps(raw.decode("utf-8", "replace")).encode())


def raw_records(path: Path, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The spool lines with these numbers, as text, in file order."""
    wanted = set(numbers)
    if not wanted:
        return
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            number = int(line[5 : line.index(",")])
            if number in wanted:
                yield number, line.rstrip("\n")
