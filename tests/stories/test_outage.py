"""Nights that were missed: the balances on both sides end as they would have with a run every night (C5)."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.world import Truth
from tests.story import Story

Happening = Callable[[Story, Sequence[Any]], object]


def bounces(story: Story, invoices: Sequence[Any]) -> None:
    claim = story.claim(invoices[1])
    [entry] = [e for e in story.agency.account(story.slug).entries.values() if e.carried.get((claim, "principal"))]
    story.agency.reverse(entry, 1000)


def is_credited(story: Story, invoices: Sequence[Any]) -> None:
    note = story.erp.credit_note(invoices[3].customer, 1500)
    story.erp.match(note, invoices[3], 1500)


DAYS: Sequence[Happening] = (
    lambda story, invoices: story.erp.pay(invoices[0], 2000),
    lambda story, invoices: story.collect(invoices[1], 3000),
    is_credited,
    lambda story, invoices: story.agency.settle(story.slug),
    bounces,
    lambda story, invoices: story.erp.pay(invoices[2], invoices[2].balance),
    lambda story, invoices: story.collect(invoices[4], 6000),
    lambda story, invoices: story.agency.settle(story.slug),
    lambda story, invoices: story.erp.pay(invoices[1], 500),
)
"""One thing a day; each touches a receivable or an entry of its own, so that none waits for what a night does."""


def lived(story: Story, missed: range) -> Truth:
    """The days, with a night after each but the missed ones; then quiet nights until all is at rest."""
    invoices = [story.receivable(6000) for _ in range(5)]
    story.night()
    for number in range(max(len(DAYS), missed.stop)):
        for happens in DAYS[number : number + 1]:
            happens(story, invoices)
        if number in missed:
            story.morning()
        else:
            story.night()
    story.quiet(5)
    story.assert_quiet()
    story.assert_mirrored()
    story.assert_ties()
    return story.world.truth()[story.slug]


@pytest.mark.parametrize(
    "missed",
    [range(1), range(2, 4), range(4), range(3, 8), range(9), range(30)],
    ids=lambda nights: f"{nights.start}-{nights.stop}",
)
def test_after_an_outage_the_balances_end_as_after_nightly_runs(tmp_path, missed: range) -> None:
    nightly, after_an_outage = (lived(Story(tmp_path / f"{n}"), nights) for n, nights in enumerate((range(0), missed)))
    assert after_an_outage.balances == nightly.balances
    assert after_an_outage.suspense_balance == nightly.suspense_balance
    assert after_an_outage.unsettled_principal == nightly.unsettled_principal
    assert not after_an_outage.double_effects


def after_two_missed_nights(tmp_path):
    """A company whose agency received money on an invoice before two nights that nobody ran."""
    story = Story(tmp_path)
    invoice = story.receivable(6000)
    story.night()
    story.collect(invoice, 2000)
    story.morning(3)
    return story, invoice


def test_a_plan_that_makes_up_for_missed_nights_waits_until_it_was_looked_at_whatever_night_it_is(tmp_path) -> None:
    story, invoice = after_two_missed_nights(tmp_path)
    missed = [story.world.today - timedelta(days=1), story.world.today - timedelta(days=2)]
    with story.opened() as night:
        night.makes_up_for = missed
        first = night.run()
    assert "waits for approval" in first.not_sent
    story.morning()
    with story.opened() as night:
        second = night.run()
    assert "waits for approval" in second.not_sent
    assert second.made_up_for == tuple(sorted(missed))
    assert second.plan is not None
    assert [reason for reason in second.plan.reasons if "makes up for 2 nights" in reason]
    assert story.world.truth()[story.slug].suspense_balance == 0
    story.morning()
    with story.opened() as night:
        approved = night.run(approve=True)
    assert not approved.not_sent
    assert story.world.truth()[story.slug].suspense_balance == 2000
    story.collect(invoice, 1000)
    story.morning()
    with story.opened() as night:
        after = night.run()
    assert (after.not_sent, after.made_up_for) == ("", ())
    assert story.world.truth()[story.slug].suspense_balance == 3000


def test_a_plan_made_for_missed_nights_waits_though_the_run_that_made_it_went_no_further(tmp_path) -> None:
    story, _ = after_two_missed_nights(tmp_path)
    with story.opened() as night:
        night.makes_up_for = [story.world.today - timedelta(days=1)]
        assert night.prepare_plan().verdict == "approval"
    following = story.night(approve=False)
    assert "waits for approval" in following.not_sent
    assert following.made_up_for == (story.world.today - timedelta(days=2),)
