"""`reports`: the report files of every company over HTTP, for a proxy that asks for a password.

Only what stands in a folder `<company>/reports` is listed, and only what is listed is served: an address is looked up
among the names there are, never joined to a path. It needs no settings and no secrets.
"""

import html
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop

Scope = MutableMapping[str, Any]
Send = Callable[[Scope], Awaitable[None]]
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
}
AT_HOME = ("127.0.0.1", "localhost")
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
)


def run(data: Path, host: str, port: int) -> int:
    """Serve until stopped."""
    if not data.is_dir():
        raise Stop(f"{data} is not a folder; name the data folder with --data", USAGE)
    uvicorn.run(serving(data), host=host, port=port, log_level="warning", server_header=False, lifespan="off")
    return OK


@contextmanager
def served_here(data: Path, usual_port: int = 3001) -> Iterator[str]:
    """The address of the report files on loopback, as long as this lasts: for whoever is at this machine."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", usual_port))
        except OSError:  # somebody has it
            listening.bind(("127.0.0.1", 0))
        listening.listen()  # who has the address may call before the server's thread runs
        server = uvicorn.Server(uvicorn.Config(serving(data.absolute(), AT_HOME), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],), name="reports", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def serving(data: Path, hosts: Collection[str] = ()) -> Callable[..., Awaitable[None]]:
    """The application: `/` lists companies, `/<company>/` its files, the newest night first.

    With `hosts` it answers under these names only: a page of another name that resolves to this machine must not read
    who owes what.
    """

    async def app(scope: Scope, receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        named = dict(scope["headers"]).get(b"host", b"").decode("latin-1").rpartition(":")[0]
        if hosts and named not in hosts:
            status, kind, body = 403, "text/plain", b"not under this name\n"
        else:
            status, kind, body = _answer(data, scope["method"], scope["path"])
        headers = [*HEADERS, (b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def _answer(data: Path, method: str, path: str) -> tuple[int, str, bytes]:
    if method not in ("GET", "HEAD"):
        return 405, "text/plain", b"only reading\n"
    shelf = {folder.parent.name: folder for folder in sorted(data.glob("*/reports")) if folder.is_dir()}
    company, _, name = path.removeprefix("/").partition("/")
    if path == "/":
        return 200, TYPES[".html"], _listed("Reports", [f"{slug}/" for slug in shelf])
    files = shelf[company].iterdir() if company in shelf else ()
    known = {file.name: file for file in files if file.suffix in TYPES and not file.name.startswith(".")}
    if company in shelf and not name and path.endswith("/"):
        return 200, TYPES[".html"], _listed(company, sorted(known, reverse=True))
    if name in known:
        return 200, TYPES[known[name].suffix], known[name].read_bytes()
    return 404, "text/plain", b"there is no such report\n"


def _listed(title: str, names: list[str]) -> bytes:
    items = "".join(f'<li><a href="{html.escape(name)}">{html.escape(name)}</a></li>' for name in names)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    return f"{head}<h1>{html.escape(title)}</h1><ul>{items}</ul></html>\n".encode()
