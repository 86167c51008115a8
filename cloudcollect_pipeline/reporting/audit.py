"""The archive for an auditor: what was decided, sent and explained on a stretch of nights, as JSON lines with hashes.

The same snapshot and nights give the same bytes. Keys and amounts only (øre): names of people are not in it, beyond
what a person wrote into a note.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cloudcollect_pipeline import __version__
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.ledger.ledger import Ledger

EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(ledger: Ledger, journal: Journal, slug: str, first: date, last: date, path: Path) -> dict[str, Any]:
    """Write the archive of the nights from `first` to `last`, both counted; returns its manifest."""
    span = {"first": first.isoformat(), "last": last.isoformat()}
    events = [event for event in journal.events() if first <= night_of(datetime.fromisoformat(event["at"])) <= last]
    parts: dict[str, Iterable[Mapping[str, Any]]] = {
        "events": events,
        "plans": _plans(journal, span),
        "receipts": _effects(journal, span),
        "vouchers": (row for row in _effects(journal, span) if row["kind"] == Kind.SETTLEMENT),
        "statements": (
            {**row, "body": json.loads(row["body"])}
            for row in ledger.rows(
                "select * from statement where night between $first and $last order by night, seq", span
            )
        ),
    }
    files = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in parts.items():
            count, digest = 0, hashlib.sha256()
            with archive.open(_entry(f"{name}.jsonl"), "w", force_zip64=True) as file:
                for row in rows:
                    line = json.dumps(row, sort_keys=True, ensure_ascii=False, default=str).encode() + b"\n"
                    digest.update(line)
                    file.write(line)
                    count += 1
            files[f"{name}.jsonl"] = {"rows": count, "sha256": digest.hexdigest()}
        manifest = {
            "company": slug,
            "nights": span,
            "package": __version__,
            "files": files,
            "journal": {
                "first_seq": events[0]["seq"] if events else None,
                "seal_before": journal.seal_of(events[0]["seq"] - 1) if events else None,
                "last_seq": events[-1]["seq"] if events else None,
                "seal": events[-1]["hash"] if events else None,
                "broken": journal.verify(),
            },
        }
        archive.writestr(_entry("manifest.json"), json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return manifest


def _entry(name: str) -> zipfile.ZipInfo:
    """A file of the archive without anything that differs from run to run."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    entry.create_system = 3
    return entry


def _plans(journal: Journal, span: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for plan in journal.rows("select * from plan where night between :first and :last order by seq, hash", span):
        effects = [json.loads(body) for body in journal.planned(plan["hash"])]
        yield {**plan, "totals": json.loads(plan["totals"]), "effects": effects}


def _effects(journal: Journal, span: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    query = "select * from effect where night between :first and :last order by seq, reference"
    for row in journal.rows(query, span):
        yield {**row, "details": json.loads(row["details"])}
