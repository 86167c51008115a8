"""Before anything is ever sent, the ERP is asked once whether the agency's money can be booked at all."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.story import Story, ends_equal, transferred

REGISTERS = r"/v1/(account|cashaccount|paymentmethod)$"


def without_cash_account(story: Story) -> None:
    del story.erp.cash_accounts["1510"]


def without_method(story: Story) -> None:
    del story.erp.payment_methods["4"]


def inactive_method(story: Story) -> None:
    story.erp.payment_methods["4"] = replace(story.erp.payment_methods["4"], active=False)


@pytest.mark.parametrize(
    ("spoil", "subject", "says"),
    [
        (without_cash_account, "suspense cash account", "make cash account 1510"),
        (without_method, "payment method", "there is no payment method 4"),
        (inactive_method, "payment method", "tick Active on payment method 4"),
        (
            lambda story: story.erp.deactivate("1510"),
            "suspense account",
            "(erp.suspense_account) is inactive",
        ),
    ],
)
def test_a_first_night_on_a_wrong_set_up_sends_nothing_and_says_what_to_mend(
    story: Story, spoil: Callable[[Story], None], subject: str, says: str
) -> None:
    kept = dict(story.erp.cash_accounts), dict(story.erp.payment_methods)
    spoil(story)
    invoice = transferred(story)
    assert "not set up as the settings say" in story.results[-1].not_sent
    assert story.agency.claim_for(story.slug, invoice.number, None) is None
    (found,) = {f.text for f in story.results[-1].findings if (f.code, f.subject) == ("SET_UP_WRONG", subject)}
    assert says in found
    story.erp.cash_accounts.update(kept[0])
    story.erp.payment_methods.update(kept[1])
    story.erp.accounts["1510"].active = True
    story.night()
    assert "SET_UP_WRONG" not in story.findings()
    story.collect(invoice, 1000)
    ends_equal(story, invoice)


def test_registers_are_read_before_the_first_sending_and_never_again(story: Story) -> None:
    asked = watched(story)
    story.night()
    assert asked == []  # nothing to send, nothing to ask
    invoice = transferred(story)
    assert sorted(asked) == ["/v1/account", "/v1/cashaccount", "/v1/paymentmethod"]
    story.collect(invoice, 1000)
    ends_equal(story, invoice)
    assert len(asked) == 3


def test_registers_are_read_again_when_the_settings_name_another_payment_method(story: Story) -> None:
    transferred(story)
    asked = watched(story)
    company = story.settings.companies[story.slug]
    erp = company.erp.model_copy(update={"payment_method": "1"})
    story.settings = story.settings.model_copy(
        update={"companies": {story.slug: company.model_copy(update={"erp": erp})}}
    )
    transferred(story)
    assert len(asked) == 3


def test_a_set_up_that_cannot_be_read_sends_nothing_tonight_and_is_asked_again(story: Story) -> None:
    story.world.erp_faults.add("status_before", "GET", REGISTERS, count=3, status=503)
    invoice = transferred(story)
    assert "could not be verified before the first sending" in story.results[-1].not_sent
    story.night()
    ends_equal(story, invoice)


def watched(story: Story) -> list[str]:
    """The registers that are asked for from now on."""
    asked: list[str] = []

    handler = story.world.erp_handler

    def handle(request):
        if request.path in ("/v1/account", "/v1/cashaccount", "/v1/paymentmethod"):
            asked.append(request.path)
        return handler(request)

    story.world.erp_handler = handle
    return asked
