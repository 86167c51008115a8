"""What is said to Debitura, and what the sandbox of its shape says, is what Debitura's own description says."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from email import message_from_bytes
from typing import Any

import pytest

from cloudcollect_pipeline.agency.port import Debtor, KnownEntry, NewClaim
from cloudcollect_pipeline.sandbox.debitura.records import uuid
from cloudcollect_pipeline.sandbox.http import Response
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.testing.simulation.network import NOWHERE
from tests.conformance.nights import driven
from tests.conformance.openapi import Exchange
from tests.conformance.recorder import Recorder
from tests.story import START, Story, world_transport

DAY = date(2026, 1, 5)
DEBTOR = Debtor("10001", "Debtor Ærlig AS", True, "974760673", "Storgata 1", "0155", "Oslo", "NO", "a@b.no", None)
CLAIM = NewClaim("REF1", "Invoice", "1", "42", DAY, DAY, 100, 100, "NOK", 1, DAY, DEBTOR, b"%PDF-1.4\r\n")
ENTRY = KnownEntry(uuid("ent_9"), uuid("clm_1"), "AGENCY", "NOK", 100, DAY, START)

CALLS: dict[str, Callable[[Any], object]] = {
    "pages": lambda agency: [list(agency.pages(feed, None)) for feed in agency.feeds],
    "claims": lambda agency: agency.claims([uuid("clm_1"), uuid("clm_9")]),
    "entries": lambda agency: agency.entries([uuid("ent_1"), uuid("ent_9")]),
    "find": lambda agency: agency.find(["REF1", "REF9"]),
    "create_claim": lambda agency: agency.create_claim(CLAIM),
    "a claim of nothing": lambda agency: agency.create_claim(replace(CLAIM, reference="REF2", principal=0)),
    "a claim in a currency that is none": lambda agency: agency.create_claim(replace(CLAIM, currency="XXX")),
    "unlisted": lambda agency: agency.unlisted([ENTRY]),
    "unlisted on another account": lambda agency: agency.unlisted([replace(ENTRY, claim_id=uuid("clm_9"))]),
}
"""Everything that can be asked of the adapter, and what is answered with a refusal."""


def with_fields(exchanges: Sequence[Exchange]) -> Iterator[Exchange]:
    """The same with each form as the object of its fields: that is what its schema describes. A broken form stays."""
    for request, answer in exchanges:
        kind = request.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
            parts = [part for part in form.walk() if not part.is_multipart()]
            fields = {
                str(part.get_param("name", header="content-disposition")): str(part.get_payload()) for part in parts
            }
            if form.is_multipart() and not form.defects and len(fields) == len(parts):
                request = replace(request, body=json.dumps(fields).encode())
        yield Exchange(request, answer)


class Recorded(Story):
    """A story whose every exchange is kept."""

    recorder: Recorder

    def recorded(self) -> list[Exchange]:
        return list(with_fields(self.recorder.with_origin(NOWHERE.agency_url)))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """After nights with everything that can happen to a case."""
    world = World.empty(START, agency="debitura")
    told = Recorded(tmp_path_factory.mktemp("nights"), world=world, attach_pdf=True)
    told.recorder = Recorder(world_transport(world))
    told.transport = told.recorder
    everything(told)
    return told


def everything(story: Recorded) -> None:
    """Gates, transfers with their PDF, payments and their deletion, letters, closed and disputed cases."""
    gates, agency = story.world.agency_api, story.agency
    gates.unsigned = ["MissingDebtCollectionContract"]  # type: ignore[union-attr]
    invoice, other = story.receivable(), story.receivable(4000, customer=story.customer(business=True))
    story.night()
    gates.unsigned = []  # type: ignore[union-attr]
    agency.refuse_next("NoPartnerAvailable")
    story.receivable(3000)
    story.night()
    story.quiet(2)
    paid = [agency.receive(claim, 500) for claim in agency.account(story.slug).claims.values() for _ in range(3)]
    agency.tick()
    story.night()
    agency.reverse(paid[0])
    first = paid[0].lines[0].claim
    agency.book_direct(first, 300)
    agency.charge(first, 3500)
    agency.dispute(first)
    story.erp.pay(next(each for each in (invoice, other) if each.number == first.document_number), 300)
    story.night()
    agency.receive(paid[-1].lines[0].claim, 10_000)
    agency.reject(first)
    story.night()


def test_many_nights_say_nothing_that_is_not_described_in_either_direction(story, debitura):
    said = story.recorded()
    assert len(said) > 50
    assert debitura.violations(said) == []


def test_everything_that_can_be_asked_of_the_adapter_is_described_and_so_is_every_answer(story, debitura):
    assert debitura.violations(with_fields(driven(story, "agency", CALLS))) == []


def test_the_nights_and_the_calls_leave_no_operation_of_the_sandbox_unused(story, debitura):
    said = [*story.recorded(), *with_fields(driven(story, "agency", CALLS))]
    assert debitura.exercised(said) == {
        "GET /cases",
        "POST /cases",
        "GET /cases/by-creditor-reference/{creditorReference}",
        "GET /cases/{id}/payments",
        "POST /cases/{id}/files",
        "GET /Payments",
        "GET /Payments/{id}",
        "GET /webhooks/events",
    }
    answered = {exchange.answer.status for exchange in said if exchange.answer}
    assert answered == {200, 404, 422}


def answered(exchange: Exchange) -> Any:
    return json.loads(exchange.answer.body) if exchange.answer else None


def flawed(exchange: Exchange, **changes: Any) -> Exchange:
    told = answered(exchange)
    told["cases"][0].update(changes)
    answer = Response(200, {"content-type": "application/json"}, json.dumps(told).encode())
    return Exchange(exchange.request, answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"grossAmount": "60.05"},
        {"dateCreated": "2026-01-05"},
        {"lifecycle": 3},
        {"principal": 1},
        {"id": "clm_1"},
        {"grossAmount": None},
    ],
)
def test_a_planted_violation_is_found(story, debitura, changes):
    listed = next(
        each
        for each in story.recorded()
        if each.request.method == "GET" and each.request.path == "/cases" and answered(each)["cases"]
    )
    assert debitura.violations([listed]) == []
    assert debitura.violations([flawed(listed, **changes)])


def test_a_request_without_its_key_or_with_another_field_is_found(story, debitura):
    made = next(each for each in story.recorded() if each.request.method == "POST" and each.request.path == "/cases")
    headers = {name: value for name, value in made.request.headers.items() if name != "xapikey"}
    body = json.dumps({**json.loads(made.request.body), "creditorRef": "x"}).encode()
    asked = replace(made.request, headers=headers, body=body)
    found = str(debitura.violations([Exchange(asked, made.answer)]))
    assert "header XApiKey', said='is required" in found
    assert "creditorRef" in found
