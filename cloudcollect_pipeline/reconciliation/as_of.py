"""The books as they were known on a past night: mirrors, effects and movements laid under the names of the present.

After `lay_as_of` everything that reads the present (the statement, the open items, the differences) reads that night.
Only temporary objects are made, so a published snapshot will do. The connection stays in the past: open one for it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.plan import HERE as PLANNING
from cloudcollect_pipeline.planning.plan import compare

HERE = "cloudcollect_pipeline.reconciliation.sql"


WORKED_OUT = (
    "entry_root",
    "entry_line",
    "settlement_line",
    "our_claim",
    "claimed_receivable",
    "own_posting",
    "entry_principal",
)
"""Views of the mirrors that much is built on: worked out once per night that is laid."""


class NoSuchNight(ValueError):
    """Nothing was read on that night; says which nights there are."""


@dataclass(frozen=True)
class AsOf:
    """What counts as known: up to the moment (UTC) of the night's last statement, or of its last reading."""

    night: date
    moment: datetime
    version: int
    """The newest mirror version that counts."""
    seq: int
    """The last journal entry that counts."""


def nights_between(ledger: Ledger, first: date, last: date) -> list[date]:
    """The nights on which anything was read, in order."""
    query = "select distinct night from mirror_version where night between ? and ? order by night"
    return [row[0] for row in ledger.db.execute(query, [first, last]).fetchall()]


def find(ledger: Ledger, journal: Journal, night: date) -> AsOf:
    """What counts as known on a night; raises `NoSuchNight`."""
    (row,) = ledger.rows(sql("cut", HERE), {"night": night})
    if row["moment"] is None:
        (span,) = ledger.rows("select min(night) as first, max(night) as last from mirror_version")
        known = f"; there are nights from {span['first']} to {span['last']}" if span["first"] else ""
        raise NoSuchNight(f"there was no night {night}{known}")
    moment = row["moment"].astimezone(UTC)
    (last,) = journal.rows("select coalesce(max(seq), 0) as seq from event where at <= ?", (moment.isoformat(),))
    return AsOf(night, moment, row["version"], last["seq"])


def lay_as_of(ledger: Ledger, journal: Journal, night: date) -> AsOf:
    """Put what was known on a night in the place of the present. Planning's views stand; raises `NoSuchNight`."""
    cut = find(ledger, journal, night)
    database = ledger.value("select current_database()")
    ledger.db.execute(
        "create or replace temp table as_of as "
        "select cast($night as date) as night, cast($version as bigint) as version, cast($seq as bigint) as seq",
        {"night": cut.night, "version": cut.version, "seq": cut.seq},
    )
    # From the definitions of the present, since an earlier night may be laid already.
    ledger.present(cut.version)
    ledger.db.execute(sql("views"))
    ledger.db.execute(sql("claims", PLANNING) + sql("planning_views", PLANNING))
    ledger.db.execute(sql("as_of", HERE).format(ledger=database))
    _lay_effects(ledger, journal, cut, database)
    ledger.work_out(*WORKED_OUT)
    ledger.db.execute(sql("movements_as_of", HERE).format(ledger=database))
    ledger.db.execute(sql("movements", HERE))
    ledger.db.execute("create or replace temp table suspense_movement as from explained_movement")
    compare(ledger, table="temp table", equal_by="customer")
    return cut


def _lay_effects(ledger: Ledger, journal: Journal, cut: AsOf, database: str) -> None:
    """Effects that changed later, as the journal knew them then."""
    then = []
    for row in journal.rows(sql("states_until", HERE), {"seq": cut.seq}):
        told = json.loads(row["data"])
        content = told["content"]
        then.append(
            [
                row["reference"],
                row["state"],
                content["party"],
                content["document"],
                content["account"],
                content["currency"],
                content["amount"],
                told["remote_id"],
                json.dumps(told["details"]),
                told["night"],
                row["seq"],
            ]
        )
    if then:
        ledger.db.execute(
            "create or replace temp table state_then (reference varchar, state varchar, party varchar, "
            "document varchar, account varchar, currency varchar, amount bigint, remote_id varchar, details varchar, "
            "night date, seq bigint)"
        )
        ledger.db.executemany("insert into state_then values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", then)
        ledger.db.execute(sql("effects_then", HERE).format(ledger=database))
    found = [row["reference"] for row in journal.rows(sql("found_later", HERE), {"seq": cut.seq})]
    if found:
        ledger.db.execute(sql("effects_found_later", HERE).format(ledger=database), {"references": found})
