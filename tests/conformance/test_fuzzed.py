"""Requests made up from the descriptions, as described and not, crash neither sandbox and are judged rightly by both.

Each is put to a world of its own, so that one that fails does so alone and again.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from cloudcollect_pipeline.sandbox.debitura.records import uuid
from cloudcollect_pipeline.sandbox.http import Handler, Request
from cloudcollect_pipeline.sandbox.world import World
from tests.conformance.nights import one_of_each
from tests.conformance.openapi import Description, Exchange, Operation
from tests.conformance.test_debitura import with_fields
from tests.conformance.test_visma_net import knows, unknown
from tests.story import START

EACH = 6
"""Requests for each operation, with keys that exist and with any, as described and not."""

CLAIM_KEYS = {"id": "clm_00000001"}
DEBITURA_CASE = {
    "creditorReference": "REF1",
    "currencyCode": "NOK",
    "amountToRecover": 60.5,
    "date": "2026-01-01T00:00:00Z",
    "dueDate": "2026-01-02T00:00:00Z",
    "claimDescription": "Invoice 1",
    "debtor": {
        "type": "Company",
        "name": "Debtor AS",
        "address": "Storgata 1",
        "zipCode": "0155",
        "city": "Oslo",
        "countryAlpha2": "NO",
    },
}
QUESTION_KEYS = {"id": "que_00000001"}
ERP_KEYS = {
    "invoiceNumber": "100001",
    "refNbr": "100001",
    "debitNoteNumber": "200001",
    "overdueChargeNumber": "300001",
    "creditNoteNumber": "400001",
    "paymentNumber": "500001",
    "journalTransactionNumber": "GL000001",
    "customerCd": "10001",
    "accountCd": "1510",
    "accountNumber": "1510",
    "paymentMethodNumber": "4",
    "financialPeriodId": "202601",
}

made_up = settings(
    max_examples=EACH,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def fuzz(
    description: Description,
    names: Collection[str],
    keys: Mapping[str, str],
    counterparty: Callable[[], tuple[Handler, dict[str, str]]],
) -> list[Exchange]:
    """Requests to these operations and what a counterparty says to each; `keys` are those of records that exist."""
    schema = schemathesis.openapi.from_dict(dict(description.document))
    said: list[Exchange] = []
    for operation in (each for each in description.operations if each.name in names):
        known = {name: key for name, key in keys.items() if f"{{{name}}}" in operation.template}
        takes_anything = not operation.bodies and all(each.place != "query" for each in operation.parameters)
        for mode in (GenerationMode.POSITIVE,) if takes_anything else GenerationMode:
            for parts in ({"path_parameters": known}, {}) if known else ({},):
                described: Any = schema[operation.template][operation.method]

                @made_up
                @given(described.as_strategy(generation_mode=mode, **parts))
                def put(case: Case) -> None:
                    handler, credentials = counterparty()
                    asked = request_of(case, credentials)
                    said.append(Exchange(asked, handler(asked)))

                with suppress(Unsatisfiable):
                    put()
    return said


def request_of(case: Case, credentials: Mapping[str, str]) -> Request:
    """A made-up case as it goes over the wire, but for headers of its own: any may be sent."""
    sent = requests.Request(**case.as_transport_kwargs(base_url="http://sandbox.test")).prepare()
    headers = {
        name: str(sent.headers[name])
        for name in ("content-type", "if-match", "idempotency-key")
        if name in sent.headers
    }
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body
    assert body is None or isinstance(body, bytes)
    return Request.to(sent.method or "", sent.path_url, {**headers, **credentials}, body or b"")


def as_described(description: Description, exchange: Exchange) -> bool:
    """Whether the request is."""
    return not description.violations([Exchange(exchange.request, None)])


def status(exchange: Exchange) -> int:
    assert exchange.answer is not None
    return exchange.answer.status


def test_the_sandbox_agency_takes_what_is_described_and_refuses_what_is_not(contract: Description) -> None:
    order = contract.document["components"]["schemas"]["NewClaim"]["examples"][0]

    def agency() -> tuple[Handler, dict[str, str]]:
        world = World.empty(START)
        [(slug, company)] = world.companies.items()
        credentials = {"authorization": f"Bearer {company.api_key}"}
        world.agency_handler(Request("POST", "/v1/claims", headers=credentials, body=json.dumps(order).encode()))
        world.agency.tick()
        [claim] = world.agency.account(slug).claims.values()
        world.agency.question(claim, "Which contract?")
        return world.agency_handler, credentials

    questions = {each.name for each in contract.operations if each.template.startswith("/v1/questions")}
    others = {each.name for each in contract.operations} - questions
    said = fuzz(contract, questions, QUESTION_KEYS, agency) + fuzz(contract, others, CLAIM_KEYS, agency)
    assert contract.exercised(said) == questions | others
    answered = [each for each in contract.violations(said) if each.where[:3].isdigit()]
    assert answered == []
    for exchange in said:
        assert exchange.answer is not None
        if as_described(contract, exchange):
            assert b'"invalid_request"' not in exchange.answer.body, exchange
        else:
            assert 400 <= status(exchange) < 500, exchange


def test_the_sandbox_erp_crashes_at_nothing_and_refuses_what_is_not_described(vendor: Description) -> None:
    def erp() -> tuple[Handler, dict[str, str]]:
        world = World.empty(START)
        one_of_each(world)
        return world.erp_handler, token(world)

    handler, credentials = erp()
    names = {each.name for each in vendor.operations if knows(handler, each, credentials)}
    said = fuzz(vendor, names, ERP_KEYS, erp)
    assert vendor.exercised(said) == names
    assert unknown(vendor, [exchange for exchange in said if as_described(vendor, exchange)]) == []
    assert all(status(exchange) < 500 for exchange in said)
    wrong = [exchange for exchange in said if not as_described(vendor, exchange)]
    assert wrong
    taken = [Exchange(exchange.request, None) for exchange in wrong if status(exchange) < 400]
    # to the sandbox an empty parameter is one that is not given
    assert [each for each in vendor.violations(taken) if not each.said.startswith("'' is not")] == []


def test_the_sandbox_in_debitura_s_shape_crashes_at_nothing_and_refuses_what_is_not_described(
    debitura: Description,
) -> None:
    def agency() -> tuple[Handler, dict[str, str]]:
        world = World.empty(START, agency="debitura")
        [company] = world.companies.values()
        credentials = {"xapikey": company.api_key}
        case = json.dumps(DEBITURA_CASE).encode()
        world.agency_handler(Request("POST", "/cases", headers=credentials, body=case))
        world.agency.tick()
        [claim] = world.agency.account(company.slug).claims.values()
        world.agency.receive(claim, 100)
        return world.agency_handler, credentials

    handler, credentials = agency()
    known = {each.name for each in debitura.operations if answers(handler, each, credentials)}
    payments = {name for name in known if name.startswith("GET /Payments")}
    said = [
        *fuzz(debitura, payments, {"id": uuid("ent_1")}, agency),
        *fuzz(debitura, known - payments, {"id": uuid("clm_1"), "creditorReference": "REF1"}, agency),
    ]
    assert debitura.exercised(said) == known
    assert len(known) == 9
    assert all(status(exchange) < 500 for exchange in said)
    said = list(with_fields(said))
    wrong = [exchange for exchange in said if not as_described(debitura, exchange)]
    right = [exchange for exchange in said if as_described(debitura, exchange)]
    assert debitura.violations(right) == []
    # a made-up case has fields that the sandbox does not take, or lacks some that it needs
    assert debitura.exercised(exchange for exchange in right if status(exchange) == 200) >= known - {"POST /cases"}
    taken = [Exchange(exchange.request, None) for exchange in wrong if status(exchange) < 400]
    assert debitura.violations(taken) == []
    assert wrong


def answers(handler: Handler, operation: Operation, credentials: Mapping[str, str]) -> bool:
    """Whether the sandbox knows an operation: of one that it does not know it says nothing."""
    answer = handler(Request.to(operation.method, re.sub(r"\{.*?\}", "0", operation.template), credentials))
    return answer.status != 404 or answer.body != b""


def token(world: World) -> dict[str, str]:
    """The header with which the ERP lets the company in."""
    [company] = world.companies.values()
    form = {
        "grant_type": "client_credentials",
        "client_id": company.client_id,
        "client_secret": company.client_secret,
        "tenant_id": company.tenant_id,
        "scope": " ".join(f"vismanet_erp_service_api:{right}" for right in ("read", "create", "update")),
    }
    answer = world.erp_handler(Request("POST", "/connect/token", body=urlencode(form).encode()))
    return {"authorization": f"Bearer {json.loads(answer.body)['access_token']}"}
