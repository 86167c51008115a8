"""The catalogue of findings: one place, whole in both languages."""

import re
from pathlib import Path

import pytest

import cloudcollect_pipeline
from cloudcollect_pipeline.domain.finding import (
    CATALOGUE,
    OWNERS,
    SEVERITIES,
    UNKNOWN,
    needs_a_person,
    reason_of,
    severity,
)

SOURCES = Path(cloudcollect_pipeline.__file__).parent
RAISED = re.compile(r'Finding\(\s*"([A-Z_]+)"')


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_reason_is_whole_in_both_languages(code):
    reason = CATALOGUE[code]
    assert reason.severity in SEVERITIES
    assert reason.owner in OWNERS
    for told in (reason.text, reason.fix, reason.text_nb, reason.fix_nb):
        assert told
        assert told == told.strip()
    assert reason.told("nb") == (reason.text_nb, reason.fix_nb) != reason.told("en")
    assert [action for action in reason.actions for fix in (reason.fix, reason.fix_nb) if action not in fix] == []


def test_every_answer_that_may_be_given_is_asked_for_by_planning_and_no_other():
    asked = re.compile(r'decisions\.get\(\("([A-Z_]+)"|code == "([A-Z_]+)" and action ==')
    sources = "".join(path.read_text() for path in (SOURCES / "planning").rglob("*.py"))
    known = {code or other for code, other in asked.findall(sources)}
    moved = {"EFFECT_QUARANTINED"}
    assert {code for code, reason in CATALOGUE.items() if reason.actions} - moved == known


def test_every_finding_that_the_code_names_is_in_the_catalogue():
    raised = {code for path in SOURCES.rglob("*.py") for code in RAISED.findall(path.read_text())}
    assert len(raised) > 40
    assert raised <= set(CATALOGUE)


def test_a_code_of_another_version_is_an_error_that_says_to_update():
    assert reason_of("FROM_TOMORROW") == UNKNOWN
    assert UNKNOWN.severity == "error"


def test_an_error_or_a_question_waits_for_a_person_and_a_warning_does_not():
    one_of = {reason.severity: code for code, reason in CATALOGUE.items()}
    assert [severity(one_of[each]) for each in SEVERITIES] == list(SEVERITIES)
    assert [needs_a_person([one_of[each]]) for each in SEVERITIES] == [True, True, False]
    assert needs_a_person([one_of["warning"], one_of["question"]])
    assert needs_a_person(["FROM_TOMORROW"])
    assert not needs_a_person([])
