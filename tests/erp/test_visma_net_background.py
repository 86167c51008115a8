"""Long reads in the background: what is asked for, how patiently, and what every kind of failure means."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent, Transient, Unreadable
from cloudcollect_pipeline.erp.visma_net import VismaNet
from cloudcollect_pipeline.sandbox.faults import FaultKind
from cloudcollect_pipeline.sandbox.http import Response
from tests.erp.conftest import START, Company

STATE = r"/background/[^/]+$"
CONTENT = r"/background/[^/]+/content$"


@pytest.fixture
def erp(company: Company) -> VismaNet:
    for _ in range(3):
        company.books.invoice(company.books.add_customer(), 10_000)
    return company.with_settings(background="long", parallel=1)


def told(**fields: Any) -> Callable[[Response], Response]:
    """The same answer with other fields."""

    def mutate(answer: Response) -> Response:
        return Response(answer.status, answer.headers, json.dumps({**json.loads(answer.body), **fields}).encode())

    return mutate


def asked(company: Company) -> list[str]:
    """The paths asked for, a job's id left out; what was asked for in the background is marked."""
    paths = []
    for request in company.requests:
        path = request.path.replace("/content", "*content")
        path = "/v1/background" + "*content" * path.endswith("*content") if "/background/" in path else path
        paths.append(path + "!" * ("erp-api-background" in request.headers))
    return paths


def test_everything_at_first_is_asked_for_in_the_background_and_its_news_are_not(
    company: Company, erp: VismaNet
) -> None:
    job = [
        "/v1/customer!",
        "/v1/background",
        "/v1/background",
        "/v1/background",
        "/v1/background",
        "/v1/background*content",
    ]
    (in_background,) = erp.pages("customers", None)
    assert asked(company) == job
    company.requests.clear()
    (at_once,) = erp.pages("customers", START)
    assert asked(company) == ["/v1/customer"]
    assert in_background == at_once


def test_movements_are_asked_for_in_the_background(company: Company, erp: VismaNet) -> None:
    span = date(2026, 1, 1), date(2026, 12, 31)
    assert list(erp.movements("1500", *span)) == list(company.erp.movements("1500", *span)) != []
    assert "/v1/GeneralLedgerTransactions!" in asked(company)


def test_by_default_nothing_is_asked_for_in_the_background(company: Company) -> None:
    list(company.erp.pages("customers", None))
    assert asked(company) == ["/v1/customer"]


def test_waits_grow_so_that_no_minute_has_more_than_five_looks(company: Company, erp: VismaNet) -> None:
    company.books.settings.background_seconds = 600
    looks: list[datetime] = []

    def noted(answer: Response) -> Response:
        looks.append(company.clock.now())
        return answer

    company.faults.add("mutate", "GET", STATE, count=99, mutate=noted)
    list(erp.pages("customers", None))
    passed = [(look - START).total_seconds() for look in looks]
    assert passed[:6] == [2, 6, 14, 30, 62, 122]
    assert all(sum(0 <= other - look < 60 for other in passed) <= 5 for look in passed)
    assert 600 <= passed[-1] < 660


def test_an_answer_that_comes_at_once_is_taken(company: Company, erp: VismaNet) -> None:
    company.faults.add("mutate", "GET", "/customer$", mutate=lambda _: Response(200, {}, b'[{"number": "1"}]'))
    assert list(erp.pages("customers", None)) == [[b'{"number": "1"}']]


@pytest.mark.parametrize(
    "location", ["https://elsewhere.test/v1/background/1", "//elsewhere.test", "/v1/customer", None]
)
def test_a_states_location_is_never_followed(company: Company, erp: VismaNet, location: str | None) -> None:
    company.faults.add("mutate", "GET", "/customer$", mutate=told(stateLocation=location))
    company.faults.add("mutate", "GET", STATE, count=9, mutate=told(contentLocation=location))
    assert len(*erp.pages("customers", None)) == 3
    assert set(asked(company)) == {"/v1/customer!", "/v1/background", "/v1/background*content"}


def test_a_job_that_is_never_done_is_given_up_for_the_night(company: Company, erp: VismaNet) -> None:
    company.books.settings.background_seconds = 10**6
    with pytest.raises(Transient, match="not done in 30 minutes"):
        list(erp.pages("customers", None))
    assert 1800 <= (company.clock.now() - START).total_seconds() < 1900


FAILURES: dict[str, tuple[str, dict[str, Any], type[CounterpartyError]]] = {
    "no id": ("/customer$", {"mutate": told(id="")}, Unreadable),
    "an id that is a path": ("/customer$", {"mutate": told(id="../customer")}, Unreadable),
    "an id that is a number": ("/customer$", {"mutate": told(id=17)}, Unreadable),
    "no JSON": ("/customer$", {"mutate": lambda _: Response(202, {}, b"<html>")}, Unreadable),
    "failed as the server's fault": (STATE, {"mutate": told(status="Failed", statusCode=500)}, Transient),
    "failed without a reason": (STATE, {"mutate": told(status="Failed", statusCode=None)}, Transient),
    "failed by the quota": (STATE, {"mutate": told(status="Failed", statusCode=429)}, Transient),
    "failed for good": (STATE, {"mutate": told(status="Failed", statusCode=403)}, Permanent),
    "finished with an error": (STATE, {"mutate": told(status="Finished", statusCode=400)}, Permanent),
    "a state nobody promised": (STATE, {"mutate": told(status="Resting")}, Unreadable),
    "an unknown job": (STATE, {"kind": "status_before", "status": 404}, Transient),
    "a job of another company": (STATE, {"kind": "status_before", "status": 403}, Permanent),
    "no content": (CONTENT, {"kind": "status_before", "status": 404}, Transient),
    "content that is gone": (CONTENT, {"kind": "status_before", "status": 410}, Transient),
    "content that is a web page": (CONTENT, {"kind": "html"}, Unreadable),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_goes_wrong_with_a_job_has_one_meaning(company: Company, erp: VismaNet, name: str) -> None:
    path, options, meaning = FAILURES[name]
    company.faults.add(
        FaultKind(options.get("kind", "mutate")), "GET", path, **{k: v for k, v in options.items() if k != "kind"}
    )
    with pytest.raises(meaning):
        list(erp.pages("customers", None))
