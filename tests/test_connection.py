"""Adapters by their names: ours, and those that somebody else installed."""

from importlib import invalidate_caches

import pytest

from cloudcollect_pipeline.settings import SettingsError
from tests.story import Story, ends_equal, transferred

ADAPTER = """
from cloudcollect_pipeline.agency.cloud_collect import connect as reach

asked = []

def connect(settings, clock, transport, known):
    asked.append(dict(settings.options))
    return reach(settings, clock, transport, known)
"""


def named(story: Story, name: str, **options: str) -> Story:
    company = story.settings.companies[story.slug]
    agency = company.agency.model_copy(update={"adapter": name, "options": options})
    changed = company.model_copy(update={"agency": agency})
    story.settings = story.settings.model_copy(update={"companies": {story.slug: changed}})
    return story


def test_an_adapter_that_nobody_installed_is_named_with_those_there_are(story):
    with pytest.raises(SettingsError, match=r"no adapter inkassoby is installed; known: .*cloud_collect"):
        named(story, "inkassoby").night()


def test_the_night_runs_on_an_installed_adapter_with_options_of_its_own(story, tmp_path, monkeypatch):
    (tmp_path / "inkassoby.py").write_text(ADAPTER)
    installed = tmp_path / "inkassoby-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: inkassoby\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[cloudcollect.agency]\ninkassoby = inkassoby:connect\n")
    monkeypatch.syspath_prepend(tmp_path)
    invalidate_caches()
    named(story, "inkassoby", office="Bergen")
    ends_equal(story, transferred(story))
    import inkassoby  # type: ignore[import-not-found]

    assert inkassoby.asked[-1] == {"office": "Bergen"}


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path / "data")
