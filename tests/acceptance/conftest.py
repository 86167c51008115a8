"""Acceptance cases are told over the two sandbox servers, on free ports of the loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.agency import Settings as AgencySettings
from cloudcollect_pipeline.sandbox.serve import serve
from cloudcollect_pipeline.sandbox.world import World
from tests.acceptance.case import Case
from tests.story import START


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Callable[..., Case]]:
    """Begin a case: with another start, other companies, another agency or another policy than usual."""
    with ExitStack() as served:

        def begin(
            *,
            start: datetime = START,
            companies: tuple[str, ...] = ("nordlys",),
            agency: AgencySettings | None = None,
            go_live: date | None = None,
            **options: Any,
        ) -> Case:
            world = World(start, companies, agency_settings=agency)
            world.go_live = go_live or world.go_live
            return Case(tmp_path, world=world, servers=served.enter_context(serve(world)), **options)

        yield begin


@pytest.fixture
def case(tell: Callable[..., Case]) -> Case:
    """The usual case: one company, an agency that can do everything."""
    return tell()
