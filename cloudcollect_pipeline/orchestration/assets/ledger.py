"""The ledger: both subledgers validated and mirrored with their history, and the difference between them."""

import dagster as dg

from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.ledger.tables import MONEY, TABLES
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.stage import Result, stage
from cloudcollect_pipeline.orchestration.resources import Tonight
from cloudcollect_pipeline.reconciliation.differences import documents_named


def _mirror(tonight: Tonight, side: str) -> Result:
    done = tonight.mirror(side)
    ledger = tonight.night.ledger
    rows = {name: int(ledger.value(f"select count(*) from {name}_now")) for name in _tables(side)}  # noqa: S608
    main = next(iter(rows))
    return dg.MaterializeResult(
        metadata={"dagster/row_count": rows[main], **metadata.mirrored(done, side, rows)},
        check_results=[checks.contracts_are_kept(done)],
    )


def _tables(side: str) -> list[str]:
    return [table.name for table in TABLES.values() if table.side == side]


def _schemas(side: str) -> dict[str, object]:
    """The first table is the asset's own; the others are shown beside it."""
    main, *others = _tables(side)
    return {
        "dagster/table_name": main,
        "dagster/column_schema": metadata.table_schema(TABLES[main]),
        **{f"columns_of_{name}": metadata.table_schema(TABLES[name]) for name in others},
    }


@stage(
    group="ledger",
    deps=("erp_documents", "erp_payments", "erp_customers"),
    kinds=frozenset({"duckdb", "pandera"}),
    checks=(checks.CONTRACTS_ARE_KEPT,),
    metadata=_schemas("erp"),
)
def receivables(tonight: Tonight) -> Result:
    """What customers owe and what has settled it, as the ERP knows it tonight, with its whole history."""
    return _mirror(tonight, "erp")


@stage(
    group="ledger",
    deps=("agency_cases", "agency_entries", "agency_settlements"),
    kinds=frozenset({"duckdb", "pandera"}),
    checks=(checks.CONTRACTS_ARE_KEPT,),
    metadata=_schemas("agency"),
)
def claims(tonight: Tonight) -> Result:
    """What the agency collects for us and what has come of it, as it knows it tonight, with its whole history."""
    return _mirror(tonight, "agency")


@stage(
    group="ledger",
    deps=("receivables", "claims"),
    kinds=frozenset({"duckdb", "sql"}),
    checks=(checks.DIFFERENCES_ARE_EXPLAINED,),
    metadata={
        "dagster/table_name": "subledger_diff",
        "dagster/column_schema": metadata.columns(
            ("document_type", "VARCHAR", "Type of the receivable; empty in the row of all that are equal"),
            ("number", "VARCHAR", "Number of the receivable"),
            ("customer", "VARCHAR", "Customer number in the ERP"),
            ("claim_id", "VARCHAR", "The agency's id of the claim"),
            ("receivables", "BIGINT", "1, or how many are equal"),
            ("erp_balance", MONEY, "Open in the ERP"),
            ("agency_open", MONEY, "Principal open at the agency"),
            ("difference", MONEY, "ERP minus agency"),
            ("class", "VARCHAR", "Why they differ, or equal"),
        ),
    },
)
def subledger_diff(tonight: Tonight) -> Result:
    """Both subledgers side by side: each receivable that differs with the reason, and the sum of all that are equal."""
    differences = tonight.differences()
    known = documents_named(text for f in tonight.night.journal.findings() for text in (f["subject"], f["text"]))
    unexplained = [
        {**row, "erp": _text(row["erp"]), "agency": _text(row["agency"])}
        for row in tonight.night.ledger.rows(
            "select document_type || ' ' || number as document, class, erp_balance as erp, agency_open as agency "
            "from subledger_diff where list_contains($classes, class) order by abs(difference) desc, document",
            {"classes": list(checks.UNEXPLAINED)},
        )
        if row["document"] not in known  # a finding says what to do about it
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(total["count"] for total in differences.values()),
            "classes": dg.MetadataValue.md(metadata.counted(differences, amount="amount")),
        },
        check_results=[checks.differences_are_explained(differences, unexplained)],
    )


def _text(amount: object) -> str:
    return "–" if amount is None else display(ore(str(amount)))


STAGES = (receivables, claims, subledger_diff)
