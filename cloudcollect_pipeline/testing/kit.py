"""How a contract is put to an adapter: each check is a method `test_…` whose first docstring line says what it asks."""

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from unittest import SkipTest

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.errors import (
    CounterpartyError,
    NotSent,
    Permanent,
    Transient,
    Uncertain,
    Unreadable,
)
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.landing import Landing
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.testing.proxy import FaultyServer

NOT_READ = (Unreadable, Transient, Permanent)
"""What a read raises that could not be made."""


T = TypeVar("T")


class Unsupported(SkipTest):
    """The adapter declares that it cannot do what a check asks about: neither passed nor failed; pytest skips it."""


def needed(hook: T | None, name: str) -> T:
    """What a rig may leave out and a check needs; without it the check is left out."""
    if hook is None:
        raise Unsupported(f"the rig has no {name}")
    return hook


class Broken(AssertionError):
    """The contract is not kept; the message says what was expected and what came."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check: `passed`, `failed` or `unsupported`, and why where it did not pass."""

    check: str
    asks: str
    state: str
    why: str = ""


class Port(Protocol):
    """What both ports have: feeds that are read page by page."""

    feeds: Mapping[str, Feed]

    def pages(self, feed: str, since: datetime | None) -> Iterator[list[bytes]]:
        """Raw records."""
        ...


class Rig(Protocol):
    """An adapter, and the faulty server through which it reaches its counterparty."""

    @property
    def port(self) -> Port:
        """The adapter."""
        ...

    @property
    def server(self) -> FaultyServer:
        """The server."""
        ...


R = TypeVar("R", bound=Rig)


class Contract(Generic[R]):
    """What is asked of both ports. Subclass `AgencyContract` or `ErpContract`, not this."""

    side: ClassVar[str]
    tables: ClassVar[Mapping[str, str]]
    """Its feeds and the tables they are mapped to."""
    main: ClassVar[str]
    """The feed that is read to see whether reading is sound."""

    def rig(self) -> AbstractContextManager[R]:
        """A fresh account or test company with the adapter in front of it, until the block ends."""
        raise NotImplementedError("define rig() to return a context manager of a rig")

    def prepare(self, rig: R) -> None:
        """See to it that the main feed holds a record, and that tokens and the like are there."""
        raise NotImplementedError

    def write(self, rig: R) -> tuple[Callable[[], object], Callable[[], bool]]:
        """The write by which writing is judged, and the look-up that tells whether it was done."""
        raise NotImplementedError

    # -- the adapter alone

    def test_every_feed_is_mapped_to_its_table(self) -> None:
        """The feeds are those of the port, each mapped to exactly its table's columns."""
        with self.rig() as rig:
            feeds = rig.port.feeds
            expect(set(feeds) == set(self.tables), f"feeds must be {sorted(self.tables)}, are {sorted(feeds)}")
            for name, table in self.tables.items():
                expect(feeds[name].table == table, f"{name} must be mapped to {table}, not {feeds[name].table}")
                wanted = {"n", *(column.name for column in TABLES[table].columns)}
                found = set(columns_of(self.side, feeds[name]))
                expect(found == wanted, f"{name}: missing {sorted(wanted - found)}, too many {sorted(found - wanted)}")

    def test_a_feed_may_be_read_again(self) -> None:
        """Reading a feed twice gives the same records: nothing is used up by being read."""
        with self.rig() as rig:
            self.prepare(rig)
            first, second = (all_of(rig.port, self.main) for _ in range(2))
            expect(sorted(first) == sorted(second), "the second reading differs")

    # -- the way is bad

    def test_a_page_that_cannot_be_read_is_told(self) -> None:
        """A feed whose page is a web page or half a page raises; it never ends early as if it were whole."""
        for fault in ("html", "truncated"):
            with self.rig() as rig:
                self.prepare(rig)
                rig.server.faults.add(fault, "GET", count=99)
                with raises(f"a page that is {fault}", *NOT_READ):
                    all_of(rig.port, self.main)

    def test_a_passing_failure_of_a_read_is_not_noticed(self) -> None:
        """One 503 on a read is tried again, and the feed is whole."""
        with self.rig() as rig:
            self.prepare(rig)
            before = all_of(rig.port, self.main)
            rig.server.faults.add("status_before", "GET", status=503)
            expect(sorted(all_of(rig.port, self.main)) == sorted(before), "the feed is not whole")

    def test_a_write_without_an_answer_is_uncertain_and_found(self) -> None:
        """The connection ends after it was done: `Uncertain`, one request, and the look-up knows it."""
        self._hurt("lost_after", Uncertain, done=True)

    def test_a_write_that_never_arrived_is_not_found(self) -> None:
        """The connection ends before it was done: `Uncertain`, since nobody can tell, and the look-up tells."""
        self._hurt("lost_before", Uncertain, done=False)

    def test_a_server_error_says_nothing_about_the_write(self) -> None:
        """A 5xx with the effect done is `Uncertain`, never tried again by the adapter."""
        self._hurt("status_after", Uncertain, done=True, status=502)

    def test_a_server_error_before_the_write_is_uncertain_too(self) -> None:
        """A 5xx without the effect looks the same from outside, and is told the same."""
        self._hurt("status_before", Uncertain, done=False, status=500)

    def test_a_success_that_cannot_be_read_is_uncertain(self) -> None:
        """A web page with status 200 is no receipt."""
        self._hurt("html", Uncertain, done=True)

    def test_too_many_requests_is_not_sent(self) -> None:
        """429 says for certain that nothing was done: `NotSent`."""
        self._hurt("retry_429", NotSent, done=False)

    def _hurt(self, fault: str, error: type[CounterpartyError], *, done: bool, **options: Any) -> None:
        with self.rig() as rig:
            self.prepare(rig)  # so that only the write is a write
            write, is_done = self.write(rig)
            one_attempt(rig.server, fault, error, write, **options)
            expect(is_done() is done, f"the look-up {'does not know' if done else 'knows'} what was sent")


def run_contract(contract: Any, part: str = "") -> list[Outcome]:
    """Put an adapter through the checks of its contract whose name has this part, in the order in which they stand."""
    names = dict.fromkeys(name for kind in type(contract).__mro__ for name in vars(kind) if name.startswith("test_"))
    return [_outcome(name, getattr(contract, name)) for name in names if part in name]


def _outcome(name: str, check: Callable[[], None]) -> Outcome:
    asks = (inspect.getdoc(check) or name).splitlines()[0]
    try:
        check()
    except Unsupported as reason:
        return Outcome(name, asks, "unsupported", str(reason))
    except Exception as error:  # noqa: BLE001 whatever an adapter does wrong is what its author came to hear
        first = next(iter(str(error).splitlines()), "")
        return Outcome(name, asks, "failed", first if isinstance(error, Broken) else f"{type(error).__name__}: {first}")
    return Outcome(name, asks, "passed")


def expect(holds: bool, what: str) -> None:
    """Raise `Broken` with what should have been, unless it is."""
    if not holds:
        raise Broken(what)


@contextmanager
def raises(when: str, *kinds: type[CounterpartyError]) -> Iterator[None]:
    """The block must raise one of these errors; anything else breaks the contract. `when` says what was done."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        yield
    except kinds:
        return
    except Exception as error:  # noqa: BLE001 an error of any other kind is the finding
        raise Broken(f"{when}: expected {names}, got {type(error).__name__}: {error}") from None
    raise Broken(f"{when}: expected {names}, and nothing was raised")


def one_attempt(
    server: FaultyServer, fault: str, error: type[CounterpartyError], write: Callable[[], object], **options: Any
) -> None:
    """A write whose request is hurt must raise this error, and must not have been tried twice."""
    before = server.writes()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        server.faults.add(fault, method, **options)
    try:
        with raises(f"a write answered with {fault}", error):
            write()
    finally:
        server.faults.clear()
        writes = server.writes() - before
        expect(writes == 1, f"the adapter made {writes} attempts; a write makes one")


def all_of(port: Port, feed: str) -> list[bytes]:
    """Every record of a feed."""
    return [record for page in port.pages(feed, None) for record in page]


def rows_of(side: str, feed: Feed, records: Sequence[bytes]) -> list[dict[str, Any]]:
    """Raw records as the ledger keeps them: mapped, validated, mirrored. A row set aside breaks the contract."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        at = datetime.now(UTC)
        night = at.astimezone(OSLO).date()
        spool = Landing(folder / "landing").land(side, feed.name, night, at, [list(records)])
        ledger = Ledger(folder, "kit", "kit")
        try:
            mirrored = ledger.mirror(side, night, at, [(feed, [spool])], {})
            aside = [f"{row.key}: {', '.join(row.reasons)}" for row in mirrored.set_aside]
            expect(not aside, f"rows of {feed.name} that break the contract of {feed.table}: {'; '.join(aside[:5])}")
            keys = ", ".join(TABLES[feed.table].key)
            return ledger.rows(f"select * from {feed.table}_now order by {keys}")
        finally:
            ledger.close()


def columns_of(side: str, feed: Feed) -> list[str]:
    """The columns that a feed's mapping returns, from no records at all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        at = datetime.now(UTC)
        spool = Landing(folder / "landing").land(side, feed.name, at.date(), at, [])
        ledger = Ledger(folder, "kit", "kit")
        try:
            ledger.map(feed, [spool], "mapped")
            return [row["column_name"] for row in ledger.rows("describe mapped")]
        finally:
            ledger.close()
