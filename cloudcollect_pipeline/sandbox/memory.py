"""A demo world that outlives its process: what it was asked is written down, and asked again of a fresh one.

A world is decided by its seed and by what is asked of it, so this is all there is to keep. Reads count too: a queued
release waits for one.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cloudcollect_pipeline.sandbox.http import AnswerLost, Handler, Request, Response
from cloudcollect_pipeline.sandbox.world import World


def remembered(path: Path, seed: int, start: date) -> World:
    """The demo world that `path` tells of, brought to where it was left; a new one when there is no such file.

    Everything it is asked from now on is added to the file, which holds the sandbox's secrets: mode 0600.
    """
    lines = _read(path)
    if not lines:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(json.dumps({"seed": seed, "start": start.isoformat()}) + "\n", encoding="utf-8")
    else:
        seed, start = lines[0]["seed"], date.fromisoformat(lines[0]["start"])
    world = World.demo(seed, start)
    handlers = {"erp": world.erp_handler, "agency": world.agency_handler}
    for line in lines[1:]:
        at = datetime.fromisoformat(line["at"])
        if at > world.now:
            world.advance(at)
        with suppress(AnswerLost):
            handlers[line["side"]](_request(line))
    world.erp_handler = _writing(world, "erp", path)
    world.agency_handler = _writing(world, "agency", path)
    return world


def _read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; the last one is torn when the process was killed while writing it."""
    lines: list[dict[str, Any]] = []
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
    return lines


def _writing(world: World, side: str, path: Path) -> Handler:
    handler: Callable[[Request], Response] = world.erp_handler if side == "erp" else world.agency_handler
    file = path.open("a", encoding="utf-8", buffering=1)

    def handle(request: Request) -> Response:
        line = {
            "at": world.now.isoformat(),
            "side": side,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": dict(request.headers),
            "body": request.body.decode("latin-1"),
        }
        file.write(json.dumps(line) + "\n")
        return handler(request)

    return handle


def _request(line: dict[str, Any]) -> Request:
    query = tuple((name, value) for name, value in line["query"])
    return Request(line["method"], line["path"], query, line["headers"], line["body"].encode("latin-1"))
