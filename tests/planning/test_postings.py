"""Postings as desired states: what may be posted while an earlier posting of the same entry still stands."""

from datetime import date

import pytest

from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.planning.deltas import CustomerState, EntryState, Known, PostingState, plan_customer


def reference(kind, source, ordinal):
    return f"{kind}/{source}/{ordinal}"


FIRST = reference(Kind.POSTING, "ent_1:10001", 1)
VOID = reference(Kind.VOID, FIRST, 1)


def corrected(*voids):
    """An entry of 15 kroner that was posted and now carries 12; `voids` are the attempts to void its posting."""
    posting = PostingState(FIRST, 1, "500001", "Closed", 1500, {"Invoice 1": 1500}, {"Invoice 1": 1500})
    known = Known(FIRST, 1, "confirmed", 1500)
    entry = EntryState(
        "ent_1", "NOK", date(2026, 1, 5), {"Invoice 1": 1200}, (posting,), (known,), {FIRST: voids} if voids else {}
    )
    return CustomerState("10001", (), (entry,), {"Invoice 1": 0})


def test_a_corrected_entry_is_voided_and_posted_again_in_this_order():
    void, posting = plan_customer(corrected(), reference).effects
    assert (void.kind, posting.kind) == (Kind.VOID, Kind.POSTING)
    assert posting.after == (void.reference,)


@pytest.mark.parametrize("state", ["rejected", "intent", "uncertain", "quarantined"])
def test_nothing_is_posted_beside_a_posting_whose_void_was_refused_or_is_not_known(state):
    planned = plan_customer(corrected(Known(VOID, 1, state, 1500, "Closed/1200")), reference)
    assert planned.effects == []


def copied(first, second, principal=1500):
    """An entry whose posting of 15 kroner a person copied with its reference; both payments as `status` and lines."""
    postings = tuple(
        PostingState(FIRST, 1, number, status, 1500, {"Invoice 1": 1500}, {"Invoice 1": 1500})
        for number, status in (("500001", first), ("500002", second))
    )
    known = (Known(FIRST, 1, "confirmed", 1500),)
    entry = EntryState("ent_1", "NOK", date(2026, 1, 5), {"Invoice 1": principal}, postings, known)
    return CustomerState("10001", (), (entry,), {"Invoice 1": 0})


@pytest.mark.parametrize(
    ("first", "second", "principal", "planned"),
    [
        ("Closed", "Open", 1200, [(Kind.VOID, "500001")]),
        ("Balanced", "Hold", 1200, [(Kind.POSTING, "500001")]),
        ("Balanced", "Closed", 1200, [(Kind.POSTING, "500001")]),
        ("Closed", "Open", 1500, [(Kind.VOID, "500002")]),
        ("Balanced", "Balanced", 1500, [(Kind.POSTING, "500002")]),
    ],
)
def test_of_two_payments_under_one_reference_one_gives_way_a_night_and_nothing_is_posted_beside_the_other(
    first, second, principal, planned
):
    effects = plan_customer(copied(first, second, principal), reference).effects
    assert [(e.kind, e.details.get("number") or e.details["release"]) for e in effects] == planned
