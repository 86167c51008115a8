"""Reading JSON that nobody vouches for: it has one meaning for every reader, or it is refused.

The ledger's reader and ours differ where JSON leaves it open: of two fields of one name one takes the first and the
other the last, numbers are cut to a double, and a line with half a character is passed over. What could be read in
two ways is therefore refused before anyone reads it.
"""

import json
import re
from decimal import Decimal
from typing import TypeVar

import msgspec

MOST_VALUES = 2_000_000
"""Commas in one answer; an array of ones takes a hundred times its own size once it is read."""

_DOUBLE = 17
"""Characters that a double keeps whatever they are (sign and point take the place of two digits)."""
_HALF = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)", re.DOTALL)
T = TypeVar("T")


class NotJson(ValueError):
    """The body is not what was expected; says why, and holds nothing of it."""


def strict(body: bytes) -> bytes:
    """The body, if it is JSON with one meaning; half characters, as cut texts end in, are replaced by U+FFFD."""
    try:
        text = body.decode()
        if text.count(",") > MOST_VALUES:
            raise NotJson("more values than any answer should have")
        _reader.decode(text)
    except NotJson:
        raise
    except UnicodeDecodeError:
        raise NotJson("not UTF-8") from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError:  # also a whole number of thousands of digits
        raise NotJson("not JSON, or cut off") from None
    return _HALF.sub(lambda found: rb"\ufffd" if found[1] else found[0], body) if b"\\u" in body else body


def decoded(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """JSON as a value of a msgspec type, or `NotJson`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson("not of the expected form") from None


def _once(fields: list[tuple[str, object]]) -> None:
    # returns nothing, so that nothing is built: only the reading counts
    if len(dict(fields)) != len(fields):
        raise NotJson("a field stands twice in one object")


def _exact(text: str) -> None:
    """A number that would be cut into an amount that it is not."""
    if len(text) > _DOUBLE:
        kept = repr(float(text))
        if len(kept.partition(".")[2]) <= 2 and Decimal(kept) != Decimal(text):
            raise NotJson("a number has more digits than can be kept")


def _no_constant(name: str) -> None:
    raise NotJson("NaN or Infinity")


_reader = json.JSONDecoder(object_pairs_hook=_once, parse_float=_exact, parse_constant=_no_constant)
