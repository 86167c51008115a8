"""A counterparty over raw sockets that is healthy but for one answer.

The sandbox's own handlers decide what is true; an `Act` decides which bytes of it reach the client. Nothing here knows
HTTP libraries: an answer can be cut, dripped, reset or be no HTTP at all.
"""

import json
import re
import socket
import socketserver
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from cloudcollect_pipeline.sandbox.http import Handler, Request, Response
from cloudcollect_pipeline.sandbox.serve import Servers
from cloudcollect_pipeline.sandbox.world import World

DRIP = 0.03
"""Seconds between two bytes of a slow answer."""


class Wire:
    """One request on its socket. `answer` asks the counterparty, once: only then has the request its effect."""

    def __init__(self, connection: socket.socket, request: Request, handler: Handler, lock: Any) -> None:
        self.connection, self.request, self._handler, self._lock = connection, request, handler, lock

    @cached_property
    def answer(self) -> Response:
        with self._lock:
            return self._handler(self.request)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def tell(self, response: Response) -> None:
        """A whole and honest answer."""
        self.send(head(response.status, response.headers, len(response.body)) + response.body)

    def close(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """The other side sees a reset connection, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())  # at once, although its reader is still open

    def drip(self, data: bytes) -> None:
        """A byte at a time, for as long as the other side listens."""
        for byte in data:
            self.send(bytes([byte]))
            time.sleep(DRIP)


Act = Callable[[Wire], None]


def head(status: int, headers: Mapping[str, str], length: int | None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{k}: {v}" for k, v in headers.items() if k.lower() != "content-length")]
    if length is not None:
        lines.append(f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# -- acts: the effect is done unless the name says before --------------------------------------------------------------


def changed(change: Callable[[bytes], bytes], **headers: str) -> Act:
    """The true answer with its body changed, and honest about its length."""

    def act(wire: Wire) -> None:
        told = wire.answer
        wire.tell(Response(told.status, {**told.headers, **headers}, change(told.body)))

    return act


def told(status: int, body: bytes = b"", **headers: str) -> Act:
    """Another answer in the place of the true one."""

    def act(wire: Wire) -> None:
        _ = wire.answer
        wire.tell(Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    return act


def before(status: int, body: bytes = b"", **headers: str) -> Act:
    """An answer without an effect."""
    return lambda wire: wire.tell(Response(status, {n.replace("_", "-"): v for n, v in headers.items()}, body))


def raw(data: bytes) -> Act:
    """The effect, then these bytes and an end."""

    def act(wire: Wire) -> None:
        _ = wire.answer
        wire.send(data)
        wire.close()

    return act


def reset_before(wire: Wire) -> None:
    wire.reset()


def reset_after(wire: Wire) -> None:
    _ = wire.answer
    wire.reset()


def closed_after(wire: Wire) -> None:
    _ = wire.answer
    wire.close()


def reset_in_header(wire: Wire) -> None:
    _ = wire.answer
    wire.send(b"HTTP/1.1 200 OK\r\ncontent-le")
    wire.reset()


def reset_in_body(wire: Wire) -> None:
    told = wire.answer
    wire.send(head(told.status, told.headers, len(told.body) + 1) + told.body)
    time.sleep(DRIP)
    wire.reset()


def cut(wire: Wire) -> None:
    """Half the body, then an end that the length did not announce."""
    told = wire.answer
    wire.send(head(told.status, told.headers, len(told.body) + 1) + told.body[: len(told.body) // 2])
    wire.close()


def _honest(wire: Wire) -> None:
    wire.tell(wire.answer)


def halved(body: bytes) -> bytes:
    return body[: len(body) // 2]


def drip_header(wire: Wire) -> None:
    _ = wire.answer
    wire.drip(b"HTTP/1.1 200 OK\r\nx-patience: " + b"a" * 200)


def drip_body(wire: Wire) -> None:
    told = wire.answer
    wire.send(head(told.status, told.headers, 200))
    wire.drip(b" " * 200)


def silent(wire: Wire) -> None:
    _ = wire.answer
    time.sleep(0.8)


def interim(wire: Wire) -> None:
    """`100 Continue` for ever."""
    _ = wire.answer
    while True:
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(DRIP / 10)


def endless(wire: Wire) -> None:
    """Chunks without a last one."""
    _ = wire.answer
    wire.send(head(200, {"content-type": "application/json", "transfer-encoding": "chunked"}, None))
    while True:
        wire.send(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        time.sleep(DRIP / 10)


def gzip_bomb(wire: Wire) -> None:
    """A hundred megabytes in a hundred kilobytes, although compression was not asked for."""
    _ = wire.answer
    wire.tell(Response(200, {"content-type": "application/json", "content-encoding": "gzip"}, BOMB))


def _bomb() -> bytes:
    pack = zlib.compressobj(wbits=31)
    return b"".join(pack.compress(b" " * 1_000_000) for _ in range(100)) + pack.flush()


BOMB = _bomb()


def field_by_field(change: Callable[[dict[str, Any]], object]) -> Act:
    """The true list or record, every record changed in place."""

    def edit(body: bytes) -> bytes:
        told = json.loads(body)
        for record in told if isinstance(told, list) else told.get("items", [told]):
            change(record)
        return json.dumps(told).encode()

    return changed(edit)


def as_text(field_: str, text: str) -> Act:
    """The true answer, with the value of one field of every record replaced by raw JSON text, whatever it is."""
    pattern = re.compile(rb'("%s"\s*:\s*)("(?:[^"\\]|\\.)*"|[^,}\]]+)' % field_.encode())
    return changed(lambda body: pattern.sub(lambda found: found[1] + text.encode("utf-8", "surrogatepass"), body))


# -- the server --------------------------------------------------------------------------------------------------------


@dataclass
class Strike:
    """An act and the requests it hits: after `skip` of them the next `times`."""

    act: Act
    method: str
    path: str
    query: str
    skip: int
    times: int
    hit: int = 0

    def takes(self, request: Request) -> bool:
        query = "&".join(f"{name}={value}" for name, value in request.query)
        if request.method != self.method or not re.search(self.path, request.path, re.IGNORECASE):
            return False
        if not re.search(self.query, query):
            return False
        self.skip, passes = self.skip - 1, self.skip > 0
        if passes or self.hit >= self.times:
            return False
        self.hit += 1
        return True


@dataclass
class Hostile:
    """One counterparty: strikes waiting, and all that was asked."""

    handler: Handler
    lock: Any
    asked: list[Request] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)

    def strike(
        self, act: Act, method: str = "GET", path: str = "", *, query: str = "", skip: int = 0, times: int = 999
    ) -> Strike:
        self.strikes.append(Strike(act, method, path, query, skip, times))
        return self.strikes[-1]

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client has gone, which is what many acts are about
            reader = connection.makefile("rb")
            while (request := _request(reader)) is not None:
                with self.lock:
                    self.asked.append(request)
                    act = next((strike.act for strike in self.strikes if strike.takes(request)), None)
                (act or _honest)(Wire(connection, request, self.handler, self.lock))


def _request(reader: Any) -> Request | None:
    line = reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ")
    headers: dict[str, str] = {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    request = Request.to(method, target, headers, body)
    return Request(method, unquote(urlsplit(target).path), request.query, headers, body)


@contextmanager
def hostile(world: World) -> Iterator[tuple[Hostile, Hostile, Servers]]:
    """The ERP and the agency of a world, each on a free port, until the block ends."""
    sides = [Hostile(handler, world.lock) for handler in (world.erp_handler, world.agency_handler)]
    servers = [_Server(side) for side in sides]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        erp, agency = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
        yield sides[0], sides[1], Servers(erp, agency)
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, side: Hostile) -> None:
        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                side.serve(self.request)

        super().__init__(("127.0.0.1", 0), Connection)
