"""The validator finds what is wrong: a small description, one good exchange, and a table of planted violations."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.http import Request, Response
from tests.conformance.openapi import ONLY_DAY, WITHOUT_ZONE, Description, Exchange

ORDER = {
    "type": "object",
    "required": ["number", "amount"],
    "properties": {
        "number": {"type": "string"},
        "amount": {"type": "number", "format": "double"},
        "count": {"type": "integer", "format": "int32"},
        "total": {"type": "integer", "format": "int64"},
        "kind": {"enum": ["Invoice", "CreditNote"], "type": "string"},
        "day": {"type": "string", "format": "date"},
        "changed": {"type": "string", "format": "date-time"},
        "id": {"type": "string", "format": "uuid"},
        "stamp": {"type": "string", "format": "byte"},
        "link": {"type": "string", "format": "uri"},
        "note": {"type": "string", "nullable": True},
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
    },
}
LINE = {"type": "object", "properties": {"text": {"type": "string"}}}
JSON_ORDER = {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}
QUERY: dict[str, dict[str, Any]] = {
    "since": {"type": "string", "format": "date-time"},
    "limit": {"type": "integer", "minimum": 1},
    "share": {"type": "number"},
    "all": {"type": "boolean"},
    "status": {"enum": ["Open", "Closed"], "type": "string"},
    "id": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
}


def parameter(name: str, place: str, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


DESCRIBED = {
    "openapi": "3.0.4",
    "security": [{"key": []}],
    "paths": {
        "/v1/orders": {
            "get": {
                "parameters": [
                    *(parameter(name, "query", **schema) for name, schema in QUERY.items()),
                    parameter("ledger", "query", required=True, type="string"),
                    parameter("If-Match", "header", type="string"),
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}
                            }
                        }
                    },
                    "412": {},
                },
            },
            "post": {
                "requestBody": {"required": True, "content": JSON_ORDER},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"type": "object"}}}},
                    "204": {},
                    "400": {"content": {"application/json": {}}},
                },
            },
        },
        "/v1/orders/{number}": {
            "get": {
                "parameters": [parameter("number", "path", required=True, type="integer", format="int32")],
                "responses": {"200": {"content": JSON_ORDER}},
            }
        },
        "/v1/orders/balance": {"get": {"security": [], "responses": {"200": {"content": {"text/plain": {}}}}}},
    },
    "components": {"schemas": {"Order": ORDER, "Line": LINE}},
}
GOOD = {
    "number": "1",
    "amount": 12.5,
    "count": 7,
    "total": 2**40,
    "kind": "Invoice",
    "day": "2026-01-05",
    "changed": "2026-01-05T03:00:00.5Z",
    "id": "11111111-2222-4333-8444-555555555555",
    "stamp": "AAA=",
    "link": "https://example.org/1",
    "note": None,
    "lines": [{"text": "one"}],
}
KEY = {"authorization": "Bearer key", "host": "example.org"}
JSON = {"content-type": "application/json; charset=utf-8"}
LIST = "/v1/orders?ledger=1"


def body(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def exchange(
    target: str = LIST,
    *,
    method: str = "GET",
    headers: Mapping[str, str] = KEY,
    sent: Any = b"",
    status: int = 200,
    told: Any = (),
    as_type: Mapping[str, str] = JSON,
) -> Exchange:
    asked = Request.to(method, target, {**headers, **(JSON if sent else {})}, body(sent))
    return Exchange(asked, Response(status, as_type, body(told)))


def order(**changes: Any) -> Exchange:
    """An answer with one order of the list, changed."""
    return exchange(told=[GOOD | changes])


def new(**changes: Any) -> Exchange:
    """A new order, changed."""
    return exchange("/v1/orders", method="POST", sent=GOOD | changes, status=204, told=b"")


def found(*exchanges: Exchange, **options: Any) -> list[str]:
    """Where they are; a value that breaks an enum and a type is found once."""
    violations = Description(DESCRIBED, **options).violations(exchanges)
    return list(dict.fromkeys(f"{each.operation}: {each.where}" for each in violations))


@pytest.mark.parametrize(
    "good",
    [
        order(),
        new(),
        exchange(f"{LIST}&since=2026-01-05T03:00:00Z&limit=5&share=0.5&all=true&status=Open&id=1&id=2"),
        exchange(headers={**KEY, "If-Match": '"1"'}),
        exchange("/v1/orders/7", told=GOOD),
        exchange("/v1/orders/balance", headers={}, told=b"1", as_type={"content-type": "text/plain"}),
        exchange(status=412, told=b""),
        Exchange(exchange().request, None),
    ],
)
def test_what_is_as_described_has_no_violation(good: Exchange) -> None:
    assert found(good) == []


PLANTED: dict[str, tuple[Exchange, str]] = {
    "undeclared path": (exchange("/v1/invoices"), "GET /v1/invoices: path"),
    "undeclared method": (exchange(LIST, method="DELETE"), "DELETE /v1/orders: path"),
    "other letters in the path": (exchange("/v1/Orders?ledger=1"), "GET /v1/Orders: path"),
    "one step too many": (exchange("/v1/orders/1/2"), "GET /v1/orders/1/2: path"),
    "path parameter of another type": (exchange("/v1/orders/A", told=GOOD), "GET /v1/orders/{number}: path number"),
    "path parameter too large": (exchange(f"/v1/orders/{2**31}", told=GOOD), "GET /v1/orders/{number}: path number"),
    "unknown query parameter": (exchange(f"{LIST}&page=1"), "GET /v1/orders: query page"),
    "query parameter in other letters": (exchange(f"{LIST}&Limit=1"), "GET /v1/orders: query Limit"),
    "missing query parameter": (exchange("/v1/orders"), "GET /v1/orders: query ledger"),
    "query parameter given twice": (exchange(f"{LIST}&limit=1&limit=2"), "GET /v1/orders: query limit"),
    "query parameter given too often": (exchange(f"{LIST}&id=1&id=2&id=3"), "GET /v1/orders: query id"),
    "query parameter of another type": (exchange(f"{LIST}&limit=many"), "GET /v1/orders: query limit"),
    "query parameter no number": (exchange(f"{LIST}&share=half"), "GET /v1/orders: query share"),
    "query parameter below its least": (exchange(f"{LIST}&limit=0"), "GET /v1/orders: query limit"),
    "query parameter not a truth value": (exchange(f"{LIST}&all=True"), "GET /v1/orders: query all"),
    "query parameter not in the enum": (exchange(f"{LIST}&status=open"), "GET /v1/orders: query status"),
    "query parameter not a moment": (exchange(f"{LIST}&since=2026-01-05"), "GET /v1/orders: query since"),
    "unknown header": (exchange(headers={**KEY, "idempotency-key": "1"}), "GET /v1/orders: header idempotency-key"),
    "no token": (exchange(headers={}), "GET /v1/orders: authorization"),
    "no body": (exchange("/v1/orders", method="POST", status=204, told=b""), "POST /v1/orders: body"),
    "a body where none is taken": (exchange(LIST, sent={"a": 1}), "GET /v1/orders: body"),
    "unknown body field": (new(colour="red"), "POST /v1/orders: body $"),
    "unknown field of a line": (new(lines=[{"txt": ""}]), "POST /v1/orders: body $.lines[]"),
    "wrong type in a body": (new(count="7"), "POST /v1/orders: body $.count"),
    "null in a body": (new(kind=None), "POST /v1/orders: body $.kind"),
    "wrong enum": (order(kind="Credit Memo"), "GET /v1/orders: 200 body $[].kind"),
    "wrong type": (order(amount="12.50"), "GET /v1/orders: 200 body $[].amount"),
    "a fraction for a whole number": (order(count=7.5), "GET /v1/orders: 200 body $[].count"),
    "too large for int32": (order(count=2**31), "GET /v1/orders: 200 body $[].count"),
    "too large for int64": (order(total=2**63), "GET /v1/orders: 200 body $[].total"),
    "wrong date": (order(day="2026-02-30"), "GET /v1/orders: 200 body $[].day"),
    "date in another form": (order(day="20260105"), "GET /v1/orders: 200 body $[].day"),
    "moment without zone": (order(changed="2026-01-05T03:00:00"), "GET /v1/orders: 200 body $[].changed"),
    "moment that does not exist": (order(changed="2026-01-05T25:00:00Z"), "GET /v1/orders: 200 body $[].changed"),
    "wrong uuid": (order(id="1"), "GET /v1/orders: 200 body $[].id"),
    "wrong base64": (order(stamp="*"), "GET /v1/orders: 200 body $[].stamp"),
    "wrong uri": (order(link="example"), "GET /v1/orders: 200 body $[].link"),
    "unknown field": (order(colour="red"), "GET /v1/orders: 200 body $[]"),
    "missing field": (exchange(told=[{"number": "1"}]), "GET /v1/orders: 200 body $[]"),
    "null where none is described": (order(kind=None), "GET /v1/orders: 200 body $[].kind"),
    "an object for a list": (exchange(told=GOOD), "GET /v1/orders: 200 body $"),
    "not JSON": (exchange(told=b"<html>"), "GET /v1/orders: 200 body"),
    "a number JSON does not have": (exchange(told=b'[{"number": "1", "amount": NaN}]'), "GET /v1/orders: 200 body"),
    "answer without a body": (exchange(told=b""), "GET /v1/orders: 200 body"),
    "answer of another media type": (exchange(as_type={"content-type": "text/html"}), "GET /v1/orders: 200 body"),
    "answer of no media type": (exchange(as_type={}), "GET /v1/orders: 200 body"),
    "undeclared status": (exchange(status=203), "GET /v1/orders: 203"),
    "undeclared error": (exchange(status=404), "GET /v1/orders: 404"),
    "a body with 204": (
        exchange("/v1/orders", method="POST", sent=GOOD, status=204, told={}),
        "POST /v1/orders: 204",
    ),
}


@pytest.mark.parametrize(("planted", "where"), PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_found_and_nothing_else(planted: Exchange, where: str) -> None:
    assert found(planted) == [where]


def test_a_violation_is_said_once_however_often_it_occurs() -> None:
    assert len(Description(DESCRIBED).violations([order(kind="x"), order(kind="x")])) == 1


def test_nulls_count_as_absent_only_in_answers_and_only_where_the_description_is_silent_about_them() -> None:
    assert found(order(kind=None), nulls_are_absent=True) == []
    assert found(order(number=None), nulls_are_absent=True) == ["GET /v1/orders: 200 body $[]"]
    assert found(new(kind=None), nulls_are_absent=True) == ["POST /v1/orders: body $.kind"]


def test_a_description_may_have_moments_of_its_own_shape() -> None:
    local, either = (WITHOUT_ZONE,), (WITHOUT_ZONE, ONLY_DAY)
    asked = exchange(f"{LIST}&since=2026-01-05", told=[GOOD | {"changed": "2026-01-05T03:00:00.123"}])
    assert found(asked, moment=local, moment_asked=either) == []
    assert found(asked, moment=local, moment_asked=local) == ["GET /v1/orders: query since"]
    assert found(order(changed="2026-01-05"), moment=local) == ["GET /v1/orders: 200 body $[].changed"]


def test_the_operations_asked_for_are_named_by_their_templates() -> None:
    asked = [exchange("/v1/orders/7"), exchange("/v1/orders/balance"), exchange("/v1/nothing")]
    assert Description(DESCRIBED).exercised(asked) == {"GET /v1/orders/{number}", "GET /v1/orders/balance"}
