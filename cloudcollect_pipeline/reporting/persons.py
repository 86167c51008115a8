"""Names for reports: read from the erasable file while nobody else has it, else left out."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from cloudcollect_pipeline.dispatch.lock import CompanyBusy, company_lock
from cloudcollect_pipeline.domain.clock import Clock

FILE = "persons.duckdb"


def names_of(folder: Path, who: str, clock: Clock) -> Mapping[str, str] | None:
    """Customer number -> name; None where the file is not there, cannot be read, or is a run's own just now.

    The company's lock is held meanwhile: an open file would keep a run that begins from it.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with company_lock(folder, who, clock, patience=0), duckdb.connect(str(path), read_only=True) as persons:
            rows = persons.execute("select customer, name from person where name is not null order by customer")
            return dict(rows.fetchall())
    except (CompanyBusy, duckdb.Error):
        return None
