"""Money, dates, numbers and references: the values everything else is made of."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.domain import money, numbers
from cloudcollect_pipeline.domain.calendar import (
    add_working_days,
    adjusted_due_date,
    is_working_day,
    three_years_after,
    transferable_from,
)
from cloudcollect_pipeline.domain.clock import VirtualClock, last_due_night, night_of
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.domain.reference import LENGTH, reference

AMOUNTS = st.integers(-(10**15) + 1, 10**15 - 1)
DAYS = st.dates(date(2000, 1, 1), date(2050, 12, 31))


@pytest.mark.parametrize("year", range(2000, 2101))
def test_free_days_are_those_of_the_package_that_knows_all_countries(year):
    known = holidays.country_holidays("NO", years=year)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [d for d in days if d.weekday() < 5 and not is_working_day(d)] == [
        d for d in days if d.weekday() < 5 and d in known
    ]


@given(AMOUNTS)
def test_money_survives_the_way_to_text_and_back(amount):
    assert money.ore(money.text(amount)) == amount
    assert money.ore(money.text(amount) + "00") == amount
    assert money.ore(money.kroner(amount)) == amount


@pytest.mark.parametrize(
    "text",
    ["", "1,00", "1.005", "1e3", "NaN", "Infinity", "--1", "1.", ".5", " 1", "1 000", "٣", "12345678901234", "0x1"],
)
def test_what_is_not_an_amount_is_refused(text):
    with pytest.raises(money.NotMoney):
        money.ore(text)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0,00"),
        (5, "0,05"),
        (-5, "-0,05"),
        (123456789, "1\u00a0234\u00a0567,89"),
        (Decimal("1234.7700"), None),
    ],
)
def test_money_is_shown_the_norwegian_way(amount, shown):
    if shown is None:
        assert money.ore(amount) == 123477
    else:
        assert money.display(amount) == shown


@pytest.mark.parametrize(
    ("day", "free"),
    [
        (date(2026, 5, 1), True),
        (date(2026, 5, 17), True),
        (date(2026, 4, 2), True),  # Maundy Thursday
        (date(2026, 4, 4), True),  # Easter Saturday is a Saturday
        (date(2026, 5, 14), True),  # Ascension Day
        (date(2026, 12, 24), False),
        (date(2026, 12, 31), False),
        (date(2026, 1, 6), False),
        (date(2026, 1, 10), True),
    ],
)
def test_free_days_are_those_of_the_law(day, free):
    assert is_working_day(day) is not free


@pytest.mark.parametrize(
    ("due", "grace", "banking", "first"),
    [
        (date(2026, 1, 7), 14, 1, date(2026, 1, 22)),
        (date(2026, 1, 7), 14, 0, date(2026, 1, 22)),
        (date(2026, 1, 10), 14, 1, date(2026, 1, 27)),  # Saturday: due on Monday the 12th
        (date(2026, 5, 1), 14, 1, date(2026, 5, 19)),  # due on Monday the 4th, fourteen days end on the 18th
        (date(2026, 1, 7), 0, 0, date(2026, 1, 8)),
        (date(2026, 3, 18), 14, 1, date(2026, 4, 7)),  # the fourteenth day is the Wednesday before Easter
    ],
)
def test_a_receivable_is_old_enough_after_full_days_and_banking_days(due, grace, banking, first):
    assert transferable_from(due, grace, banking) == first


@given(DAYS, st.integers(0, 40), st.integers(0, 5))
def test_waiting_longer_never_makes_a_receivable_transferable_earlier(due, grace, banking):
    first = transferable_from(due, grace, banking)
    assert first > due
    assert transferable_from(due, grace + 1, banking) >= first
    assert transferable_from(due, grace, banking + 1) >= first
    assert transferable_from(due + timedelta(days=1), grace, banking) >= first


@given(DAYS, st.integers(1, 30))
def test_working_days_are_counted_one_by_one(day, count):
    end = add_working_days(day, count)
    assert is_working_day(end)
    assert sum(is_working_day(day + timedelta(days=n)) for n in range(1, (end - day).days + 1)) == count


@given(DAYS)
def test_a_due_date_only_ever_moves_to_the_next_working_day(due):
    moved = adjusted_due_date(due)
    assert is_working_day(moved)
    assert not any(is_working_day(due + timedelta(days=n)) for n in range((moved - due).days))


def test_three_years_after_leap_day_is_the_first_of_march():
    assert three_years_after(date(2024, 2, 29)) == date(2027, 3, 1)
    assert three_years_after(date(2024, 2, 28)) == date(2027, 2, 28)


@given(st.text("0123456789", min_size=1, max_size=24))
def test_a_kid_notices_one_wrong_digit(body):
    kid = numbers.kid(body)
    assert numbers.is_kid(kid)
    for place in range(len(kid)):
        wrong = str((int(kid[place]) + 1) % 10)
        assert not numbers.is_kid(kid[:place] + wrong + kid[place + 1 :])


@pytest.mark.parametrize("number", ["", "7", "12a", "1" * 26, "١٢"])
def test_what_is_not_a_kid_is_none(number):
    assert not numbers.is_kid(number)


def test_kid_agrees_with_a_known_one():
    assert numbers.kid("1234567") == "12345674"


@pytest.mark.parametrize(
    ("number", "organisation", "account"),
    [
        ("974760673", True, False),
        ("974760674", False, False),
        ("86011117947", False, True),
        ("86011117948", False, False),
    ],
)
def test_numbers_of_organisations_and_accounts_are_known_by_their_check_digits(number, organisation, account):
    assert (numbers.is_organisation_number(number), numbers.is_account_number(number)) == (organisation, account)


@pytest.mark.parametrize(
    ("moment", "night", "due"),
    [
        (datetime(2026, 1, 6, 2, 59, 59, tzinfo=UTC), date(2026, 1, 6), date(2026, 1, 5)),
        (datetime(2026, 1, 6, 3, tzinfo=UTC), date(2026, 1, 6), date(2026, 1, 6)),
        (datetime(2026, 7, 5, 22, 30, tzinfo=UTC), date(2026, 7, 6), date(2026, 7, 5)),
        (datetime(2026, 7, 6, 2, tzinfo=UTC), date(2026, 7, 6), date(2026, 7, 6)),
    ],
)
def test_a_night_is_a_date_in_norway_and_due_at_four(moment, night, due):
    assert (night_of(moment), last_due_night(moment)) == (night, due)


def test_a_virtual_clock_stands_until_it_is_told_otherwise_and_tells_utc():
    there = timezone(timedelta(hours=2))
    clock = VirtualClock(datetime(2026, 1, 6, 5, tzinfo=there))
    assert (clock.now(), clock.now().tzinfo) == (datetime(2026, 1, 6, 3, tzinfo=UTC), UTC)
    clock.sleep(90)
    assert clock.now() == datetime(2026, 1, 6, 3, 1, 30, tzinfo=UTC)
    clock.set(datetime(2026, 1, 5, 5, tzinfo=there))
    assert (clock.now(), clock.now().tzinfo) == (datetime(2026, 1, 5, 3, tzinfo=UTC), UTC)


TEXT = st.text(max_size=20)
PARTS = st.tuples(TEXT, TEXT, st.sampled_from(list(Kind)), TEXT, st.integers(1, 9))


@given(PARTS, PARTS)
def test_a_reference_is_short_plain_and_belongs_to_one_fact(one, other):
    name = reference(*one)
    assert len(name) == LENGTH
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert name == reference(*one)
    if one != other:
        assert name != reference(*other)


def test_a_reference_never_changes_between_versions():
    assert reference("tenant", "agency", "transfer", "Invoice 1", 1) == "T4K6DYFRHX3RNPW"
