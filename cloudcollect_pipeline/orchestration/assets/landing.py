"""Landing: records exactly as each system sent them."""

from typing import Any

import dagster as dg

from cloudcollect_pipeline.landing import Spool
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.stage import Result, Stage
from cloudcollect_pipeline.orchestration.resources import Tonight

RAW = metadata.columns(
    ("record", "VARCHAR", "One record as the system sent it, a line of the spool; it may name a person"),
    personal=("record",),
)


def _landed(name: str, side: str, system: str, feeds: tuple[str, ...], description: str, order: int) -> Stage:
    def run(tonight: Tonight) -> Result:
        spools = {feed: tonight.land(side, feed) for feed in feeds}
        unread = next((feed for feed, spool in spools.items() if spool is None), feeds[0])
        return dg.MaterializeResult(
            metadata=_shown(spools), check_results=[checks.feed_was_read_whole(side, unread, spools[unread])]
        )

    return Stage(
        run,
        name=name,
        description=description,
        group="landing",
        deps=(system,),
        kinds=frozenset({"json"}),
        checks=(checks.FEED_WAS_READ_WHOLE,),
        order=order,
        metadata={"dagster/column_schema": RAW},
    )


def _shown(spools: dict[str, Spool | None]) -> dict[str, Any]:
    read = {feed: spool for feed, spool in spools.items() if spool}
    return {
        "dagster/row_count": sum(spool.records for spool in read.values()),
        "spool": ", ".join(spool.path.name for spool in read.values()) or "none",
    }


STAGES = (
    _landed(
        "erp_documents",
        "erp",
        "visma_net",
        ("documents",),
        "Invoices, debit notes and overdue charges that changed in the ERP, exactly as it sent them.",
        60,
    ),
    _landed(
        "erp_payments",
        "erp",
        "visma_net",
        ("payments",),
        "Payments, credit notes and their voids that changed in the ERP, exactly as it sent them.",
        59,
    ),
    _landed(
        "erp_customers",
        "erp",
        "visma_net",
        ("customers",),
        "Customers that changed in the ERP, exactly as it sent them; personal data, kept for a short time.",
        58,
    ),
    _landed(
        "agency_cases",
        "agency",
        "agency",
        ("claims", "cases"),
        "Claims and cases that changed at the agency, exactly as it sent them.",
        57,
    ),
    _landed(
        "agency_entries",
        "agency",
        "agency",
        ("entries",),
        "Money facts that changed at the agency: payments, reductions, reversals, exactly as it sent them.",
        56,
    ),
    _landed(
        "agency_settlements",
        "agency",
        "agency",
        ("settlements",),
        "Payout statements the agency published or cancelled, exactly as it sent them.",
        55,
    ),
)
