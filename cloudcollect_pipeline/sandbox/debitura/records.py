"""The wire form of Debitura's records: camel case, money as JSON numbers, days as moments, ids as UUIDs."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from cloudcollect_pipeline.domain.money import kroner
from cloudcollect_pipeline.sandbox.agency.books import Claim, Entry

encode = msgspec.json.Encoder(decimal_format="number").encode

KINDS = ("clm", "ent", "cas", "fil", "evt")
LIFECYCLES = {
    "SUBMITTED": ("Pending Verification", None),
    "NEEDS_INFO": ("Needs Additional Details", None),
    "ACTIVE": ("Active", None),
    "CLOSED": ("Closed", "Paid"),
    "WITHDRAWN": ("Closed", "Withdrawn by Client"),
    "REJECTED": ("Closed", "Invalid Case Data"),
}
"""Status in the books -> lifecycle and close code."""
PHASES = {"LEGAL": "Legal", "ENFORCEMENT": "Enforcement"}
RECIPIENTS = {"AGENCY": "CollectionPartner", "CREDITOR": "Creditor"}
AGAIN = " again "
"""In the books' reference, between the creditor's reference and its number, where that was given once more."""


def uuid(id_: str) -> str:
    """An id of the books as a UUID."""
    kind, _, number = id_.partition("_")
    return f"{KINDS.index(kind):08x}-0000-4000-8000-{int(number):012d}"


def id_of(text: str) -> str | None:
    """The id of the books behind a UUID; None for one that is not ours."""
    try:
        kind, _, _, _, number = str(UUID(text)).split("-")
        return f"{KINDS[int(kind, 16)]}_{int(number):08d}"
    except (ValueError, IndexError):
        return None


def moment(at: datetime) -> str:
    """UTC."""
    return at.isoformat().replace("+00:00", "Z")


def midnight(day: date) -> str:
    """A day as a moment."""
    return f"{day.isoformat()}T00:00:00Z"


def shown_reference(claim: Claim) -> str:
    """The creditor's reference as it was given."""
    return claim.reference.partition(AGAIN)[0]


def case_reference(claim: Claim) -> str:
    """Eight characters for people."""
    return f"DBT{int(claim.id.partition('_')[2]):05d}"


def case(claim: Claim, charged: int, description: str, *, test: bool) -> dict[str, Any]:
    """A claim as a case; `charged` is what was ever added to it."""
    lifecycle, close_code = LIFECYCLES[claim.status]
    if claim.status == "ACTIVE" and claim.hold == "PAUSED":
        lifecycle = "Paused"
    open_fees = max(0, claim.fees_open)
    return {
        "id": uuid(claim.id),
        "dateCreated": moment(claim.received_at),
        "dateUpdated": moment(claim.updated_at),
        "reference": case_reference(claim),
        "creditorReference": shown_reference(claim),
        "claimDescription": description,
        "grossAmount": kroner(claim.principal),
        "remainder": kroner(claim.principal_open + open_fees),
        "interestFees": Decimal(0),
        "reminderFees": Decimal(0),
        "collectionFees": kroner(charged),
        "totalAddedFees": kroner(charged),
        "currency": claim.currency,
        "isTestCase": test,
        "lifecycle": lifecycle,
        "closeCode": close_code,
        "currentEngagementPhase": PHASES.get(claim.stage, "Pre-legal") if claim.status != "SUBMITTED" else None,
        "date": midnight(claim.order.document_date),
        "dueDate": midnight(claim.order.due_date),
        "disputeStatus": "Yes, the claim is disputed" if claim.disputed else None,
        "allocationOutstanding": {
            "principal": kroner(claim.principal_open),
            "interest": Decimal(0),
            "reminderFees": Decimal(0),
            "collectionFees": kroner(open_fees),
        },
    }


def payment(entry: Entry) -> dict[str, Any]:
    """What is left of an entry on its case, unsplit."""
    claim = entry.lines[0].claim
    return {
        "id": uuid(entry.id),
        "dateCreated": moment(entry.recorded_at),
        "dateUpdated": None,
        "date": midnight(entry.value_date),
        "grossAmount": kroner(left(entry)),
        "recipient": RECIPIENTS[entry.received_by or ""],
        "method": "BankTransfer",
        "currency": entry.currency,
        "invoice": {
            "status": LIFECYCLES[claim.status][0],
            "reference": case_reference(claim),
            "invoiceId": uuid(claim.id),
        },
    }


def left(entry: Entry) -> int:
    """Øre of a payment that were not taken back; nothing once it was deleted."""
    return 0 if entry.cancelled else sum(entry.carried.values()) if entry.received_by == "AGENCY" else entry.amount


def page(name: str, items: list[Mapping[str, Any]], number: int, size: int) -> dict[str, Any]:
    """One page of a list, and where it stands."""
    shown = items[(number - 1) * size : number * size]
    return {
        "page": {
            "totalResults": len(items),
            "pageSize": size,
            "currentPage": number,
            "responseCount": len(shown),
            "totalPages": -(-len(items) // size),
        },
        name: shown,
    }
