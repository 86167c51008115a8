"""Rates by day: each half-year with its own, and gaps that are said."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.domain.law import (
    COLLECTION_RATE,
    DEFAULT_INTEREST,
    RateUnknown,
    default_interest,
    largest_reminder_fee,
    rate_on,
)


@pytest.mark.parametrize("table", [DEFAULT_INTEREST, COLLECTION_RATE])
def test_periods_follow_each_other_without_overlap_and_name_their_source(table):
    assert all(earlier.until < later.since for earlier, later in pairwise(table))
    assert all(rate.since <= rate.until and rate.value > 0 and rate.source for rate in table)


@pytest.mark.parametrize(
    ("day", "percent"),
    [
        (date(2022, 6, 30), "8.50"),
        (date(2022, 7, 1), "9.25"),
        (date(2026, 1, 1), "12.00"),
        (date(2026, 6, 30), "12.00"),
    ],
)
def test_a_rate_counts_from_its_first_day_to_its_last(day, percent):
    assert rate_on(DEFAULT_INTEREST, day, "default interest").value == Decimal(percent)


@pytest.mark.parametrize("day", [date(2015, 12, 31), date(2024, 7, 1), date(2026, 7, 1), date(2030, 1, 1)])
def test_a_period_nobody_entered_is_a_gap_and_no_guess(day):
    with pytest.raises(RateUnknown, match=str(day)):
        rate_on(DEFAULT_INTEREST, day, "default interest")
    with pytest.raises(RateUnknown):
        default_interest(100_00, day - timedelta(days=1), day)


@pytest.mark.parametrize(
    ("day", "fee"), [(date(2025, 12, 31), 35_00), (date(2026, 1, 1), 37_50)], ids=["700 kroner", "750 kroner"]
)
def test_the_reminder_fee_follows_the_rate_on_the_day_of_sending(day, fee):
    assert largest_reminder_fee(day) == fee


def test_interest_over_a_half_year_uses_both_rates():
    # 10 000 kroner for the 30 days of June at 8.50 % and the 31 days of July at 9.25 %
    assert default_interest(10_000_00, date(2022, 5, 31), date(2022, 7, 31)) == 6986 + 7856
    assert default_interest(10_000_00, date(2022, 7, 31), date(2022, 7, 31)) == 0


@given(st.integers(0, 10**9), st.integers(0, 180), st.integers(0, 180))
def test_interest_grows_with_time_and_adds_up_to_an_ore(principal, first, second):
    due = date(2025, 12, 31)
    middle = due + timedelta(days=min(first, second))
    until = due + timedelta(days=max(first, second))
    whole = default_interest(principal, due, until)
    parts = default_interest(principal, due, middle) + default_interest(principal, middle, until)
    assert 0 <= default_interest(principal, due, middle) <= whole
    assert abs(whole - parts) <= 1
