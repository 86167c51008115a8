"""Lists read whole: rows that move, totals that lie, servers that ignore the page number."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx
import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import Transient, Unreadable
from cloudcollect_pipeline.erp.visma_net.paging import CustomerRow, Lister, VoucherRow, array, concurrently
from cloudcollect_pipeline.web import Web

Answer = Callable[[int, int], str | list[object]]


class Server:
    """A list endpoint: `answer(page, size)` gives the rows or the raw text."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.pages: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        number, size = (int(request.url.params[name]) for name in ("pageNumber", "pageSize"))
        self.pages.append(number)
        rows = self.answer(number, size)
        return httpx.Response(200, text=rows if isinstance(rows, str) else json.dumps(rows))


def read(
    server: Server, size: int = 10, parallel: int = 1, row: type[CustomerRow] | type[VoucherRow] = CustomerRow
) -> list[str]:
    clock = VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))
    web = Web("https://erp.test", clock=clock, transport=httpx.MockTransport(server))
    pages = Lister(web, "/v1/customer", (), row, size, parallel).pages()
    return [json.loads(raw).get("number") for page in pages for raw in page]


def cut(numbers: Sequence[int], page: int, size: int, **metadata: int) -> list[object]:
    part = numbers[(page - 1) * size : page * size]
    return [{"number": f"{n:03}"} | ({"metadata": metadata} if metadata else {}) for n in part]


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35, 100])
@pytest.mark.parametrize("maximum", [7, 10, 50])
def test_every_row_is_read_in_order_and_no_more_pages_than_needed(parallel: int, count: int, maximum: int) -> None:
    rows = range(count)
    size = min(10, maximum)
    server = Server(lambda page, asked: cut(rows, page, min(asked, maximum), totalCount=count, maxPageSize=maximum))
    assert read(server, parallel=parallel) == [f"{n:03}" for n in rows]
    assert sorted(server.pages) == list(range(1, max(1, count // size + 1) + 1))


@pytest.mark.parametrize("count", [0, 3, 10, 25])
def test_a_list_without_totals_is_read_until_a_page_is_not_full(count: int) -> None:
    assert len(read(Server(lambda page, asked: cut(range(count), page, asked)))) == count


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_size_that_the_server_cuts_silently_is_learnt(parallel: int) -> None:
    server = Server(lambda page, _: cut(range(30), page, 4))
    assert len(read(server, parallel=parallel)) == 30


def test_a_row_that_slips_to_a_read_page_is_found_by_reading_once_more() -> None:
    rows = list(range(30))

    def answer(page: int, size: int) -> list[object]:
        if page == 2 and rows[0] == 0:
            rows.append(rows.pop(0))  # a modified row moves to the end, and every other one forward
        return cut(rows, page, size, totalCount=30, maxPageSize=10)

    server = Server(answer)
    assert set(read(server)) == {f"{n:03}" for n in range(30)}
    assert server.pages == [1, 2, 3, 4, 1, 2, 3, 4]


def test_rows_added_while_reading_are_read() -> None:
    rows = list(range(20))

    def answer(page: int, size: int) -> list[object]:
        if page == 2 and len(rows) == 20:
            rows.extend(range(20, 35))
        return cut(rows, page, size, totalCount=len(rows), maxPageSize=10)

    assert set(read(Server(answer))) == {f"{n:03}" for n in range(35)}


def test_rows_that_never_add_up_to_the_total_are_an_error() -> None:
    with pytest.raises(Transient, match="29 of 30"):
        read(Server(lambda page, size: cut(range(29), page, size, totalCount=30, maxPageSize=10)))


def test_a_server_that_ignores_the_page_number_is_noticed() -> None:
    with pytest.raises(Unreadable, match="came twice"):
        read(Server(lambda _, size: cut(range(10), 1, size)))


@pytest.mark.parametrize("promised", [0, 10_000_000])
def test_a_page_that_comes_again_and_again_in_other_words_is_the_end(promised: int) -> None:
    """As when every answer bears a stamp of its own: the rows tell, not the bytes."""
    server = Server(lambda page, size: cut(range(10), 1, size, totalCount=promised, maxPageSize=10, stamp=page))
    with pytest.raises(Unreadable, match="the same rows came again"):
        read(server)
    assert len(server.pages) < 10


def test_rows_inserted_in_front_push_a_read_page_to_the_next_number_and_that_is_no_error() -> None:
    rows = list(range(30))

    def answer(page: int, size: int) -> list[object]:
        if page == 2 and rows[0] == 0:
            rows[:0] = range(30, 40)
        return cut(rows, page, size, totalCount=len(rows), maxPageSize=10)

    assert set(read(Server(answer))) == {f"{n:03}" for n in range(40)}


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda page, size: [], id="it is empty"),
        pytest.param(lambda page, size: cut(range(20), page, size), id="it tells no total"),
        pytest.param(
            lambda page, size: cut(range(20), page, size, totalCount=30 if page == 1 else 3, maxPageSize=10),
            id="one of its pages tells a smaller total",
        ),
    ],
)
def test_a_second_reading_that_knows_no_better_does_not_make_a_short_list_whole(second: Answer) -> None:
    def answer(page: int, size: int) -> str | list[object]:
        again = server.pages.count(1) > 1
        return second(page, size) if again else cut(range(20), page, size, totalCount=30, maxPageSize=10)

    server = Server(answer)
    with pytest.raises(Transient, match="20 of 30"):
        read(server)


def test_a_total_below_nothing_is_no_total() -> None:
    assert len(read(Server(lambda page, size: cut(range(25), page, size, totalCount=-5, maxPageSize=-5)))) == 25


def test_a_short_page_is_not_taken_for_the_last_where_no_total_is_told() -> None:
    assert len(read(Server(lambda page, size: cut(range(30), page, 7, maxPageSize=10)))) == 30


def test_records_without_a_number_count_one_by_one() -> None:
    rows = [{"number": None, "name": name, "metadata": {"totalCount": 2, "maxPageSize": 10}} for name in "ab"]
    assert read(Server(lambda page, _: list(rows) if page == 1 else [])) == [None, None]


@pytest.mark.parametrize(
    "body",
    ["", "<html>down</html>", '{"message": "no"}', "null", '[{"number": "1"}', '[{"number": "1"},', '["\udcff"]'],
)
def test_an_answer_that_is_no_array_names_endpoint_and_page(body: str) -> None:
    with pytest.raises(Unreadable, match=r"/v1/customer page 1: not a JSON array"):
        array(body.encode("utf-8", "surrogateescape"), "GET /v1/customer page 1")


def test_a_broken_later_page_ends_the_reading() -> None:
    with pytest.raises(Unreadable, match="page 2"):
        read(Server(lambda page, size: "<html>" if page == 2 else cut(range(30), page, size, totalCount=30)))


def test_rows_are_one_line_each_and_otherwise_as_received() -> None:
    assert array('[\n {"a":\r\n 1.10, "ø": "\\n"}\n]'.encode(), "x") == ['{"a":   1.10, "ø": "\\n"}'.encode()]


def test_a_row_that_is_no_record_is_passed_on() -> None:
    clock = VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))
    server = Server(lambda page, _: [None, 7, {"number": 5}] if page == 1 else [])
    web = Web("https://erp.test", clock=clock, transport=httpx.MockTransport(server))
    assert list(Lister(web, "/v1/customer", (), CustomerRow, 10, 1).pages()) == [[b"null", b"7", b'{"number": 5}']]


def test_batches_are_counted_by_their_lines() -> None:
    lines = [(batch, line) for batch in range(6) for line in range(5)]

    def answer(page: int, size: int) -> list[object]:
        batches: dict[int, list[object]] = {}
        for batch, line in lines[(page - 1) * size : page * size]:
            batches.setdefault(batch, []).append({"lineNumber": line})
        return [
            {"number": str(batch), "batchNumber": str(batch), "journalTransactionLines": each,
             "metadata": {"totalCount": 30, "maxPageSize": 500}}
            for batch, each in batches.items()
        ]  # fmt: skip

    server = Server(answer)
    assert read(server, size=8, row=VoucherRow) == ["0", "1", "1", "2", "3", "3", "4", "4", "5"]
    assert server.pages == [1, 2, 3, 4]


def test_an_error_in_one_call_stops_the_rest() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if number == 3:
            raise ValueError
        done.append(number)
        return number

    with pytest.raises(ValueError):
        list(concurrently(work, range(100), 4))
    assert len(done) < 20
