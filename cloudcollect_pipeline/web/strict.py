"""Reading JSON that nobody vouches for: it has one meaning for every reader, or it is refused.

The ledger's reader and ours differ where JSON leaves it open: of two fields of one name one takes the first and the
other the last, numbers are cut to a double, and a line with half a character is passed over. What could be read in
two ways is therefore refused before anyone reads it.

A field that stands twice is found by counting commas: a reader keeps one of the two, and what it drops takes its comma
with it. That costs a quarter of what it costs to look at the fields of every object in Python.
"""

import re
from decimal import Decimal
from typing import TypeVar

import msgspec

MOST_VALUES = 2_000_000
"""Commas in one answer; an array of ones takes a hundred times its own size once it is read."""

_DOUBLE = 17
"""Characters that a double keeps whatever they are (sign and point take the place of two digits)."""
_ESCAPES = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|(\\u002[cC])", re.DOTALL)
T = TypeVar("T")


class NotJson(ValueError):
    """The body is not what was expected; says why, and holds nothing of it."""


def strict(body: bytes) -> bytes:
    """The body, if it is JSON with one meaning; half characters, as cut texts end in, are replaced by U+FFFD."""
    if b"\\" in body:
        body = _ESCAPES.sub(_plain, body)
    commas = body.count(b",")
    if commas > MOST_VALUES:
        raise NotJson("more values than any answer should have")
    try:
        kept = _kept(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refusal(body, error) from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    if kept != commas:
        raise NotJson("a field stands twice in one object")
    return body


def decoded(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """JSON as a value of a msgspec type, or `NotJson`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJson("not of the expected form") from None


def _kept(body: bytes) -> int:
    """Commas of what a reader keeps of an answer; its lists are read item by item, so that nothing large is built."""
    if not body.lstrip().startswith(b"{"):
        return _in(body)
    fields = _fields.decode(body)
    return _encode(dict.fromkeys(fields)).count(b",") + sum(map(_in, fields.values()))


def _in(part: bytes | msgspec.Raw) -> int:
    if not bytes(part).lstrip().startswith(b"["):
        return _encode(_decode(part)).count(b",")
    items = _items.decode(part)
    return sum(_encode(_decode(item)).count(b",") for item in items) + max(len(items) - 1, 0)


def _refusal(body: bytes, error: Exception) -> NotJson:
    if isinstance(error.__cause__, NotJson):
        return error.__cause__
    try:
        body.decode()
    except UnicodeDecodeError:
        return NotJson("not UTF-8")
    return NotJson("not JSON, or cut off")


def _plain(found: re.Match[bytes]) -> bytes:
    """An escape as it may stand: half a character is none, and a comma is counted as what it is."""
    return rb"\ufffd" if found[1] else b"," if found[2] else found[0]


def _exact(text: str) -> None:
    """A number that would be cut into an amount that it is not. Nothing is built of it: only the reading counts."""
    if len(text) > _DOUBLE:
        kept = repr(float(text))
        if len(kept.partition(".")[2]) <= 2 and Decimal(kept) != Decimal(text):
            raise NotJson("a number has more digits than can be kept")


_items = msgspec.json.Decoder(list[msgspec.Raw])
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_decode = msgspec.json.Decoder(float_hook=_exact).decode
_encode = msgspec.json.Encoder().encode
