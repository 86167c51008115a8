"""Reconciliation: what the suspense account holds after dispatch, and why."""

from typing import Any

import dagster as dg

from cloudcollect_pipeline.dispatch.dispatcher import PHASES
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.ledger.tables import MOMENT, MONEY
from cloudcollect_pipeline.nightly import NightResult
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.stage import Result, stage
from cloudcollect_pipeline.orchestration.resources import Tonight
from cloudcollect_pipeline.reconciliation.statement import Statement


@stage(
    group="reconciliation",
    deps=tuple(phase for phase, _ in PHASES),
    kinds=frozenset({"duckdb", "json"}),
    metadata={
        "dagster/table_name": "suspense_movement",
        "dagster/column_schema": metadata.columns(
            ("batch", "VARCHAR", "General-ledger batch"),
            ("line", "INTEGER", "Line in the batch"),
            ("module", "VARCHAR", "Module of the ERP that posted it"),
            ("document", "VARCHAR", "Document that it belongs to"),
            ("posting_date", "DATE", "Date in the general ledger"),
            ("amount", MONEY, "Debit positive"),
            ("movement", "VARCHAR", "posted, reversed, settled, or foreign: not ours"),
            ("subject", "VARCHAR", "The business fact behind it"),
            ("reference", "VARCHAR", "Our reference"),
            ("value_date", "DATE", "Day the money fact counts from"),
            ("first_known_night", "DATE", "Night on which it was first read"),
        ),
    },
)
def suspense_ledger(tonight: Tonight) -> Result:
    """The suspense account in the general ledger and the agency's entries, read again after dispatch."""
    tonight.read_again()
    movements = tonight.night.ledger.rows(
        "select movement, count(*) as count, cast(sum(amount) * 100 as bigint) as sum "
        "from suspense_movement group by movement order by movement"
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(row["count"] for row in movements),
            "movements": dg.MetadataValue.md(metadata.counted({row["movement"]: row for row in movements})),
        }
    )


@stage(
    group="reconciliation",
    deps=("suspense_ledger",),
    kinds=frozenset({"duckdb", "python"}),
    checks=(checks.SUSPENSE_EQUALS_LEDGER, checks.AGENCY_TOTAL_IS_EXPLAINED),
    fresh=True,
    metadata={
        "dagster/table_name": "statement",
        "dagster/column_schema": metadata.columns(
            ("night", "DATE", "Night whose statement it is"),
            ("made_at", MOMENT, "When it was made"),
            ("seq", "BIGINT", "Which of the night's statements"),
            ("body", "VARCHAR", "Terms, items and differences as JSON, amounts in øre"),
            ("ties", "BOOLEAN", "Whether both identities hold to the øre"),
        ),
    },
)
def reconciliation_statement(tonight: Tonight) -> Result:
    """The statement of the suspense account, item by item: it equals the general ledger, or it says where not."""
    result = tonight.reconcile()
    statement = result.statement
    assert statement is not None  # noqa: S101
    return dg.MaterializeResult(
        metadata=_shown(result, statement),
        check_results=[
            checks.suspense_equals_ledger(statement),
            checks.agency_total_is_explained(statement),
        ],
    )


def _shown(result: NightResult, statement: Statement) -> dict[str, Any]:
    lines = (
        ("opening at go-live", statement.opening),
        ("+ posted", statement.posted),
        ("− reversed", statement.reversed),
        ("− settled", statement.settled),
        ("+ foreign", statement.foreign),
        ("= closing", statement.closing),
        ("general ledger", statement.ledger),
        ("difference", statement.ledger_difference),
        ("in transit, not released", statement.in_transit),
        ("unsettled at the agency", statement.agency_unsettled),
    )
    people = [
        f"**{found.subject}**: {CATALOGUE[found.code].text}. *{CATALOGUE[found.code].fix}*" for found in result.findings
    ]
    items = sorted(statement.items, key=lambda item: (item.value_date, item.entry))
    return {
        "verdict": (
            f"ties at {display(statement.closing)}"
            if statement.ties
            else f"DOES NOT TIE: general ledger {display(statement.ledger_difference)}, "
            f"agency {display(statement.agency_difference)}"
        ),
        "statement": dg.MetadataValue.md(
            metadata.markdown(
                (f"account {statement.account}", ">NOK"), [(name, display(amount)) for name, amount in lines]
            )
        ),
        "needs_a_person": dg.MetadataValue.md(metadata.bullets(people)),
        "oldest_open_items": dg.MetadataValue.md(
            metadata.markdown(
                ("entry", "customer", "value date", ">NOK"),
                [(item.entry, item.customer, item.value_date, display(item.open)) for item in items[:10]],
            )
        ),
        "not_sent": result.not_sent or "everything planned was tried",
        "findings": len(result.findings),
        "open_items": len(items),
        "closing_ore": statement.closing,
        "general_ledger_ore": statement.ledger,
        "agency_unsettled_ore": statement.agency_unsettled,
    }


STAGES = (suspense_ledger, reconciliation_statement)
