"""The agency's HTTP contract (docs/agency-api.json), spoken through one `Web`.

A definite refusal changes nothing there. After an answer that cannot be trusted the reference tells what happened
(`find`), and sending the same content under the same reference again is harmless.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Literal, Self, TypeVar

import msgspec

from cloudcollect_pipeline.agency.cloud_collect.mapping import feeds
from cloudcollect_pipeline.agency.port import (
    AgencyCapabilities,
    Balance,
    Debtor,
    DerivedEntry,
    Held,
    NewClaim,
    NewReduction,
    Question,
)
from cloudcollect_pipeline.domain import money
from cloudcollect_pipeline.domain.errors import Uncertain, Unreadable
from cloudcollect_pipeline.erp.port import Receipt
from cloudcollect_pipeline.web import NotJson, Web, decoded, segment, strict

MAX_KEYS = 100
"""Ids or references in one look-up."""

MAX_PAGES = 10_000
"""Pages of one list: an agency whose list has no end must not fill the disk."""

OFFERED_LATER = {"update_debtor", "questions", "allocation", "documents_follow"}
"""Capabilities that an agency need not know of; not named means no, and payments with their lines."""

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next_cursor: str | None


class _Record(msgspec.Struct):
    id: str


class _Document(msgspec.Struct):
    type: str
    number: str


class _Held(msgspec.Struct):
    reference: str
    kind: Literal["claim", "reduction"]
    id: str
    document: _Document
    currency: str
    amount: str


class _HeldList(msgspec.Struct):
    items: list[_Held]


class _Written(msgspec.Struct):
    id: str
    reference: str


class _WithHold(msgspec.Struct):
    id: str
    hold: str


class _Question(msgspec.Struct):
    id: str
    claim_id: str
    text: str
    answer: str | None


class _QuestionList(msgspec.Struct):
    items: list[_Question]


class _Share(msgspec.Struct):
    bucket: str
    amount: str


class _Balance(msgspec.Struct):
    id: str
    currency: str
    received: list[_Share]
    value_date: date
    updated_at: datetime


class CloudCollect:
    """One creditor's account at the agency (an `agency.port.Agency`). Safe to share between threads.

    `overlap` reaches back behind the moment asked for, since the agency may show a change late.
    """

    max_pages = MAX_PAGES

    def __init__(
        self,
        web: Web,
        agency_id: str,
        *,
        capabilities: AgencyCapabilities | None = None,
        page_size: int = 500,
        overlap: timedelta = timedelta(hours=26),
    ) -> None:
        if not 1 <= page_size <= 1000 or overlap < timedelta(0):
            raise ValueError("page_size must be 1 to 1000, overlap not negative")
        self.id = agency_id
        self.capabilities = capabilities or AgencyCapabilities()
        self.feeds = feeds()
        self._web, self._page_size, self._overlap = web, page_size, overlap

    @classmethod
    def connect(
        cls, web: Web, agency_id: str, *, page_size: int = 500, overlap: timedelta = timedelta(hours=26)
    ) -> Self:
        """The same with the capabilities that the agency declares. One read."""
        capabilities = declared_capabilities(web)
        return cls(web, agency_id, capabilities=capabilities, page_size=page_size, overlap=overlap)

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """Raw records updated since a moment, minus the overlap; None reads everything."""
        if feed not in self.feeds:
            raise ValueError(f"no feed {feed}")
        yield from self._pages(f"/v1/{feed}", since)

    def _pages(self, path: str, since: datetime | None) -> Iterator[list[bytes]]:
        news: Params = () if since is None else (("updated_since", _moment(since - self._overlap)),)
        limit = ("limit", str(self._page_size))
        page = self._page(path, (*news, limit))
        seen: set[str] = set()
        while True:
            if page.items:
                yield [bytes(raw) for raw in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise Unreadable(f"GET {path}: the same cursor came twice")
            seen.add(cursor)
            if len(seen) >= self.max_pages:
                raise Unreadable(f"GET {path}: the list has no end ({len(seen)} pages)")
            page = self._page(path, (("cursor", cursor), limit))

    def claims(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw claims by id."""
        return self._records("/v1/claims", ids)

    def entries(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw entries by id."""
        return self._records("/v1/entries", ids)

    def settlements(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw settlements by id."""
        return self._records("/v1/settlements", ids)

    def balances(self, since: datetime | None, claims: Sequence[str] = ()) -> list[Balance]:
        """What was received per claim."""
        path = "/v1/balances"
        raw = self._records(path, claims) if claims else [item for page in self._pages(path, since) for item in page]
        return [_balance(_decoded(item, _Balance, f"GET {path}"), f"GET {path}") for item in raw]

    def entry_record(self, entry: DerivedEntry) -> bytes:
        """The entry in the contract's form."""
        return msgspec.json.encode(
            {
                "id": entry.entry_id,
                "kind": "REVERSAL" if entry.reverses else "AGENCY_PAYMENT",
                "received_by": "AGENCY",
                "amount": money.text(sum(entry.lines.values())),
                "currency": entry.currency,
                "value_date": entry.value_date,
                "recorded_at": _moment(entry.recorded_at),
                "reverses": entry.reverses,
                "reference": None,
                "source": None,
                "cancelled": False,
                "lines": [
                    {"claim_id": entry.claim_id, "bucket": bucket, "amount": money.text(amount)}
                    for bucket, amount in entry.lines.items()
                ],
                "updated_at": _moment(entry.recorded_at),
            }
        )

    def find(self, references: Sequence[str]) -> dict[str, Held]:
        """What the agency holds under these references. `Held.document` is the receivable: type, space, number."""
        path, found = "/v1/references", dict[str, Held]()
        for batch in _batches(references):
            body = self._web.read(path, tuple(("reference", reference) for reference in batch)).body
            for item in _decoded(body, _HeldList, f"GET {path}").items:
                if item.reference not in batch or item.reference in found:
                    raise Unreadable(f"GET {path}: a reference that was not asked for, or twice")
                found[item.reference] = _held(item, f"GET {path}")
        return found

    def create_claim(self, claim: NewClaim) -> Receipt:
        """Hand a receivable over."""
        return self._create("/v1/claims", claim.reference, _claim_body(claim))

    def create_reduction(self, reduction: NewReduction) -> Receipt:
        """Report a creditor-side fact."""
        path = f"/v1/claims/{segment(reduction.claim_id)}/reductions"
        return self._create(path, reduction.reference, _reduction_body(reduction))

    def set_hold(self, claim_id: str, hold: str, reason: str) -> None:
        """Pause, resume or recall. `reason` is read by the agency's staff, cut at 200 characters."""
        path = f"/v1/claims/{segment(claim_id)}/hold"
        body = msgspec.json.encode({"hold": hold, "reason": reason[:200]})
        answer = _trusted(self._web.write("PUT", path, body).body, _WithHold, f"PUT {path}")
        if (answer.id, answer.hold) != (claim_id, hold):
            raise Uncertain(f"PUT {path}: the answer shows another hold or claim")

    def update_debtor(self, claim_id: str, debtor: Debtor) -> None:
        """Tell a claim's debtor anew."""
        path = f"/v1/claims/{segment(claim_id)}/debtor"
        answer = _trusted(
            self._web.write("PUT", path, msgspec.json.encode(_debtor(debtor))).body, _Record, f"PUT {path}"
        )
        if answer.id != claim_id:
            raise Uncertain(f"PUT {path}: the answer shows another claim")

    def questions(self) -> list[Question]:
        """The agency's questions, by id."""
        found = _decoded(self._web.read("/v1/questions").body, _QuestionList, "GET /v1/questions").items
        return [
            Question(question.id, question.claim_id, question.text, question.answer is not None)
            for question in sorted(found, key=lambda question: question.id)
        ]

    def answer(self, question_id: str, text: str) -> None:
        """Answer a question."""
        path = f"/v1/questions/{segment(question_id)}/answer"
        answer = _trusted(
            self._web.write("POST", path, msgspec.json.encode({"text": text})).body, _Question, f"POST {path}"
        )
        if (answer.id, answer.answer) != (question_id, text):
            raise Uncertain(f"POST {path}: the answer shows another text")

    def _page(self, path: str, params: Params) -> _Page:
        return _decoded(self._web.read(path, params).body, _Page, f"GET {path}")

    def _records(self, path: str, ids: Sequence[str]) -> list[bytes]:
        records: dict[str, bytes] = {}
        for batch in _batches(ids):
            page = self._page(path, tuple(("id", id_) for id_ in batch))
            for raw in page.items:
                id_ = _decoded(bytes(raw), _Record, f"GET {path}").id
                # a server that overlooks the filter must not pass for one that found these records
                if id_ not in batch or id_ in records:
                    raise Unreadable(f"GET {path}: a record that was not asked for, or twice")
                records[id_] = bytes(raw)
        return list(records.values())

    def _create(self, path: str, reference: str, body: bytes) -> Receipt:
        answer = _trusted(self._web.write("POST", path, body).body, _Written, f"POST {path}")
        if answer.reference != reference or not answer.id:
            raise Uncertain(f"POST {path}: the answer is about another reference")
        return Receipt(answer.id)


def declared_capabilities(web: Web) -> AgencyCapabilities:
    """What the agency says it can do; one that leaves something out is `Unreadable`."""
    what = "GET /v1/capabilities"
    body = web.read("/v1/capabilities").body
    told = _decoded(body, dict[str, Any], what)
    missing = {field.name for field in fields(AgencyCapabilities)} - OFFERED_LATER - told.keys()
    if missing:
        raise Unreadable(f"{what}: nothing said about {', '.join(sorted(missing))}")
    return _decoded(body, AgencyCapabilities, what)


def _claim_body(claim: NewClaim) -> bytes:
    document = f"{claim.document_type}-{claim.number}"
    return msgspec.json.encode(
        {
            "reference": claim.reference,
            "document": {
                "type": claim.document_type,
                "number": claim.number,
                "date": claim.document_date,
                "due_date": claim.due_date,
                "kid": claim.kid,
                "original_amount": money.text(claim.original_amount),
            },
            "principal": money.text(claim.principal),
            "currency": claim.currency,
            "reminders_sent": claim.reminders_sent,
            "last_reminder": claim.last_reminder,
            "debtor": _debtor(claim.debtor),
            "documents": []
            if claim.pdf is None
            else [
                {
                    "name": f"{document}.pdf",
                    "media_type": "application/pdf",
                    "content": base64.b64encode(claim.pdf).decode(),
                }
            ],
        }
    )


def _debtor(debtor: Debtor) -> dict[str, Any]:
    return {field.name: getattr(debtor, field.name) for field in fields(debtor)}


def _reduction_body(reduction: NewReduction) -> bytes:
    return msgspec.json.encode(
        {
            "reference": reduction.reference,
            "kind": reduction.kind,
            "amount": money.text(reduction.amount),
            "currency": reduction.currency,
            "value_date": reduction.value_date,
            "source": {"type": reduction.document_type, "number": reduction.number},
        }
    )


def _balance(item: _Balance, what: str) -> Balance:
    if item.updated_at.tzinfo is None:
        raise Unreadable(f"{what}: a moment without its zone")
    try:
        received = {share.bucket: money.ore(share.amount) for share in item.received}
    except money.NotMoney:
        raise Unreadable(f"{what}: an amount that is none") from None
    if len(received) < len(item.received):
        raise Unreadable(f"{what}: a bucket twice")
    return Balance(item.id, item.currency, received, item.value_date, item.updated_at)


def _held(item: _Held, what: str) -> Held:
    try:
        amount = money.ore(item.amount)
    except money.NotMoney:
        raise Unreadable(f"{what}: an amount that is none") from None
    document = f"{item.document.type} {item.document.number}"
    return Held(item.reference, item.kind, item.id, document, item.currency, amount)


def _decoded(body: bytes, type_: type[T], what: str) -> T:
    try:
        return decoded(strict(body), type_)
    except NotJson as error:
        raise Unreadable(f"{what}: not what the contract promises ({error})") from None


def _trusted(body: bytes, type_: type[T], what: str) -> T:
    try:
        return _decoded(body, type_, what)
    except Unreadable as error:
        raise Uncertain(str(error)) from None


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _batches(keys: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(keys))
    while batch := list(islice(rest, MAX_KEYS)):
        yield batch
