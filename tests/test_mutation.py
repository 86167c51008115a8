"""The page of mutation testing: what is counted, how sure that is, and by which mark a reason is kept."""

import pytest

from tools.mutation.__main__ import REASONS, Alive, interval, page, room_of

FOUND = {
    "cloudcollect_pipeline.domain.money.x_ore__mutmut_1": "killed",
    "cloudcollect_pipeline.domain.money.x_ore__mutmut_2": "timed out",
    "cloudcollect_pipeline.dispatch.journal.xǁJournalǁnote__mutmut_1": "survived",
    "cloudcollect_pipeline.planning.plan.x__lay__mutmut_1": "not run",
}
LIVES = Alive("dispatch.journal: Journal.note", "survived", "- a\n+ b")


@pytest.mark.parametrize(
    ("noticed", "of", "low", "high"), [(9, 10, 0.596, 0.982), (90, 100, 0.826, 0.945), (0, 10, 0.0, 0.278)]
)
def test_a_score_is_as_sure_as_its_sample_is_large(noticed, of, low, high):
    assert interval(noticed, of) == pytest.approx((low, high), abs=0.001)


def test_the_page_counts_what_was_drawn_by_room_and_says_where_a_reason_lacks():
    told = page(FOUND, list(FOUND)[:3], 7, "abc", [LIVES])
    assert "make mutation SAMPLE=3 SEED=7" in told
    assert "| `domain` | 2 | 2 | 1 | 1 | 0 | 0 | 0 | 100.0% |" in told
    assert "| `planning` | 1 | 0 | 0 | 0 | 0 | 0 | 0 | – | – |" in told
    assert "| **all** | 4 | 3 | 1 | 1 | 1 | 0 | 0 | 66.7% |" in told
    assert f"`dispatch.journal: Journal.note`, survived, `{LIVES.mark}`: **No reason is given yet.**" in told


def test_a_reason_is_kept_by_what_was_changed_and_not_by_a_number():
    assert LIVES.mark == Alive(LIVES.function, "no tests", LIVES.change).mark
    assert LIVES.mark != Alive(LIVES.function, "survived", "- a\n+ c").mark
    assert LIVES.mark not in REASONS.read_text()
    assert room_of(next(iter(FOUND))) == "domain"
