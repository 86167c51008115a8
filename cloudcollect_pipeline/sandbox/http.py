"""HTTP as plain values, so that the same counterparty serves a socket, a test and the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case, `path` is percent-decoded, `query` keeps order and repeats."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def to(cls, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> "Request":
        """Build one from a request target such as `/v1/claims?limit=5`."""
        parts = urlsplit(target)
        return cls(method, parts.path, tuple(parse_qsl(parts.query, keep_blank_values=True)), headers or {}, body)

    def get(self, name: str) -> str | None:
        """The first value of a query parameter, matched without case."""
        wanted = name.lower()
        return next((value for key, value in self.query if key.lower() == wanted), None)


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class AnswerLost(ConnectionError):
    """The server closes the connection without an answer (raised by a handler under a fault)."""


Handler = Callable[[Request], Response]
"""A counterparty: pure, synchronous, called by one thread at a time."""
