"""One company whose two counterparties each listen on a raw socket and can be made to misbehave."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent
from cloudcollect_pipeline.nightly import Night
from cloudcollect_pipeline.sandbox.serve import Servers
from cloudcollect_pipeline.sandbox.world import World
from tests.hostile.server import Hostile, hostile
from tests.story import START, Story

PATIENCE = 0.5
"""Seconds that an answer may take here."""


class Besieged(Story):
    """A story told over hostile servers: `servers_of` names the two sides."""

    def __init__(self, data: Path, world: World, erp: Hostile, agency: Hostile, servers: Servers) -> None:
        super().__init__(data, world=world, servers=servers)
        self.sides = {"erp": erp, "agency": agency}
        company = self.settings.companies[self.slug]
        hurried = company.model_copy(
            update={
                side: getattr(company, side).model_copy(update={"answer_seconds": PATIENCE})
                for side in ("erp", "agency")
            }
        )
        self.settings = self.settings.model_copy(update={"companies": {self.slug: hurried}})

    def decide_all(self, code: str, action: str) -> None:
        """A person answers every finding of a code."""
        for subject in self.findings().get(code, ()):
            self.decide(code, action, subject)

    def peace(self) -> None:
        """No more strikes."""
        for side in self.sides.values():
            side.strikes.clear()


@contextmanager
def besieged(data: Path) -> Iterator[Besieged]:
    world = World.empty(START, ("nordlys",))
    with hostile(world) as (erp, agency, servers):
        yield Besieged(data, world, erp, agency, servers)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Besieged]:
    """A new company."""
    with besieged(tmp_path) as told:
        yield told


class Front:
    """A night that stays open, with something of everything in both books: for many cases about single reads."""

    def __init__(self, story: Besieged, night: Night) -> None:
        self.story, self.night = story, night
        self.said: list[str] = []
        night.progress = lambda stage, text: self.said.append(text)

    @property
    def sides(self) -> dict[str, Hostile]:
        return self.story.sides

    def failure(self, side: str, feed: str) -> CounterpartyError | None:
        """Land and mirror one feed, and why that could not be done."""
        port: Any = self.night.erp if side == "erp" else self.night.agency
        pages = port.pages
        error: CounterpartyError | None = None

        def watched(*asked: Any) -> Iterator[list[bytes]]:
            nonlocal error
            try:
                yield from pages(*asked)
            except CounterpartyError as caught:
                error = caught
                raise

        port.pages = watched
        try:
            with suppress(Permanent):  # ends a night
                assert (self.night.land(side, feed) is None) == (error is not None)
            self.night.mirror(side)
        finally:
            port.pages = pages
        return error

    def ledger(self) -> dict[str, Any]:
        """All mirrored rows that count, and up to where each feed has been read."""
        tables = ("receivable", "payment", "customer", "claim", "agency_case", "entry", "settlement")
        db = self.night.ledger.db
        seen: dict[str, Any] = {
            table: db.execute(
                f"select * exclude (valid_from) from {table} where valid_to is null order by all"
            ).fetchall()
            for table in tables
        }
        seen["watermark"] = db.execute("select side, feed, read_at from watermark order by all").fetchall()
        return seen

    def aside(self) -> str:
        """Why records are set aside."""
        found = self.night.ledger.db.execute("select reasons from persons.set_aside").fetchall()
        return "; ".join(reasons for (reasons,) in found)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with besieged(tmp_path_factory.mktemp("front")) as story:
        first, second = story.receivable(6000), story.receivable(7000)
        story.night()
        story.collect(first, 1000)
        story.erp.pay(second, 500)
        story.agency.settle(story.slug, story.world.today)
        story.receivable(8000)
        with story.opened() as night:
            adapters: tuple[Any, ...] = (night.erp, night.agency)
            for adapter in adapters:
                adapter.max_pages = 20
            night.land_and_mirror()
            yield Front(story, night)


@pytest.fixture
def front(held: Front) -> Iterator[Front]:
    """The open night, at peace and with nothing set aside before every case."""
    held.story.peace()
    yield held
    held.story.peace()
    held.night.ledger.db.execute("delete from persons.set_aside")


@contextmanager
def bounded(seconds: float = 5.0, megabytes: int = 0) -> Iterator[None]:
    """The block is over in time and takes no more memory than this (0: not measured, since measuring is slow)."""
    if megabytes:
        tracemalloc.start()
    started = time.monotonic()
    try:
        yield
        assert time.monotonic() - started < seconds
        if megabytes:
            assert tracemalloc.get_traced_memory()[1] < megabytes * 1_000_000
    finally:
        tracemalloc.stop()


Bounded = Callable[..., Any]
