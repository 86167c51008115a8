"""The HTTP seam: what is sent where, what is tried again, and what each failure means."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent, Permanent, Transient, Uncertain, Unreadable
from cloudcollect_pipeline.web import BearerKey, HttpRefused, SystemClock, Web, scrubbed, segment

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
BASE = "https://erp.test"
Step = httpx.Response | Exception


class Server:
    """Answers with the given steps in turn, the last one for ever, and remembers what was asked."""

    def __init__(self, *steps: Step | int) -> None:
        self.steps = [httpx.Response(step) if isinstance(step, int) else step for step in steps]
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        step = self.steps[min(len(self.asked), len(self.steps)) - 1]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


def web(server: Callable[[httpx.Request], httpx.Response], clock: VirtualClock, **options: object) -> Web:
    return Web(BASE, clock=clock, transport=httpx.MockTransport(server), **options)  # type: ignore[arg-type]


def error(status: int, message: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"message": message}, headers=headers)


def test_a_read_sends_its_parameters_encoded_and_asks_for_no_compression(clock: VirtualClock) -> None:
    server = Server(httpx.Response(200, content=b"[]"))
    answer = web(server, clock).read("/v1/x", (("condition", ">="), ("name", "a b&c"), ("id", "1"), ("id", "2")))
    assert answer.body == b"[]"
    assert server.asked[0].url.raw_path == b"/v1/x?condition=%3E%3D&name=a%20b%26c&id=1&id=2"
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "failure",
    [500, 502, 503, 504, 599, 408, 429, httpx.ReadTimeout("x"), httpx.ConnectError("x"), ConnectionError("x")],
)
def test_a_read_is_tried_again_after_a_passing_failure(clock: VirtualClock, failure: Step | int) -> None:
    server = Server(failure, failure, httpx.Response(200, content=b"ok"))
    assert web(server, clock).read("/v1/x").body == b"ok"
    assert len(server.asked) == 3
    assert clock.now() > START


@pytest.mark.parametrize("failure", [500, httpx.RemoteProtocolError("x"), httpx.PoolTimeout("x")])
def test_a_read_that_keeps_failing_is_transient(clock: VirtualClock, failure: Step | int) -> None:
    server = Server(failure)
    with pytest.raises(Transient, match="3 attempts"):
        web(server, clock).read("/v1/x")
    assert len(server.asked) == 3


def test_a_read_waits_as_long_as_it_is_told(clock: VirtualClock) -> None:
    web(Server(httpx.Response(429, headers={"retry-after": "60"}), 200), clock).read("/v1/x")
    assert (clock.now() - START).total_seconds() == 60


def test_a_read_waits_until_a_date(clock: VirtualClock) -> None:
    web(Server(httpx.Response(503, headers={"retry-after": "Mon, 02 Mar 2026 03:00:40 GMT"}), 200), clock).read("/v1/x")
    assert (clock.now() - START).total_seconds() == 40


def test_a_read_does_not_wait_for_an_hour(clock: VirtualClock) -> None:
    server = Server(httpx.Response(429, headers={"retry-after": "3600"}))
    with pytest.raises(Transient):
        web(server, clock).read("/v1/x")
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 410])
def test_a_read_refused_for_good_is_permanent(clock: VirtualClock, status: int) -> None:
    server = Server(httpx.Response(status, headers={"location": "https://evil.test/"}))
    with pytest.raises(Permanent, match=f"GET /v1/x answered {status}"):
        web(server, clock).read("/v1/x", (("name", "Kari"),))
    assert len(server.asked) == 1


def test_a_missing_record_can_be_an_answer(clock: VirtualClock) -> None:
    assert web(Server(404), clock).read("/v1/x/7", missing_ok=True).status == 404


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.ConnectTimeout("x"), NotSent),
        (httpx.PoolTimeout("x"), NotSent),
        (429, NotSent),
        (httpx.ReadTimeout("x"), Uncertain),
        (httpx.WriteTimeout("x"), Uncertain),
        (httpx.ReadError("x"), Uncertain),
        (httpx.WriteError("x"), Uncertain),
        (httpx.RemoteProtocolError("x"), Uncertain),
        (ConnectionResetError("x"), Uncertain),
        (301, Uncertain),
        (408, Uncertain),
        (500, Uncertain),
        (503, Uncertain),
        (error(500, "VismaId: 1. Error: AdjdRefNbr cannot be found"), Uncertain),
        (httpx.Response(400, text="<html>Bad gateway</html>"), Uncertain),
        (httpx.Response(400, text="[1]"), Uncertain),
        (httpx.Response(422, content=b""), Uncertain),
        (error(418, "teapot"), Uncertain),
        (httpx.Response(201, headers={"content-encoding": "br"}, content=b""), Uncertain),
        *((error(status, "no"), HttpRefused) for status in (400, 401, 403, 404, 405, 409, 410, 412, 422)),
    ],
)
def test_a_write_makes_one_attempt_and_says_what_is_known(
    clock: VirtualClock, failure: Step | int, expected: type[CounterpartyError]
) -> None:
    server = Server(failure)
    with pytest.raises(expected) as caught:
        web(server, clock).write("POST", "/v1/x", b'{"a":1}')
    assert type(caught.value) is expected
    assert len(server.asked) == 1
    assert clock.now() == START


def test_a_refusal_carries_status_code_and_the_business_message_alone(clock: VirtualClock) -> None:
    body = {"code": "DUPLICATE", "message": "VismaId: 1f3a. Error creating payment. Error: Period 202601 is closed."}
    with pytest.raises(HttpRefused) as caught:
        web(Server(httpx.Response(409, json=body)), clock).write("POST", "/v1/x", b"{}")
    refusal = caught.value
    assert (refusal.status, refusal.code, refusal.text) == (409, "DUPLICATE", "Period 202601 is closed.")
    assert str(refusal) == "POST /v1/x answered 409: Period 202601 is closed."


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("VismaId: 1. Error: AdjdRefNbr '000225' cannot be found", "AdjdRefNbr '000225' cannot be found"),
        ("write to kari@example.no now", "write to *** now"),
        ("Customer 'Kari Nordmann' is inactive", "Customer *** is inactive"),
        ("'1920' is not allowed for 'INK'", "'1920' is not allowed for 'INK'"),
        ("national id 010190 12345 unknown", "national id *** unknown"),
        ("see https://x.test/a?name=Kari", "see https://x.test/a***"),
        ("two\nlines", "two lines"),
        ("", ""),
    ],
)
def test_a_vendor_text_keeps_its_message_and_nobody(said: str, kept: str) -> None:
    assert scrubbed(said) == kept


def test_a_vendor_text_is_short() -> None:
    assert len(scrubbed("x" * 5000)) == 200


def test_a_write_sends_its_headers_and_json_type(clock: VirtualClock) -> None:
    server = Server(httpx.Response(201, headers={"Location": "/v1/x/9"}))
    answer = web(server, clock).write("POST", "/v1/x", b"{}", {"If-Match": '"a"'})
    assert (answer.status, answer.headers["location"]) == (201, "/v1/x/9")
    assert server.asked[0].headers["content-type"] == "application/json"
    assert server.asked[0].headers["if-match"] == '"a"'


@pytest.mark.parametrize(
    "path",
    ["v1/x", "//evil.test/x", "https://evil.test/x", "/v1/../admin", "/v1/%2e%2e/admin", "/v1/x?a=b", "/v1/x#y",
     "/v1\\x", "/v1/%5c..", "/v1/ x", "/v1/x\n", "", "/v1/.", "/%2fevil.test"],
)  # fmt: skip
def test_a_path_stays_below_the_base(clock: VirtualClock, path: str) -> None:
    server = Server(200)
    for call in (lambda: web(server, clock).read(path), lambda: web(server, clock).write("POST", path)):
        with pytest.raises(ValueError):
            call()
    assert server.asked == []


@pytest.mark.parametrize(("value", "written"), [("100123", "100123"), ("a/b", "a%2Fb"), ("æ?", "%C3%A6%3F")])
def test_a_segment_is_one_segment(value: str, written: str) -> None:
    assert segment(value) == written


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_segment_that_moves_is_refused(value: str) -> None:
    with pytest.raises(ValueError):
        segment(value)


@pytest.mark.parametrize("base", ["http://erp.test", "ftp://erp.test", "erp.test", "http://10.0.0.1"])
def test_plain_http_leaves_this_machine_under_no_name(clock: VirtualClock, base: str) -> None:
    with pytest.raises(ValueError):
        Web(base, clock=clock)


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "https://erp.test"])
def test_https_and_this_machine_are_accepted(clock: VirtualClock, base: str) -> None:
    Web(base, clock=clock, transport=httpx.MockTransport(Server(200))).close()


def test_a_prefix_of_the_base_is_kept(clock: VirtualClock) -> None:
    server = Server(200)
    with Web(f"{BASE}/api/", clock=clock, transport=httpx.MockTransport(server)) as prefixed:
        prefixed.read("/v1/x")
    assert server.asked[0].url.path == "/api/v1/x"


class _Endless(httpx.SyncByteStream):
    def __init__(self) -> None:
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.given += 1
            yield b"x" * 1000


def test_an_endless_answer_is_cut_off(clock: VirtualClock) -> None:
    stream = _Endless()
    with pytest.raises(Unreadable, match="larger than 5000 bytes"):
        web(lambda _: httpx.Response(200, stream=stream), clock, max_body=5000).read("/v1/x")
    assert stream.given < 100


def test_an_endless_answer_to_a_write_is_uncertain(clock: VirtualClock) -> None:
    with pytest.raises(Uncertain):
        web(lambda _: httpx.Response(201, stream=_Endless()), clock, max_body=5000).write("POST", "/v1/x")


def test_a_compressed_answer_is_refused_unread(clock: VirtualClock) -> None:
    stream = _Endless()

    def bomb(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=stream)

    with pytest.raises(Unreadable, match="compressed"):
        web(bomb, clock).read("/v1/x")
    assert stream.given == 0


def limits(remaining: int, reset: int = 600, limit: int = 1000) -> dict[str, str]:
    values = {"Limit": limit, "Remaining": remaining, "Reset": reset}
    return {f"X-RateLimit-{name}": str(value) for name, value in values.items()}


def test_the_last_fifth_of_the_quota_is_left_to_others(clock: VirtualClock) -> None:
    server = Server(httpx.Response(200, headers=limits(199)))
    client = web(server, clock)
    client.read("/v1/x")
    with pytest.raises(Transient, match="resets in 600 s"):
        client.read("/v1/x")
    with pytest.raises(NotSent, match="left to others"):
        client.write("POST", "/v1/x")
    assert len(server.asked) == 1
    clock.sleep(600)
    client.write("POST", "/v1/x")
    assert len(server.asked) == 2


def test_a_read_waits_for_a_window_that_ends_soon(clock: VirtualClock) -> None:
    server = Server(httpx.Response(200, headers=limits(10, reset=90)), 200)
    client = web(server, clock)
    client.read("/v1/x")
    client.read("/v1/x")
    assert (clock.now() - START).total_seconds() == 90


def test_requests_under_way_count_before_the_server_says_so(clock: VirtualClock) -> None:
    server = Server(httpx.Response(200, headers=limits(201)), 200)
    client = web(server, clock)
    for _ in range(3):
        client.read("/v1/x")
    with pytest.raises(Transient):
        client.read("/v1/x")


def test_a_budget_of_requests_is_never_exceeded(clock: VirtualClock) -> None:
    server = Server(200)
    client = web(server, clock, requests_limit=2)
    client.read("/v1/x")
    client.write("PUT", "/v1/x")
    with pytest.raises(Transient, match="budget"):
        client.read("/v1/x")
    with pytest.raises(NotSent, match="budget"):
        client.write("POST", "/v1/x")
    assert dict(client.requests) == {"GET": 1, "PUT": 1}
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "step", [500, 403, httpx.ReadTimeout("Kari"), httpx.ConnectError("Kari"), error(400, "Kari@x.no")]
)
def test_nothing_of_query_or_body_reaches_a_message_or_a_log(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture, step: Step | int
) -> None:
    caplog.set_level(logging.DEBUG)
    client = web(Server(step), clock)
    with pytest.raises(CounterpartyError) as read:
        client.read("/v1/x", (("name", "Kari"),))
    with pytest.raises(CounterpartyError) as written:
        client.write("POST", "/v1/x", b"Kari")
    for failure in (read.value, written.value):
        assert failure.__suppress_context__ or failure.__context__ is None
        assert "Kari" not in repr(failure) + caplog.text
    assert "Kari" not in repr(web(Server(httpx.Response(200, content=b"Kari")), clock).read("/v1/x"))


def test_a_foreign_credential_is_noticed_at_construction(clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match="another origin"):
        Web(BASE, BearerKey("k", "https://other.test"), clock=clock)


def test_the_system_clock_is_in_utc() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-1)
    assert before.tzinfo is UTC
    assert clock.now() >= before


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_read_that_is_refused_for_good_says_its_status(clock: VirtualClock, status: int) -> None:
    with pytest.raises(Permanent) as refused:
        web(Server(status), clock).read("/v1/x")
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Mon, 02 Mar 2026 03:00:00 GMT", 0),
        ("Mon, 02 Mar 2026 03:10:00 GMT", 600),
        ("Mon, 02 Mar 2026 02:59:30 GMT", -29),
        ("yesterday", None),
        ("Mon, 02 Mar 2026 03:10:00 -0000", None),
        (None, None),
    ],
)
def test_how_far_the_clocks_are_apart_is_learnt_from_the_date(
    clock: VirtualClock, date: str | None, seconds: int | None
) -> None:
    client = web(Server(httpx.Response(200, headers={"date": date} if date else {})), clock)
    client.read("/v1/x")
    assert (None if client.clock_skew is None else client.clock_skew.total_seconds()) == seconds
