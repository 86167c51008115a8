"""A company in the sandbox, reached through the real adapter, and the mapping SQL run as the ledger runs it."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import duckdb
import httpx
import pytest

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.erp.visma_net import VismaNet, VismaNetSettings
from cloudcollect_pipeline.landing.spool import wrap
from cloudcollect_pipeline.sandbox.erp import ErpApi, ErpCompany, ErpSettings
from cloudcollect_pipeline.sandbox.faults import Faults
from cloudcollect_pipeline.sandbox.http import Handler, Request
from cloudcollect_pipeline.web import ClientCredentials, Web

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
API = "https://api.test"
TOKENS = "https://connect.test/connect/token"
SCOPE = "vismanet_erp_service_api:read vismanet_erp_service_api:create vismanet_erp_service_api:update"
SETTINGS = VismaNetSettings("1510", "1510", "INK", business_classes=("BUSINESS",))


def transport(handler: Handler) -> httpx.MockTransport:
    """A sandbox handler as httpx transport; handlers are called by one thread at a time."""
    lock = threading.Lock()

    def send(request: httpx.Request) -> httpx.Response:
        query = tuple(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        headers = {name.lower(): value for name, value in request.headers.items()}
        with lock:
            answer = handler(Request(request.method, request.url.path, query, headers, request.content))
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    return httpx.MockTransport(send)


@dataclass
class Company:
    """The books, the faults before them, and the adapter in front."""

    clock: VirtualClock
    books: ErpCompany
    faults: Faults
    web: Web
    erp: VismaNet
    requests: list[Request] = field(default_factory=list[Request])
    ignored: set[str] = field(default_factory=set[str])
    """Filters that the ERP does not heed, by name; a condition goes with its filter."""

    def with_settings(self, **changes: Any) -> VismaNet:
        """Another adapter over the same books."""
        return VismaNet(self.web, self.books.tenant, replace(SETTINGS, **changes))


@pytest.fixture
def company() -> Company:
    clock = VirtualClock(START)
    books = ErpCompany("nordlys", "tenant-1", "Nordlys AS", clock.now, ErpSettings())
    api = ErpApi({books.tenant: books}, clock.now, "app", "hush")
    faults = Faults()
    requests: list[Request] = []
    ignored: set[str] = set()

    def seen(request: Request) -> Any:
        requests.append(request)
        heeded = tuple(pair for pair in request.query if pair[0].removesuffix("Condition") not in ignored)
        return faulty(replace(request, query=heeded))

    faulty = faults.wrap(api.handle)
    through = transport(seen)
    auth = ClientCredentials(TOKENS, "app", "hush", books.tenant, SCOPE, API, clock, transport=transport(api.handle))
    web = Web(API, auth, clock=clock, transport=through)
    return Company(clock, books, faults, web, VismaNet(web, books.tenant, SETTINGS), requests, ignored)


Rows = list[dict[str, Any]]


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[Feed, Iterable[bytes]], Rows]:
    """Raw records to ledger rows, as the ledger does it: spool, read_json, the feed's mapping."""

    def run(feed: Feed, records: Iterable[bytes]) -> Rows:
        spool = tmp_path / "spool.ndjson"
        spool.write_bytes(b"".join(wrap(n, raw) for n, raw in enumerate(records, start=1)))
        db = duckdb.connect()
        db.execute("set TimeZone = 'UTC'")
        db.execute(files("cloudcollect_pipeline.ledger").joinpath("sql/macros.sql").read_text())
        struct = ", ".join(f'"{name}" {kind}' for name, kind in feed.columns.items())
        result = db.execute(
            "with raw as (select n, doc from read_json($path, format = 'newline_delimited', "
            f"columns = {{n: 'BIGINT', doc: 'STRUCT({struct})', odd: 'VARCHAR'}})), "
            f"mapped as ({feed.mapping}) select * from mapped order by n",
            {"path": str(spool)},
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return run
