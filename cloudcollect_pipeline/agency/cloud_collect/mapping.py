"""Which fields are read from the agency's records, and the SQL that makes ledger rows of them."""

from collections.abc import Mapping
from importlib.resources import files

from cloudcollect_pipeline.domain.feed import Feed

_TEXT = "VARCHAR"
_DOCUMENT = "STRUCT(type VARCHAR, number VARCHAR)"

CLAIM_COLUMNS = {
    "id": _TEXT,
    "reference": _TEXT,
    "document": _DOCUMENT,
    "case_id": _TEXT,
    "status": _TEXT,
    "stage": _TEXT,
    "hold": _TEXT,
    "disputed": _TEXT,
    "currency": _TEXT,
    "principal": _TEXT,
    "principal_open": _TEXT,
    "received_at": _TEXT,
    "updated_at": _TEXT,
}
CASE_COLUMNS = {
    "id": _TEXT,
    "number": _TEXT,
    "status": _TEXT,
    "url": _TEXT,
    "updated_at": _TEXT,
}
ENTRY_COLUMNS = {
    "id": _TEXT,
    "kind": _TEXT,
    "received_by": _TEXT,
    "amount": _TEXT,
    "currency": _TEXT,
    "value_date": _TEXT,
    "recorded_at": _TEXT,
    "reverses": _TEXT,
    "reference": _TEXT,
    "source": _DOCUMENT,
    "cancelled": _TEXT,
    "lines": "STRUCT(claim_id VARCHAR, bucket VARCHAR, amount VARCHAR)[]",
    "updated_at": _TEXT,
}
SETTLEMENT_COLUMNS = {
    "id": _TEXT,
    "number": _TEXT,
    "status": _TEXT,
    "replaces": _TEXT,
    "currency": _TEXT,
    "booking_date": _TEXT,
    "payout_date": _TEXT,
    "totals": (
        "STRUCT(principal VARCHAR, interest VARCHAR, fees VARCHAR, commission VARCHAR, expenses VARCHAR, vat VARCHAR, "
        '"offset" VARCHAR, net VARCHAR)'
    ),
    "lines": "STRUCT(entry_id VARCHAR, claim_id VARCHAR, bucket VARCHAR, amount VARCHAR, vat VARCHAR)[]",
    "updated_at": _TEXT,
}


def feeds() -> Mapping[str, Feed]:
    """The feeds `claims`, `cases`, `entries` and `settlements`."""
    return {
        name: Feed(name, table, columns, files(__package__ or "").joinpath(f"{name}.sql").read_text(encoding="utf-8"))
        for name, table, columns in (
            ("claims", "claim", CLAIM_COLUMNS),
            ("cases", "agency_case", CASE_COLUMNS),
            ("entries", "entry", ENTRY_COLUMNS),
            ("settlements", "settlement", SETTLEMENT_COLUMNS),
        )
    }
