"""Credentials: where they go, how long they live, and that nobody sees them."""

import pickle
import threading
from datetime import UTC, datetime
from urllib.parse import parse_qs

import httpx
import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent, Permanent, Transient, Uncertain
from cloudcollect_pipeline.web import BearerKey, ClientCredentials, HttpRefused, Origin, Web

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
API = "https://erp.test"
TOKENS = "https://connect.test/connect/token"


class Connect:
    """A token endpoint that numbers its tokens."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.answer: httpx.Response | Exception | None = None
        self.lifetime = 3600

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == TOKENS
        assert "authorization" not in request.headers
        self.asked.append(parse_qs(request.content.decode()))
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return httpx.Response(self.answer.status_code, content=self.answer.content)
        body = {"access_token": f"token{len(self.asked)}", "expires_in": self.lifetime, "token_type": "Bearer"}
        return httpx.Response(200, json=body)


class Api:
    """Accepts the tokens it is told to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.rejected: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.seen.append(token)
        if token in self.rejected:
            return httpx.Response(401, json={"message": "no"})
        return httpx.Response(200)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def connect() -> Connect:
    return Connect()


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def auth(clock: VirtualClock, connect: Connect) -> ClientCredentials:
    return ClientCredentials(
        TOKENS, "app", "hush", "tenant", "read create", API, clock, transport=httpx.MockTransport(connect)
    )


@pytest.fixture
def web(auth: ClientCredentials, clock: VirtualClock, api: Api) -> Web:
    return Web(API, auth, clock=clock, transport=httpx.MockTransport(api))


def test_a_token_is_asked_for_once_with_the_companys_tenant(web: Web, connect: Connect, api: Api) -> None:
    web.read("/v1/x")
    web.write("POST", "/v1/x")
    assert api.seen == ["token1", "token1"]
    assert connect.asked == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["app"],
            "client_secret": ["hush"],
            "scope": ["read create"],
            "tenant_id": ["tenant"],
        }
    ]


@pytest.mark.parametrize(("waited", "tokens"), [(3539, 1), (3540, 2), (4000, 2)])
def test_a_token_is_renewed_a_minute_before_it_expires(
    web: Web, clock: VirtualClock, connect: Connect, waited: int, tokens: int
) -> None:
    web.read("/v1/x")
    clock.sleep(waited)
    web.read("/v1/x")
    assert len(connect.asked) == tokens


def test_a_rejected_token_is_dropped_and_a_read_asked_again(web: Web, api: Api) -> None:
    api.rejected = {"token1"}
    web.read("/v1/x")
    assert api.seen == ["token1", "token2"]


def test_a_read_is_asked_again_only_once(web: Web, api: Api) -> None:
    api.rejected = {"token1", "token2"}
    with pytest.raises(Permanent, match="company tenant"):
        web.read("/v1/x")
    assert api.seen == ["token1", "token2"]


def test_a_write_is_not_sent_again_but_the_next_one_has_a_new_token(web: Web, api: Api) -> None:
    api.rejected = {"token1"}
    with pytest.raises(HttpRefused, match="company tenant"):
        web.write("POST", "/v1/x")
    web.write("POST", "/v1/x")
    assert api.seen == ["token1", "token2"]


@pytest.mark.parametrize(
    ("answer", "read_as"),
    [
        (httpx.Response(401, json={"error": "invalid_client"}), Permanent),
        (httpx.Response(400, json={"error": "invalid_tenant"}), Permanent),
        (httpx.Response(302), Permanent),
        (httpx.Response(500), Transient),
        (httpx.Response(429), Transient),
        (httpx.Response(200, text="<html>"), Transient),
        (httpx.Response(200, json={"access_token": "a b", "expires_in": 10}), Transient),
        (httpx.Response(200, json={"access_token": "a", "expires_in": -1}), Transient),
        (httpx.Response(200, content=b"x" * 100_000), Transient),
        (httpx.ConnectError("x"), Transient),
        (httpx.ReadTimeout("x"), Transient),
    ],
)
def test_without_a_token_nothing_is_sent(
    web: Web, connect: Connect, api: Api, answer: httpx.Response | Exception, read_as: type[CounterpartyError]
) -> None:
    connect.answer = answer
    with pytest.raises(read_as):
        web.read("/v1/x")
    with pytest.raises(NotSent):
        web.write("POST", "/v1/x")
    assert api.seen == []


def test_the_token_endpoints_reason_is_named(web: Web, connect: Connect) -> None:
    connect.answer = httpx.Response(400, json={"error": "invalid_tenant", "error_description": "Kari"})
    with pytest.raises(Permanent, match="answered 400 invalid_tenant") as caught:
        web.read("/v1/x")
    assert "company tenant" in str(caught.value)
    assert "Kari" not in str(caught.value)


@pytest.mark.parametrize(
    "where", ["https://evil.test/", "http://erp.test/", "https://erp.test:444/", "https://erp.test.evil/"]
)
def test_a_credential_is_refused_to_any_other_origin(auth: ClientCredentials, api: Api, where: str) -> None:
    client = httpx.Client(transport=httpx.MockTransport(api))
    for credential in (auth, BearerKey("key", API)):
        with pytest.raises(Permanent, match="another origin"):
            client.get(where, auth=credential)
    assert api.seen == []


@pytest.mark.parametrize("url", ["http://connect.test/token", "ftp://x", "token"])
def test_the_secret_travels_over_https_only(clock: VirtualClock, url: str) -> None:
    with pytest.raises(ValueError):
        ClientCredentials(url, "app", "hush", "tenant", "read", API, clock)


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "nøkkel"])
def test_a_key_that_could_break_a_header_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        BearerKey(key, API)


def test_secrets_do_not_show_and_are_not_stored(auth: ClientCredentials, web: Web) -> None:
    web.read("/v1/x")
    shown = repr(auth) + repr(vars(auth)) + repr(BearerKey("sesam", API)) + repr(vars(BearerKey("sesam", API)))
    assert not any(secret in shown for secret in ("hush", "token1", "sesam"))
    with pytest.raises(TypeError):
        pickle.dumps(BearerKey("sesam", API))


def test_many_threads_share_one_token(web: Web, connect: Connect, api: Api) -> None:
    threads = [threading.Thread(target=web.read, args=("/v1/x",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(api.seen), len(connect.asked)) == (16, 1)
    assert dict(web.requests) == {"GET": 16}


def test_a_fixed_key_is_sent_as_it_is(clock: VirtualClock, api: Api) -> None:
    web = Web(API, BearerKey("sesam", API), clock=clock, transport=httpx.MockTransport(api))
    web.read("/v1/x")
    api.rejected = {"sesam"}
    with pytest.raises(Permanent, match="API key"):
        web.read("/v1/x")
    assert api.seen == ["sesam", "sesam"]


def test_an_empty_401_to_a_write_proves_nothing(clock: VirtualClock) -> None:
    web = Web(API, clock=clock, transport=httpx.MockTransport(lambda _: httpx.Response(401)))
    with pytest.raises(Uncertain):
        web.write("POST", "/v1/x")


@pytest.mark.parametrize(
    ("url", "origin"),
    [("https://a.test/x", ("https", "a.test", 443)), ("http://127.0.0.1:81", ("http", "127.0.0.1", 81)),
     ("HTTPS://A.test:443", ("https", "a.test", 443))],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int]) -> None:
    assert Origin.of(url) == origin


def test_a_refused_token_says_its_status_and_why(auth: ClientCredentials, connect: Connect) -> None:
    connect.answer = httpx.Response(400, json={"error": "invalid_client"})
    with pytest.raises(Permanent) as refused:
        auth.credential()
    assert (refused.value.status, refused.value.code) == (400, "invalid_client")


@pytest.mark.parametrize(
    ("told", "granted"),
    [({"scope": "read create"}, {"read", "create"}), ({"scope": ""}, set()), ({}, None), ({"scope": None}, None)],
)
def test_the_scopes_of_a_token_are_what_its_answer_tells(
    auth: ClientCredentials, connect: Connect, told: dict[str, str], granted: set[str] | None
) -> None:
    assert auth.granted is None
    connect.answer = httpx.Response(200, json={"access_token": "t", "expires_in": 3600, **told})
    auth.credential()
    assert auth.granted == granted
