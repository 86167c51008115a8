"""The same creditor at another agency: what was handed over there, so that nothing is ever at two agencies.

The other agency's journal says what was sent, its ledger what has ended since. The caller holds the locks of both.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.facts import Elsewhere

HERE = "cloudcollect_pipeline.dispatch.sql"


def held_elsewhere(ledger: Ledger, folders: Sequence[Path]) -> tuple[Elsewhere, ...]:
    """Receivables that the companies of these folders have handed over, or may have. Folders may not exist yet."""
    found: list[Elsewhere] = []
    for folder in folders:
        if not (folder / "journal.sqlite").exists():
            continue
        journal = Journal(folder, folder.name, "", datetime.min.replace(tzinfo=UTC), read_only=True)
        try:
            sent = journal.rows(sql("handed_over", HERE))
        finally:
            journal.close()
        claims = _claims(ledger, folder / "ledger.duckdb")
        for row in sent:
            ended, case_number = claims.get(row["reference"], (False, None))
            found.append(Elsewhere(row["document"], not ended, case_number))
    return tuple(found)


def _claims(ledger: Ledger, path: Path) -> dict[str, tuple[bool, str | None]]:
    """Transfer reference -> whether its claim has ended, and its case number, as last mirrored there."""
    if not path.exists():
        return {}
    ledger.db.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as sibling (read_only)")
    try:
        rows = ledger.rows(sql("claims_there", HERE))
    finally:
        ledger.db.execute("detach sibling")
    return {row["reference"]: (row["ended"], row["number"]) for row in rows}
