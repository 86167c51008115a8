"""Two real HTTP servers over one world, on loopback and a free port each.

`settings_toml` writes the settings with which the pipeline finds them.

Both run on one event loop in one thread, so a counterparty is called by one thread at a time; the world's own lock
keeps `advance` out while it answers. Beside the counterparties' paths both servers answer the control paths
`GET /_sandbox/state` and `POST /_sandbox/advance` (`{"until": moment}` or `{"days": n}`).
"""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cloudcollect_pipeline.sandbox.http import AnswerLost, Handler, Request, Response
from cloudcollect_pipeline.sandbox.world import Company, World

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

CONTROL = "/_sandbox/"


@dataclass(frozen=True)
class Servers:
    """Where the two counterparties listen."""

    erp_url: str
    agency_url: str

    @property
    def token_url(self) -> str:
        """Where the ERP gives access tokens."""
        return f"{self.erp_url}/connect/token"


@contextmanager
def serve(world: World) -> Generator[Servers, None, None]:
    """Serve a world until the block ends."""
    sockets = [_listen(), _listen()]
    handlers = (world.erp_handler, world.agency_handler)
    servers = [uvicorn.Server(_config(world, handler)) for handler in handlers]
    up = threading.Event()

    async def run() -> None:
        serving = [
            asyncio.create_task(server.serve(sockets=[listening]))
            for server, listening in zip(servers, sockets, strict=True)
        ]
        while not all(server.started for server in servers):
            await asyncio.sleep(0.005)
        up.set()
        await asyncio.gather(*serving)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="sandbox", daemon=True)
    thread.start()
    try:
        if not up.wait(timeout=10):
            raise RuntimeError("the sandbox servers did not start")
        erp, agency = (f"http://127.0.0.1:{listening.getsockname()[1]}" for listening in sockets)
        yield Servers(erp, agency)
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(timeout=10)
        for listening in sockets:
            listening.close()


def _listen() -> socket.socket:
    # asyncio sets TCP_NODELAY only on a socket that names TCP; without it an answer waits 40 ms for an acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    return listening


def settings_toml(world: World, servers: Servers, **told: Any) -> str:
    """A `cloudcollect.toml` for all companies of a world, with what is told of each beside.

    It holds secrets: keep the file at mode 0600.
    """
    return "\n".join(_company_toml(world, company, servers, told) for company in world.companies.values())


def company_settings(world: World, company: Company, servers: Servers) -> dict[str, Any]:
    """A company's settings as plain values, each section a table of its own."""
    return {
        "name": company.name,
        "mode": "automatic",
        "go_live": world.go_live.isoformat(),
        "erp": {
            "adapter": "visma_net",
            "base_url": servers.erp_url,
            "token_url": servers.token_url,
            "tenant_id": company.tenant_id,
            "client_id": company.client_id,
            "client_secret": company.client_secret,
            "time_zone": "Europe/Oslo",
            "suspense_cash_account": company.suspense_cash_account,
            "suspense_account": company.suspense_account,
            "payment_method": company.payment_method,
        },
        "agency": {
            "id": company.agency_id,
            "adapter": world.adapter,
            "base_url": servers.agency_url,
            "api_key": company.api_key,
        },
        "policy": {
            "min_dunning_level": 1,
            "grace_days": 14,
            "banking_days": 1,
            "min_amount": 100,
            "debit_notes": False,
            **world.policy,
        },
        "accounts": {
            "payout_clearing": company.payout_clearing,
            "interest_income": "8050",
            "fee_income": "3900",
            "commission_cost": "7790",
            "expense_cost": "7798",
            "input_vat": "2710",
            "rounding": "7770",
        },
    }


def _company_toml(world: World, company: Company, servers: Servers, told: Mapping[str, Any]) -> str:
    root = f"companies.{company.slug}"
    sections: dict[str, dict[str, Any]] = {root: {}}
    for name, value in {**company_settings(world, company, servers), **told}.items():
        if isinstance(value, dict):
            sections[f"{root}.{name}"] = value
        else:
            sections[root][name] = value
    # A JSON text, number or truth value is the same in TOML.
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items())
        for name, keys in sections.items()
    )


def _config(world: World, handler: Handler) -> uvicorn.Config:
    async def unused(scope: object, receive: object, send: object) -> None:
        raise NotImplementedError

    class Connection(H11Protocol):
        """Gives the application its transport: ASGI alone cannot close a connection without an answer."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.app = cast(Any, _application(world, handler, transport))

    return uvicorn.Config(
        unused, http=Connection, loop="asyncio", ws="none", lifespan="off", access_log=False, log_level="warning",
        timeout_keep_alive=60, timeout_graceful_shutdown=1, server_header=False, date_header=False,
    )  # fmt: skip


def _application(
    world: World, handler: Handler, transport: asyncio.Transport
) -> Callable[[_Message, _Receive, _Send], Awaitable[None]]:
    async def application(scope: _Message, receive: _Receive, send: _Send) -> None:
        request = await _request(scope, receive)
        try:
            with world.lock:
                answer = _control(world, request) if request.path.startswith(CONTROL) else handler(request)
        except AnswerLost:
            transport.abort()
            await receive()  # returns when the connection is known to be gone: then no answer is owed
            return
        headers = {name.lower(): value for name, value in answer.headers.items()}
        # The length is that of the body as sent, also where a fault has cut it.
        headers["content-length"] = str(len(answer.body))
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": answer.body})

    return application


async def _request(scope: _Message, receive: _Receive) -> Request:
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(parts),
    )


def _control(world: World, request: Request) -> Response:
    """The sandbox's own paths: look at the world, let its time pass."""
    match request.method, request.path.removeprefix(CONTROL):
        case "GET", "state":
            return _json(200, _state(world))
        case "POST", "advance":
            try:
                world.advance(_until(world, json.loads(request.body)))
            except (ValueError, KeyError, TypeError) as error:
                return _json(400, {"message": f"advance needs until (moment with zone) or days: {error}"})
            return _json(200, _state(world))
        case _:
            return _json(404, {"message": "known: GET state, POST advance"})


def _until(world: World, body: dict[str, Any]) -> datetime:
    if "until" in body:
        return datetime.fromisoformat(body["until"])
    return world.now + timedelta(days=int(body["days"]))


def _state(world: World) -> dict[str, Any]:
    return {"now": world.now.isoformat(), "truth": {slug: asdict(truth) for slug, truth in world.truth().items()}}


def _json(status: int, content: object) -> Response:
    body = json.dumps(content, ensure_ascii=False, default=str).encode()
    return Response(status, {"content-type": "application/json"}, body)
