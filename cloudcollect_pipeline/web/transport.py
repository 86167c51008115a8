"""The network under httpx: TLS by the system's trust store, and one deadline over all of an exchange.

httpx only bounds the time between two bytes: a counterparty that sends a byte a minute, of a header as of a body,
could hold a night for ever.
"""

import ssl
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import httpcore
import httpx

_CONNECTIONS = 32
_PIECE = 16_384


class _Patience(threading.local):
    until = inf


_patience = _Patience()


@contextmanager
def within(seconds: float) -> Generator[None, None, None]:
    """Everything this thread exchanges within the block is over in time, or fails as a timeout of httpx does."""
    before = _patience.until
    _patience.until = min(before, time.monotonic() + seconds)
    try:
        yield
    finally:
        _patience.until = before


class Transport(httpx.HTTPTransport):
    """httpx's own transport over connections that keep the deadline. Nothing is sent again; no proxy is looked for."""

    def __init__(self, ca_bundle: Path | None = None) -> None:
        # the parent's constructor only makes a pool, and has no place for a network backend
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(cafile=ca_bundle),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=_Backend(),
        )


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    left = _patience.until - time.monotonic()
    if left <= 0:
        raise late("the whole answer took too long")
    if left == inf:
        return timeout
    return left if timeout is None else min(left, timeout)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
