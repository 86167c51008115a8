"""Those who are told, on loopback: a webhook that answers, refuses or hangs, and a small mail server that does too."""

import json
import socketserver
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NOBODY_LISTENS = "http://127.0.0.1:9/secret-path"


@dataclass
class Webhook:
    """What it was told: (path with query, JSON or None). `status` 0 is no answer, -1 one without end."""

    url: str
    told: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 200

    @property
    def bodies(self) -> list[Any]:
        return [body for _, body in self.told]


@contextmanager
def webhook() -> Iterator[Webhook]:
    over = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hook.told.append((self.path, json.loads(body) if body else None))
            if hook.status == 0:
                over.wait()
            elif hook.status < 0:
                while not over.wait(0.02):
                    self.wfile.write(b"H")
                    self.wfile.flush()
            else:
                self.send_response(hook.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None: ...

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Receiver), over) as port:
        hook = Webhook(f"http://127.0.0.1:{port}/hook?sig=a%2Fb")
        yield hook


@dataclass
class MailServer:
    """The messages delivered to it, as sent. `refuses` is a verb it answers 5xx, `silent` one it hangs at.

    With a `certificate` it speaks TLS: from the start, or when asked to.
    """

    port: int
    delivered: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    certificate: ssl.SSLContext | None = None
    at_once: bool = False
    refuses: bytes = b""
    silent: bytes = b""

    def settings(self, **changes: Any) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "encryption": "none",
            "sender": "night@example.no",
            "recipients": ["a@b.no", "c@d.no"],
            **changes,
        }


@contextmanager
def mail_server() -> Iterator[MailServer]:
    over = threading.Event()

    class Server(socketserver.StreamRequestHandler):
        def secure(self, certificate: ssl.SSLContext) -> None:
            self.request = certificate.wrap_socket(self.request, server_side=True)
            self.setup()

        def handle(self) -> None:
            if mail.certificate and mail.at_once:
                self.secure(mail.certificate)
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == mail.silent:
                    # lines without end: each comes in time, all of them never
                    while not over.wait(0.02):
                        self.wfile.write(b"250-still here\r\n")
                        self.wfile.flush()
                    return
                if verb == mail.refuses:
                    self.wfile.write(b"550 no\r\n")
                    continue
                if verb == b"EHLO" and mail.certificate:
                    self.wfile.write(b"250-here\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
                    continue
                if verb == b"STAR" and mail.certificate:
                    self.wfile.write(b"220 go on\r\n")
                    self.secure(mail.certificate)
                    continue
                if verb == b"AUTH":
                    mail.logins.append(b64decode(line.split()[2]).decode())
                    self.wfile.write(b"235 welcome\r\n")
                    continue
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mail.delivered.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

        def finish(self) -> None:
            try:
                super().finish()
            except ConnectionError:
                return

    with serving(_Mail(("127.0.0.1", 0), Server), over) as port:
        mail = MailServer(port)
        yield mail


class _Mail(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has had enough of waiting is no error."""


@contextmanager
def serving(server: Any, over: threading.Event) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
