"""The case number on the invoice: the newest episode's, and never over what somebody else wrote after it had ended."""

import pytest

from tests.story import Story, ends_equal, transferred


def nights(story, count):
    """Nights between which the agency opens its cases."""
    for _ in range(count):
        story.night()
        story.agency.tick()


@pytest.fixture
def recalled(tmp_path):
    """A story with an invoice whose claim was recalled, and the case that it still shows."""
    story = Story(tmp_path, excluded_after_transfer="recall")
    invoice = transferred(story)
    nights(story, 2)
    story.erp.exclude(invoice, True)
    story.night()
    claim = story.claim(invoice)
    assert claim.case
    assert (claim.hold, invoice.case_number) == ("RECALLED", claim.case.number)
    return story, invoice


def test_a_new_episode_in_a_case_of_its_own_stays_on_the_invoice(recalled):
    story, invoice = recalled
    old = invoice.case_number
    story.erp.exclude(invoice, False)
    story.agency.account(story.slug).by_debtor.clear()  # the agency opens a new case for a new claim
    story.night()
    story.decide("NEW_EPISODE", "approve")
    nights(story, 3)
    new = list(story.agency.account(story.slug).cases.values())[-1].number
    assert new != old
    for _ in range(4):
        nights(story, 1)
        assert invoice.case_number == new
    story.assert_quiet()
    ends_equal(story, invoice)


@pytest.mark.parametrize("number", ["OTHER-77", ""])
def test_what_somebody_writes_once_our_claim_is_over_is_left_alone(recalled, number):
    story, invoice = recalled
    story.erp.set_case(invoice, number=number, status="Aktiv")
    story.quiet(2)
    assert (invoice.case_number, invoice.case_status) == (number, "Aktiv")
    story.assert_quiet()
