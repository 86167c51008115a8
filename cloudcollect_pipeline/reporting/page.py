"""Books as one self-contained page: no script, nothing loaded, readable on a phone and on paper."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, PackageLoader, StrictUndefined

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.money import kroner
from cloudcollect_pipeline.reporting import charts
from cloudcollect_pipeline.reporting.books import Books
from cloudcollect_pipeline.reporting.identities import proofs
from cloudcollect_pipeline.reporting.tables import Column, Table, tables
from cloudcollect_pipeline.reporting.words import LANGUAGES, words

MOST_ROWS = 200
"""Rows of a list on the page; the workbook has them all."""
LEFT_OUT = {"trend", "versions"}
"""Lists that only the workbook shows: the page draws the one and names the other."""


def page(books: Books, language: str) -> str:
    """The page in a language."""
    told, locale = words(language), LANGUAGES[language]
    lists = tables(books, told)
    show, proved = formats(locale), proofs(books, lists)
    # Differences are looked at; what is equal is only counted.
    lists["differences"] = replace(
        lists["differences"], rows=[d for d in books.differences if d.difference or d.cause != "equal"]
    )
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            books=books,
            told=told,
            language=language,
            proofs=proved,
            sections=[_section(table, show) for name, table in lists.items() if name not in LEFT_OUT],
            bars=charts.bars(books.ageing),
            points=charts.points(books.trend),
            zero=charts.zero(books.trend),
            chart={"width": charts.WIDTH, "height": charts.HEIGHT, "floor": charts.HEIGHT - charts.BOTTOM},
            verdict_good=books.verdict in ("clean", "person"),
            show=show,
        )
    )


def formats(locale: str) -> Mapping[str, Callable[[Any], str]]:
    """How values are written for people, by kind. Money is øre."""

    def number(value: Decimal, pattern: str) -> str:
        return format_decimal(value, pattern, locale=locale)

    def day(value: date | None) -> str:
        return format_date(value, "medium", locale=locale) if value else ""

    def month(value: date | None) -> str:
        return format_date(value, "MMM y", locale=locale) if value else ""

    def moment(value: datetime | None) -> str:
        return format_datetime(value, "medium", tzinfo=OSLO, locale=locale) if value else ""

    return {
        "text": str,
        "money": lambda value: "" if value is None else number(kroner(value), "#,##0.00"),
        "round": lambda value: number((kroner(value)).quantize(Decimal(1)), "#,##0"),
        "day": day,
        "long_day": lambda value: format_date(value, "long", locale=locale),
        "month": month,
        "moment": moment,
        "count": lambda value: "" if value is None else number(Decimal(value), "#,##0"),
        "share": lambda value: format_percent(value, "#,##0.0 %", locale=locale),
        "days": lambda value: number(value, "#,##0.0"),
    }


def _section(table: Table, show: Mapping[str, Callable[[Any], str]]) -> dict[str, Any]:
    """A list with its cells as text, cut to what a page can hold."""
    kinds = [_kind(column) for column in table.columns]
    rows = [
        [show[kind](value) for kind, value in zip(kinds, table.cells(row), strict=True)]
        for row in islice(table.rows, MOST_ROWS)
    ]
    sums = [show["money"](table.totals[c.name]) if c.total else "" for c in table.columns]
    filled = [place for place, _ in enumerate(table.columns) if any(row[place] for row in rows)]
    return {
        "name": table.name,
        "columns": [(table.columns[place].name, _right(kinds[place])) for place in filled],
        "rows": [[row[place] for place in filled] for row in rows],
        "sums": [sums[place] for place in filled] if any(sums) and len(table.rows) > 1 else [],
        "all": len(table.rows),
    }


def _kind(column: Column) -> str:
    return "month" if column.name == "month" else column.kind


def _right(kind: str) -> bool:
    return kind in ("money", "count", "share")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cloudcollect_pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
