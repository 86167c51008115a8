"""The file of answers: one tenant's, private, and never worse than before."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudcollect_pipeline.doctor.results import FILE, ResultsError, keep, load
from tests.story import Story, transferred

AT = datetime(2026, 1, 6, 3, tzinfo=UTC)


def test_answers_come_back_as_they_were_kept(tmp_path: Path) -> None:
    folder = tmp_path / "nordlys"
    assert load(folder, "tenant") == {}
    kept = keep(folder, "tenant", {"page_size": ("200", "pages of 200")}, AT, "reads")
    assert load(folder, "tenant") == kept
    assert kept["page_size"] == ("200", "pages of 200", "2026-01-06T03:00:00+00:00", "reads")
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_question_that_could_not_be_answered_this_time_keeps_its_answer(tmp_path: Path) -> None:
    keep(tmp_path, "tenant", {"time_zone": ("utc", "in UTC"), "release": ("", "not yet")}, AT, "writes")
    kept = keep(tmp_path, "tenant", {"time_zone": ("", "nothing changed"), "release": ("later", "queued")}, AT, "reads")
    assert (kept["time_zone"].value, kept["release"].value) == ("utc", "later")


def test_answers_about_another_tenant_are_not_taken_over(tmp_path: Path) -> None:
    keep(tmp_path, "test tenant", {"case_fields": ("no", "refused")}, AT, "writes")
    assert load(tmp_path, "live tenant") == {}
    assert "case_fields" not in keep(tmp_path, "live tenant", {"quota": ("1", "one")}, AT, "reads")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tenant": "t"}', '{"tenant": "t", "points": {"a": {}}}'])
def test_a_damaged_file_says_how_to_go_on(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ResultsError, match="delete it and run `cloudcollect doctor --probe` again"):
        load(tmp_path, "t")


@pytest.mark.parametrize(("answer", "shown"), [("", True), ("yes", True), ("no", False)])
def test_the_night_acts_on_an_answer(tmp_path: Path, answer: str, shown: bool) -> None:
    story = Story(tmp_path)
    keep(
        tmp_path / story.slug,
        story.settings.companies[story.slug].erp.tenant_id,
        {"case_fields": (answer, "")},
        AT,
        "writes",
    )
    invoice = transferred(story)
    story.agency.tick()
    story.night()
    assert bool(invoice.case_number) == shown
