"""Everything that passes between the adapters and the counterparties, taken down where it leaves the process."""

from urllib.parse import parse_qsl, urlsplit

import httpx

from cloudcollect_pipeline.sandbox.http import Request, Response
from tests.conformance.openapi import Exchange


class Recorder(httpx.BaseTransport):
    """A transport that hands everything on and keeps it, by origin. What was never answered is kept without answer."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._kept: list[tuple[str, Exchange]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand one request on."""
        target = request.url.raw_path.decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        parts = urlsplit(target)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        asked = Request(request.method, parts.path, query, headers, request.read())
        answered: Response | None = None
        try:
            answer = self._inner.handle_request(request)
            body = answer.read()
            answered = Response(answer.status_code, dict(answer.headers), body)
        finally:
            origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
            self._kept.append((origin, Exchange(asked, answered)))
        return httpx.Response(answered.status, headers=answer.headers, content=answered.body)

    def with_origin(self, url: str) -> list[Exchange]:
        """What was said to one counterparty, in order."""
        return [exchange for origin, exchange in self._kept if origin == url]
