"""Query parameters of list calls: which exist, and what they keep."""

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, final
from zoneinfo import ZoneInfo

from cloudcollect_pipeline.sandbox.erp.contract import FLAGS, WHOLE_NUMBERS
from cloudcollect_pipeline.sandbox.erp.wire import BadRequest, T, local, parse_day, parse_moment
from cloudcollect_pipeline.sandbox.http import Request

CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
MOST = 2**31 - 1
DST_SHIFT = timedelta(hours=1)


@final
@dataclass(frozen=True)
class ModifiedFilter:
    """A comparison of local clock times, as a database without zones makes it: it errs in the hour October repeats."""

    threshold: datetime
    keeps: Callable[[Any, Any], bool]
    zone: ZoneInfo

    def __call__(self, moment: datetime) -> bool:
        """Whether a record modified at `moment` is kept."""
        return self.keeps(local(moment, self.zone), self.threshold)

    @property
    def earliest(self) -> datetime | None:
        """A moment before which nothing is kept; None where there is no such moment."""
        if self.keeps in (operator.lt, operator.le):
            return None
        return self.threshold.replace(tzinfo=self.zone).astimezone(UTC) - DST_SHIFT


class Query:
    """The parameters of one request.

    One that the description does not know, that is given twice, or that is not of its type, is refused: as a typing
    error it would silently read everything.
    """

    def __init__(self, request: Request, known: frozenset[str]) -> None:
        self._request = request
        allowed = {name.lower() for name in known}
        unknown = [name for name, _ in request.query if name.lower() not in allowed]
        if unknown:
            raise BadRequest(f"Unknown parameter '{unknown[0]}'.")
        given = [name.lower() for name, _ in request.query]
        twice = [name for name, _ in request.query if given.count(name.lower()) > 1]
        if twice:
            raise BadRequest(f"'{twice[0]}' is given more than once.")
        for name in sorted(known & WHOLE_NUMBERS):
            self.whole(name)
        for name in sorted(known & FLAGS):
            self.flag(name)

    def text(self, name: str) -> str | None:
        """A parameter; an empty one counts as not given."""
        return self._request.get(name) or None

    def word(self, name: str, words: Collection[str]) -> str | None:
        """A parameter that is one of a few words."""
        value = self.text(name)
        if value is not None and value not in words:
            raise BadRequest(f"'{name}' must be one of {', '.join(sorted(words))}.")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise BadRequest(f"'{name}' must be true or false.")
        return value.lower() == "true"

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal() and int(value) <= MOST):
            raise BadRequest(f"'{name}' must be a whole number.")
        return int(value)

    def day(self, name: str) -> date | None:
        """A date."""
        value = self.text(name)
        return None if value is None else parse_day(value)

    def days(self, name: str) -> Callable[[date | None], bool] | None:
        """A date filter with its condition."""
        value, condition = self._with_condition(name)
        if value is None:
            return None
        wanted = parse_day(value)
        return lambda day: day is not None and condition(day, wanted)

    def moments(self, name: str, zone: ZoneInfo) -> ModifiedFilter | None:
        """A filter on moments with its condition."""
        value, condition = self._with_condition(name)
        return None if value is None else ModifiedFilter(parse_moment(value), condition, zone)

    def page(self, items: Sequence[T], max_size: int) -> Sequence[T]:
        """The items of the page asked for; a larger size is silently cut to the maximum."""
        number = 1 if self.text("pageNumber") is None else self.whole("pageNumber")
        size = max_size if self.text("pageSize") is None else self.whole("pageSize")
        if not number or not size:
            raise BadRequest("pageNumber and pageSize must be positive.")
        size = min(size, max_size)
        return items[(number - 1) * size : number * size]

    def _with_condition(self, name: str) -> tuple[str | None, Callable[[Any, Any], bool]]:
        value, condition = self.text(name), self.text(f"{name}Condition")
        if value is None and condition is None:
            return None, operator.ge
        if value is None or condition not in CONDITIONS:
            raise BadRequest(f"'{name}' and '{name}Condition' (one of > < >= <=) must be given together.")
        return value, CONDITIONS[condition]
