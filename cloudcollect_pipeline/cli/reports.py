"""`reports`: the report files of every company over HTTP, for a proxy that asks for a password.

Only what stands in a folder `<company>/reports` is listed, and only what is listed is served: an address is looked up
among the names there are, never joined to a path. It needs no settings and no secrets.
"""

import html
from collections.abc import Awaitable, Callable, MutableMapping
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


def serving(data: Path) -> Callable[..., Awaitable[None]]:
    """The application: `/` lists companies, `/<company>/` its files, the newest night first."""

    async def app(scope: Scope, receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
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
