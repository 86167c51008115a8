"""Norwegian banking days and the moved due date."""

from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")
"""A night is a date in this zone."""


_FIXED = ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))
_FROM_EASTER = (-3, -2, 0, 1, 39, 49, 50)
"""Maundy Thursday, Good Friday, both days of Easter, Ascension, both days of Pentecost."""


@cache
def _public_holidays(year: int) -> frozenset[date]:
    # By hand, and held against the package `holidays` in a test: importing that takes longer than most commands.
    easter = _easter(year)
    moving = {easter + timedelta(days=days) for days in _FROM_EASTER}
    return frozenset(moving | {date(year, month, day) for month, day in _FIXED})


def _easter(year: int) -> date:
    """Easter Sunday by the Gregorian rule (Meeus, Jones and Butcher)."""
    century, rest = divmod(year, 100)
    skipped, since = divmod(century, 4)
    moon = (19 * (year % 19) + century - skipped - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * since + 2 * (rest // 4) - moon - rest % 4) % 7
    month, day = divmod(moon + week - 7 * ((year % 19 + 11 * moon + 22 * week) // 451) + 114, 31)
    return date(year, month, day + 1)


def is_working_day(day: date) -> bool:
    """Neither Saturday, Sunday, public holiday, nor 1 or 17 May (gjeldsbrevloven § 5)."""
    return day.weekday() < 5 and day not in _public_holidays(day.year)


def next_working_day(day: date) -> date:
    """`day` itself when it is a working day, else the first one after it."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def add_working_days(day: date, count: int) -> date:
    """The `count`-th working day after `day`; with `count` 0 `day` itself."""
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1))
    return day


def adjusted_due_date(due: date) -> date:
    """The day payment can first be demanded: off a free day, on the next working day (gjeldsbrevloven § 5)."""
    return next_working_day(due)


def transferable_from(due: date, grace_days: int, banking_days: int) -> date:
    """First day a receivable may be transferred: adjusted due date + grace days + banking days for money under way.

    Fourteen days is the wait before a reminder may carry a fee (inkassoforskriften § 1-2); both numbers are settings.
    """
    last_full_day = adjusted_due_date(due) + timedelta(days=grace_days)
    return add_working_days(last_full_day, banking_days) + timedelta(days=0 if banking_days else 1)


def three_years_after(day: date) -> date:
    """The day a claim due on `day` is time-barred (foreldelsesloven § 2)."""
    try:
        return day.replace(year=day.year + 3)
    except ValueError:
        return date(day.year + 3, 3, 1)


def latest_due_date(night: date, grace_days: int, banking_days: int) -> date:
    """The latest due date whose receivables may be transferred on `night`."""
    due = night
    while transferable_from(due, grace_days, banking_days) > night:
        due -= timedelta(days=1)
    return due


def time_barred_due_date(night: date) -> date:
    """The latest due date that is time-barred on `night`; one on a free day is taken as it stands, which is earlier."""
    due = night - timedelta(days=3 * 365 - 3)
    while three_years_after(due) > night:
        due -= timedelta(days=1)
    return due
