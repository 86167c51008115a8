"""Both counterparties as fast as they can be on raw sockets: answers are filled-in templates, nothing is remembered.

    python -m benchmarks.server ITEMS [--changed N] [--every N] [--page N] [--delay SECONDS] [--limit REQUESTS]

Receivables are numbered from FIRST on; every second one (`--every`) is at the agency as a claim of ours. A list asked
for what has changed gives the first `changed` of them. `/stats` tells what was asked: requests, the most under way at
once, and writes that came out of order.
"""

import argparse
import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import urlopen

FIRST = 100_000
PER_CUSTOMER = 5
PICKED_EVERY = 1000
"""One receivable in so many was picked by dunning, and is not at the agency yet."""
PAGE = 500
NEWS = {"lastModifiedDateTime", "dunningLetterDateTime", "updated_since"}
"""Parameters that ask for what is new."""

TEMPLATES = dict(
    line.split(" ", 1) for line in Path(__file__).with_suffix(".records").read_text(encoding="utf-8").splitlines()
)


class World:
    """What the two lists hold. `items` receivables; payments and customers are a fifth of them each."""

    def __init__(self, items: int, changed: int, every: int = 2, page: int = PAGE) -> None:
        self.items, self.changed, self.every, self.page = items, changed, every, page
        self.requests: dict[str, int] = defaultdict(int)
        self.under_way = self.most_under_way = self.out_of_order = 0
        self.last: dict[str, int] = {}

    def fields(self, i: int, total: int) -> dict[str, object]:
        """What is filled into a template for the record of a number."""
        amount = (1_000 + i * 7919 % 900_000) / 100 + 100
        number = i // PER_CUSTOMER
        case = f'{{"caseNumber":"26-{number}","caseStatus":"DEMAND","caseUrl":""}}' if i % self.every == 0 else "null"
        return {
            "case": case, "i": i, "number": FIRST + i, "customer": number, "amount": f"{amount:.2f}", "total": total,
            "open": f"{amount - (10 if i % (71 * self.every) == 0 else 0):.2f}", "level": int(i % PICKED_EVERY == 1),
        }  # fmt: skip

    def list(self, path: str, query: dict[str, list[str]]) -> tuple[str, range]:
        """The template of a list, and the numbers of what it holds."""
        n = self.changed if NEWS & query.keys() else self.items
        part = range(0, n, PER_CUSTOMER)
        match path:
            case "/v1/customerinvoice":
                return TEMPLATES["document"], range(n)
            case "/v1/customerPayment" if not {"paymentType", "status", "customer", "docDate"} & query.keys():
                return TEMPLATES["payment"], part
            case "/v1/customer":
                return TEMPLATES["customer"], part
            case "/v1/claims":
                return TEMPLATES["claim"], range(0, n, self.every)
            case "/v1/cases":
                return TEMPLATES["case"], range(0, n, max(self.every, PER_CUSTOMER))
            case "/v1/entries":
                return TEMPLATES["entry"], range(0, n, 2 * self.every)
        return "", range(0)

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and further headers."""
        parts = urlsplit(target)
        path, query = parts.path, parse_qs(parts.query)
        if method != "GET":
            return self._write(path, body)
        if path == "/v1/capabilities":
            return 200, TEMPLATES["capabilities"].encode(), ""
        template, held = self.list(path, query)
        if "id" in query:
            rows = [template % self.fields(int(re.sub(r"\D", "", i)), 0) for i in query["id"]]
            return 200, f'{{"items":[{",".join(rows)}],"next_cursor":null}}'.encode(), ""
        if path in ("/v1/claims", "/v1/cases", "/v1/entries", "/v1/settlements"):
            start = int(query.get("cursor", ["0"])[0].partition(" ")[0])
            if "cursor" in query:
                n = int(query["cursor"][0].partition(" ")[2])
                held = range(0, n, held.step)
            rows = self._rows(template, held[start : start + PAGE], len(held))
            over = start + PAGE
            cursor = f'"{over} {held.stop}"' if over < len(held) else "null"
            return 200, b'{"items":[%s],"next_cursor":%s}' % (rows, cursor.encode()), ""
        if path in ("/v1/references", "/v1/questions"):
            return 200, b'{"items":[]}', ""
        if template or path in ("/v1/customerDebitNote", "/v1/customerOverdueCharge", "/v1/customerPayment"):
            start = (int(query.get("pageNumber", ["1"])[0]) - 1) * self.page
            return 200, b"[%s]" % self._rows(template, held[start : start + self.page], len(held)), ""
        kind, _, number = path.rpartition("/")
        single, _ = self.list(kind, {})
        if single:
            i = int(number[1:]) * PER_CUSTOMER if number[:1] == "C" else int(number) - FIRST
            return 200, (single % self.fields(i, 1)).encode(), ""
        return 200, b"[]", ""

    def _rows(self, template: str, numbers: range, total: int) -> bytes:
        return ",".join(template % self.fields(i, total) for i in numbers).encode()

    def _write(self, path: str, body: bytes) -> tuple[int, bytes, str]:
        if path == "/connect/token":
            return 200, b'{"access_token":"t","expires_in":3600}', ""
        told = json.loads(body)
        claim = unquote(path).split("/")[3] if path.startswith("/v1/claims/") else ""
        place = int(told["reference"].rpartition("-")[2]) if "-" in told.get("reference", "") else 0
        if place > 1 and place != self.last.get(claim, 0) + 1:
            self.out_of_order += 1
        self.last[claim] = place
        if path.endswith("/hold"):
            return 200, json.dumps({"id": claim, "hold": told["hold"]}).encode(), ""
        return 201, json.dumps({"id": f"new {told['reference']}", "reference": told["reference"]}).encode(), ""


def documents(n: int) -> bytes:
    """A page of so many receivables."""
    return b"[%s]" % World(n, 0)._rows(TEMPLATES["document"], range(n), n)


class Connection(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self, world: World, delay: float, limit: int) -> None:
        self.world, self.delay, self.limit = world, delay, limit
        self.held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answers are not held back until more is to be sent."""
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Answer each whole request that has come."""
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            head = self.held[:end].decode("latin-1")
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.held) < whole:
                return
            body, self.held = self.held[end + 4 : whole], self.held[whole:]
            method, target, _ = head.split("\r\n", 1)[0].split(" ")
            self._begin(method, target, body)

    def _begin(self, method: str, target: str, body: bytes) -> None:
        world = self.world
        if target == "/stats":
            told = {"requests": sum(world.requests.values()), "most_under_way": world.most_under_way,
                    "out_of_order": world.out_of_order, "cpu": time.process_time()}  # fmt: skip
            self._send(200, json.dumps(told).encode(), "")
            return
        world.requests[method] += target != "/connect/token"
        world.under_way += 1
        world.most_under_way = max(world.most_under_way, world.under_way)
        # without a delay at once: a turn of the loop would cost as much as the answer
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self._end, method, target, body)
        else:
            self._end(method, target, body)

    def _end(self, method: str, target: str, body: bytes) -> None:
        self.world.under_way -= 1
        self._send(*self.world.answer(method, target, body))

    def _send(self, status: int, body: bytes, more: str) -> None:
        left = self.limit - sum(self.world.requests.values())
        rate = f"X-RateLimit-Limit: {self.limit}\r\nX-RateLimit-Remaining: {left}\r\nX-RateLimit-Reset: 3600\r\n"
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        if not self.transport.is_closing():
            self.transport.write(f"{head}{rate if self.limit else ''}{more}\r\n".encode() + body)


@contextmanager
def serving(
    items: int, *, changed: int = 0, delay: float = 0.0, limit: int = 0, every: int = 2, page: int = PAGE
) -> Iterator[str]:
    """A server in a process of its own; gives its address."""
    options = [
        "--changed",
        str(changed),
        "--delay",
        str(delay),
        "--limit",
        str(limit),
        "--every",
        str(every),
        "--page",
        str(page),
    ]
    command = [sys.executable, "-m", "benchmarks.server", str(items), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def stats(url: str) -> dict[str, float]:
    """What the server has counted."""
    with urlopen(f"{url}/stats") as answer:  # noqa: S310 - our own server
        return json.load(answer)  # type: ignore[no-any-return]


@cache
def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("items", type=int)
    parser.add_argument("--changed", type=int, default=0)
    parser.add_argument("--every", type=int, default=2)
    parser.add_argument("--page", type=int, default=PAGE)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--limit", type=int, default=0)
    return parser.parse_args()


async def main() -> None:
    """Serve until ended."""
    told = _arguments()
    world = World(told.items, told.changed, told.every, told.page)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(world, told.delay, told.limit), "127.0.0.1", 0
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
