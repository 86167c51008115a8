"""Reads: every hostile answer ends in a clear error or a record set aside, in time, and the ledger stays as it was."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudcollect_pipeline.connection import connect
from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent, Transient, Unreadable
from cloudcollect_pipeline.sandbox.http import Response
from tests.hostile.conftest import Front, bounded
from tests.hostile.server import (
    Act,
    Wire,
    as_text,
    before,
    changed,
    closed_after,
    cut,
    drip_body,
    drip_header,
    endless,
    field_by_field,
    gzip_bomb,
    halved,
    interim,
    raw,
    reset_after,
    reset_before,
    reset_in_body,
    reset_in_header,
    silent,
    told,
)

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
JSON = "application/json"
LISTS = {
    "documents": ("erp", r"/v1/customerinvoice$"),
    "payments": ("erp", r"/v1/customerPayment$"),
    "customers": ("erp", r"/v1/customer$"),
    "claims": ("agency", r"/v1/claims$"),
    "cases": ("agency", r"/v1/cases$"),
    "entries": ("agency", r"/v1/entries$"),
    "settlements": ("agency", r"/v1/settlements$"),
}


@dataclass(frozen=True)
class Case:
    """An act on the list of one feed; the error it ends in, or the reason why its records are set aside."""

    name: str
    feed: str
    act: Act
    error: type[CounterpartyError] | None = None
    says: str = ""
    aside: str = ""
    megabytes: int = 0

    def __str__(self) -> str:
        return f"{self.feed}: {self.name}"


def both(name: str, act: Act, error: type[CounterpartyError], says: str, **more: Any) -> list[Case]:
    """The same at the ERP and at the agency."""
    return [Case(name, feed, act, error, says, **more) for feed in ("documents", "entries")]


def on_page(change: Callable[[Any], Any]) -> Act:
    return changed(lambda body: json.dumps(change(json.loads(body))).encode())


def cursor(next_cursor: str) -> Act:
    return on_page(lambda page: {**page, "next_cursor": next_cursor})


def always_new() -> Act:
    """A cursor that never was before and a page that is never the last."""
    count = iter(range(10**9))

    def act(wire: Wire) -> None:
        page = {"items": [{"id": f"ent_{next(count)}"}], "next_cursor": f"c{next(count)}"}
        wire.tell(Response(200, {}, json.dumps(page).encode()))

    return act


def full(rows: list[dict[str, Any]], total: int) -> list[dict[str, Any]]:
    """The rows, as a page that is full and one of many."""
    return [{**row, "metadata": {"totalCount": total, "maxPageSize": len(rows)}} for row in rows]


def growing() -> Act:
    """A page that is always full and always new, whatever its number."""
    count = iter(range(10**9))
    row = {"documentType": "Invoice", "metadata": {"totalCount": 10**15, "maxPageSize": 1}}
    return on_page(lambda rows: [{**row, "referenceNumber": f"E{next(count)}"}])


def twice(name: str, other: str) -> Act:
    """Every record has the field a second time, with another value."""
    put = f'"{name}": {other}, "{name}":'.encode()
    return changed(lambda body: body.replace(f'"{name}":'.encode(), put))


UNREADABLE = [
    *both("the connection is reset before an answer", reset_before, Transient, "ReadError"),
    *both("the connection is reset after the request was handled", reset_after, Transient, "ReadError"),
    *both("the connection is closed without an answer", closed_after, Transient, "RemoteProtocolError"),
    *both("the connection is reset in the header", reset_in_header, Transient, "ReadError"),
    *both("the connection is reset at the end of the body", reset_in_body, Transient, "ReadError"),
    *both("the body is shorter than it said", cut, Transient, "RemoteProtocolError"),
    *both("the header comes byte by byte", drip_header, Transient, "ReadTimeout"),
    *both("the body comes byte by byte", drip_body, Transient, "ReadTimeout"),
    *both("nothing comes at all", silent, Transient, "ReadTimeout"),
    *both("an interim answer comes for ever", interim, Transient, "ReadTimeout"),
    *both("chunks come for ever", endless, Transient, "ReadTimeout", megabytes=200),
    *both("the answer is no HTTP", raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Transient, "RemoteProtocolError"),
    *both("the header has no end", raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000), Transient, "3 attempts"),
    *both("a gzip bomb", gzip_bomb, Unreadable, "compressed", megabytes=20),
    *both("the body is cut, and says so", changed(halved), Unreadable, "not JSON, or cut off"),
    *both("an empty body", told(200, b""), Unreadable, "not JSON"),
    *both("HTML with 200", told(200, HTML, content_type="text/html"), Unreadable, "not JSON"),
    *both(
        "a PDF with 200", told(200, b"%PDF-1.7\n\xe2\xe3\xcf\xd3", content_type="application/pdf"), Unreadable, "UTF"
    ),
    *both("a JSON text", told(200, b'"all is well"', content_type=JSON), Unreadable, ""),
    *both("an error with 200", told(200, b'{"message":"no"}', content_type=JSON), Unreadable, ""),
    *both("null", told(200, b"null", content_type=JSON), Unreadable, ""),
    *both(
        "100,000 nested arrays",
        told(200, b"[" * 100_000 + b"]" * 100_000),
        Unreadable,
        "nested too deeply",
        megabytes=20,
    ),
    *both("100,000 open objects", told(200, b'{"a":' * 100_000), Unreadable, "nested too deeply|cut off"),
    *both("ten million ones", told(200, b"[" + b"1," * 10_000_000 + b"1]"), Unreadable, "more values", megabytes=200),
    *both("UTF-16", changed(lambda body: body.decode().encode("utf-16")), Unreadable, "not UTF-8"),
    Case("NaN", "documents", as_text("balance", "NaN"), Unreadable, "not JSON"),
    Case("Infinity", "entries", as_text("amount", "-Infinity"), Unreadable, "not JSON"),
    Case("a number of 5,000 digits", "documents", as_text("balance", "9" * 5000), Unreadable, "not JSON"),
    Case(
        "an amount finer than a double",
        "documents",
        as_text("balance", "60.00000000000000000001"),
        Unreadable,
        "digits",
    ),
    Case("a balance twice", "documents", twice("balance", "1.00"), Unreadable, "stands twice"),
    Case("a number twice", "payments", twice("refNbr", '"999"'), Unreadable, "stands twice"),
    Case("an amount twice", "entries", twice("amount", '"1.00"'), Unreadable, "stands twice"),
    Case("a list of items twice", "claims", twice("items", "[]"), Unreadable, "stands twice"),
    Case("a cursor that comes again", "entries", told(200, b'{"items":[],"next_cursor":"x"}'), Unreadable, "twice"),
    Case("a page for ever", "documents", growing(), Unreadable, "no end"),
    Case("a page for ever", "entries", always_new(), Unreadable, "no end"),
    Case("a cursor to another host", "entries", cursor("https://evil.test/v1/entries"), Permanent, "answered 400"),
    Case(
        "a page that came already", "customers", on_page(lambda rows: full(rows or [{}], 1)), Unreadable, "came twice"
    ),
    Case("a total that is too large", "documents", on_page(lambda rows: full(rows, 99)), Transient, "of 99 seen"),
    Case("a total beyond all numbers", "payments", on_page(lambda rows: full(rows, 10**15)), Transient, "seen"),
    *(
        Case(f"{status}", feed, before(status, b"<html>", retry_after="1"), error, f"answered {status}")
        for feed in ("documents", "entries")
        for error, statuses in (
            (Transient, (408, 429, 500, 502, 503, 504, 599)),
            (Permanent, (301, 302, 307, 400, 401, 403, 404, 405, 409, 410, 412, 422)),
        )
        for status in statuses
    ),
]


def test_the_table_has_cases_enough() -> None:
    assert len({str(case) for case in UNREADABLE}) == len(UNREADABLE) >= 60


@pytest.mark.parametrize("case", UNREADABLE, ids=str)
def test_a_list_that_cannot_be_read_whole_is_an_error_and_leaves_the_ledger_as_it_was(front: Front, case: Case) -> None:
    side, path = LISTS[case.feed]
    known = front.ledger()
    front.sides[side].strike(case.act, "GET", path)
    with bounded(megabytes=case.megabytes):
        error = front.failure(side, case.feed)
    assert case.error is not None
    assert type(error) is case.error
    assert re.search(case.says, str(error)), error
    assert "Debtor" not in str(error)
    assert front.ledger() == known
    assert front.aside() == ""


def every(**fields: Any) -> Act:
    return field_by_field(lambda record: record.update(fields))


def first(**fields: Any) -> Act:
    return on_page(lambda rows: [{**rows[0], **fields}, *rows[1:]] if rows else [])


ENDLESS_WINDOW = {"x-ratelimit-limit": "9" * 400, "x-ratelimit-remaining": "1", "x-ratelimit-reset": "9" * 20}
SET_ASIDE = [
    Case("a negative balance", "documents", every(balance=-1), aside="balance must be at least 0"),
    Case("a balance above the amount", "documents", every(balance=10**9), aside="balance is larger than amount"),
    Case("no currency", "documents", every(currencyId=None), aside="currency is missing"),
    Case("a currency in words", "documents", every(currencyId="kroner"), aside="currency has the wrong form"),
    Case("an amount in words", "documents", every(amount="sixty"), aside="amount is missing or not an amount"),
    Case("an amount with a comma", "documents", every(amount="60,00"), aside="amount is missing or not an amount"),
    Case("an amount that is a list", "documents", every(amount=[60]), aside="amount is missing or not an amount"),
    Case("three decimals", "documents", every(amount=60.001), aside="amount is missing or not an amount"),
    Case("a googol", "documents", as_text("amount", "1e400"), aside="amount is missing or not an amount"),
    Case("NaN as text", "documents", every(amount="NaN"), aside="amount is missing or not an amount"),
    Case("no due date", "documents", every(documentDueDate=None), aside="due_date is missing or not a date"),
    Case("the 30th of February", "documents", every(documentDueDate="2026-02-30"), aside="due_date is missing"),
    Case("the year 1", "documents", every(documentDueDate="0001-01-01T00:00:00"), aside="due_date is missing"),
    Case("the year 0", "documents", every(documentDate="0000-01-01"), aside="document_date is missing"),
    Case("a date as a number", "documents", every(documentDate=20260101), aside="document_date is missing"),
    Case("an empty number", "documents", first(referenceNumber=""), aside="number has the wrong form"),
    Case("a blank number", "documents", first(referenceNumber="  "), aside="number has the wrong form"),
    Case("a number that is an object", "documents", first(referenceNumber={"x": 1}), aside="number has the wrong form"),
    Case(
        "a number that is gone",
        "documents",
        field_by_field(lambda r: r.pop("referenceNumber")),
        aside="number is missing",
    ),
    Case("another type", "documents", every(documentType="Barter"), aside="document_type must be one of"),
    Case("another status", "payments", every(status="Dreaming"), aside="status must be one of"),
    Case("a customer that is a list", "payments", every(customer=[1]), aside="customer is missing"),
    Case("an amount of 30 digits", "payments", every(paymentAmount="9" * 30), aside="amount is missing"),
    Case("no number", "customers", every(number=None), aside="number is missing"),
    Case(
        "records that are no objects",
        "customers",
        on_page(lambda rows: [7, None, "x", []] if rows else []),
        aside="number is missing",
    ),
    Case("an id that leaves its place", "claims", every(id="../../admin"), aside="claim_id has the wrong form"),
    Case("an empty id", "claims", every(id=""), aside="claim_id has the wrong form"),
    Case("money as a float in words", "claims", every(principal="6e3"), aside="principal is missing or not an amount"),
    Case("no currency", "claims", every(currency=""), aside="currency has the wrong form"),
    Case("another hold", "claims", every(hold="MAYBE"), aside="hold must be one of"),
    Case("a moment for ever", "claims", every(updated_at="infinity"), aside="updated_at is missing"),
    Case("a moment long ago", "claims", every(received_at="0001-01-01T00:00:00Z"), aside="received_at is missing"),
    Case("lines that do not add up", "entries", every(amount="999.99"), aside="lines do not add up"),
    Case("lines that are none", "entries", every(lines=None), aside="lines is missing"),
    Case("lines that are a text", "entries", every(lines="10.00"), aside="lines is missing"),
    Case(
        "a line that is nothing", "entries", field_by_field(lambda r: r["lines"].append(None)), aside="lines do not add"
    ),
    Case("no value date", "entries", every(value_date=""), aside="value_date is missing or not a date"),
    Case("totals that are a list", "settlements", every(totals=[]), aside="principal is missing or not an amount"),
]


@pytest.mark.parametrize("case", SET_ASIDE, ids=str)
def test_a_record_that_cannot_be_right_is_set_aside_with_its_reason(front: Front, case: Case) -> None:
    side, path = LISTS[case.feed]
    known = front.ledger()
    front.sides[side].strike(case.act, "GET", path)
    with bounded():
        assert front.failure(side, case.feed) is None
    assert case.aside in front.aside()
    assert {**front.ledger(), "watermark": ()} == {**known, "watermark": ()}


HARMLESS = [
    Case("rows twice", "documents", on_page(lambda rows: [*rows, *rows])),
    Case("rows in another order", "documents", on_page(lambda rows: rows[::-1])),
    Case("rows twice", "entries", on_page(lambda page: {**page, "items": page["items"] * 2})),
    Case("rows in another order", "claims", on_page(lambda page: {**page, "items": page["items"][::-1]})),
    Case("fields nobody knows", "documents", every(surprise={"a": [1, {"b": None}]})),
    Case("half a character", "customers", as_text("name", r'"Caf\ud83d"')),
    Case("a wrong content type", "documents", changed(lambda body: body, **{"content-type": "text/html"})),
    Case("a byte order of spaces", "entries", changed(lambda body: b" \r\n\t" + body + b"\n\n")),
    Case("a total that is too small", "documents", on_page(lambda rows: full(rows, 0))),
    Case("a total that is a text", "payments", on_page(lambda rows: [{**r, "metadata": "many"} for r in rows])),
    Case("a limit of nonsense", "documents", changed(lambda body: body, **ENDLESS_WINDOW)),
]  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS, ids=str)
def test_what_does_no_harm_is_read_as_it_is_meant(front: Front, case: Case) -> None:
    side, path = LISTS[case.feed]
    known = front.ledger()
    strike = front.sides[side].strike(case.act, "GET", path)
    assert front.failure(side, case.feed) is None
    assert strike.hit
    assert front.aside() == ""
    assert {**front.ledger(), "watermark": ()} == {**known, "watermark": ()}


def test_no_proxy_and_no_netrc_of_the_environment_is_looked_at(
    front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(netrc))
    connection = connect(front.story.settings.companies[front.story.slug], front.story.world.clock)
    assert list(connection.agency.pages("claims", None))
    assert front.sides["agency"].asked[-1].headers["authorization"].startswith("Bearer ")
    connection.close()
