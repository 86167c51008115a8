"""The same creditor at another agency: what was handed over there, so that nothing is ever at two agencies.

The other agency's journal says what was sent, its ledger what has ended since. The caller holds the locks of both.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.facts import Elsewhere

HERE = "cloudcollect_pipeline.dispatch.sql"


def held_elsewhere(ledger: Ledger, folders: Sequence[Path]) -> tuple[Elsewhere, ...]:
    """Receivables that the companies of these folders have handed over, or may have.

    Files may be missing: what either the journal or the ledger says is ground enough.
    """
    return tuple(elsewhere for folder in folders for elsewhere in _held_by(ledger, folder))


def holds_elsewhere(folders: Sequence[Path]) -> tuple[Mapping[str, Any], ...]:
    """What people hold back there, as `Journal.holds` tells it."""
    return tuple(hold for folder in folders for hold in _asked(folder, Journal.holds))


def _held_by(ledger: Ledger, folder: Path) -> list[Elsewhere]:
    claims = _claims(ledger, folder / "ledger.duckdb")
    found = [Elsewhere(row["document"], not row["ended"], row["number"], row["given_back"]) for row in claims]
    seen = {row["reference"] for row in claims}
    sent = _asked(folder, lambda journal: journal.rows(sql("handed_over", HERE)))
    unseen = [row["document"] for row in sent if row["reference"] not in seen]
    return [*found, *(Elsewhere(document, True) for document in unseen)]


def _asked(folder: Path, ask: Callable[[Journal], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the journal of a folder tells; nothing where there is none."""
    if not (folder / "journal.sqlite").exists():
        return []
    journal = Journal(folder, folder.name, "", datetime.min.replace(tzinfo=UTC), read_only=True)
    try:
        return ask(journal)
    finally:
        journal.close()


def _claims(ledger: Ledger, path: Path) -> list[dict[str, Any]]:
    """Claims as last mirrored there, whether they have ended, and their case numbers."""
    if not path.exists():
        return []
    ledger.db.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as sibling (read_only)")
    try:
        return ledger.rows(sql("claims_there", HERE))
    finally:
        ledger.db.execute("detach sibling")
