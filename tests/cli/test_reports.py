"""Report files over HTTP: what is listed is served, and nothing else of the data folder."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from cloudcollect_pipeline.cli.reports import serving
from tests.cli.conftest import Command


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[httpx.Client]:
    data = tmp_path / "data"
    for name, text in (
        ("nordlys/reports/reconciliation-2026-02-11.en.html", "<p>books</p>"),
        ("nordlys/reports/.reconciliation.partial.html", "half"),
        ("nordlys/persons.duckdb", "people"),
        ("nordlys/journal.sqlite", "journal"),
        ("dagster/secret.json", "{}"),
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)
    server = uvicorn.Server(uvicorn.Config(serving(data), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    thread.join()


def test_reports_are_listed_and_served(shelf: httpx.Client) -> None:
    assert 'href="nordlys/"' in shelf.get("/").text
    listed = shelf.get("/nordlys/")
    assert "reconciliation-2026-02-11.en.html" in listed.text
    assert "partial" not in listed.text
    page = shelf.get("/nordlys/reconciliation-2026-02-11.en.html")
    assert (page.status_code, page.text, page.headers["cache-control"]) == (200, "<p>books</p>", "no-store")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert shelf.head("/nordlys/reconciliation-2026-02-11.en.html").content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/nordlys/../persons.duckdb", "/nordlys/..%2fpersons.duckdb", "/nordlys/%2e%2e/journal.sqlite", "/dagster/",
        "/dagster/secret.json", "/nordlys//etc/passwd", "//etc/passwd", "/nordlys/.reconciliation.partial.html",
        "/../data/nordlys/persons.duckdb", "/nordlys/reports/reconciliation-2026-02-11.en.html",
    ],
)  # fmt: skip
def test_nothing_else_is_served(shelf: httpx.Client, path: str) -> None:
    answer = shelf.send(
        httpx.Request("GET", httpx.URL(str(shelf.base_url).rstrip("/")).copy_with(raw_path=path.encode()))
    )
    assert answer.status_code == 404


def test_it_only_reads(shelf: httpx.Client) -> None:
    assert shelf.post("/nordlys/").status_code == 405
    assert shelf.delete("/nordlys/reconciliation-2026-02-11.en.html").status_code == 405


def test_a_folder_that_is_none_is_said(cloudcollect: Command, tmp_path: Path) -> None:
    said = cloudcollect("reports", "--data", str(tmp_path / "nowhere"))
    assert (said.code, "is not a folder" in said.err) == (2, True)
