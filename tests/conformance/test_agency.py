"""What is said to the agency, and what the sandbox agency says, is what docs/agency-api.json says."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cloudcollect_pipeline.agency.cloud_collect import CloudCollect
from cloudcollect_pipeline.agency.port import Agency, Debtor, NewClaim, NewReduction
from cloudcollect_pipeline.sandbox.agency import Capabilities
from cloudcollect_pipeline.testing.simulation.network import NOWHERE
from tests.conformance.nights import Recorded, driven
from tests.conformance.openapi import Description
from tests.conformance.recorder import Recorder
from tests.story import Story, transferred, world_transport

FOR_PEOPLE = {"GET /v1/claims/{id}/documents"}
"""Described, and not asked for by the pipeline."""

OF_BALANCES = {"GET /v1/balances"}
"""Asked only of an agency that tells balances."""

DAY = date(2026, 1, 5)
DEBTOR = Debtor("10001", "Debtor Ærlig", False, None, "Storgata 1", "0155", "Oslo", "NO", None, None)
CLAIM = NewClaim("REF1", "Invoice", "1", None, DAY, DAY, 100, 100, "NOK", 1, None, DEBTOR, b"%PDF-1.4")
REDUCTION = NewReduction("REF2", "clm_00000001", "CREDIT", 100, "NOK", DAY, "CreditNote", "2")
LOST = [f"REF{number}" for number in range(101)]

CALLS: dict[str, Callable[[Agency], object]] = {
    "pages": lambda agency: [
        list(agency.pages(feed, since)) for feed in agency.feeds for since in (None, datetime(2026, 1, 1, tzinfo=UTC))
    ],
    "claims": lambda agency: agency.claims(["clm_00000001", "clm_9"]),
    "entries": lambda agency: agency.entries(LOST),
    "settlements": lambda agency: agency.settlements(["set_9"]),
    "find": lambda agency: agency.find(LOST),
    "create_claim": lambda agency: agency.create_claim(CLAIM),
    "create_reduction": lambda agency: agency.create_reduction(REDUCTION),
    "set_hold": lambda agency: agency.set_hold("clm_00000001", "PAUSED", "a" * 300),
    "update_debtor": lambda agency: agency.update_debtor("clm_00000001", DEBTOR),
    "questions": lambda agency: agency.questions(),
    "answer": lambda agency: agency.answer("que_00000001", "Contract 7"),
}
"""Everything that can be asked of the adapter, by method."""


@pytest.fixture
def small(tmp_path: Path) -> Story:
    """One claim, with a question about it."""
    story = Story(tmp_path)
    story.agency.question(story.claim(transferred(story)), "Which contract?")
    return story


def test_many_nights_say_nothing_to_the_agency_that_is_not_described_and_leave_nothing_unsaid(
    story: Recorded, small: Story, contract: Description
) -> None:
    said = story.with_agency()
    assert contract.violations(said) == []
    assert contract.exercised(said) == contract.exercised(driven(small, "agency", CALLS))


def test_everything_described_can_be_asked_of_the_adapter_but_what_is_for_people(
    small: Story, contract: Description
) -> None:
    asked = {name for name, each in vars(CloudCollect).items() if callable(each) and not name.startswith("_")}
    assert set(CALLS) == asked - {"balances", "entry_record"}
    said = driven(small, "agency", CALLS)
    assert contract.violations(said) == []
    assert [(asked.path, told) for asked, told in said if told is None or told.status >= 300] == []
    assert contract.exercised(said) == {each.name for each in contract.operations} - FOR_PEOPLE - OF_BALANCES


@pytest.mark.parametrize("allocation", ["balances", "gross"])
def test_an_agency_that_does_not_split_its_payments_is_asked_and_answers_as_described(
    tmp_path: Path, contract: Description, allocation: str
) -> None:
    story = Story(tmp_path)
    story.agency.settings.capabilities = Capabilities(allocation=allocation)
    story.transport = recorder = Recorder(world_transport(story.world))
    entry = story.collect(transferred(story), 2000, interest=30)
    story.night()
    story.agency.settle(story.slug, story.world.today)
    story.agency.reverse(entry, 500)
    story.night()
    with story.opened() as night:
        night.agency.entries([f"{entry.lines[0].claim.id}#1"])
    said = recorder.with_origin(NOWHERE.agency_url)
    assert contract.violations(said) == []
    assert (contract.exercised(said) >= OF_BALANCES) == (allocation == "balances")
