"""Faults on demand: a queue of one-shot mishaps between a client and a counterparty.

Nothing goes wrong unless it was queued. A fault is consumed by the first request that it matches; where several
match, the one queued first is taken.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cloudcollect_pipeline.sandbox.http import AnswerLost, Handler, Request, Response

HTML = b"<!DOCTYPE html><html><head><title>Unavailable</title></head><body>Please try again later.</body></html>"

Mutation = Callable[[Response], Response]


class FaultKind(StrEnum):
    """What goes wrong, and whether the request had its effect."""

    LOST_AFTER = "lost_after"
    """The effect is done, then the connection closes without an answer."""
    LOST_BEFORE = "lost_before"
    """The connection closes, nothing was done."""
    STATUS_BEFORE = "status_before"
    """An error status, nothing was done."""
    STATUS_AFTER = "status_after"
    """An error status although the effect is done."""
    HTML = "html"
    """The effect is done, the answer is a web page with status 200."""
    TRUNCATED = "truncated"
    """The effect is done, the body is cut in half."""
    RETRY_429 = "retry_429"
    """429 with Retry-After, nothing was done."""
    MUTATE = "mutate"
    """The effect is done, the answer is changed by a function."""


@dataclass(frozen=True)
class Fault:
    """One queued fault: it lets `skip` matching requests pass and then strikes the next `count` of them."""

    kind: FaultKind
    method: str = "*"
    path: str = ""
    query: str = ""
    count: int = 1
    skip: int = 0
    status: int = 500
    body: bytes = b""
    retry_after: int = 60
    mutate: Mutation | None = None

    def matches(self, request: Request) -> bool:
        """Same method (`*` for any) and both patterns are found, without regard to case."""
        right_method = self.method in ("*", request.method)
        query = "&".join(f"{name}={value}" for name, value in request.query)
        looked_in = ((self.path, request.path), (self.query, query))
        return right_method and all(re.search(pattern, text, re.IGNORECASE) for pattern, text in looked_in)


@dataclass(frozen=True)
class Injected:
    """One fault that struck."""

    kind: FaultKind
    method: str
    path: str


@dataclass
class _Armed:
    fault: Fault
    skip: int
    left: int


@dataclass
class Faults:
    """The queue of one side; `injected` lists what struck, in order."""

    injected: list[Injected] = field(default_factory=list[Injected])
    _queue: list[_Armed] = field(default_factory=list[_Armed])

    def add(
        self,
        kind: FaultKind | str,
        method: str = "*",
        path: str = "",
        *,
        query: str = "",
        count: int = 1,
        skip: int = 0,
        status: int = 500,
        body: bytes = b"",
        retry_after: int = 60,
        mutate: Mutation | None = None,
    ) -> Fault:
        """Queue a fault. `path` and `query` are regular expressions searched in them; `retry_after` is in seconds."""
        fault = Fault(FaultKind(kind), method, path, query, count, skip, status, body, retry_after, mutate)
        if (fault.kind is FaultKind.MUTATE) != (mutate is not None):
            raise ValueError("exactly a fault of kind mutate takes a function")
        self._queue.append(_Armed(fault, skip, count))
        return fault

    def clear(self) -> None:
        """Forget what has not struck yet."""
        self._queue.clear()

    @property
    def pending(self) -> int:
        """How many strikes are still queued."""
        return sum(armed.left for armed in self._queue)

    def wrap(self, handler: Handler) -> Handler:
        """The same counterparty, with the queued faults in front of it."""

        def handle(request: Request) -> Response:
            fault = self._take(request)
            if fault is None:
                return handler(request)
            self.injected.append(Injected(fault.kind, request.method, request.path))
            return _strike(fault, handler, request)

        return handle

    def _take(self, request: Request) -> Fault | None:
        for armed in self._queue:
            if not armed.fault.matches(request):
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            armed.left -= 1
            if not armed.left:
                self._queue.remove(armed)
            return armed.fault
        return None


def _strike(fault: Fault, handler: Handler, request: Request) -> Response:
    match fault.kind:
        case FaultKind.LOST_BEFORE:
            raise AnswerLost("connection closed before the request was handled")
        case FaultKind.STATUS_BEFORE:
            return Response(fault.status, {"content-type": "text/plain"}, fault.body)
        case FaultKind.RETRY_429:
            return Response(429, {"retry-after": str(fault.retry_after)}, fault.body)
        case FaultKind.LOST_AFTER:
            handler(request)
            raise AnswerLost("connection closed after the request was handled")
        case FaultKind.STATUS_AFTER:
            handler(request)
            return Response(fault.status, {"content-type": "text/plain"}, fault.body)
        case FaultKind.HTML:
            handler(request)
            return Response(200, {"content-type": "text/html; charset=utf-8"}, HTML)
        case FaultKind.TRUNCATED:
            whole = handler(request)
            return Response(whole.status, whole.headers, whole.body[: len(whole.body) // 2])
        case FaultKind.MUTATE:
            answer = handler(request)
            return answer if fault.mutate is None else fault.mutate(answer)
