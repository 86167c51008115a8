"""A server between an adapter and its counterparty that passes everything on, until it is told to hurt the next one."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from cloudcollect_pipeline.sandbox.faults import Faults
from cloudcollect_pipeline.sandbox.http import AnswerLost, Request, Response

PASSED_ON = ("content-type", "location", "etag", "retry-after", "date")
HOP = frozenset({"connection", "host", "content-length", "transfer-encoding", "keep-alive", "accept-encoding"})


class FaultyServer:
    """Where it listens (`url`), the faults that wait, and the requests that came through (`seen`, in order)."""

    def __init__(self, upstream: str) -> None:
        self.faults = Faults()
        self.seen: list[tuple[str, str]] = []
        self._upstream = urlsplit(upstream)
        self._lock = threading.Lock()
        server = self

        class Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                """A query may name somebody: nothing is logged."""

            def _any(self) -> None:
                server._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def writes(self) -> int:
        """How many requests that are no reads came through."""
        return sum(method != "GET" for method, _ in self.seen)

    def _serve(self, connection: BaseHTTPRequestHandler) -> None:
        body = connection.rfile.read(int(connection.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in connection.headers.items()}
        # The raw target goes on as it came: decoding it could name another record.
        request = Request.to(connection.command, connection.path, headers, body)
        with self._lock:
            self.seen.append((request.method, request.path))
            try:
                answer = self.faults.wrap(lambda _: self._pass_on(connection, headers, body))(request)
            except AnswerLost:
                connection.close_connection = True
                connection.connection.close()
                return
        connection.send_response_only(answer.status)  # without a Date of its own beside the counterparty's
        for name, value in answer.headers.items():
            connection.send_header(name, value)
        connection.send_header("content-length", str(len(answer.body)))
        connection.end_headers()
        connection.wfile.write(answer.body)

    def _pass_on(self, connection: BaseHTTPRequestHandler, headers: dict[str, str], body: bytes) -> Response:
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        upstream = kinds[self._upstream.scheme](self._upstream.netloc, timeout=30)
        try:
            sent = {name: value for name, value in headers.items() if name not in HOP}
            upstream.request(connection.command, self._upstream.path + connection.path, body or None, sent)
            answer = upstream.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            kept = {k: v for k, v in told.items() if k in PASSED_ON or k.startswith("x-")}
            return Response(answer.status, kept, answer.read())
        finally:
            upstream.close()


@contextmanager
def faulty_server(upstream: str) -> Iterator[FaultyServer]:
    """Stand in front of a counterparty's base URL until the block ends."""
    server = FaultyServer(upstream)
    thread = threading.Thread(target=server._http.serve_forever, args=(0.01,), name="faulty", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server._http.shutdown()
        server._http.server_close()
        thread.join(timeout=10)
