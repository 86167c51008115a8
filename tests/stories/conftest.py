"""A story of one company, told without sockets."""

import pytest

from tests.story import Story


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)
