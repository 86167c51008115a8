"""Two real servers over one world, and what a client sees when an answer is lost."""

import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from cloudcollect_pipeline import settings
from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.sandbox.faults import FaultKind
from cloudcollect_pipeline.sandbox.http import Request, Response
from cloudcollect_pipeline.sandbox.serve import Servers, serve, settings_toml
from cloudcollect_pipeline.sandbox.world import World

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World.empty(START, ("nordlys", "fjordheim"))


@pytest.fixture
def servers(world: World) -> Generator[Servers, None, None]:
    with serve(world) as running:
        yield running


def token(world: World, servers: Servers) -> str:
    company = world.company()
    answer = httpx.post(
        servers.token_url,
        data={
            "grant_type": "client_credentials",
            "client_id": company.client_id,
            "client_secret": company.client_secret,
            "tenant_id": company.tenant_id,
            "scope": "vismanet_erp_service_api:read",
        },
    )
    return str(answer.json()["access_token"])


def test_both_servers_answer_real_requests(world: World, servers: Servers) -> None:
    world.erp().add_customer(name="Blåbær og Sønn AS")
    answer = httpx.get(
        f"{servers.erp_url}/v1/customer?pageNumber=1&pageSize=10",
        headers={"Authorization": f"Bearer {token(world, servers)}"},
    )
    assert answer.status_code == 200
    assert [customer["name"] for customer in answer.json()] == ["Blåbær og Sønn AS"]
    answer = httpx.get(
        f"{servers.agency_url}/v1/capabilities", headers={"Authorization": f"Bearer {world.company().api_key}"}
    )
    assert answer.status_code == 200
    assert answer.json()["currencies"] == ["NOK"]


def test_an_unknown_key_is_refused(servers: Servers) -> None:
    assert httpx.get(f"{servers.agency_url}/v1/claims").status_code == 401
    assert httpx.get(f"{servers.erp_url}/v1/customer").status_code == 401


def test_a_connection_is_kept_open_between_requests(world: World, servers: Servers) -> None:
    ports: set[object] = set()
    with httpx.Client(
        base_url=servers.agency_url, headers={"Authorization": f"Bearer {world.company().api_key}"}
    ) as client:
        for _ in range(3):
            with client.stream("GET", "/v1/claims") as answer:
                ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
                answer.read()
    assert len(ports) == 1


@pytest.mark.parametrize("kind", [FaultKind.LOST_AFTER, FaultKind.LOST_BEFORE])
def test_a_lost_answer_is_a_closed_connection(world: World, servers: Servers, kind: FaultKind) -> None:
    world.agency_faults.add(kind, "POST", "/v1/claims")
    with httpx.Client(base_url=servers.agency_url) as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.post("/v1/claims", json={})
        assert client.post("/v1/claims", json={}).status_code == 401
    assert [fault.kind for fault in world.agency_faults.injected] == [kind]


def test_a_truncated_answer_arrives_as_a_broken_body(world: World, servers: Servers) -> None:
    world.agency_faults.add(FaultKind.TRUNCATED, "GET", "/v1/capabilities")
    answer = httpx.get(
        f"{servers.agency_url}/v1/capabilities", headers={"Authorization": f"Bearer {world.company().api_key}"}
    )
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()


def test_a_request_reaches_the_counterparty_as_it_was_sent(world: World) -> None:
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return Response(204, {"ETag": "x"})

    world.erp_handler = handler
    with serve(world) as servers:
        answer = httpx.put(f"{servers.erp_url}/v1/a%20b?X=1&x=%3E2&empty=", content="æ" * 100_000, headers={"X-Y": "Z"})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (204, "x", b"")
    (request,) = seen
    assert (request.method, request.path) == ("PUT", "/v1/a b")
    assert request.query == (("X", "1"), ("x", ">2"), ("empty", ""))
    assert request.headers["x-y"] == "Z"
    assert request.body == ("æ" * 100_000).encode()


def test_a_counterparty_is_called_by_one_thread_at_a_time_and_never_while_time_passes(world: World) -> None:
    inside: list[str] = []
    most: list[int] = []

    def busy(name: str) -> None:
        inside.append(name)
        time.sleep(0.01)
        most.append(len(inside))
        inside.remove(name)

    def handler(request: Request) -> Response:
        busy("handler")
        return Response(200)

    world.erp_handler = world.agency_handler = handler
    world.schedule(START + timedelta(hours=1), lambda: busy("advance"))
    with serve(world) as servers, ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(httpx.get, url) for url in (servers.erp_url, servers.agency_url) * 3]
        passing = threading.Thread(target=world.advance, args=(START + timedelta(hours=2),))
        passing.start()
        assert {call.result().status_code for call in calls} == {200}
        passing.join()
    assert most == [1] * 7


def test_time_passes_over_http_on_either_server(world: World, servers: Servers) -> None:
    answer = httpx.post(f"{servers.erp_url}/_sandbox/advance", json={"until": "2026-03-03T04:00:00+01:00"})
    assert answer.status_code == 200
    assert world.now == datetime(2026, 3, 3, 3, tzinfo=UTC)
    httpx.post(f"{servers.agency_url}/_sandbox/advance", json={"days": 2}).raise_for_status()
    assert world.now == datetime(2026, 3, 5, 3, tzinfo=UTC)
    state = httpx.get(f"{servers.agency_url}/_sandbox/state").json()
    assert state["now"] == "2026-03-05T03:00:00+00:00"
    assert state["truth"]["fjordheim"]["suspense_balance"] == 0


@pytest.mark.parametrize(
    "body", [b"{}", b"no", b"[]", b'{"days": "x"}', b'{"until": "2020-01-01T00:00:00Z"}', b'{"until": 1}']
)
def test_a_wrong_advance_is_told_and_moves_nothing(world: World, servers: Servers, body: bytes) -> None:
    answer = httpx.post(f"{servers.erp_url}/_sandbox/advance", content=body)
    assert answer.status_code == 400
    assert "advance needs" in answer.json()["message"]
    assert world.now == START


def test_an_unknown_control_path_is_told(servers: Servers) -> None:
    assert httpx.get(f"{servers.erp_url}/_sandbox/nonsense").status_code == 404


def test_the_servers_start_and_stop_quickly(world: World) -> None:
    before = time.perf_counter()
    with serve(world):
        pass
    assert time.perf_counter() - before < 2


def test_an_answer_does_not_wait_for_an_acknowledgement(world: World, servers: Servers) -> None:
    with httpx.Client(base_url=servers.agency_url) as client:
        client.get("/v1/claims")
        before = time.perf_counter()
        for _ in range(20):
            client.get("/v1/claims")
    assert time.perf_counter() - before < 20 * 0.03


def test_two_worlds_can_be_served_at_once(world: World) -> None:
    with serve(world) as one, serve(World.empty(START)) as two:
        assert len({one.erp_url, one.agency_url, two.erp_url, two.agency_url}) == 4


def test_the_settings_of_a_served_world_are_valid(world: World, servers: Servers, tmp_path: Path) -> None:
    file = tmp_path / "cloudcollect.toml"
    write_private(file, settings_toml(world, servers))
    loaded = settings.load(file, {})
    assert list(loaded.companies) == ["nordlys", "fjordheim"]
    company = loaded.companies["fjordheim"]
    assert company.erp.tenant_id == world.company("fjordheim").tenant_id
    assert company.agency.api_key.get_secret_value() == world.company("fjordheim").api_key
    assert company.go_live == world.go_live


def test_the_settings_of_a_history_transfer_everything_at_the_due_date(shared: Path, tmp_path: Path) -> None:
    world = World.from_history(shared / "data" / "accounts-receivable-history.csv")
    file = tmp_path / "cloudcollect.toml"
    write_private(file, settings_toml(world, Servers("http://127.0.0.1:1", "http://127.0.0.1:2")))
    policy = settings.load(file, {}).companies["nordlys"].policy
    assert (policy.min_amount, policy.grace_days, policy.banking_days) == (Decimal(0), 0, 0)
