"""Programs of the system that some tests need."""

import os
import shutil

import pytest

PLACES = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"


def program(name: str) -> str:
    """Where it is; the test is skipped where it is not, or fails under CLOUDCOLLECT_REQUIRE_DEPLOY=1."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        missing = pytest.fail if os.environ.get("CLOUDCOLLECT_REQUIRE_DEPLOY") == "1" else pytest.skip
        missing(f"{name} is not on this machine")
    return found
