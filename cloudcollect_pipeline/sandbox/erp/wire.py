"""Visma.net's JSON: writing answers with money exactly as `1234.7700`, reading bodies with wrapped scalars."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from cloudcollect_pipeline.domain import money as amounts

T = TypeVar("T")

NULL = "null"


class BadRequest(Exception):
    """The request is not what the contract asks for."""


# Writing: every function returns JSON text


def text(value: str | None) -> str:
    """A string or null."""
    return NULL if value is None else json.dumps(value, ensure_ascii=False)


def flag(value: bool) -> str:
    """A boolean."""
    return "true" if value else "false"


def money(ore: int) -> str:
    """Øre as kroner with four decimals: 123477 -> `1234.7700`."""
    sign, ore = ("-", -ore) if ore < 0 else ("", ore)
    return f"{sign}{ore // 100}.{ore % 100:02d}00"


def day(value: date | None) -> str:
    """A date as a local midnight, or null."""
    return NULL if value is None else f'"{value:%Y-%m-%d}T00:00:00"'


def moment(value: datetime, zone: ZoneInfo) -> str:
    """A moment as the zone's clock shows it, without saying which zone."""
    return f'"{local(value, zone).isoformat(timespec="milliseconds")}"'


def local(value: datetime, zone: ZoneInfo) -> datetime:
    """The naive local time."""
    return value.astimezone(zone).replace(tzinfo=None)


def record(fields: Mapping[str, str]) -> str:
    """An object from field names and JSON texts."""
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def array(items: Iterable[str]) -> str:
    """An array of JSON texts."""
    return "[" + ",".join(items) + "]"


def with_metadata(item: str, total: int, page_size: int) -> str:
    """A list item with the totals that the vendor repeats in every item."""
    return f'{item[:-1]},"metadata":{{"totalCount":{total},"maxPageSize":{page_size}}}}}'


# Reading


def parse_day(written: str) -> date:
    """`yyyy-MM-dd`, with or without a time."""
    try:
        return datetime.fromisoformat(written).date()
    except ValueError:
        raise BadRequest(f"'{written}' is not a date.") from None


def parse_moment(written: str) -> datetime:
    """A naive moment; letters W to Z are refused, so a trailing Z too."""
    try:
        parsed = datetime.fromisoformat(written)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is not None or any(letter in "WXYZ" for letter in written.upper()):
        raise BadRequest(f"'{written}' is not a date and time.")
    return parsed


class Fields:
    """A JSON object of a request; a name that the description does not know is refused."""

    def __init__(self, value: object, known: frozenset[str]) -> None:
        if not isinstance(value, dict):
            raise BadRequest("An object was expected.")
        self._fields = cast(dict[str, object], value)
        unknown = sorted(self._fields.keys() - known)
        if unknown:
            raise BadRequest(f"Unknown field '{unknown[0]}'.")

    @classmethod
    def parse(cls, body: bytes, known: frozenset[str]) -> "Fields":
        """Of a body; numbers stay exact."""
        try:
            parsed = cast(Any, json.loads(body, parse_float=Decimal, parse_constant=_no_constant))
        except ValueError:
            raise BadRequest("The body is not JSON.") from None
        return cls(parsed, known)

    def names(self) -> frozenset[str]:
        """The fields present."""
        return frozenset(self._fields)

    def text(self, name: str) -> str | None:
        """A wrapped string."""
        value = self._wrapped(name)
        return None if value is None else _expect(name, value, str)

    def flag(self, name: str) -> bool | None:
        """A wrapped boolean."""
        value = self._wrapped(name)
        return None if value is None else _expect(name, value, bool)

    def day(self, name: str) -> date | None:
        """A wrapped date."""
        value = self.text(name)
        return None if value is None else parse_day(value)

    def money(self, name: str) -> int | None:
        """A wrapped number of kroner, in øre."""
        value = self._wrapped(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise BadRequest(f"'{name}' must be a number.")
        try:
            return amounts.ore(value)
        except amounts.NotMoney:
            raise BadRequest(f"'{name}' is not an amount.") from None

    def rows(self, name: str, known: frozenset[str]) -> list["Fields"]:
        """A plain array of lines; only new ones, as a new document can have no other."""
        value = self._fields.get(name)
        if value is None:
            return []
        lines = [Fields(line, known) for line in cast(list[object], _expect(name, value, list))]
        for line in lines:
            if line.plain_text("operation") != "Insert":
                raise BadRequest(f"'operation' of a new line in '{name}' must be Insert.")
        return lines

    def plain_text(self, name: str) -> str | None:
        """A string that is not wrapped."""
        value = self._fields.get(name)
        return None if value is None else _expect(name, value, str)

    def plain_flag(self, name: str) -> bool | None:
        """A boolean that is not wrapped."""
        value = self._fields.get(name)
        return None if value is None else _expect(name, value, bool)

    def _wrapped(self, name: str) -> object:
        value = self._fields.get(name)
        if value is None:
            return None
        wrapper = cast(dict[str, object], _expect(name, value, dict))
        if set(wrapper) != {"value"}:
            raise BadRequest(f"'{name}' must be written as {{\"value\": …}}.")
        return wrapper["value"]


def _expect(name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise BadRequest(f"'{name}' must be of type {kind.__name__}.")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(name)
