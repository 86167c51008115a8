"""The catalogue of findings: one place, whole in both languages."""

import re
from pathlib import Path

import pytest

import cloudcollect_pipeline
from cloudcollect_pipeline.domain.finding import CATALOGUE, OWNERS, SEVERITIES, UNKNOWN, reason_of

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
    assert [action for action in reason.actions if action in reason.fix and action not in reason.fix_nb] == []


def test_every_finding_that_the_code_names_is_in_the_catalogue():
    raised = {code for path in SOURCES.rglob("*.py") for code in RAISED.findall(path.read_text())}
    assert len(raised) > 40
    assert raised <= set(CATALOGUE)


def test_a_code_of_another_version_is_an_error_that_says_to_update():
    assert reason_of("FROM_TOMORROW") == UNKNOWN
    assert UNKNOWN.severity == "error"
