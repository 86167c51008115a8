"""Names for reports: read from the erasable file while nobody else has it, else left out."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from cloudcollect_pipeline.dispatch.lock import CompanyBusy, company_lock
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.ledger.ledger import Ledger

FILE = "persons.duckdb"
NAMES = "select customer, name from person where name is not null order by customer"


def names_at_hand(ledger: Ledger) -> Mapping[str, str]:
    """Customer number -> name, for a run that has its ledger and so the persons open."""
    return dict(ledger.db.execute(NAMES.replace("from person", "from persons.person")).fetchall())


def names_of(folder: Path, who: str, clock: Clock) -> Mapping[str, str] | None:
    """Customer number -> name; None where the file is not there, cannot be read, or is a run's own just now.

    The company's lock is held meanwhile: an open file would keep a run that begins from it.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with company_lock(folder, who, clock, patience=0), duckdb.connect(str(path), read_only=True) as persons:
            return dict(persons.execute(NAMES).fetchall())
    except (CompanyBusy, duckdb.Error):
        return None
