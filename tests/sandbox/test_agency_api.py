"""The agency's HTTP contract: feeds, references, refusals, and that all of it is as docs/agency-api.json says."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.sandbox.agency import Agency, AgencyApi, Capabilities, Settings
from cloudcollect_pipeline.sandbox.agency.feeds import Feed, Key
from cloudcollect_pipeline.sandbox.http import Request, Response
from tests.conformance.openapi import Description, Exchange, closed

CONTRACT = Path(__file__).parents[2] / "docs" / "agency-api.json"
START = datetime(2026, 1, 5, 3, tzinfo=UTC)
PDF = b"%PDF-1.4 invoice"
CLAIM: dict[str, Any] = {
    "reference": "TRANSFER1",
    "document": {
        "type": "Invoice",
        "number": "200001",
        "date": "2025-11-15",
        "due_date": "2025-12-15",
        "kid": "2000018",
        "original_amount": "60.00",
    },
    "principal": "60.00",
    "currency": "NOK",
    "reminders_sent": 1,
    "last_reminder": None,
    "debtor": {
        "number": "10001",
        "name": "Privatkunde Ås",
        "business": False,
        "organisation_number": None,
        "address": "Skogstien 4",
        "postal_code": "1430",
        "city": "Ås",
        "country": "NO",
        "email": None,
        "phone": None,
    },
    "documents": [
        {"name": "invoice.pdf", "media_type": "application/pdf", "content": base64.b64encode(PDF).decode()},
    ],
}
REDUCTION: dict[str, Any] = {
    "reference": "REDUCTION1",
    "kind": "DIRECT_PAYMENT",
    "amount": "20.00",
    "currency": "NOK",
    "value_date": "2026-01-04",
    "source": {"type": "Payment", "number": "400001"},
}


class Desk:
    """One creditor's way to the agency, with a record of all that was said."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = VirtualClock(START)
        self.agency = Agency(self.clock, settings)
        self.api = AgencyApi(self.agency, self.clock, {"key-n": "nordlys", "key-s": "sorlys"})
        self.said: list[tuple[Request, Response]] = []

    def call(self, method: str, target: str, body: object = None, key: str = "key-n") -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = Request.to(method, target, headers, sent)
        answer = self.api.handle(request)
        self.said.append((request, answer))
        return answer.status, json.loads(answer.body)

    def get(self, target: str, key: str = "key-n") -> Any:
        status, body = self.call("GET", target, key=key)
        assert status == 200, body
        return body

    def claim(self, number: str = "200001", **changes: object) -> dict[str, Any]:
        body = CLAIM | {"reference": f"T{number}", "document": CLAIM["document"] | {"number": number}} | changes
        claim: dict[str, Any]
        status, claim = self.call("POST", "/v1/claims", body)
        assert status == 201, claim
        return claim

    def ids(self, target: str) -> list[str]:
        """Ids of all pages of a feed."""
        found: list[str] = []
        page = self.get(target)
        while True:
            found += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            page = self.get(f"{target.partition('?')[0]}?limit=2&cursor={page['next_cursor']}")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def day_of_the_agency(desk: Desk) -> None:
    """Something of everything the contract knows, good and bad."""
    first, second = desk.claim("1"), desk.claim("2", principal="1000")
    third = desk.claim("3")
    desk.call("POST", "/v1/claims", CLAIM | {"reference": "T1", "document": CLAIM["document"] | {"number": "1"}})
    desk.call("POST", "/v1/claims", CLAIM | {"reference": "T1"})
    desk.call("POST", "/v1/claims", CLAIM | {"reference": "X", "document": CLAIM["document"] | {"number": "1"}})
    desk.call("POST", "/v1/claims", CLAIM | {"reference": "X", "debtor": CLAIM["debtor"] | {"address": ""}})
    desk.call("POST", "/v1/claims", CLAIM | {"currency": "EUR"})
    desk.agency.tick()
    for path, body in (
        (f"/v1/claims/{first['id']}/reductions", REDUCTION),
        (f"/v1/claims/{first['id']}/reductions", REDUCTION),
        (f"/v1/claims/{first['id']}/reductions", REDUCTION | {"amount": "21.00"}),
        (f"/v1/claims/{first['id']}/reductions", REDUCTION | {"reference": "R2", "amount": "-5.00"}),
        (f"/v1/claims/{first['id']}/reductions", REDUCTION | {"reference": "R3", "amount": "-5.00", "kind": "RAISE"}),
        (f"/v1/claims/{first['id']}/reductions", REDUCTION | {"reference": "R4", "amount": "900"}),
        (f"/v1/claims/{first['id']}/reductions", REDUCTION | {"reference": "R5", "amount": "-900"}),
        ("/v1/claims/clm_9/reductions", REDUCTION),
    ):
        desk.call("POST", path, body)
    claims = desk.agency.account("nordlys").claims
    desk.clock.sleep(86_400)
    desk.agency.receive(claims[first["id"]], 100_00, interest=1_00, fees=2_00)
    entry = desk.agency.receive_many({claims[second["id"]]: 50_00, claims[third["id"]]: 10_00})
    desk.agency.reallocate(entry, claims[second["id"]], claims[third["id"]], 5_00)
    settlement = desk.agency.settle("nordlys")
    assert settlement is not None
    desk.agency.reverse(entry, 20_00)
    desk.agency.cancel_settlement(settlement)
    desk.agency.settle("nordlys")
    desk.agency.charge(claims[second["id"]], 3_50)
    desk.agency.cancel_direct(desk.agency.book_direct(claims[second["id"]], 7_00))
    desk.agency.cancel_reduction(desk.agency.entries_with_reference("R2")[0])
    question = desk.agency.question(claims[second["id"]], "Which contract?")
    for text in ("No. 7", "No. 7", "No. 8", ""):
        desk.call("POST", f"/v1/questions/{question.id}/answer", {"text": text})
    desk.call("POST", "/v1/questions/que_9/answer", {"text": "?"})
    case = claims[second["id"]].case
    assert case is not None
    desk.agency.rekey(case)
    for debtor in (CLAIM["debtor"] | {"address": "Nygata 2"}, {"number": "10001"}):
        desk.call("PUT", f"/v1/claims/{second['id']}/debtor", debtor)
    desk.call("PUT", "/v1/claims/clm_9/debtor", CLAIM["debtor"])
    for hold in ("PAUSED", "NONE", "RECALLED", "NONE", "DELETED"):
        desk.call("PUT", f"/v1/claims/{third['id']}/hold", {"hold": hold, "reason": "test"})
    desk.call("PUT", f"/v1/claims/{third['id']}/debtor", CLAIM["debtor"])
    desk.call("PUT", "/v1/claims/clm_9/hold", {"hold": "PAUSED", "reason": "test"})
    for feed in ("claims", "cases", "entries", "settlements", "balances"):
        if feed == "balances" and desk.agency.settings.capabilities.allocation != "balances":
            desk.call("GET", "/v1/balances")
            continue
        desk.ids(f"/v1/{feed}?limit=2")
        desk.call("GET", f"/v1/{feed}?updated_since=2026-01-06T00:00:00Z")
        desk.call("GET", f"/v1/{feed}?page=3")
        desk.call("GET", f"/v1/{feed}?cursor=nonsense")
    desk.call("GET", f"/v1/claims?id={first['id']}&id=clm_9")
    desk.call("GET", "/v1/references?reference=T1&reference=REDUCTION1&reference=unknown")
    desk.call("GET", f"/v1/claims/{first['id']}/documents")
    desk.call("GET", "/v1/claims/clm_9/documents")
    desk.call("GET", "/v1/questions")
    desk.call("GET", "/v1/capabilities")
    desk.call("GET", "/v1/capabilities", key="wrong")


def test_everything_said_is_as_the_contract_says(desk: Desk) -> None:
    contract = Description.read(CONTRACT)
    telling_balances = Desk(Settings(Capabilities(allocation="balances")))
    unsplit = Desk(Settings(Capabilities(allocation="gross")))
    for one in (desk, telling_balances, unsplit):
        day_of_the_agency(one)
    seen: set[tuple[str, int]] = set()
    for request, answer in (*desk.said, *telling_balances.said, *unsplit.said):
        operation = contract.operation(request)
        assert operation is not None
        said = contract.violations([Exchange(request, answer)])
        # what is answered with 400 was not as described
        assert not [each for each in said if answer.status != 400 or each.where.startswith("400")]
        if answer.status >= 400:
            described = contract.document["paths"][operation.template][request.method.lower()]["responses"]
            examples = described[str(answer.status)]["content"]["application/json"]["examples"]
            assert json.loads(answer.body)["code"] in examples, answer
        seen.add((operation.name, answer.status))
    answers = {(each.name, int(status)) for each in contract.operations for status in each.answers}
    left_out = {("GET /v1/settlements", 404), ("GET /v1/references", 400), ("GET /v1/references", 404)}
    left_out |= {(f"POST /v1/claims{path}", 400) for path in ("", "/{id}/reductions")}
    assert {(name, status) for name, status in answers - seen if status not in (401, 429)} == left_out


def test_the_examples_in_the_contract_are_as_it_says() -> None:
    contract = json.loads(CONTRACT.read_text(encoding="utf-8"))
    components = closed(contract["components"])
    checked = 0
    for schema in components["schemas"].values():
        for example in schema.get("examples", []):
            Draft202012Validator({"components": components, "allOf": [schema]}).validate(example)
            checked += 1
    for methods in contract["paths"].values():
        for operation in methods.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    if "example" in content:
                        located = {"components": components, "allOf": [content["schema"]]}
                        Draft202012Validator(located).validate(content["example"])
                        checked += 1
    assert checked > 20


def test_a_creditor_sees_and_reaches_nothing_of_another(desk: Desk) -> None:
    claim = desk.claim()
    assert desk.get("/v1/claims", key="key-s")["items"] == []
    assert desk.get(f"/v1/claims?id={claim['id']}", key="key-s")["items"] == []
    assert desk.get("/v1/references?reference=T200001", key="key-s")["items"] == []
    status, error = desk.call("POST", f"/v1/claims/{claim['id']}/reductions", REDUCTION, key="key-s")
    assert (status, error["code"]) == (404, "not_found")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic key-n", "key-n"])
def test_without_a_valid_key_nothing_is_told(desk: Desk, authorization: str) -> None:
    answer = desk.api.handle(Request.to("GET", "/v1/claims", {"authorization": authorization}))
    assert (answer.status, json.loads(answer.body)["code"]) == (401, "unauthorized")


def test_a_feed_is_read_in_pages_by_moment_and_id(desk: Desk) -> None:
    ids = [desk.claim(str(number))["id"] for number in range(5)]
    assert desk.ids("/v1/claims?limit=2") == ids
    desk.clock.sleep(60)
    desk.agency.dispute(desk.agency.account("nordlys").claims[ids[1]])
    assert desk.ids("/v1/claims?limit=2") == [ids[0], *ids[2:], ids[1]]
    assert desk.ids("/v1/claims?updated_since=2026-01-05T03:01:00Z") == [ids[1]]
    assert desk.ids("/v1/claims?updated_since=2026-01-05T04:01:00.5%2B01:00") == []


def test_a_record_that_changes_while_pages_are_read_is_not_lost(desk: Desk) -> None:
    ids = [desk.claim(str(number))["id"] for number in range(4)]
    page = desk.get("/v1/claims?limit=2")
    desk.clock.sleep(1)
    desk.agency.dispute(desk.agency.account("nordlys").claims[ids[2]])
    rest = desk.get(f"/v1/claims?limit=9&cursor={page['next_cursor']}")
    assert [item["id"] for item in rest["items"]] == [ids[3], ids[2]]


def test_records_are_read_by_id_in_the_order_asked_for(desk: Desk) -> None:
    first, second = desk.claim("1")["id"], desk.claim("2")["id"]
    answer = desk.get(f"/v1/claims?id={second}&id=unknown&id={first}&id={second}")
    assert [item["id"] for item in answer["items"]] == [second, first]


def test_a_change_shows_only_after_the_read_lag_but_holds_at_once() -> None:
    desk = Desk(Settings(read_lag=timedelta(minutes=5)))
    claim = desk.claim()
    assert desk.get("/v1/claims")["items"] == []
    assert desk.get("/v1/references?reference=T200001")["items"] == []
    body = CLAIM | {"reference": "T200001"}
    assert desk.call("POST", "/v1/claims", body) == (200, claim)
    desk.clock.sleep(299)
    assert desk.get("/v1/claims")["items"] == []
    desk.clock.sleep(1)
    assert desk.get("/v1/claims")["items"] == [claim]
    assert desk.get("/v1/references?reference=T200001")["items"][0]["amount"] == "60.00"


def test_under_the_read_lag_the_version_before_still_shows() -> None:
    desk = Desk(Settings(read_lag=timedelta(minutes=5)))
    claim = desk.claim()
    desk.clock.sleep(600)
    desk.agency.receive(desk.agency.account("nordlys").claims[claim["id"]], 10_00)
    assert [item["principal_open"] for item in desk.get("/v1/claims")["items"]] == ["60.00"]


def test_a_reduction_is_found_by_its_reference_with_its_claims_document(desk: Desk) -> None:
    claim = desk.claim()
    _, entry = desk.call("POST", f"/v1/claims/{claim['id']}/reductions", REDUCTION)
    assert desk.get("/v1/references?reference=REDUCTION1")["items"] == [
        {
            "reference": "REDUCTION1",
            "kind": "reduction",
            "id": entry["id"],
            "document": {"type": "Invoice", "number": "200001"},
            "currency": "NOK",
            "amount": "20.00",
        }
    ]


def test_attached_documents_are_listed_with_their_hashes(desk: Desk) -> None:
    claim = desk.claim()
    assert desk.get(f"/v1/claims/{claim['id']}/documents")["items"] == [
        {
            "name": "invoice.pdf",
            "media_type": "application/pdf",
            "size": 16,
            "sha256": hashlib.sha256(PDF).hexdigest(),
        }
    ]


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/v1/claims", b"not json"),
        ("POST", "/v1/claims", b'"\xff"'),
        ("POST", "/v1/claims", {}),
        ("POST", "/v1/claims", CLAIM | {"extra": 1}),
        ("POST", "/v1/claims", CLAIM | {"principal": 60.0}),
        ("POST", "/v1/claims", CLAIM | {"principal": "60.005"}),
        ("POST", "/v1/claims", CLAIM | {"principal": "6e1"}),
        ("POST", "/v1/claims", CLAIM | {"principal": "60.00\n"}),
        ("POST", "/v1/claims", CLAIM | {"last_reminder": "01.12.2025"}),
        ("POST", "/v1/claims", CLAIM | {"debtor": CLAIM["debtor"] | {"national_id": "1"}}),
        ("POST", "/v1/claims", CLAIM | {"documents": [CLAIM["documents"][0] | {"content": "not base64"}]}),
        ("GET", "/v1/claims?limit=0", None),
        ("GET", "/v1/claims?limit=1001", None),
        ("GET", "/v1/claims?limit=many", None),
        ("GET", "/v1/claims?updated_since=2026-01-05", None),
        ("GET", "/v1/claims?updated_since=yesterday", None),
        ("GET", "/v1/claims?updated_since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/v1/claims?sort=id", None),
        ("GET", "/v1/claims?cursor=MjAyNi0wMS0wNVQwMzowMDowMCBj", None),
        ("GET", "/v1/claims?" + "&".join(["id=x"] * 101), None),
        ("GET", "/v1/references?" + "&".join(["reference=x"] * 101), None),
        ("GET", "/v1/references?reference=" + "x" * 51, None),
    ],
)
def test_what_the_contract_does_not_know_is_refused(desk: Desk, method: str, target: str, body: object) -> None:
    status, error = desk.call(method, target, body)
    assert (status, error["code"] in ("invalid_request", "invalid_cursor")) == (400, True)
    assert "Ås" not in error["message"]
    assert desk.agency.counts("nordlys")["claims"] == 0


@pytest.mark.parametrize("target", ["/", "/v1", "/v1/claims/", "/v2/claims", "/v1/claims/x", "/v1/claims/x/y/z"])
def test_an_unknown_path_is_not_found(desk: Desk, target: str) -> None:
    status, error = desk.call("GET", target)
    assert (status, error["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("capability", "target"), [("settlements", "/v1/settlements"), ("look_up_by_reference", "/v1/references")]
)
def test_a_read_that_is_not_offered_says_so(capability: str, target: str) -> None:
    desk = Desk(Settings(capabilities=msgspec.structs.replace(Capabilities(), **{capability: False})))
    assert desk.get("/v1/capabilities")[capability] is False
    status, error = desk.call("GET", target)
    assert (status, error["code"]) == (404, "not_supported")


def test_a_feed_forgets_holes_and_keeps_its_order() -> None:
    feed = Feed()
    for step in range(5000):
        feed.put(Key(START + timedelta(seconds=step // 2), f"r{step % 7}"), str(step).encode())
    feed.publish(START + timedelta(days=1))
    bodies, after = feed.page(None, None, 100)
    assert (sorted(int(body) for body in bodies), after) == (list(range(4993, 5000)), None)
