"""The wire form of the agency's records: JSON with money as decimal text, dates and moments as ISO text.

Also the two things books and contract share: the capabilities and the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cloudcollect_pipeline.domain.money import text as money

if TYPE_CHECKING:
    from cloudcollect_pipeline.sandbox.agency.books import Case, Claim, Document, Entry, Question, Settlement

encode = msgspec.json.Encoder().encode


class Capabilities(msgspec.Struct, frozen=True):
    """What this agency offers; what it does not offer it refuses with `not_supported`."""

    report_payment: bool = True
    report_credit: bool = True
    take_back: bool = True
    raise_claim: bool = True
    pause: bool = True
    recall: bool = True
    documents: bool = True
    settlements: bool = True
    look_up_by_reference: bool = True
    update_debtor: bool = True
    questions: bool = True
    allocation: str = "lines"
    """`lines`: payments with their split; `balances`: what was received per claim; `gross`: payments unsplit."""
    currencies: tuple[str, ...] = ("NOK",)


class Refusal(Exception):
    """The agency says no. `status` is the HTTP status, `code` a word from the contract."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def moment(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return at.isoformat().replace("+00:00", "Z")


def claim(record: Claim) -> bytes:
    """A claim as the feed shows it."""
    return encode(
        {
            "id": record.id,
            "reference": record.reference,
            "document": _document_key((record.document_type, record.document_number)),
            "case_id": record.case.id if record.case else None,
            "status": record.status,
            "stage": record.stage,
            "hold": record.hold,
            "disputed": record.disputed,
            "currency": record.currency,
            "principal": money(record.principal),
            "principal_open": money(record.principal_open),
            "received_at": moment(record.received_at),
            "updated_at": moment(record.updated_at),
        }
    )


def case(record: Case) -> bytes:
    """A case as the feed shows it."""
    return encode(
        {
            "id": record.id,
            "number": record.number,
            "previous_numbers": record.previous_numbers,
            "status": record.status,
            "url": record.url,
            "updated_at": moment(record.updated_at),
        }
    )


def entry(record: Entry, split: bool = True) -> bytes:
    """An entry as the feed shows it; one that is not split tells what came in on each claim."""
    lines = [(line.claim.id, line.bucket, line.amount) for line in record.lines]
    if not split:
        gross: dict[str, int] = {}
        for claim_id, _, amount in lines:
            gross[claim_id] = gross.get(claim_id, 0) + amount
        lines = [(claim_id, "unallocated", amount) for claim_id, amount in gross.items()]
    return encode(
        {
            "id": record.id,
            "kind": record.kind,
            "received_by": record.received_by,
            "amount": money(record.amount),
            "currency": record.currency,
            "value_date": record.value_date,
            "recorded_at": moment(record.recorded_at),
            "reverses": record.reverses.id if record.reverses else None,
            "reference": record.reference,
            "source": _document_key(record.source),
            "cancelled": record.cancelled,
            "lines": [
                {"claim_id": claim_id, "bucket": bucket, "amount": money(amount)} for claim_id, bucket, amount in lines
            ],
            "updated_at": moment(record.updated_at),
        }
    )


def balance(claim: Claim, received: Mapping[str, int], on: date, at: datetime) -> bytes:
    """What was received on a claim so far, as the feed shows it."""
    return encode(
        {
            "id": claim.id,
            "currency": claim.currency,
            "received": [{"bucket": bucket, "amount": money(amount)} for bucket, amount in sorted(received.items())],
            "value_date": on,
            "updated_at": moment(at),
        }
    )


def settlement(record: Settlement, named: bool = True) -> bytes:
    """A settlement as the feed shows it; `named`: its lines name entries."""
    return encode(
        {
            "id": record.id,
            "number": record.number,
            "status": record.status,
            "replaces": record.replaces,
            "currency": record.currency,
            "booking_date": record.booking_date,
            "payout_date": record.payout_date,
            "totals": {
                "principal": money(record.principal),
                "interest": money(record.interest),
                "fees": money(record.fees),
                "commission": money(record.commission),
                "expenses": money(record.expenses),
                "vat": money(record.vat),
                "offset": money(record.offset),
                "net": money(record.net),
            },
            "lines": [
                {
                    "entry_id": line.entry.id if named else None,
                    "claim_id": line.claim.id,
                    "bucket": line.bucket,
                    "amount": money(line.amount),
                    "vat": money(line.vat),
                }
                for line in record.lines
            ],
            "updated_at": moment(record.updated_at),
        }
    )


def claim_reference(record: Claim) -> dict[str, Any]:
    """A claim as held under our reference, with the principal handed over."""
    return _held(record.reference, "claim", record.id, record, record.principal)


def reduction_reference(record: Entry) -> dict[str, Any]:
    """A reduction as held under our reference, with the document of its claim and its signed amount."""
    return _held(record.reference, "reduction", record.id, record.lines[0].claim, record.amount)


def _held(reference: str | None, kind: str, id_: str, claim: Claim, amount: int) -> dict[str, Any]:
    return {
        "reference": reference,
        "kind": kind,
        "id": id_,
        "document": _document_key((claim.document_type, claim.document_number)),
        "currency": claim.currency,
        "amount": money(amount),
    }


def _document_key(key: tuple[str, str] | None) -> dict[str, str] | None:
    return {"type": key[0], "number": key[1]} if key else None


def question(record: Question) -> dict[str, Any]:
    """A question and its answer, if given."""
    return {
        "id": record.id,
        "claim_id": record.claim.id,
        "text": record.text,
        "asked_at": moment(record.asked_at),
        "answer": record.answer,
        "answered_at": moment(record.answered_at) if record.answered_at else None,
    }


def document(record: Document) -> dict[str, Any]:
    """Name, size in bytes and SHA-256 of an attachment."""
    return {
        "name": record.name,
        "media_type": record.media_type,
        "size": record.size,
        "sha256": record.sha256,
    }
