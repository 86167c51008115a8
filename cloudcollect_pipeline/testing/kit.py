"""How a contract is put to an adapter: each check is a method `test_…` whose first docstring line says what it asks."""

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import SkipTest

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.landing import Landing
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.ledger.tables import TABLES


class Unsupported(SkipTest):
    """The adapter declares that it cannot do what a check asks about: neither passed nor failed; pytest skips it."""


class Broken(AssertionError):
    """The contract is not kept; the message says what was expected and what came."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check: `passed`, `failed` or `unsupported`, and why where it did not pass."""

    check: str
    asks: str
    state: str
    why: str = ""


def run_contract(contract: Any) -> list[Outcome]:
    """Put an adapter through every check of its contract, in the order in which they stand."""
    return [_outcome(name, check) for name, check in _checks(contract)]


def _checks(contract: Any) -> list[tuple[str, Callable[[], None]]]:
    found = [
        (name, check) for name, check in inspect.getmembers(contract, inspect.ismethod) if name.startswith("test_")
    ]
    return sorted(found, key=lambda each: inspect.getsourcelines(each[1])[1])


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
