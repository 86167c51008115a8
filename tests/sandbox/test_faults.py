from dataclasses import replace

import pytest

from cloudcollect_pipeline.sandbox.faults import Faults
from cloudcollect_pipeline.sandbox.http import AnswerLost, Request, Response

POST = Request("POST", "/v1/customerPayment")
GET = Request("GET", "/v1/customerPayment/1")


class Counterparty:
    def __init__(self) -> None:
        self.effects = 0

    def handle(self, request: Request) -> Response:
        self.effects += request.method == "POST"
        return Response(201, {"location": "/1"}, b"0123456789")


@pytest.fixture
def counterparty() -> Counterparty:
    return Counterparty()


@pytest.mark.parametrize(
    ("kind", "effects", "status", "body"),
    [
        ("status_before", 0, 503, b""),
        ("status_after", 1, 503, b""),
        ("html", 1, 200, b"<!DOCTYPE"),
        ("truncated", 1, 201, b"01234"),
        ("retry_429", 0, 429, b""),
    ],
)
def test_a_fault_answers_wrongly_and_says_nothing_of_the_effect(
    counterparty: Counterparty, kind: str, effects: int, status: int, body: bytes
):
    faults = Faults()
    faults.add(kind, "POST", "payment", status=503)
    answer = faults.wrap(counterparty.handle)(POST)
    assert (answer.status, answer.body[:9], counterparty.effects) == (status, body, effects)
    assert [strike.kind for strike in faults.injected] == [kind]


@pytest.mark.parametrize(("kind", "effects"), [("lost_before", 0), ("lost_after", 1)])
def test_a_lost_answer_closes_the_connection(counterparty: Counterparty, kind: str, effects: int):
    faults = Faults()
    faults.add(kind)
    with pytest.raises(AnswerLost):
        faults.wrap(counterparty.handle)(POST)
    assert counterparty.effects == effects


def test_a_mutation_changes_one_answer(counterparty: Counterparty):
    faults = Faults()
    faults.add("mutate", mutate=lambda answer: replace(answer, body=b"bad"))
    handler = faults.wrap(counterparty.handle)
    assert [handler(GET).body, handler(GET).body] == [b"bad", b"0123456789"]


def test_faults_strike_only_what_they_match_after_skipping_and_then_no_more(counterparty: Counterparty):
    faults = Faults()
    faults.add("status_before", "GET", r"/customerpayment/\d+$", skip=1, count=2, status=500)
    handler = faults.wrap(counterparty.handle)
    assert handler(POST).status == 201
    assert [handler(GET).status for _ in range(4)] == [201, 500, 500, 201]
    assert (faults.pending, len(faults.injected)) == (0, 2)


def test_without_faults_the_counterparty_answers_itself(counterparty: Counterparty):
    faults = Faults()
    assert faults.wrap(counterparty.handle)(GET) == counterparty.handle(GET)
    assert faults.injected == []


def test_a_mutation_needs_a_function():
    with pytest.raises(ValueError, match="function"):
        Faults().add("mutate")


def test_a_fault_may_wait_for_a_query(counterparty: Counterparty):
    faults = Faults()
    faults.add("html", "GET", query="limit=", count=9)
    handler = faults.wrap(counterparty.handle)
    listed = replace(GET, query=(("limit", "500"),))
    assert [handler(GET).status, handler(listed).status] == [201, 200]
