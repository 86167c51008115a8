"""Entries derived from cumulative balances."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.agency.balances import EntriesOfBalances, KnownOfClaim, derive, is_derived, number_of
from cloudcollect_pipeline.agency.port import Balance

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = date(2026, 1, 5)

levels = st.lists(
    st.fixed_dictionaries({"principal": st.integers(0, 10_000), "interest": st.integers(0, 500)}),
    min_size=1,
    max_size=8,
)


def balance(at: int = 0, **received: int) -> Balance:
    return Balance("clm", "NOK", received, DAY, NOON + timedelta(hours=at))


def lived(*told: dict[str, int]):
    """What is known after these balances, one after another."""
    known = KnownOfClaim()
    for at, received in enumerate(told):
        known = KnownOfClaim((*known.entries, *derive(balance(at, **received), known)))
    return known.entries


@given(levels)
def test_entries_add_up_to_every_balance_and_none_carries_less_than_nothing(told):
    entries = lived(*told)
    for bucket in ("principal", "interest"):
        assert sum(entry.lines.get(bucket, 0) for entry in entries) == told[-1][bucket]
    carried: dict[str, int] = {}
    for entry in entries:
        root = entry.reverses or entry.entry_id
        carried[root] = carried.get(root, 0) + entry.lines.get("principal", 0)
        assert carried[root] >= 0
    assert [number_of(entry.entry_id) for entry in entries] == list(range(1, len(entries) + 1))


@given(levels)
def test_a_balance_read_twice_brings_nothing_the_second_time(told):
    entries = lived(*told)
    assert derive(balance(len(told), **told[-1]), KnownOfClaim(entries)) == []


def test_a_fall_takes_the_newest_money_back_first():
    entries = lived({"principal": 100}, {"principal": 150}, {"principal": 80})
    assert [(e.entry_id, dict(e.lines), e.reverses) for e in entries] == [
        ("clm#1", {"principal": 100}, None),
        ("clm#2", {"principal": 50}, None),
        ("clm#3", {"principal": -50}, "clm#2"),
        ("clm#4", {"principal": -20}, "clm#1"),
    ]


def test_a_balance_that_an_old_copy_shows_again_takes_nothing_back():
    known = KnownOfClaim(lived({"principal": 100}, {"principal": 150}))
    assert derive(balance(0, principal=100), known) == []


def test_what_the_journal_posted_keeps_its_number_where_the_ledger_was_lost():
    known = KnownOfClaim(posted={"clm#2": (50, DAY), "clm#1": (100, DAY)})
    entries = derive(balance(principal=170, interest=5), known)
    assert [(e.entry_id, dict(e.lines)) for e in entries] == [
        ("clm#1", {"principal": 100}),
        ("clm#2", {"principal": 50}),
        ("clm#3", {"interest": 5, "principal": 20}),
    ]


def test_money_that_is_not_allocated_yet_is_an_entry_of_its_own_until_it_is():
    entries = lived({"unallocated": 100, "principal": 5}, {"unallocated": 40, "principal": 65})
    assert [(e.entry_id, dict(e.lines), e.reverses) for e in entries] == [
        ("clm#1", {"principal": 5}, None),
        ("clm#2", {"unallocated": 100}, None),
        ("clm#3", {"unallocated": -60}, "clm#2"),
        ("clm#4", {"principal": 60}, None),
    ]


def test_of_a_claim_that_comes_twice_in_one_reading_what_was_told_last_counts():
    class Agency:
        def balances(self, since, claims=()):
            return [balance(2, principal=100), balance(1, principal=0), balance(0, principal=80)]

        def entry_record(self, entry):
            return f"{entry.entry_id} {entry.lines['principal']}".encode()

        def pages(self, feed, since):
            yield from ()

    known = KnownOfClaim(tuple(lived({"principal": 100})))
    agency: Any = Agency()
    entries = EntriesOfBalances(agency, lambda _: {"clm": known})
    assert [*entries.pages("entries", None)] == []


def test_a_name_is_recognised_by_its_running_number():
    assert [is_derived(name) for name in ("clm#1", "a#b#12", "clm", "#1", "clm#", "clm#x")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
