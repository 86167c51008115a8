"""General-ledger lines on their way into the ledger."""

from collections.abc import Iterable

from cloudcollect_pipeline.domain.money import kroner
from cloudcollect_pipeline.erp.port import Movement
from cloudcollect_pipeline.ledger.ledger import Ledger


def read_movements(ledger: Ledger, movements: Iterable[Movement]) -> None:
    """Lay lines as read into the temporary table `read_movement`; their text does not outlive it."""
    ledger.db.execute(
        "create or replace temp table read_movement (batch varchar, line integer, module varchar, document varchar, "
        "posting_date date, text varchar, amount decimal(18, 2))"
    )
    rows = [[m.batch, m.line, m.module, m.document, m.posting_date, m.text, kroner(m.amount)] for m in movements]
    if rows:
        ledger.db.executemany("insert into read_movement values (?, ?, ?, ?, ?, ?, ?)", rows)
