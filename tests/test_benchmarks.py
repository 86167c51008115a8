"""What is made of measured figures: the guard compares ratios, and the page fills every figure in."""

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import page
from benchmarks.guard import moved
from benchmarks.measure import Row


def a_row(value: float | None = 2.0, floor: float | None = 1.0, size: int = 10_000, **more: Any) -> dict[str, Any]:
    ratio = value / floor if value and floor else None
    given = {"peers": {"polars": 4.0, "reladiff": None}, "reasons": {"reladiff": "not run beyond 10 items"}, **more}
    return Row("diff", size, value, "s", floor, ratio, target="≤ 3 s", met=True, runs=5, **given).as_json()


def known(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"machine": {}, "rows": list(rows)}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (a_row(2.0), a_row(2.2), []),
        (a_row(2.0), a_row(20.0, 10.0), []),
        (a_row(2.0), a_row(2.4), [("diff, 10,000", 2.0, 2.4, True)]),
        (a_row(2.0), a_row(1.6), [("diff, 10,000", 2.0, 1.6, False)]),
        (a_row(2.0, more_is_better=True), a_row(1.6, more_is_better=True), [("diff, 10,000", 2.0, 1.6, True)]),
        (a_row(2.0, None), a_row(3.0, None), [("diff, 10,000", 0.5, 0.75, True)]),
        (a_row(2.0, size=10), a_row(9.0), []),
        (a_row(None), a_row(2.0), []),
    ],
    ids=["a little", "the machine", "worse", "better", "a rate", "by a peer", "another size", "not measured then"],
)
def test_the_guard_tells_ratios_that_moved_by_more_than_fifteen_per_cent(before, now, told):
    assert moved(known(before), known(now)) == told


def test_the_page_fills_in_every_figure_and_says_what_could_not_be_measured():
    text = page.text(known(a_row(), a_row(25.0, size=100_000)))
    assert "{{" not in text
    assert "| diff | 100,000 | 25 s |" in text
    assert "reladiff (not run beyond 10 items)" in text
    assert "by the power 1.10: not faster than linear" in text


def test_the_picture_has_a_line_for_every_stage_that_was_measured_at_two_sizes():
    drawn = ElementTree.fromstring(page.picture([a_row(), a_row(25.0, size=100_000)]))  # noqa: S314 - our own
    lines = [node for node in drawn if node.tag.endswith("polyline")]
    assert len(lines) == 1
    assert page.picture([]).startswith("<svg")
