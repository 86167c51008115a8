"""The agency's HTTP contract over its books, as described in docs/agency-api.json."""

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.money import MONEY_PATTERN, ore
from cloudcollect_pipeline.sandbox.agency import records
from cloudcollect_pipeline.sandbox.agency.books import (
    Account,
    Agency,
    Claim,
    ClaimOrder,
    Debtor,
    Document,
    ReductionOrder,
)
from cloudcollect_pipeline.sandbox.agency.feeds import Feed, Key
from cloudcollect_pipeline.sandbox.agency.records import Refusal
from cloudcollect_pipeline.sandbox.http import Request, Response

MAX_LIMIT = 1000
DEFAULT_LIMIT = 200
REPEATED = frozenset({"id", "reference"})
MAX_KEYS = 100
"""References or ids in one look-up."""
MAX_WORD = 50

Money = Annotated[str, msgspec.Meta(pattern=rf"\A{MONEY_PATTERN}\Z")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_WORD)]
Day = date
Count = Annotated[int, msgspec.Meta(ge=0)]


class DocumentKeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """Type and number of an ERP document."""

    type: Word
    number: Word


class DocumentBody(msgspec.Struct, forbid_unknown_fields=True):
    """The receivable."""

    type: Word
    number: Word
    date: Day
    due_date: Day
    kid: Word | None
    original_amount: Money


class AttachmentBody(msgspec.Struct, forbid_unknown_fields=True):
    """A file, its content in base64."""

    name: Word
    media_type: Literal["application/pdf"]
    content: str


class ClaimBody(msgspec.Struct, forbid_unknown_fields=True):
    """What POST /v1/claims takes."""

    reference: Word
    document: DocumentBody
    principal: Money
    currency: Word
    reminders_sent: Count
    last_reminder: Day | None
    debtor: Debtor
    documents: list[AttachmentBody] = []


class ReductionBody(msgspec.Struct, forbid_unknown_fields=True):
    """What POST /v1/claims/{id}/reductions takes."""

    reference: Word
    kind: Literal["DIRECT_PAYMENT", "CREDIT", "WRITE_OFF", "RAISE"]
    amount: Money
    currency: Word
    value_date: Day
    source: DocumentKeyBody


class HoldBody(msgspec.Struct, forbid_unknown_fields=True):
    """What PUT /v1/claims/{id}/hold takes."""

    hold: Literal["NONE", "PAUSED", "RECALLED"]
    reason: Annotated[str, msgspec.Meta(max_length=200)]


class AnswerBody(msgspec.Struct, forbid_unknown_fields=True):
    """What POST /v1/questions/{id}/answer takes."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class AgencyApi:
    """A handler (`sandbox.http.Handler`) that lets each creditor see and change its own account.

    `keys` maps API keys to creditors.
    """

    def __init__(self, books: Agency, clock: Clock, keys: Mapping[str, str]) -> None:
        self.books = books
        self.clock = clock
        self.keys = dict(keys)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return self._answer(request)
        except Refusal as refusal:
            return _json({"code": refusal.code, "message": refusal.message}, refusal.status)

    def _answer(self, request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        creditor = self.keys.get(key) if scheme.lower() == "bearer" else None
        if creditor is None:
            raise Refusal("unauthorized", "a valid API key is needed", 401)
        account = self.books.account(creditor)
        match (request.method, *request.path.split("/")[1:]):
            case ("GET", "v1", "capabilities"):
                return _json(self.books.settings.capabilities)
            case ("GET", "v1", ("claims" | "cases" | "entries" | "settlements" | "balances") as name):
                return self._feed(account, name, request)
            case ("POST", "v1", "claims"):
                return self._create_claim(creditor, request)
            case ("GET", "v1", "claims", claim_id, "documents"):
                return _items([records.document(document) for document in _claim(account, claim_id).order.documents])
            case ("POST", "v1", "claims", claim_id, "reductions"):
                return self._create_reduction(creditor, claim_id, request)
            case ("PUT", "v1", "claims", claim_id, "hold"):
                body = _read(_hold, request)
                return Response(200, _JSON, records.claim(self.books.set_hold(creditor, claim_id, body.hold)))
            case ("PUT", "v1", "claims", claim_id, "debtor"):
                told = _read(_debtor, request)
                return Response(200, _JSON, records.claim(self.books.update_debtor(creditor, claim_id, told)))
            case ("GET", "v1", "references"):
                return self._references(account, request)
            case ("GET", "v1", "questions"):
                return _items([records.question(question) for question in account.questions.values()])
            case ("POST", "v1", "questions", question_id, "answer"):
                text = _read(_answer, request).text
                return _json(records.question(self.books.answer(creditor, question_id, text)))
            case _:
                raise Refusal("not_found", "no such resource", 404)

    def _visible(self) -> datetime:
        return self.clock.now() - self.books.settings.read_lag

    def _feed(self, account: Account, name: str, request: Request) -> Response:
        offers = self.books.settings.capabilities
        if name == "settlements" and not offers.settlements:
            raise Refusal("not_supported", "settlements are not offered", 404)
        if name == "balances" and offers.allocation != "balances":
            raise Refusal("not_supported", "payments are told one by one", 404)
        _only(request, "updated_since", "cursor", "limit", "id")
        feed = account.feeds[name]
        feed.publish(self._visible())
        ids = _keys(request, "id")
        page = self._page_of(feed, request)
        return _page(feed.read(ids), None) if ids else _page(*page)

    def _page_of(self, feed: Feed, request: Request) -> tuple[list[bytes], Key | None]:
        cursor, since = request.get("cursor"), request.get("updated_since")
        return feed.page(
            since=_moment(since) if since is not None else None,
            after=_from_cursor(cursor) if cursor is not None else None,
            limit=_limit(request.get("limit")),
        )

    def _create_claim(self, creditor: str, request: Request) -> Response:
        body = _read(_claim_body, request)
        order = ClaimOrder(
            reference=body.reference,
            document_type=body.document.type,
            document_number=body.document.number,
            kid=body.document.kid,
            document_date=body.document.date,
            due_date=body.document.due_date,
            original_amount=ore(body.document.original_amount),
            principal=ore(body.principal),
            currency=body.currency,
            reminders_sent=body.reminders_sent,
            last_reminder=body.last_reminder,
            debtor=body.debtor,
            documents=tuple(_attachment(attachment) for attachment in body.documents),
        )
        claim, is_new = self.books.create_claim(creditor, order)
        return Response(201 if is_new else 200, _JSON, records.claim(claim))

    def _create_reduction(self, creditor: str, claim_id: str, request: Request) -> Response:
        body = _read(_reduction, request)
        order = ReductionOrder(
            reference=body.reference,
            kind=body.kind,
            amount=ore(body.amount),
            currency=body.currency,
            value_date=body.value_date,
            source=(body.source.type, body.source.number),
        )
        entry, is_new = self.books.create_reduction(creditor, claim_id, order)
        return Response(201 if is_new else 200, _JSON, records.entry(entry))

    def _references(self, account: Account, request: Request) -> Response:
        if not self.books.settings.capabilities.look_up_by_reference:
            raise Refusal("not_supported", "looking up by reference is not offered", 404)
        _only(request, "reference")
        until = self._visible()
        items: list[dict[str, Any]] = []
        references = _keys(request, "reference")
        if not all(1 <= len(each) <= MAX_WORD for each in references):
            raise Refusal("invalid_request", f"a reference has 1 to {MAX_WORD} characters", 400)
        for reference in references:
            held = account.references.get(reference)
            if isinstance(held, Claim):
                if held.received_at <= until:
                    items.append(records.claim_reference(held))
            elif held is not None and held.recorded_at <= until:
                items.append(records.reduction_reference(held))
        return _items(items)


_JSON: Mapping[str, str] = {"content-type": "application/json"}
_claim_body = msgspec.json.Decoder(ClaimBody)
_reduction = msgspec.json.Decoder(ReductionBody)
_hold = msgspec.json.Decoder(HoldBody)
_debtor = msgspec.json.Decoder(Debtor)
_answer = msgspec.json.Decoder(AnswerBody)


T = TypeVar("T")


def _read(decoder: msgspec.json.Decoder[T], request: Request) -> T:
    try:
        return decoder.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("invalid_request", str(error), 400) from None


def _json(value: object, status: int = 200) -> Response:
    return Response(status, _JSON, records.encode(value))


def _items(items: Sequence[Mapping[str, Any]]) -> Response:
    return _json({"items": items})


def _page(bodies: Sequence[bytes], after: Key | None) -> Response:
    cursor = records.encode(_to_cursor(after) if after else None)
    return Response(200, _JSON, b'{"items":[' + b",".join(bodies) + b'],"next_cursor":' + cursor + b"}")


def _to_cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(f"{key.updated_at.isoformat()} {key.id}".encode()).decode()


def _from_cursor(text: str) -> Key:
    try:
        at, _, id_ = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
        return Key(_utc(at), id_)
    except ValueError:
        raise Refusal("invalid_cursor", "the cursor is not one of ours", 400) from None


def _moment(text: str) -> datetime:
    try:
        return _utc(text)
    except ValueError:
        raise Refusal("invalid_request", "updated_since must be an RFC 3339 moment", 400) from None


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_LIMIT):
        raise Refusal("invalid_request", f"limit must be 1 to {MAX_LIMIT}", 400)
    return int(text)


def _keys(request: Request, name: str) -> list[str]:
    keys = [value for key, value in request.query if key == name]
    if len(keys) > MAX_KEYS:
        raise Refusal("invalid_request", f"at most {MAX_KEYS} of {name}", 400)
    return keys


def _only(request: Request, *names: str) -> None:
    given = Counter(key for key, _ in request.query)
    if any(key not in names or (count > 1 and key not in REPEATED) for key, count in given.items()):
        raise Refusal("invalid_request", f"only {', '.join(names)} may be given, all but keys once", 400)


def _claim(account: Account, claim_id: str) -> Claim:
    claim = account.claims.get(claim_id)
    if claim is None:
        raise Refusal("not_found", "no such claim", 404)
    return claim


def _attachment(body: AttachmentBody) -> Document:
    try:
        content = base64.b64decode(body.content, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_request", "a document's content is not base64", 400) from None
    return Document(body.name, body.media_type, len(content), hashlib.sha256(content).hexdigest())
