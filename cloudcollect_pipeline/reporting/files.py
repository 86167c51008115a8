"""Report files: written beside, then put in place at once, readable by their owner only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from cloudcollect_pipeline.reporting.books import Books
from cloudcollect_pipeline.reporting.page import page
from cloudcollect_pipeline.reporting.workbook import write_workbook

REPORTS = "reports"
"""The folder of a company that holds them."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; when all went well it takes the place of `path`, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        partial.chmod(0o600)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def report_files(night: date, language: str, folder: Path) -> tuple[Path, Path]:
    """Where the workbook and the page of a night stand, in a language."""
    name = f"reconciliation-{night}.{language}"
    return folder / f"{name}.xlsx", folder / f"{name}.html"


def write_report(books: Books, language: str, folder: Path) -> tuple[Path, Path]:
    """The workbook and the page of a night, in a language; what stood there is replaced."""
    workbook, html = report_files(books.night, language, folder)
    with replacing(workbook) as partial:
        write_workbook(books, language, partial)
    with replacing(html) as partial:
        partial.write_text(page(books, language), encoding="utf-8")
    return workbook, html
