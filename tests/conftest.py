"""What every test may use: the shared reference material, and hypothesis made repeatable in CI."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference material beside the checkout, or where CLOUDCOLLECT_SHARED says.

    A test that wants it is skipped where it is absent; with CLOUDCOLLECT_REQUIRE_SHARED=1 it fails instead.
    """
    folder = Path(os.environ.get("CLOUDCOLLECT_SHARED") or Path(__file__).parents[2] / "shared")
    if folder.is_dir():
        return folder
    if os.environ.get("CLOUDCOLLECT_REQUIRE_SHARED") == "1":
        pytest.fail(f"the reference material is required but {folder} is not a folder")
    pytest.skip("the reference material is not here; name its folder in CLOUDCOLLECT_SHARED")
