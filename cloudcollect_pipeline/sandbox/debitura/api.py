"""Debitura's Customer API v1 over the books, as far as the pipeline uses it.

Where the description leaves something open, the unkind reading: a reference may be given twice, a refusal is stored
under its idempotency key, payments are listed newest first and change without a sign.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from email import message_from_bytes
from typing import Annotated, Any
from uuid import UUID

import msgspec

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.money import NotMoney, ore
from cloudcollect_pipeline.sandbox.agency.books import Account, Agency, Claim, ClaimOrder, Debtor, Settings
from cloudcollect_pipeline.sandbox.agency.records import Capabilities, Refusal
from cloudcollect_pipeline.sandbox.debitura import records
from cloudcollect_pipeline.sandbox.http import Request, Response

MAX_PAGE = 100
DEFAULT_PAGE = 10
PORTAL = "https://creditor.debitura.example/sign"
DOCUMENT = re.compile(r"(Invoice|DebitNote|OverdueCharge) (.+)")
WHOLE = re.compile("[1-9][0-9]{0,9}")
GATES = {
    "MissingDebtCollectionContract": "The debt collection agreement is not signed.",
    "MissingPowerOfAttorney": "The power of attorney for the collection partner is not signed.",
    "MissingKyc": "Who owns the company has not been confirmed.",
}
"""What may have to be signed before a case is taken, by its type."""

TAKES = {
    "GET /cases": ("Page", "PageSize", "Sort", "Ids"),
    "GET /Payments": ("Page", "PageSize"),
    "GET /webhooks/events": ("caseId",),
}
"""Query parameters by call, as far as they are used: a misspelt one must not pass for one that found everything."""
FORM = ("File", "DocumentType")

Short = Annotated[str, msgspec.Meta(max_length=50)]
Long = Annotated[str, msgspec.Meta(max_length=4000)]


class DebtorBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who owes."""

    type: str
    name: Annotated[str, msgspec.Meta(min_length=1)]
    companyRegistrationNumber: str | None = None
    address: str | None = None
    zipCode: str | None = None
    city: str | None = None
    countryAlpha2: str | None = None
    email: str | None = None
    phone: str | None = None


class CaseBody(msgspec.Struct, forbid_unknown_fields=True):
    """What POST /cases takes, as far as it is used."""

    currencyCode: str
    debtor: DebtorBody
    amountToRecover: Decimal
    date: datetime
    dueDate: datetime
    creditorReference: Short
    claimDescription: Long | None = None
    comments: Long | None = None
    isTest: bool = False


_case = msgspec.json.Decoder(CaseBody)


def debitura_settings() -> Settings:
    """Books that work as Debitura does: it takes cases and tells payments unsplit; nothing else by its API."""
    offers = Capabilities(
        report_payment=False,
        report_credit=False,
        take_back=False,
        raise_claim=False,
        pause=False,
        recall=False,
        settlements=False,
        update_debtor=False,
        questions=False,
        allocation="gross",
    )
    return Settings(capabilities=offers, demand_fee=0, allow_duplicates=True)


class DebituraApi:
    """A handler (`sandbox.http.Handler`) that lets each creditor see and change its own account.

    `keys` maps API keys to creditors. `unsigned` are the gates (of `GATES`) that are closed.
    """

    def __init__(self, books: Agency, clock: Clock, keys: Mapping[str, str]) -> None:
        self.books, self.clock, self.keys = books, clock, dict(keys)
        self.unsigned: list[str] = []
        self.files: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._terminal: dict[tuple[str, str], tuple[bytes, Response]] = {}
        self._descriptions: dict[str, str] = {}
        self._tests: set[str] = set()

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        creditor = self.keys.get(request.headers.get("xapikey", ""))
        if creditor is None:
            return Response(401)
        try:
            return self._answer(creditor, request)
        except Refusal as refusal:
            problem = {"type": refusal.code, "message": refusal.message, "solutionUrl": None}
            if refusal.status == 422:
                return _json({"businessErrors": [problem]}, 422)
            told = {"error": refusal.code, "message": refusal.message, "businessErrors": [problem]}
            return _json(told, refusal.status)

    def _answer(self, creditor: str, request: Request) -> Response:
        account = self.books.account(creditor)
        if not _asked_rightly(request):
            if request.path == "/webhooks/events":
                return Response(400)  # the one call whose refusal is described without a body
            raise Refusal("InvalidRequest", "a parameter is not known, stands twice or is no id", 400)
        match (request.method, *request.path.split("/")[1:]):
            case ("POST", "cases"):
                return self._create(creditor, account, request)
            case ("GET", "cases"):
                return self._cases(account, request)
            case ("GET", "cases", "by-creditor-reference", reference):
                found = (claim for claim in account.claims.values() if records.shown_reference(claim) == reference)
                claim = next(found, None)
                if claim is None:
                    raise Refusal("NotFound", "no case has this reference", 404)
                return _json(self._shown(account, claim))
            case ("GET", "cases", id_, "payments"):
                of_case = records.uuid(_claim(account, id_).id)
                return _json([each for each in _payments(account) if each["invoice"]["invoiceId"] == of_case])
            case ("POST", "cases", id_, "files"):
                return self._upload(_claim(account, id_), request)
            case ("GET", "cases", id_, "files"):
                return _json(self.files[_claim(account, id_).id])
            case ("GET", "Payments"):
                return _json(records.page("payments", _payments(account), *_paging(request)))
            case ("GET", "Payments", id_):
                found_payment = next((each for each in _payments(account) if each["id"] == id_), None)
                if found_payment is None:
                    raise Refusal("NotFound", "no such payment", 404)
                return _json(found_payment)
            case ("GET", "webhooks", "events"):
                return _json(self._events(account, request.get("caseId") or ""))
            case _:
                return Response(404)

    # -- cases

    def _create(self, creditor: str, account: Account, request: Request) -> Response:
        key = request.headers.get("idempotency-key")
        digest = hashlib.sha256(request.body).digest()
        if key is not None and (creditor, key) in self._terminal:
            before, answer = self._terminal[creditor, key]
            if before != digest:
                raise Refusal("IdempotencyConflict", "the key was used with another body")
            return answer
        try:
            answer = self._created(creditor, account, request)
        except Refusal as refusal:
            if refusal.status == 400:
                raise
            problem = {"type": refusal.code, "message": refusal.message, "solutionUrl": None}
            answer = _json({"businessErrors": [problem]}, 422)
        if key is not None:
            self._terminal[creditor, key] = digest, answer
        return answer

    def _created(self, creditor: str, account: Account, request: Request) -> Response:
        body = _read(request)
        if self.unsigned:
            problems = [
                {"type": name, "message": GATES[name], "solutionUrl": f"{PORTAL}/{name}"} for name in self.unsigned
            ]
            return _json({"businessErrors": problems, "signingHandoff": {"combinedSigningUrl": f"{PORTAL}/all"}}, 422)
        description = body.claimDescription or ""
        named = DOCUMENT.fullmatch(description)
        reference, debtor = body.creditorReference, body.debtor
        if reference in account.references:
            reference += f"{records.AGAIN}{len(account.claims)}"
        claim, _ = self.books.create_claim(
            creditor,
            ClaimOrder(
                reference=reference,
                document_type=named[1] if named else "Invoice",
                document_number=named[2] if named else body.creditorReference,
                kid=None,
                document_date=body.date.date(),
                due_date=body.dueDate.date(),
                original_amount=_ore(body.amountToRecover),
                principal=_ore(body.amountToRecover),
                currency=body.currencyCode,
                reminders_sent=0,
                last_reminder=None,
                debtor=Debtor(
                    reference,
                    debtor.name,
                    debtor.type == "Company",
                    debtor.companyRegistrationNumber,
                    debtor.address or "",
                    debtor.zipCode or "",
                    debtor.city or "",
                    debtor.countryAlpha2 or "",
                    debtor.email,
                    debtor.phone,
                ),
            ),
        )
        self._descriptions[claim.id] = description
        if body.isTest:
            self._tests.add(claim.id)
        return _json(self._shown(account, claim))

    def describe(self, claim: Claim, text: str) -> None:
        """A person changes a case's description."""
        self._descriptions[claim.id] = text

    def _cases(self, account: Account, request: Request) -> Response:
        ids = {value for name, value in request.query if name == "Ids"}
        claims = [claim for claim in account.claims.values() if not ids or records.uuid(claim.id) in ids]
        field, _, direction = (request.get("Sort") or "").partition(":")
        if field == "DateCreated":  # unknown fields are ignored; without one the newest change comes first
            claims.sort(key=lambda claim: (claim.received_at, claim.id), reverse=direction == "desc")
        else:
            claims.sort(key=lambda claim: (claim.updated_at, claim.id), reverse=True)
        shown = [self._shown(account, claim) for claim in claims]
        return _json(records.page("cases", shown, *_paging(request)))

    def _shown(self, account: Account, claim: Claim) -> Mapping[str, Any]:
        charged = sum(
            -line.amount
            for entry in account.entries.values()
            if entry.kind == "CHARGE" and not entry.cancelled
            for line in entry.lines
            if line.claim is claim
        )
        return records.case(claim, charged, self._descriptions.get(claim.id, ""), test=claim.id in self._tests)

    def _upload(self, claim: Claim, request: Request) -> Response:
        parts = _parts(request)
        file = parts.get("File")
        if file is None or not file[0]:
            raise Refusal("InvalidRequest", "File is missing", 400)
        now = records.moment(self.clock.now())
        made = {
            "id": records.uuid(f"fil_{sum(map(len, self.files.values())) + 1}"),
            "dateCreated": now,
            "dateUpdated": now,
            "caseId": records.uuid(claim.id),
            "fileName": file[0],
            "documentType": parts.get("DocumentType", ("", b"OriginalInvoice"))[1].decode(),
        }
        self.files[claim.id].append(made)
        return _json(made)

    # -- events

    def _events(self, account: Account, case_id: str) -> list[dict[str, Any]]:
        """The log of one case, newest first: what was paid and what was deleted."""
        found = [
            (entry.recorded_at, "payment.deleted" if entry.kind == "REVERSAL" else "payment.created", number)
            for number, entry in enumerate(account.entries.values(), start=1)
            if entry.kind in ("AGENCY_PAYMENT", "DIRECT_PAYMENT", "REVERSAL")
            and records.uuid(entry.lines[0].claim.id) == case_id
        ]
        return [
            {
                "id": records.uuid(f"evt_{number}"),
                "subscriptionId": records.uuid("evt_0"),
                "caseId": case_id,
                "eventType": event,
                "payload": "{}",
                "createdAt": records.moment(at),
                "deliveredAt": None,
                "attemptCount": 1,
                "lastResponseCode": None,
                "lastError": None,
            }
            for at, event, number in sorted(found, reverse=True)
        ]


_JSON: Mapping[str, str] = {"content-type": "application/json; charset=utf-8"}


def _json(value: object, status: int = 200) -> Response:
    return Response(status, _JSON, records.encode(value))


def _payments(account: Account) -> list[Mapping[str, Any]]:
    """What is still recorded, newest first."""
    standing = [
        entry
        for entry in account.entries.values()
        if entry.kind in ("AGENCY_PAYMENT", "DIRECT_PAYMENT") and records.left(entry) > 0
    ]
    return [records.payment(entry) for entry in sorted(standing, key=lambda entry: entry.id, reverse=True)]


def _claim(account: Account, id_: str) -> Claim:
    claim = account.claims.get(records.id_of(id_) or "")
    if claim is None:
        raise Refusal("NotFound", "no such case", 404)
    return claim


def _read(request: Request) -> CaseBody:
    try:
        body = _case.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal("InvalidRequest", "a field is missing or has the wrong form", 400) from None
    if body.debtor.type not in ("Company", "Private"):
        raise Refusal("InvalidRequest", "debtor.type must be Company or Private", 400)
    return body


def _ore(amount: Decimal) -> int:
    try:
        return ore(amount)
    except NotMoney:
        raise Refusal("InvalidRequest", "amountToRecover must have two decimals at most", 400) from None


def _asked_rightly(request: Request) -> bool:
    takes, names = TAKES.get(f"{request.method} {request.path}", ()), [name for name, _ in request.query]
    once = [name for name in names if name != "Ids"]
    ids = [value for name, value in request.query if name in ("Ids", "caseId")]
    return set(names) <= set(takes) and len(once) == len(set(once)) and all(map(_is_uuid, ids))


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _paging(request: Request) -> tuple[int, int]:
    given = {"Page": "1", "PageSize": str(DEFAULT_PAGE), **dict(request.query)}
    number, size = given["Page"], given["PageSize"]
    if not all(WHOLE.fullmatch(text) and int(text) < 2**31 for text in (number, size)):
        raise Refusal("InvalidRequest", "Page and PageSize are positive numbers", 400)
    return int(number), min(int(size), MAX_PAGE)


def _parts(request: Request) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart body: name -> file name and content."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = message_from_bytes(head + request.body)
    if not message.is_multipart():
        raise Refusal("InvalidRequest", "multipart/form-data is needed", 400)
    found: dict[str, tuple[str, bytes]] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.is_multipart():
            continue
        if name not in FORM or name in found or not isinstance(content, bytes):
            raise Refusal("InvalidRequest", "a field of the form is not known or stands twice", 400)
        found[str(name)] = part.get_filename() or "", content
    return found
