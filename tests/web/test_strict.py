"""JSON with one meaning: what two readers could read in two ways is refused."""

import msgspec
import pytest

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
        (b"\xff\xfe[\x00", "UTF-8"),
        (b"\xef\xbb\xbf[]", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b'{"a": 1, "a": 1}', "stands twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "stands twice"),
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
