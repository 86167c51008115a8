"""A journal that is broken or gone: set aside, and begun again from the newest whole copy of it, else from nothing.

What the copy has forgotten is asked of both counterparties by the night's own steps; until then nothing is sent.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloudcollect_pipeline.dispatch.journal import COPIES, Journal, JournalError
from cloudcollect_pipeline.dispatch.verify import REBUILD, Problem, examine, head_of


@dataclass(frozen=True)
class Restart:
    """What was wrong, what was set aside, and which copy with how many entries took its place."""

    broken: Problem
    moved: tuple[Path, ...]
    copy: Path | None
    entries: int


def restart(folder: Path, company: str, tenant: str, at: datetime) -> Restart | None:
    """Put a journal that can be used in the place of one that cannot; None when it can. The caller holds the lock.

    Raises `JournalError` for a journal that is another company's or a newer version's: that is not broken.
    """
    found = examine(folder / "journal.sqlite", head_of(folder), company, tenant)[1]
    broken = next((problem for problem in found if problem.check != "head"), None)
    if broken is None:
        return None
    if broken.mend != REBUILD:
        raise JournalError(f"{folder / 'journal.sqlite'}: {broken.text}; {broken.mend}.")
    moved = _set_aside(folder, at)
    copy, entries = _put_back(folder, company, tenant)
    journal = Journal(folder, company, tenant, at, beside_copies=True)
    try:
        if journal.trusts_itself():
            journal.distrust(at, entries)
    finally:
        journal.close()
    return Restart(broken, tuple(moved), copy, entries)


def _set_aside(folder: Path, at: datetime) -> list[Path]:
    """Rename a broken journal, and what SQLite keeps beside it, so that it can still be opened; nothing is deleted."""
    stem = f"journal.broken-{at:%Y%m%dT%H%M%S}"
    while list(folder.glob(f"{stem}.*")):
        stem += "x"
    return [
        path.rename(folder / path.name.replace("journal", stem, 1)) for path in sorted(folder.glob("journal.sqlite*"))
    ]


def _put_back(folder: Path, company: str, tenant: str) -> tuple[Path | None, int]:
    """Lay the newest whole copy in the journal's place; returns it and the number of its entries."""
    whole = []
    for path in (folder / name for name in COPIES):
        entries, found = examine(path, (0, ""), company, tenant)
        if all(problem.check == "head" for problem in found):
            whole.append((entries, path))
    if not whole:
        return None, 0
    entries, newest = max(whole)
    partial = folder / "journal.partial"
    shutil.copyfile(newest, partial)
    partial.chmod(0o600)
    partial.rename(folder / "journal.sqlite")
    return newest, entries
