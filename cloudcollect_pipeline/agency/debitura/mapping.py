"""Which fields are read from Debitura's records, and the SQL that makes ledger rows of them."""

from collections.abc import Mapping
from importlib.resources import files

from cloudcollect_pipeline.domain.feed import Feed

_TEXT = "VARCHAR"

CASE_COLUMNS = {
    **dict.fromkeys(
        (
            "id", "dateCreated", "dateUpdated", "reference", "creditorReference", "claimDescription", "grossAmount",
            "remainder", "totalAddedFees", "currency", "lifecycle", "closeCode", "currentEngagementPhase",
            "disputeStatus",
        ),
        _TEXT,
    ),
    "allocationOutstanding": "STRUCT(principal VARCHAR)",
}  # fmt: skip
PAYMENT_COLUMNS = {
    **dict.fromkeys(
        ("id", "dateCreated", "dateUpdated", "date", "grossAmount", "recipient", "currency", "deleted"), _TEXT
    ),
    "invoice": "STRUCT(invoiceId VARCHAR)",
}


def feeds() -> Mapping[str, Feed]:
    """The feeds `claims` and `cases`, both of Debitura's cases, `entries` of its payments, and empty `settlements`."""
    return {
        name: Feed(name, table, columns, files(__package__ or "").joinpath(f"{name}.sql").read_text(encoding="utf-8"))
        for name, table, columns in (
            ("claims", "claim", CASE_COLUMNS),
            ("cases", "agency_case", CASE_COLUMNS),
            ("entries", "entry", PAYMENT_COLUMNS),
            ("settlements", "settlement", {"id": _TEXT}),
        )
    }
