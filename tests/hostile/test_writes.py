"""Writes and tokens: one attempt, and an answer that cannot be trusted leaves the outcome unknown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

import pytest

from cloudcollect_pipeline.agency.port import Debtor, NewClaim, NewReduction
from cloudcollect_pipeline.connection import Connection, connect
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent, Permanent, Transient, Uncertain
from cloudcollect_pipeline.erp.port import CaseFields, DocumentKey, NewPayment, NewVoucher, VoucherLine
from cloudcollect_pipeline.sandbox.erp import DocumentType
from cloudcollect_pipeline.web import HttpRefused
from tests.hostile.conftest import Front, bounded
from tests.hostile.server import (
    Act,
    before,
    changed,
    closed_after,
    cut,
    drip_body,
    drip_header,
    endless,
    gzip_bomb,
    interim,
    raw,
    reset_after,
    reset_before,
    reset_in_body,
    reset_in_header,
    silent,
    told,
)

HTML = b"<!DOCTYPE html><html><body>Please log in as Debtor</body></html>"
BUSINESS = b'{"message":"VismaId: 1. Error creating payment. Error: no"}'
TODAY = date(2026, 1, 6)
number = count(1)


class Writes:
    """Every write of both ports, as it would be sent; `made` counts what there is under a new reference."""

    def __init__(self, front: Front) -> None:
        self.front, self.reference = front, f"HOSTILE{next(number):08}"
        story = front.story
        self.erp, self.agency = front.night.erp, front.night.agency
        self.account = story.agency.account(story.slug)
        self.invoice = next(iter(story.erp.documents(DocumentType.INVOICE)))
        self.claim = story.claim(self.invoice)

    def payment(self) -> object:
        customer = self.invoice.customer.number
        return self.erp.create_payment(NewPayment(self.reference, customer, "NOK", 100, TODAY, "Case", ()))

    def voucher(self) -> object:
        lines = (VoucherLine("1510", 100, "x"), VoucherLine("1920", -100, "x"))
        return self.erp.create_voucher(NewVoucher(self.reference, TODAY, "NOK", "Settlement", lines))

    def case_fields(self) -> None:
        self.erp.set_case_fields(DocumentKey("Invoice", self.invoice.number), CaseFields("C", "Open", ""))

    def new_claim(self) -> object:
        debtor = Debtor("1", "Debtor", False, None, "Storgata 1", "0155", "Oslo", "NO", None, None)
        return self.agency.create_claim(
            NewClaim(
                self.reference, "Invoice", self.reference, None, TODAY, TODAY, 100, 100, "NOK", 1, TODAY, debtor, None
            )
        )

    def reduction(self) -> object:
        return self.agency.create_reduction(
            NewReduction(self.reference, self.claim.id, "DIRECT_PAYMENT", 1, "NOK", TODAY, "Payment", "1")
        )

    def hold(self) -> None:
        self.agency.set_hold(self.claim.id, "PAUSED", "a reason")

    def made(self) -> int:
        payments = [p for p in self.front.story.erp.documents(DocumentType.PAYMENT) if p.reference == self.reference]
        claims = [c for c in self.account.claims.values() if c.reference == self.reference]
        entries = [e for e in self.account.entries.values() if e.reference == self.reference]
        return len(payments) + len(claims) + len(entries)


ROUTES = {
    "payment": ("erp", "POST", r"/v1/customerPayment$"),
    "voucher": ("erp", "POST", r"/v2/journaltransaction$"),
    "case_fields": ("erp", "PUT", r"/v1/customerinvoice/"),
    "new_claim": ("agency", "POST", r"/v1/claims$"),
    "reduction": ("agency", "POST", r"/reductions$"),
    "hold": ("agency", "PUT", r"/hold$"),
}
CREATING = ("payment", "new_claim", "reduction")


@dataclass(frozen=True)
class Case:
    """An act on one write; what it raises, and whether its effect was done (None: not looked at)."""

    name: str
    write: str
    act: Act
    error: type[CounterpartyError]
    made: int | None = None

    def __str__(self) -> str:
        return f"{self.write}: {self.name}"


def on(writes: tuple[str, ...], name: str, act: Act, error: type[CounterpartyError], made: int | None) -> list[Case]:
    return [Case(name, write, act, error, made if write in CREATING else None) for write in writes]


EVERY = tuple(ROUTES)
FEW = ("payment", "new_claim")
CASES = [
    *on(EVERY, "the connection is reset before an answer", reset_before, Uncertain, 0),
    *on(EVERY, "the connection is reset after it was done", reset_after, Uncertain, 1),
    *on(FEW, "the connection is closed without an answer", closed_after, Uncertain, 1),
    *on(FEW, "the connection is reset in the header", reset_in_header, Uncertain, 1),
    *on(FEW, "the connection is reset in the body", reset_in_body, Uncertain, 1),
    *on(FEW, "the body is shorter than it said", cut, Uncertain, 1),
    *on(FEW, "the header comes byte by byte", drip_header, Uncertain, 1),
    *on(FEW, "the body comes byte by byte", drip_body, Uncertain, 1),
    *on(FEW, "nothing comes at all", silent, Uncertain, 1),
    *on(FEW, "an interim answer comes for ever", interim, Uncertain, 1),
    *on(FEW, "chunks come for ever", endless, Uncertain, 1),
    *on(FEW, "the answer is no HTTP", raw(b"220 smtp.example ESMTP\r\n"), Uncertain, 1),
    *on(FEW, "a gzip bomb", gzip_bomb, Uncertain, 1),
    *on(EVERY, "HTML with 200", told(200, HTML, content_type="text/html"), Uncertain, 1),
    *on(EVERY, "a business error with 500", told(500, BUSINESS), Uncertain, 1),
    *on(FEW, "100,000 nested arrays", told(201, b"[" * 100_000), Uncertain, 1),
    *on(FEW, "202 in the place of 201", told(202, b'{"id":"1","stateLocation":"/v1/background/1"}'), Uncertain, 1),
    *on(FEW, "201 without the id", told(201, b""), Uncertain, 1),
    *on(FEW, "a Location without an id", told(201, b"", location="https://evil.test/"), Uncertain, 1),
    *on(("new_claim",), "another reference", told(201, b'{"id":"clm_1","reference":"OTHER"}'), Uncertain, 1),
    *on(("new_claim",), "an id twice", changed(lambda b: b.replace(b'"id":', b'"id":"x","id":')), Uncertain, 1),
    *on(("hold",), "another hold", told(200, b'{"id":"clm_1","hold":"NONE"}'), Uncertain, None),
    *(
        case
        for status in (301, 307, 408, 418, 502, 503, 504)
        for case in on(FEW, f"{status} once done", told(status, HTML, location="https://evil.test"), Uncertain, 1)
    ),
    *(
        case
        for status in (400, 401, 403, 404, 409, 412, 422)
        for case in (
            *on(FEW, f"{status} with a business error", before(status, BUSINESS), HttpRefused, 0),
            *on(FEW, f"{status} with HTML", told(status, HTML), Uncertain, 1),
        )
    ),
    *on(EVERY, "429", before(429, b"", retry_after="60"), NotSent, 0),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_write_is_sent_once_and_says_what_is_known(front: Front, case: Case) -> None:
    side, method, path = ROUTES[case.write]
    writes = Writes(front)
    strike = front.sides[side].strike(case.act, method, path)
    with bounded(), pytest.raises(CounterpartyError) as caught:
        getattr(writes, case.write)()
    assert type(caught.value) is case.error
    assert strike.hit == 1
    assert "Debtor" not in str(caught.value)
    if case.made is not None:
        assert writes.made() == case.made


# -- the token endpoint ------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(front: Front) -> Iterator[Connection]:
    """Adapters that have no token yet."""
    connection = connect(front.story.settings.companies[front.story.slug], front.story.world.clock)
    yield connection
    connection.close()


def token(text: str) -> Act:
    return told(200, text.encode(), content_type="application/json")


TOKENS: list[tuple[str, Act, type[CounterpartyError]]] = [
    ("the connection is reset", reset_before, Transient),
    ("the connection is reset in the body", reset_in_body, Transient),
    ("the body is cut", cut, Transient),
    ("the header comes byte by byte", drip_header, Transient),
    ("the body comes byte by byte", drip_body, Transient),
    ("a gzip bomb", gzip_bomb, Transient),
    ("chunks come for ever", endless, Transient),
    ("HTML with 200", told(200, HTML), Transient),
    ("100,000 nested arrays", told(200, b"[" * 50_000), Transient),
    ("no token", token('{"expires_in": 3600}'), Transient),
    ("a token twice", token('{"access_token":"a","access_token":"b","expires_in":3600}'), Transient),
    ("a token that would add a header", token(r'{"access_token":"a\r\nx: y","expires_in":3600}'), Transient),
    ("a token that lives for NaN", token('{"access_token":"a","expires_in":NaN}'), Transient),
    ("a token that lives for ever", token('{"access_token":"a","expires_in":1e300}'), Transient),
    ("a token of the past", token('{"access_token":"a","expires_in":-1}'), Transient),
    ("429", before(429), Transient),
    ("500", before(500, HTML), Transient),
    ("503", before(503), Transient),
    ("a redirect", before(302, b"", location="https://evil.test/token"), Permanent),
    ("an unknown tenant", before(400, b'{"error":"invalid_tenant"}'), Permanent),
    ("an unknown client", before(401, b'{"error":"invalid_client"}'), Permanent),
    ("no access", before(403, b"<html>"), Permanent),
]


@pytest.mark.parametrize(("name", "act", "error"), TOKENS, ids=[name for name, *_ in TOKENS])
def test_without_a_token_nothing_is_read_and_nothing_sent(
    front: Front, fresh: Connection, name: str, act: Act, error: type[CounterpartyError]
) -> None:
    front.sides["erp"].strike(act, "POST", "/connect/token")
    asked = len(front.sides["erp"].asked)
    with bounded(10.0), pytest.raises(CounterpartyError) as caught:
        list(fresh.erp.pages("customers", None))
    assert type(caught.value) is error
    with pytest.raises(NotSent):
        fresh.erp.release_payment("Payment", "1")
    assert {request.path for request in front.sides["erp"].asked[asked:]} == {"/connect/token"}


def test_a_token_that_expires_between_two_reads_is_renewed_and_the_read_asked_again(front: Front) -> None:
    strike = front.sides["erp"].strike(before(401, b"{}"), "GET", r"/v1/customerDebitNote$", times=1)
    assert front.failure("erp", "documents") is None
    assert strike.hit == 1


def test_a_token_that_expires_before_a_write_is_renewed_for_the_next_one_only(front: Front) -> None:
    writes = Writes(front)
    front.sides["erp"].strike(before(401, BUSINESS), "POST", r"/v1/customerPayment$", times=1)
    with pytest.raises(HttpRefused):
        writes.payment()
    assert writes.made() == 0
    writes.payment()
    assert writes.made() == 1


Reads = Callable[[Any], object]
KEYED: list[tuple[str, str, str, Reads]] = [
    ("another document", "erp", r"/v1/customerinvoice/", lambda n: n.erp.documents([DocumentKey("Invoice", "1")])),
    ("another customer", "erp", r"/v1/customer/", lambda n: n.erp.customers(["nobody"])),
    ("claims not asked for", "agency", r"/v1/claims$", lambda n: n.agency.claims(["clm_nobody"])),
    ("entries not asked for", "agency", r"/v1/entries$", lambda n: n.agency.entries(["ent_nobody"])),
    ("references not asked for", "agency", r"/v1/references$", lambda n: n.agency.find(["NOBODY"])),
    ("no PDF", "erp", r"/print$", lambda n: n.erp.pdf(DocumentKey("Invoice", "1"))),
]
OTHER = {
    "another document": b'{"documentType":"Invoice","referenceNumber":"2"}',
    "another customer": b'{"number":"somebody"}',
    "claims not asked for": b'{"items":[{"id":"clm_1"}],"next_cursor":null}',
    "entries not asked for": b'{"items":[{"id":"ent_1"},{"id":"ent_1"}],"next_cursor":null}',
    "references not asked for": b'{"items":[{"reference":"X","kind":"claim","id":"1","document":{"type":"Invoice",'
    b'"number":"1"},"currency":"NOK","amount":"1.00"}]}',
    "no PDF": HTML,
}


@pytest.mark.parametrize(("name", "side", "path", "read"), KEYED, ids=[name for name, *_ in KEYED])
def test_a_record_that_was_not_asked_for_does_not_pass_for_the_one_that_was(
    front: Front, name: str, side: str, path: str, read: Reads
) -> None:
    front.sides[side].strike(told(200, OTHER[name]), "GET", path)
    with pytest.raises(CounterpartyError, match="GET /v1/"):
        read(front.night)


@pytest.mark.parametrize(
    "key", ["A/B", "a?b=c#d", "..", ".", "", "100%2e", "a\\b", "line\nbreak", "b64(QQ)", "nøkkel", "[1]"]
)
def test_a_document_number_of_any_characters_is_asked_for_as_one_segment(front: Front, key: str) -> None:
    asked = len(front.sides["erp"].asked)
    assert front.night.erp.documents([DocumentKey("Invoice", key)]) == []
    # the first read of a night fetches its token first
    (request,) = (request for request in front.sides["erp"].asked[asked:] if request.method == "GET")
    assert request.path.count("/") == 3
    assert request.path.startswith("/v1/customerinvoice/")
