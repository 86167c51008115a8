"""JSON with one meaning: what two readers could read in two ways is refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.web import NotJson, decoded, strict
from cloudcollect_pipeline.web.strict import MOST_VALUES


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"[1] [2]", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'[{"a": "\xff"}]', "UTF-8"),
        (b"\xff\xfe[\x00", "not UTF-8"),
        (b"\xef\xbb\xbf[]", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"[-Infinity]", "not JSON"),
        (b'{"a": 1, "a": 1}', "stands twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "stands twice"),
        (b'{"items": [], "items": []}', "stands twice"),
        (b'{"a": 1, "a": ","}', "stands twice"),
        (b'{"items": [{"a": "\\u002c", "a": 2}], "b": "\\u002C"}', "stands twice"),
        (b'[{"a,b": [1, 2], "a,b": 1}]', "stands twice"),
        (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
        (b"9" * 5000, "not JSON"),
        (b"[12.340000000000000000001]", "digits"),
        (b"[9999999999999.9900001]", "digits"),
        (b"[" + b"1," * (MOST_VALUES + 1) + b"1]", "more values"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NotJson, match=why) as caught:
        strict(body)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"a": {"a": 1}}',
        b"[1.50, 1e3, 1e400, -0, 0.1234567890123456789]",
        '["æ", "NaN"]'.encode(),
        b" null\r\n",
        b'{"a,b": ",", "c": [[], [1, {"d": ","}], "1,2"], "e": {"f": {}, "g": [","]}}',
    ],
)
def test_anything_else_passes_as_it_is(body: bytes) -> None:
    assert strict(body) is body


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (rb"\ud83d\ude00", rb"\ud83d\ude00"),
        (rb"cut \ud83d", rb"cut \ufffd"),
        (rb"\uDE00 alone", rb"\ufffd alone"),
        (rb"\ud83d\ud83d\ude00", rb"\ufffd\ud83d\ude00"),
        (rb"a \\ud83d in words", rb"a \\ud83d in words"),
    ],
)
def test_half_a_character_is_replaced_and_nothing_else(text: bytes, kept: bytes) -> None:
    assert strict(b'"' + text + b'"') == b'"' + kept + b'"'


@pytest.mark.parametrize("body", [b'"x"', b"", b"[" * 100_000, b'{"a": 1}', b"\xff"])
def test_a_value_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        decoded(body, list[msgspec.Raw])


class Fields(tuple):
    """An object as its fields in order, any of which may stand twice."""


TEXTS = st.text(alphabet='a,":\\{}[]\u00e6\U0001f600', max_size=3)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(TEXTS, inner), max_size=3).map(Fields),
    max_leaves=12,
)


def written(value: object, ascii_only: bool) -> str:
    if isinstance(value, Fields):
        return "{" + " , ".join(f"{written(k, ascii_only)} : {written(v, ascii_only)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(written(item, ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only).replace(",", "\\u002c" if ascii_only else ",")


def twice(value: object) -> bool:
    if isinstance(value, Fields):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(twice(inner) for _, inner in value)
    return isinstance(value, list) and any(map(twice, value))


@given(VALUES, st.booleans())
def test_a_field_that_stands_twice_is_found_wherever_it_stands(value: object, ascii_only: bool) -> None:
    body = written(value, ascii_only).encode()
    if twice(value):
        with pytest.raises(NotJson, match="stands twice"):
            strict(body)
    else:
        assert json.loads(strict(body)) == json.loads(body)
