"""The network and the clock as the pipeline sees them: the world's two handlers, no sockets, and faults between."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from cloudcollect_pipeline.sandbox.faults import HTML
from cloudcollect_pipeline.sandbox.http import Request, Response
from cloudcollect_pipeline.sandbox.serve import Servers
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.testing.simulation.events import Stage, happen
from cloudcollect_pipeline.testing.simulation.faults import Chaos, Place
from cloudcollect_pipeline.testing.simulation.script import Step

NOWHERE = Servers("http://127.0.0.1:9001", "http://127.0.0.1:9002")
"""Where nothing listens."""
TOKEN = urlsplit(NOWHERE.token_url).path
LATENCY = timedelta(milliseconds=200)
STOPPED = timedelta(hours=2)
STALE = timedelta(minutes=30)
MEANWHILE = (
    "pay",
    "credit",
    "exclude or include",
    "pay the agency",
    "take money back",
    "void a payment",
    "dispute or not",
    "write off",
)

OPERATIONS: tuple[tuple[str, str, str, str], ...] = (
    ("agency", "POST", r"^/v1/claims$", "transfer"),
    ("agency", "POST", r"^/v1/claims/[^/]+/reductions$", "reduction"),
    ("agency", "PUT", r"^/v1/claims/[^/]+/hold$", "hold"),
    ("agency", "PUT", r"^/v1/claims/[^/]+/debtor$", "debtor"),
    ("agency", "POST", r"^/v1/questions/[^/]+/answer$", "answer"),
    ("erp", "PUT", r"^/v1/customerinvoice/", "case number"),
    ("erp", "PUT", r"^/v1/customerdebitnote/", "case number"),
    ("erp", "POST", r"^/v1/customerpayment$", "payment"),
    ("erp", "POST", r"^/v1/customerpayment/[^/]+/action/release$", "release of a payment"),
    ("erp", "POST", r"^/v1/customerpayment/[^/]+/action/void$", "void"),
    ("erp", "POST", r"^/v2/journaltransaction$", "voucher"),
    ("erp", "POST", r"^/v2/journaltransaction/[^/]+/action/release$", "release of a voucher"),
)
"""Side, method and path of every write, and its name."""
ALL_THERE = frozenset({"meanwhile", "rows twice", "rows in another order"})
"""What may happen to an answer that is whole all the same."""


def as_request(request: httpx.Request) -> Request:
    """A request of the pipeline's as the world's handlers take it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request.to(request.method, request.url.raw_path.decode(), headers, request.read())


class Killed(BaseException):
    """The process ends here: nothing after this line runs."""


class Watcher(Protocol):
    """Told of everything that reaches a counterparty. `step`: the number of the request under way."""

    step: int

    def asked(self, side: str, request: Request, whole: bool = True) -> None:
        """Something was read; the answer may have been a part of what there is."""
        ...

    def sent(self, operation: str, request: Request) -> None:
        """A write is on its way; nobody knows yet whether it arrives."""
        ...

    def moved(self) -> None:
        """Something is about to happen that the pipeline cannot have seen."""
        ...


def operation_of(side: str, request: Request) -> tuple[Place, str]:
    """What kind of boundary a request is, and its name."""
    if request.method == "GET":
        first = request.path.strip("/").split("/")
        return "read", f"{side} {first[1] if len(first) > 1 else first[0]}".lower()
    for where, method, path, name in OPERATIONS:
        if (side, request.method) == (where, method) and re.match(path, request.path, re.IGNORECASE):
            return "write", name
    if request.path == TOKEN:
        return "token", "token"
    raise ValueError(f"{request.method} {request.path} at the {side} is no operation that the simulator knows")


class Boundaries(Protocol):
    """Knows what strikes where."""

    def at(self, place: Place, operation: str) -> Step | None:
        """The fault that strikes this boundary, if one does."""
        ...


class MachineClock:
    """The machine's clock: the world's, plus how far it is wrong. Every reading is a boundary."""

    def __init__(self, world: World, chaos: Boundaries, kill: Callable[[], None]) -> None:
        self.world, self.chaos, self.kill = world, chaos, kill
        self.wrong = timedelta(0)
        self.running = False

    def now(self) -> datetime:
        """The moment, as this machine has it."""
        if self.running:
            step = self.chaos.at("clock", "between two steps")
            if step is not None and step.what == "stopped":
                self.world.advance(self.world.now + STOPPED)
            elif step is not None:
                self.kill()
                raise Killed
        return self.world.now + self.wrong

    def sleep(self, seconds: float) -> None:
        """Let time pass, and with it whatever is due."""
        self.world.advance(self.world.now + timedelta(seconds=seconds))


class Network(httpx.BaseTransport):
    """Requests in, answers out, with the armed faults between. `kill` is called when the process is to die."""

    def __init__(self, world: World, chaos: Chaos, watcher: Watcher, kill: Callable[[bool], None]) -> None:
        self.world, self.chaos, self.watcher, self.kill = world, chaos, watcher, kill
        self.writes = 0
        """Writes that were sent."""
        self.requests = 0
        self.latency = LATENCY
        self.at_next_write: Callable[[], None] | None = None
        """Done once, right before the next write."""
        self.unlisted: frozenset[str] = frozenset()
        """References that no list shows yet."""
        self._before: dict[str, tuple[datetime, Response]] = {}
        self._whole = True
        """Whether the answer under way has all that was asked for."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange."""
        self.world.advance(self.world.now + self.latency)
        self.requests += 1
        self.watcher.step = self.requests
        side = "erp" if request.url.port == 9001 else "agency"
        asked, target = as_request(request), request.url.raw_path.decode()
        place, operation = operation_of(side, asked)
        if place == "write":
            self.writes += 1
            meanwhile, self.at_next_write = self.at_next_write, None
            if meanwhile:
                meanwhile()
            self.watcher.sent(operation, asked)
        step = self.chaos.at(place, operation)
        handler = self.world.erp_handler if side == "erp" else self.world.agency_handler

        def carry_out() -> Response:
            return handler(asked)

        self._whole = step is None or step.what in ALL_THERE
        answer = carry_out() if step is None else self._struck(step, operation, request, target, carry_out)
        if self.unlisted and place == "read":
            answer = _kept_rows(answer, lambda row: not self._hidden(json.dumps(row)))
        if place == "read" and answer.status == 200:
            self._before[target] = (self.world.now, answer)
            self.watcher.asked(side, asked, self._whole)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    def _hidden(self, row: str) -> bool:
        """Whether a list does not show yet what we wrote; what others have voided since is their news."""
        return '"Voided"' not in row and any(name in row for name in self.unlisted)

    def _bites(self, step: Step, operation: str, whole: Response, answer: Response) -> Response:
        """An answer with a fault in it; where it is the right one all the same, nothing has struck."""
        if answer.body == whole.body:
            self._whole = True
            self.chaos.came_to_nothing(step, operation)
        return answer

    def _struck(
        self, step: Step, operation: str, request: httpx.Request, target: str, carry_out: Callable[[], Response]
    ) -> Response:
        dice = Random(step.dice)
        match step.what:
            case "write not connected":
                raise httpx.ConnectError("no connection", request=request)
            case "write lost" | "read lost" | "token endpoint down":
                raise httpx.ReadTimeout("no answer", request=request)
            case "write done answer lost":
                carry_out()
                raise httpx.ReadTimeout("no answer", request=request)
            case "write done late":
                late = timedelta(minutes=dice.choice((1, 15, 90, 300)))

                def lands() -> None:
                    self.watcher.moved()
                    carry_out()

                self.world.schedule(self.world.now + late, lands)
                raise httpx.ReadTimeout("no answer", request=request)
            case "write reset" | "read reset":
                carry_out()
                raise httpx.ReadError("connection reset", request=request)
            case "write 500" | "read 500":
                return _error(500)
            case "write 503" | "read 503":
                return _error(503)
            case "write 500 done" | "write 502 done" | "write 504 done":
                carry_out()
                return _error(int(step.what.split()[1]))
            case "write 429" | "read 429":
                return replace(_error(429), headers={"retry-after": "30"})
            case "write 429 bare":
                return _error(429)
            case "write html" | "read html":
                carry_out()
                return Response(200, {"content-type": "text/html; charset=utf-8"}, HTML)
            case "write truncated" | "read truncated":
                answer = carry_out()
                return replace(answer, body=answer.body[: len(answer.body) // 2])
            case "write without id":
                return _without_id(carry_out())
            case "killed before a write" | "killed at a read":
                self.kill(False)
                raise Killed
            case "killed after a write":
                carry_out()
                self.kill(False)
                raise Killed
            case "killed and journal torn":
                carry_out()
                self.kill(True)
                raise Killed
            case "read stale":
                answer, before = carry_out(), self._before.get(target)
                stale = before[1] if before and self.world.now - before[0] <= STALE else answer
                return self._bites(step, operation, answer, stale)
            case "rows twice" | "rows in another order" | "row missing":
                answer = carry_out()
                return self._bites(step, operation, answer, _shuffled(answer, step.what, dice))
            case "token refused":
                return Response(401, {"content-type": "application/json"}, b'{"message":"unauthorized"}')
            case "meanwhile":
                answer = carry_out()
                self.watcher.moved()
                happen(Stage(self.world), dice.choice(MEANWHILE), step.dice)
                return answer
        raise ValueError(f"no such fault at a request: {step.what}")


def _error(status: int) -> Response:
    return Response(status, {"content-type": "text/plain"}, b"error")


def _without_id(answer: Response) -> Response:
    headers = {name: value for name, value in answer.headers.items() if name != "location"}
    return Response(answer.status, headers, b"{}" if answer.body else b"")


def _rows(answer: Response) -> tuple[Any, list[Any]]:
    """The body of a list and its rows, to be changed in place; no rows where it is no list."""
    if answer.status != 200 or not answer.headers.get("content-type", "").startswith("application/json"):
        return None, []
    told: Any = json.loads(answer.body)
    rows = told if isinstance(told, list) else told.get("items")
    return told, rows if isinstance(rows, list) else []


def _kept_rows(answer: Response, keep: Callable[[Any], bool]) -> Response:
    told, rows = _rows(answer)
    kept = [row for row in rows if keep(row)]
    if len(kept) == len(rows):
        return answer
    rows[:] = kept
    return replace(answer, body=json.dumps(told, ensure_ascii=False).encode())


def _shuffled(answer: Response, what: str, dice: Random) -> Response:
    """The rows of a list in another order, some twice, or one short. Anything that is no list stays as it is."""
    told, rows = _rows(answer)
    before = [*rows]
    if what == "row missing" and not rows:
        return answer
    if what == "rows twice":
        rows += dice.sample(rows, k=min(2, len(rows)))
    elif what == "row missing":
        del rows[dice.randrange(len(rows))]
    else:
        dice.shuffle(rows)
    if rows == before:
        return answer
    return replace(answer, body=json.dumps(told, ensure_ascii=False).encode())
