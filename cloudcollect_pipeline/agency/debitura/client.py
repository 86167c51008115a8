"""Debitura's Customer API v1, spoken through one `Web`. What is unconfirmed about it stands in docs/debitura.md.

Polling is the truth: cases and payments are listed whole each time, since no list can be filtered by when a record
changed and a deleted payment only leaves its list. The webhook log is a hint that says when one was deleted.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from cloudcollect_pipeline.agency.debitura.mapping import feeds
from cloudcollect_pipeline.agency.port import (
    AgencyCapabilities,
    Debtor,
    Held,
    KnownEntry,
    NewClaim,
    NewReduction,
    Question,
)
from cloudcollect_pipeline.domain import money
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import (
    CounterpartyError,
    Gated,
    NotSent,
    Refused,
    Uncertain,
    Unreadable,
)
from cloudcollect_pipeline.erp.port import Receipt
from cloudcollect_pipeline.web import Answer, HttpRefused, Web, segment

PAGE_SIZE = 100
"""The most that a page may have."""
LISTINGS = 3
"""How often a list that changes while it is read is begun anew."""
LARGEST_FILE = 25 * 1024 * 1024
"""Bytes."""
CAPABILITIES = AgencyCapabilities(
    report_payment=False,
    report_credit=False,
    take_back=False,
    raise_claim=False,
    pause=False,
    recall=False,
    documents=True,
    documents_follow=True,
    settlements=False,
    look_up_by_reference=True,
    allocation="gross",
)
"""What the description offers; everything else goes through the case's chat, by a person."""

RECIPIENTS = {"AGENCY": "CollectionPartner", "CREDITOR": "Creditor"}
T = TypeVar("T")
Params = tuple[tuple[str, str], ...]
encode = msgspec.json.Encoder(decimal_format="number").encode


class _PageData(msgspec.Struct):
    totalResults: int
    currentPage: int


class _Page(msgspec.Struct):
    page: _PageData
    cases: list[msgspec.Raw] | None = None
    payments: list[msgspec.Raw] | None = None


class _Record(msgspec.Struct):
    id: str
    isTestCase: bool = False


class _Case(msgspec.Struct):
    id: str
    creditorReference: str | None = None
    claimDescription: str | None = None
    currency: str | None = None
    grossAmount: msgspec.Raw = msgspec.Raw(b"null")
    isTestCase: bool = False


class _File(msgspec.Struct):
    id: str


class _Event(msgspec.Struct):
    createdAt: datetime
    eventType: str | None = None


class _Problem(msgspec.Struct):
    type: str | None = None
    message: str | None = None
    solutionUrl: str | None = None


class _Handoff(msgspec.Struct):
    combinedSigningUrl: str | None = None


class _Problems(msgspec.Struct):
    businessErrors: list[_Problem] | None = None
    signingHandoff: _Handoff | None = None


class Debitura:
    """One creditor's account at Debitura (an `agency.port.Agency`). Safe to share between threads.

    With `test_cases` it makes test cases and sees no others; without, it sees no test cases.
    """

    def __init__(self, web: Web, agency_id: str, clock: Clock, *, test_cases: bool = False) -> None:
        self.id = agency_id
        self.capabilities = CAPABILITIES
        self.feeds = feeds()
        self._web, self._clock, self._test_cases = web, clock, test_cases

    # -- reading

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """All raw records, whatever `since` says: the first page comes when the last one has been read."""
        if feed not in self.feeds:
            raise ValueError(f"no feed {feed}")
        if feed == "settlements":
            return
        if feed == "entries":
            records = self._whole("/Payments", lambda page: page.payments)
        else:
            # a case made meanwhile comes last and moves no other to another page
            records = self._whole("/cases", lambda page: page.cases, (("Sort", "DateCreated:asc"),))
            records = [raw for raw in records if self._ours(raw, "GET /cases")]
        rest = iter(records)
        while batch := list(islice(rest, PAGE_SIZE)):
            yield batch

    def claims(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw cases by id."""
        found: dict[str, bytes] = {}
        asked = iter(id_ for id_ in dict.fromkeys(ids) if _is_uuid(id_))
        while batch := list(islice(asked, PAGE_SIZE)):
            params = (*(("Ids", id_) for id_ in batch), ("Page", "1"), ("PageSize", str(PAGE_SIZE)))
            page = _decoded(self._web.read("/cases", params).body, _Page, "GET /cases")
            for raw in page.cases or ():
                id_ = _decoded(raw, _Record, "GET /cases").id
                # a server that overlooks the filter must not pass for one that found these cases
                if id_ not in batch or id_ in found:
                    raise Unreadable("GET /cases: a case that was not asked for, or twice")
                found[id_] = exact(bytes(raw))
        return [raw for raw in found.values() if self._ours(raw, "GET /cases")]

    def entries(self, ids: Sequence[str]) -> list[bytes]:
        """Fresh raw payments by id."""
        found = (self._one(f"/Payments/{id_}", _Record) for id_ in dict.fromkeys(ids) if _is_uuid(id_))
        return [exact(answer.body) for answer, _ in filter(None, found)]

    def settlements(self, ids: Sequence[str]) -> list[bytes]:
        """None: the API has no settlements."""
        return []

    def unlisted(self, entries: Sequence[KnownEntry]) -> list[bytes]:
        """Payments that left the list, as their case tells them now: still there, or deleted.

        A case that is not there either says that another account, or nothing, was looked at: `Unreadable`. One that
        was on no case is asked for by itself.
        """
        records: list[bytes] = []
        for entry in entries:
            if entry.claim_id is None:
                records += self.entries([entry.entry_id]) or [_deleted(entry, self._clock.now())]
        for claim_id in sorted({entry.claim_id for entry in entries if entry.claim_id is not None}):
            path = f"/cases/{segment(claim_id)}/payments"
            read = self._one(path, list[msgspec.Raw])
            if read is None:
                raise Unreadable("GET /cases/{id}/payments: a payment and its case are both gone")
            there = {_decoded(raw, _Record, f"GET {path}").id: exact(bytes(raw)) for raw in read[1]}
            of_claim = [entry for entry in entries if entry.claim_id == claim_id]
            records += [there[entry.entry_id] for entry in of_claim if entry.entry_id in there]
            gone = [entry for entry in of_claim if entry.entry_id not in there]
            at = self._deleted_at(claim_id) if gone else None
            records += [_deleted(entry, at or self._clock.now()) for entry in gone]
        return records

    def find(self, references: Sequence[str]) -> dict[str, Held]:
        """What Debitura holds under these references, asked one by one."""
        found: dict[str, Held] = {}
        for reference in dict.fromkeys(references):
            path = f"/cases/by-creditor-reference/{segment(reference)}"
            read = self._one(path, _Case)
            if read is None:
                continue
            case = read[1]
            if case.creditorReference != reference:
                raise Unreadable(f"GET {path}: another reference")
            try:
                amount = money.ore(bytes(case.grossAmount).decode())
            except money.NotMoney:
                raise Unreadable(f"GET {path}: an amount that is none") from None
            # One made on trial bears the same reference: it is no case, and there can be no other under that name.
            what = (case.claimDescription or "") if case.isTestCase is self._test_cases else "a case of another mode"
            found[reference] = Held(reference, "claim", case.id, what, case.currency or "", amount)
        return found

    def questions(self) -> list[Question]:
        """None: an answer needs a member of the creditor's team, and is given in Debitura."""
        return []

    # -- writing

    def create_claim(self, claim: NewClaim) -> Receipt:
        """Hand a receivable over, then upload its PDF. The receipt says if the PDF was left behind.

        Raises `Gated` while an agreement is unsigned.
        """
        body = encode(self._new_case(claim))
        key = f"{claim.reference}-{self._clock.now():%Y%m%d}-{hashlib.sha256(body).hexdigest()[:16]}"
        # The key must differ by day and content: what was refused under a key is refused again, signed or not.
        try:
            answer = self._web.write("POST", "/cases", body, {"Idempotency-Key": key})
        except HttpRefused as refusal:
            raise _refused(refusal) from None
        case = _trusted(answer.body, _Case, "POST /cases")
        if case.creditorReference != claim.reference or not _is_uuid(case.id):
            raise Uncertain("POST /cases: the answer is about another reference")
        return Receipt(case.id, self._upload(case.id, claim) if claim.pdf is not None else "")

    def create_reduction(self, reduction: NewReduction) -> Receipt:
        """Not offered."""
        raise NotSent("Debitura cannot be told of payments or credits")

    def set_hold(self, claim_id: str, hold: str, reason: str) -> None:
        """Not offered."""
        raise NotSent("Debitura cannot be told to pause or withdraw a case")

    def update_debtor(self, claim_id: str, debtor: Debtor) -> None:
        """Not offered."""
        raise NotSent("Debitura cannot be told a debtor anew")

    def answer(self, question_id: str, text: str) -> None:
        """Not offered."""
        raise NotSent("questions are answered in Debitura")

    # -- inside

    def _whole(self, path: str, items: Callable[[_Page], list[msgspec.Raw] | None], params: Params = ()) -> list[bytes]:
        """Every record of a list, each once, or `Unreadable`: half a list would make payments vanish."""
        for _ in range(LISTINGS):
            found = self._listed(path, items, params)
            if found is not None:
                return found
        raise Unreadable(f"GET {path}: the list kept changing while it was read")

    def _listed(
        self, path: str, items: Callable[[_Page], list[msgspec.Raw] | None], params: Params
    ) -> list[bytes] | None:
        """One reading; None if it changed on the way."""
        what, found, total, number = f"GET {path}", dict[str, bytes](), None, 0
        while total is None or len(found) < total:
            number += 1
            asked = (*params, ("Page", str(number)), ("PageSize", str(PAGE_SIZE)))
            page = _decoded(self._web.read(path, asked).body, _Page, what)
            if page.page.currentPage != number:
                raise Unreadable(f"{what}: another page than asked for")
            if total is not None and page.page.totalResults != total:
                return None
            total, before = page.page.totalResults, len(found)
            for raw in items(page) or ():
                found[_decoded(raw, _Record, what).id] = exact(bytes(raw))
            if len(found) == before:
                break
        return list(found.values()) if len(found) == total else None

    def _one(self, path: str, type_: type[T]) -> tuple[Answer, T] | None:
        """One record and its bytes; None where Debitura itself says that there is none."""
        answer = self._web.read(path, missing_ok=True)
        if answer.status == 404:
            _decoded(answer.body, dict[str, Any], f"GET {path}")  # a proxy's page is no word of Debitura's
            return None
        return answer, _decoded(answer.body, type_, f"GET {path}")

    def _deleted_at(self, claim_id: str) -> datetime | None:
        """When the webhook log last heard of a deleted payment of a case; None where it has not, or cannot be read."""
        try:
            body = self._web.read("/webhooks/events", (("caseId", claim_id),)).body
            events = _decoded(body, list[_Event], "GET /webhooks/events")
        except CounterpartyError:
            return None
        told = [event.createdAt for event in events if event.eventType == "payment.deleted" and event.createdAt.tzinfo]
        return max(told, default=None)

    def _ours(self, raw: bytes, what: str) -> bool:
        return _decoded(raw, _Record, what).isTestCase is self._test_cases

    def _new_case(self, claim: NewClaim) -> Mapping[str, Any]:
        debtor = claim.debtor
        told = {
            "type": "Company" if debtor.business else "Private",
            "name": debtor.name,
            "companyRegistrationNumber": debtor.organisation_number,
            "address": debtor.address,
            "zipCode": debtor.postal_code,
            "city": debtor.city,
            "countryAlpha2": debtor.country,
            "email": debtor.email,
            "phone": debtor.phone,
        }
        history = f"Reminders sent: {claim.reminders_sent}" + (
            f", the last one on {claim.last_reminder}" if claim.last_reminder else ""
        )
        return {
            "creditorReference": claim.reference,
            "claimDescription": f"{claim.document_type} {claim.number}",
            "comments": f"Payment reference (KID) {claim.kid}. {history}" if claim.kid else history,
            "currencyCode": claim.currency,
            "amountToRecover": Decimal(money.text(claim.principal)),
            "date": _midnight(claim.document_date),
            "dueDate": _midnight(claim.due_date),
            "isTest": self._test_cases,
            "debtor": {name: value for name, value in told.items() if value is not None},
        }

    def _upload(self, case_id: str, claim: NewClaim) -> str:
        """Upload the PDF; says what a person must do if it was not taken. The case stands either way."""
        pdf, name = claim.pdf or b"", f"{claim.document_type}-{claim.number}.pdf"
        by_hand = f"upload {name} to case {case_id} by hand"
        if len(pdf) > LARGEST_FILE:
            return f"{name} is larger than 25 MB: {by_hand}"
        boundary = f"cloudcollect{hashlib.sha256(pdf).hexdigest()[:32]}"
        try:
            answer = self._web.write(
                "POST",
                f"/cases/{segment(case_id)}/files",
                _multipart(boundary, re.sub(r"[^A-Za-z0-9.-]", "_", name), pdf),
                {"Content-Type": f"multipart/form-data; boundary={boundary}"},
            )
            _trusted(answer.body, _File, "POST /cases/{id}/files")
        except (NotSent, Refused, Uncertain) as error:
            return f"{error}; if it is not there, {by_hand}"
        return ""


_INEXACT = re.compile(rb"[:\[,]\s*-?(?:[\d.]{17,}|[\d.]+[eE])")


def exact(raw: bytes) -> bytes:
    """A record in which no number loses anything when it is read as a double: those that would are made text.

    So a contract judges what was sent, not its nearest double; records as they usually are stay byte for byte.
    """
    if not _INEXACT.search(raw):
        return raw
    try:
        return encode(msgspec.json.Decoder(float_hook=str).decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw


def _refused(refusal: HttpRefused) -> CounterpartyError:
    """What a refused case means: `Gated` where everything that is wrong can be signed away, else `Refused`."""
    try:
        told = msgspec.json.decode(refusal.body, type=_Problems)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return refusal
    problems = told.businessErrors or []
    names = ", ".join(sorted({_word(problem.type) for problem in problems}))
    handoff = told.signingHandoff.combinedSigningUrl if told.signingHandoff else None
    links = [link for link in [handoff, *(problem.solutionUrl for problem in problems)] if link and _is_link(link)]
    if refusal.status == 422 and problems and links and all(problem.solutionUrl or handoff for problem in problems):
        return Gated(f"POST /cases answered 422: {names}", names, links[0])
    fields = _fields(refusal.body) if refusal.status == 400 else ""
    if not names and not fields:
        return refusal
    said = f"POST /cases answered {refusal.status}: {names or f'not accepted: {fields}'}"
    return HttpRefused(said, refusal.status, names if len(problems) == 1 else "", "", refusal.body)


def _fields(body: bytes) -> str:
    """The names of the fields that a 400 complains about; never what it says of them, which may quote a value."""
    told = msgspec.json.decode(body, type=dict[str, Any])
    return ", ".join(sorted(_word(name) for name, said in told.items() if isinstance(said, list) and said))


def _word(name: str | None) -> str:
    return name if name and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", name) else "?"


def _is_link(text: str) -> bool:
    return re.fullmatch(r"https://[\x21-\x7e]{1,2000}", text) is not None


def _deleted(entry: KnownEntry, at: datetime) -> bytes:
    """A payment that is gone, in the form in which it was listed, with our mark."""
    return msgspec.json.encode(
        {
            "id": entry.entry_id,
            "dateCreated": entry.recorded_at,
            "dateUpdated": at,
            "date": entry.value_date,
            "grossAmount": money.text(entry.amount),
            "recipient": RECIPIENTS[entry.received_by],
            "currency": entry.currency,
            "invoice": entry.claim_id and {"invoiceId": entry.claim_id},
            "deleted": True,
        }
    )


def _multipart(boundary: str, name: str, pdf: bytes) -> bytes:
    return b"\r\n".join(
        [
            f"--{boundary}".encode(),
            b'Content-Disposition: form-data; name="DocumentType"',
            b"",
            b"OriginalInvoice",
            f"--{boundary}".encode(),
            f'Content-Disposition: form-data; name="File"; filename="{name}"'.encode(),
            b"Content-Type: application/pdf",
            b"",
            pdf,
            f"--{boundary}--".encode(),
            b"",
        ]
    )


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _decoded(body: bytes | msgspec.Raw, type_: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable(f"{what}: not what the description promises") from None


def _trusted(body: bytes, type_: type[T], what: str) -> T:
    try:
        return _decoded(body, type_, what)
    except Unreadable as error:
        raise Uncertain(str(error)) from None
