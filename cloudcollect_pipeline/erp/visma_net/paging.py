"""Whole lists: pages read until nothing is missing, a few at a time, and counted against the server's own total.

Unconfirmed: page order, its stability while rows change, and the largest page. So rows may repeat, the page size is
learnt from the first answer, and a list whose rows do not add up to its total is read once more before it is refused.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import TypeVar

import msgspec

from cloudcollect_pipeline.domain.errors import Transient, Unreadable
from cloudcollect_pipeline.erp.visma_net.background import Reader
from cloudcollect_pipeline.web import NotJson, decoded, strict

A = TypeVar("A")
B = TypeVar("B")
_NOTHING = msgspec.Raw(b"")
_NO_NAME = (b"", b"null")

MAX_PAGES = 10_000
"""Pages of one list: a server whose list has no end must not fill the disk."""
REPEATS = 3
"""How often a page may show the rows of an earlier one: rows that are put in front push it to the next number."""


class Row(msgspec.Struct, rename="camel"):
    """The least that is read of a raw row: what identifies it. Everything else stays bytes."""

    def identities(self) -> list[tuple[bytes, ...]]:
        """What the server counts in this row, usually the row itself."""
        raise NotImplementedError


class DocumentRow(Row):
    """A CustomerInvoiceDto, CustomerDebitNoteDto or CustomerOverdueChargeDto."""

    document_type: msgspec.Raw = _NOTHING
    reference_number: msgspec.Raw = _NOTHING

    def identities(self) -> list[tuple[bytes, ...]]:
        """Type and number."""
        return [(bytes(self.document_type), bytes(self.reference_number))]


class PaymentRow(Row):
    """A PaymentDto; a VoidPayment has the number of its Payment."""

    type: msgspec.Raw = _NOTHING
    ref_nbr: msgspec.Raw = _NOTHING

    def identities(self) -> list[tuple[bytes, ...]]:
        """Type and number."""
        return [(bytes(self.type), bytes(self.ref_nbr))]


class CustomerRow(Row):
    """A CustomerDto."""

    number: msgspec.Raw = _NOTHING

    def identities(self) -> list[tuple[bytes, ...]]:
        """Its number."""
        return [(bytes(self.number),)]


class MovementRow(Row):
    """A GeneralLedgerTransactionDetailsDto."""

    module: msgspec.Raw = _NOTHING
    batch_number: msgspec.Raw = _NOTHING
    line_number: msgspec.Raw = _NOTHING

    def identities(self) -> list[tuple[bytes, ...]]:
        """Module, batch and line."""
        return [(bytes(self.module), bytes(self.batch_number), bytes(self.line_number))]


class _Line(msgspec.Struct, rename="camel"):
    line_number: msgspec.Raw = _NOTHING


class VoucherRow(Row):
    """A JournalTransactionDto: totals count lines, and one batch may be split over two pages."""

    batch_number: msgspec.Raw = _NOTHING
    journal_transaction_lines: list[_Line] | None = None

    def identities(self) -> list[tuple[bytes, ...]]:
        """One a line."""
        batch = bytes(self.batch_number)
        return [(batch, bytes(line.line_number)) for line in self.journal_transaction_lines or ()] or [(batch,)]


class Metadata(msgspec.Struct, rename="camel"):
    """What the vendor repeats in every row of a list."""

    total_count: int | None = None
    max_page_size: int | None = None


class _Head(msgspec.Struct):
    metadata: Metadata | None = None


@dataclass(frozen=True)
class _Page:
    rows: list[bytes]
    keys: list[int]
    metadata: Metadata
    fingerprint: int


class Lister:
    """Reads one list endpoint whole; `row` tells its rows apart. With `parallel` 1 no thread is started."""

    def __init__(
        self,
        web: Reader,
        path: str,
        params: Sequence[tuple[str, str]],
        row: type[Row],
        page_size: int,
        parallel: int,
        max_pages: int = MAX_PAGES,
    ) -> None:
        self._web, self._path, self._params, self._row = web, path, tuple(params), row
        self._size, self._parallel, self._max_pages = page_size, parallel, max_pages

    def pages(self) -> Iterator[list[bytes]]:
        """The rows page by page, in the server's order; a second reading repeats the pages of the first."""
        seen: set[int] = set()
        expected = 0
        for attempt in (1, 2):
            totals: list[int] = []
            for page in self._once():
                seen.update(page.keys)
                if page.metadata.total_count is not None:
                    totals.append(page.metadata.total_count)
                yield page.rows
            # In the second reading rows that were added meanwhile are not missed: they are news of the next night. One
            # that tells no total knows no better than the first.
            if totals:
                expected = max(totals) if attempt == 1 else totals[0]
            if len(seen) >= expected:
                return
        raise Transient(f"GET {self._path}: rows kept moving between pages ({len(seen)} of {expected} seen)")

    def _once(self) -> Iterator[_Page]:
        first = self._page(1)
        total, largest = max(0, first.metadata.total_count or 0), max(0, first.metadata.max_page_size or 0)
        counted = max(1, len(first.keys))
        # where no total is told nothing would show that a page was cut short: only fewer than the first are the last
        full = min(self._size, largest) if largest and total else counted
        last = min(max(1, -(-total // counted)), self._max_pages)
        # after the counted pages one at a time, as long as the latest was full: rows may have been added
        rest = chain(concurrently(self._page, range(2, last + 1), self._parallel), map(self._page, count(last + 1)))
        fingerprints: set[int] = set()
        shown: Counter[int] = Counter()
        for number, page in enumerate(chain((first,), rest), start=1):
            # an empty page is the end, whatever the total says: the sum is checked by the caller
            if not page.rows:
                return
            if page.fingerprint in fingerprints:
                raise Unreadable(f"GET {self._path}: the same page came twice")
            fingerprints.add(page.fingerprint)
            alike = hash(frozenset(page.keys))
            shown[alike] += 1
            if shown[alike] > REPEATS:
                raise Unreadable(f"GET {self._path}: the same rows came again and again")
            yield page
            if number >= last and len(page.keys) < full:
                return
            if number >= self._max_pages:
                raise Unreadable(f"GET {self._path}: the list has no end ({number} pages)")

    def _page(self, number: int) -> _Page:
        where = f"GET {self._path} page {number}"
        paging = (("pageNumber", str(number)), ("pageSize", str(self._size)))
        body = self._web.read(self._path, (*self._params, *paging)).body
        rows = array(body, where)
        keys = [key for row in rows for key in self._keys(row)]
        return _Page(rows, keys, metadata(rows), hash(body))

    def _keys(self, row: bytes) -> list[int]:
        try:
            return [
                hash(row) if any(part in _NO_NAME for part in key) else hash(key)
                for key in decoded(row, self._row).identities()
            ]
        except NotJson:
            return [hash(row)]  # no object, or without its lines: counted as it is, and set aside by the contract


def metadata(rows: Sequence[bytes]) -> Metadata:
    """The list's total and largest page as its first row tells them; neither where it does not."""
    if rows:
        with suppress(NotJson):
            return decoded(rows[0], _Head).metadata or Metadata()
    return Metadata()


def array(body: bytes, where: str) -> list[bytes]:
    """The elements of a JSON array as bytes on one line each; anything else is `Unreadable`."""
    try:
        return [bytes(row) for row in decoded(_one_line(body), list[msgspec.Raw])]
    except NotJson as error:
        raise Unreadable(f"{where}: not a JSON array ({error})") from None


def record(body: bytes, row: type[Row], number: str, where: str) -> bytes:
    """The one record of an answer to a read by number, on one line; anything else is `Unreadable`."""
    try:
        line = _one_line(body)
        identity = decoded(line, row).identities()[0]
        found = decoded(identity[-1], str) if identity[-1] else None
    except NotJson as error:
        raise Unreadable(f"{where}: not a JSON object with its number ({error})") from None
    # another record under this key would be judged as the one asked for
    if found != number:
        raise Unreadable(f"{where}: another record was returned")
    return line


def _one_line(body: bytes) -> bytes:
    return strict(body).translate(_SPACES)  # in JSON a line break can only stand between tokens


_SPACES = bytes.maketrans(b"\r\n", b"  ")


def concurrently(function: Callable[[A], B], items: Iterable[A], parallel: int) -> Iterator[B]:
    """`map` with `parallel` calls under way, in the order of `items`; with 1 it is `map`."""
    if parallel == 1:
        yield from map(function, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(parallel) as pool:
        under_way: deque[Future[B]] = deque(pool.submit(function, item) for item in islice(waiting, parallel))
        try:
            while under_way:
                result = under_way.popleft().result()
                under_way.extend(pool.submit(function, item) for item in islice(waiting, 1))
                yield result
        finally:
            for call in under_way:
                call.cancel()
