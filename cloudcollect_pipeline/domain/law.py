"""Norwegian rates by the day they count from, each with its source; a period nobody has entered is a gap, no guess."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal


class RateUnknown(LookupError):
    """No rate is entered for a day; says which table, which day and what to do."""


@dataclass(frozen=True)
class Rate:
    """A value that counts on the days from `since` to `until`, both included."""

    since: date
    until: date
    value: Decimal
    source: str


def _half(year: int, half: int, percent: str, source: str) -> Rate:
    since, until = (date(year, 1, 1), date(year, 6, 30)) if half == 1 else (date(year, 7, 1), date(year, 12, 31))
    return Rate(since, until, Decimal(percent), source)


_FIXED = "forskrift om renter ved forsinket betaling, fixed each half-year by the Ministry of Finance"

DEFAULT_INTEREST: tuple[Rate, ...] = (
    _half(2016, 1, "8.75", _FIXED),
    _half(2016, 2, "8.50", _FIXED),
    _half(2017, 1, "8.50", _FIXED),
    _half(2017, 2, "8.50", _FIXED),
    _half(2018, 1, "8.50", _FIXED),
    _half(2018, 2, "8.50", _FIXED),
    _half(2019, 1, "8.75", _FIXED),
    _half(2019, 2, "9.25", _FIXED),
    _half(2020, 1, "9.50", _FIXED),
    _half(2020, 2, "8.00", _FIXED),
    _half(2021, 1, "8.00", _FIXED),
    _half(2021, 2, "8.00", _FIXED),
    _half(2022, 1, "8.50", _FIXED),
    _half(2022, 2, "9.25", _FIXED),
    _half(2023, 1, "10.75", _FIXED),
    _half(2023, 2, "11.75", _FIXED),
    _half(2024, 1, "12.50", _FIXED),
    _half(2025, 1, "12.50", _FIXED),
    _half(2026, 1, "12.00", _FIXED),
)
"""Per cent a year (forsinkelsesrenteloven § 3). Only half-years that were read in a source; the others are gaps."""

COLLECTION_RATE: tuple[Rate, ...] = (
    Rate(date(2017, 1, 1), date(2025, 12, 31), Decimal(700), "inkassoforskriften § 1-1"),
    Rate(date(2026, 1, 1), date(2026, 12, 31), Decimal(750), "inkassoforskriften § 1-1 as changed from 1 January 2026"),
)
"""Inkassosatsen in kroner; fees are fractions of it, by its value on the day of sending."""

REMINDER_SHARE = Decimal(1) / 20
"""Of the collection rate: the largest fee of a reminder or an inkassovarsel (inkassoforskriften § 1-2)."""


def rate_on(table: tuple[Rate, ...], day: date, name: str) -> Rate:
    """The rate that counts on a day. Raises `RateUnknown` for a day that no entered period covers."""
    for rate in table:
        if rate.since <= day <= rate.until:
            return rate
    raise RateUnknown(f"the {name} of {day} is not entered; add its period and source to domain/law.py")


def largest_reminder_fee(day: date) -> int:
    """The largest fee, øre, of a reminder sent on a day. Raises `RateUnknown`."""
    rate = rate_on(COLLECTION_RATE, day, "collection rate")
    return int((rate.value * REMINDER_SHARE * 100).to_integral_value(ROUND_HALF_UP))


def default_interest(principal: int, due: date, until: date) -> int:
    """Simple default interest on `principal` (øre) for the days after `due` up to and including `until`, in øre.

    Each half-year counts with its own rate and a year of 365 days; the sum is rounded once. Raises `RateUnknown`.
    """
    total = Decimal(0)
    for since, last in _half_years(due + timedelta(days=1), until):
        rate = rate_on(DEFAULT_INTEREST, since, "default interest")
        total += principal * rate.value / 100 * ((last - since).days + 1) / 365
    return int(total.to_integral_value(ROUND_HALF_UP))


def _half_years(since: date, until: date) -> Iterator[tuple[date, date]]:
    while since <= until:
        end = date(since.year, 6, 30) if since.month <= 6 else date(since.year, 12, 31)
        yield since, min(end, until)
        since = end + timedelta(days=1)
