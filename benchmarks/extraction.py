"""From the ERP's lists to typed, validated rows: requests, strict reading, spool, mapping and contract."""

import json
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import Contender, Figures, Row, contest, row, stopwatch
from benchmarks.server import FIRST, PAGE, serving, stats

DELAY = 0.1
"""Seconds that the ERP takes for a page, in the second row."""


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Extraction at each size up to a million (its cost is a document's), and with an ERP that takes its time."""
    for size in [n for n in sizes if n <= 1_000_000]:
        with serving(size) as url:
            contenders = {
                "ours": Contender("benchmarks.extraction:ours", {"url": url, "items": size}),
                "floor": Contender("benchmarks.extraction:floor", {"url": url, "items": size}),
                "httpx + json + pandas.json_normalize": Contender(
                    "benchmarks.extraction:normalized", {"url": url, "items": size}, _too_long(size, 100_000)
                ),
                "dlt rest_api": Contender(
                    "benchmarks.extraction:dlt", {"url": url, "items": size}, _too_long(size, 10_000)
                ),
            }
            results = contest(contenders, rounds)
        ours, floor = results["ours"]["cpu"], results["floor"]["cpu"]
        yield row(
            "extraction",
            size,
            results,
            "cpu",
            "documents/CPU-s",
            per=size,
            target="≥ 0.80 of the floor",
            met=bool(ours and floor and floor / ours >= 0.80),
            floor_is="raw socket, msgspec split, DuckDB read_json of the same bytes and columns",
        )
    size = min(sizes[-1], 50_000)
    yield from _slow_erp(size, rounds)
    yield from _strict(rounds)


def _slow_erp(size: int, rounds: int) -> Iterator[Row]:
    pages = -(-size // PAGE)
    limit = 2 * pages
    most = 0
    with serving(size, delay=DELAY) as url:
        contenders = {
            "ours": Contender("benchmarks.extraction:ours", {"url": url, "items": size, "parallel": 8}),
            "floor": Contender("benchmarks.extraction:nothing", {"seconds": pages / 8 * DELAY}),
            "sequential": Contender("benchmarks.extraction:ours", {"url": url, "items": size, "parallel": 1}),
        }
        results = contest(contenders, rounds)
        most = stats(url)["most_under_way"]
    with serving(size, limit=limit) as url:
        contest({"ours": Contender("benchmarks.extraction:refused", {"url": url})}, 1)
        asked = stats(url)["requests"]
    wall = results["ours"]["wall"]
    yield row(
        "extraction, 100 ms a page, 8 in flight",
        size,
        results,
        "wall",
        "documents/s",
        per=size,
        target="≥ 28,000 documents/s, never above the rate window",
        met=bool(wall and size / wall >= 28_000 and most <= 8 and asked <= 0.8 * limit),
        floor_is="the ERP's own time: eight pages in each tenth of a second",
        also={"most under way": most, "asked of a window of": limit, "asked": asked},
    )


def _strict(rounds: int) -> Iterator[Row]:
    names = {"ours": "strict", "floor": "split", "json with a look at every object": "every_object", "msgspec": "built"}
    contenders = {name: Contender("benchmarks.extraction:page", {"reader": reader}) for name, reader in names.items()}
    yield row(
        "strict reading of a page in memory",
        PAGE,
        contest(contenders, rounds),
        "cpu",
        "documents/CPU-s",
        per=PAGE,
        target="none: what reading without two meanings costs",
        floor_is="msgspec finds where each document ends",
    )


def _too_long(size: int, most: int) -> str:
    return f"not run beyond {most} items" if size > most else ""


def ours(url: str, items: int, parallel: int = 4) -> Figures:
    """The production path: adapter, landing, mapping and contract."""
    from benchmarks.company import NIGHT, NOW, SLUG, TENANT, company
    from cloudcollect_pipeline.erp.port import DocumentKey
    from cloudcollect_pipeline.erp.visma_net import connect
    from cloudcollect_pipeline.landing import Landing
    from cloudcollect_pipeline.ledger.ledger import Ledger
    from cloudcollect_pipeline.web import SystemClock

    with tempfile.TemporaryDirectory() as folder:
        ledger, landing = Ledger(Path(folder), SLUG, TENANT), Landing(Path(folder) / "landing")
        erp, close, _ = connect(company(url, parallel=parallel).erp, SystemClock(), None, {})
        feed = erp.feeds["documents"]
        one = landing.land("erp", "documents", NIGHT, NOW, [erp.documents([DocumentKey("Invoice", str(FIRST))])])
        ledger.stage("erp", feed, [one])  # what is imported at first use is no cost of a document
        with stopwatch() as figures:
            spool = landing.land("erp", "documents", NIGHT, NOW, erp.pages("documents", None))
            ledger.stage("erp", feed, [spool])
        assert ledger.value("select count(*) from staged_receivable") == items
        close()
        ledger.close()
    return figures


def floor(url: str, items: int) -> Figures:
    """The least that the same bytes cost: a raw socket, a split into rows, DuckDB's reader with the same columns."""
    import duckdb
    import msgspec

    from cloudcollect_pipeline.erp.visma_net.feeds import DOCUMENT_COLUMNS

    split = msgspec.json.Decoder(list[msgspec.Raw]).decode
    with tempfile.TemporaryDirectory() as folder:
        db = duckdb.connect(f"{folder}/floor.duckdb")
        path = Path(folder) / "rows.ndjson"
        db.execute("select $columns", {"columns": DOCUMENT_COLUMNS})  # imports what binding needs
        with stopwatch() as figures:
            with path.open("wb") as file:
                for page in raw_pages(url, items):
                    for raw in split(page):
                        file.write(raw)
                        file.write(b"\n")
            db.execute(
                "create temp table rows as from read_json($path, format = 'newline_delimited', columns = $columns)",
                {"path": str(path), "columns": DOCUMENT_COLUMNS},
            )
        assert db.execute("select count(*) from rows").fetchone() == (items,)
    return figures


def nothing(seconds: float) -> Figures:
    """Time that passes at the other end."""
    return {"wall": seconds, "cpu": 0.0, "peak": 0.0}


def refused(url: str) -> Figures:
    """Read the list again and again until the quota is used up but for the share that is left to others."""
    from benchmarks.company import company
    from cloudcollect_pipeline.domain.errors import Transient
    from cloudcollect_pipeline.erp.visma_net import connect
    from cloudcollect_pipeline.web import SystemClock

    erp, close, _ = connect(company(url, parallel=8).erp, SystemClock(), None, {})
    with stopwatch() as figures, suppress(Transient):
        while True:
            deque(erp.pages("documents", None), 0)
    close()
    return figures


def page(reader: str, times: int = 50) -> Figures:
    """One page of documents in memory, read so many times; the figures are of one reading."""
    import msgspec

    from benchmarks.server import documents
    from cloudcollect_pipeline.erp.visma_net.paging import array

    def once(fields: list[tuple[str, Any]]) -> None:
        if len(dict(fields)) != len(fields):
            raise ValueError

    body = documents(PAGE)
    read: dict[str, Callable[[], object]] = {
        "strict": lambda: array(body, "page"),
        "split": lambda: msgspec.json.decode(body, type=list[msgspec.Raw]),
        "every_object": lambda: json.loads(body, object_pairs_hook=once),
        "built": lambda: msgspec.json.decode(body),
    }
    with stopwatch() as figures:
        for _ in range(times):
            read[reader]()
    return {**figures, "wall": figures["wall"] / times, "cpu": figures["cpu"] / times}


def raw_pages(url: str, items: int) -> Iterator[bytes]:
    """The bodies of the list, over one connection."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as line:
        for number in range(1, -(-items // PAGE) + 1):
            line.sendall(b"GET /v1/customerinvoice?pageNumber=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)
            held = bytearray()
            while (end := held.find(b"\r\n\r\n")) < 0:
                held += line.recv(1 << 20)
            length = int(held[held.index(b"Content-Length: ") + 16 : end].split(b"\r", 1)[0])
            body = bytearray(held[end + 4 :])
            while len(body) < length:
                body += line.recv(1 << 20)
            yield bytes(body)


def normalized(url: str, items: int) -> Figures:
    """What a script does: httpx, json, pandas.json_normalize, and DuckDB to hold it."""
    import duckdb
    import httpx
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder, httpx.Client(base_url=url) as client:
        db = duckdb.connect(f"{folder}/peer.duckdb")
        with stopwatch() as figures:
            documents: list[dict[str, Any]] = []
            for number in range(1, -(-items // PAGE) + 1):
                documents += json.loads(client.get("/v1/customerinvoice", params={"pageNumber": number}).content)
            frame = pd.json_normalize(documents)
            frame["applications"] = frame["applications"].map(json.dumps)
            frame["invoiceLines"] = frame["invoiceLines"].map(json.dumps)
            db.register("frame", frame)
            db.execute("create table rows as from frame")
    return figures


def dlt(url: str, items: int) -> Figures:
    """Dlt's REST source into DuckDB, with its defaults; it also unnests what is nested."""
    import os

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    import dlt as library
    from dlt.sources.rest_api import rest_api_source

    folder = tempfile.mkdtemp()
    os.environ["DLT_DATA_DIR"] = folder
    paginator = {
        "type": "page_number", "base_page": 1, "page_param": "pageNumber", "total_path": None,
        "maximum_page": -(-items // PAGE),
    }  # fmt: skip
    with stopwatch() as figures:
        source = rest_api_source(
            {
                "client": {"base_url": url, "paginator": paginator},
                "resources": [{"name": "documents", "endpoint": {"path": "v1/customerinvoice"}}],
            }
        )
        pipeline = library.pipeline(
            "bench", destination=library.destinations.duckdb(f"{folder}/peer.duckdb"), pipelines_dir=folder
        )
        pipeline.run(source)
    shutil.rmtree(folder, ignore_errors=True)
    return figures
