"""Books as a workbook: a front page that proves the account by live formulas over the lists, and a sheet per list.

Every text is written as text, so that nothing a debtor or a counterparty wrote can become a formula. The same books
give the same bytes. Rows are written as they come and not kept (`constant_memory`), so size costs disk, not memory.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.reporting.books import Books
from cloudcollect_pipeline.reporting.identities import Line, proofs
from cloudcollect_pipeline.reporting.sheet import Sheet, clean, formula_cell, number_cell, text_cell
from cloudcollect_pipeline.reporting.tables import Column, Table, tables
from cloudcollect_pipeline.reporting.words import Words, words

YES, NO = "✓", "✗"
MOST_ROWS = 1_048_000
SUMS, HEADER, FIRST = 1, 2, 3
"""Rows of a sheet, from zero: the sums stand above the list, so that they are found and never move."""


_Plain = str | int | Decimal | date | datetime


class TooManyRows(ValueError):
    """A list is longer than a sheet holds."""


def write_workbook(books: Books, language: str, path: Path) -> None:
    """Write the workbook in a language. What people read as amounts is written as exact øre divided by 100."""
    told = words(language)
    lists = tables(books, told)
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        book.set_properties(
            {"title": _title(books, told), "created": books.as_of.moment.replace(tzinfo=None, microsecond=0)}
        )
        formats = _Formats(book)
        _front(book.add_worksheet(told["sheet.front"], Sheet), books, lists, told, formats)
        for table in lists.values():
            _sheet(book.add_worksheet(told[f"sheet.{table.name}"], Sheet), table, books, told, formats)


class _Formats:
    """How cells look, by what they hold."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        made = book.add_format
        self.title = made({"bold": True, "font_size": 14})
        self.head = made({"bold": True, "bottom": 1, "bg_color": "#E8EDF2", "text_wrap": True, "valign": "top"})
        self.strong = made({"bold": True})
        self.sums = made({"bold": True, "num_format": "#,##0.00"})
        self.sign = made({"align": "center"})
        self.green = made({"font_color": "#1B7F3B"})
        self.red = made({"font_color": "#FFFFFF", "bg_color": "#B3261E", "bold": True})
        self.text = made({"num_format": "@"})
        self.money = made({"num_format": "#,##0.00"})
        self.day = made({"num_format": "yyyy-mm-dd", "align": "left"})
        self.moment = made({"num_format": "yyyy-mm-dd hh:mm", "align": "left"})
        self.count = made({"num_format": "0"})
        self.share = made({"num_format": "0.0%"})

    def of(self, column: Column) -> Format:
        found: Format = getattr(self, column.kind)
        return found


def _title(books: Books, told: Words) -> str:
    return f"{told['front.account']} {books.statement.account} · {books.name} · {books.night}"


# -- lists -----------------------------------------------------------------------------------------------------------


def _sheet(sheet: Sheet, table: Table, books: Books, told: Words, formats: _Formats) -> None:
    if len(table.rows) > MOST_ROWS:
        raise TooManyRows(f"{table.name} has {len(table.rows)} rows; a sheet holds {MOST_ROWS}")
    last = FIRST + max(len(table.rows), 1)
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, column.width)
    sheet.freeze_panes(FIRST, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEADER)
    _text(sheet, 0, 0, f"{told[f'sheet.{table.name}']} · {_title(books, told)}", formats.title)
    for place, column in enumerate(table.columns):
        if column.total:
            name = xl_col_to_name(place)
            formula = f"=SUM({name}{FIRST + 1}:{name}{last})"
            sheet.write_formula(SUMS, place, formula, formats.sums, _number(table.totals[column.name]))
        elif place == 0:
            _text(sheet, SUMS, 0, told["front.sum"], formats.strong)
    for place, column in enumerate(table.columns):
        _text(sheet, HEADER, place, told[f"column.{column.name}"], formats.head)
    sheet.autofilter(HEADER, 0, last - 1, len(table.columns) - 1)
    letters = {column.name: f"{xl_col_to_name(place)}{{row}}" for place, column in enumerate(table.columns)}
    writers = [_writer(sheet, column, formats.of(column)._get_xf_index(), letters) for column in table.columns]
    rows = (
        [write(value, at) for write, value in zip(writers, table.cells(row), strict=True)]
        for at, row in enumerate(table.rows, FIRST + 1)
    )
    sheet.write_rows(FIRST, len(writers), rows)


def _writer(sheet: Sheet, column: Column, style: int, letters: Mapping[str, str]) -> Callable[[Any, int], str]:
    """What makes a cell of a column from its value and the number of its row; nothing of a value that is not there."""
    serial = cache(sheet._convert_date_time)
    if column.formula:
        formula = column.formula.format_map(letters)
        return lambda value, row: formula_cell(formula.format(row=row), _plain(column, value), style)
    if column.kind == "text":
        return lambda value, _: text_cell(value, style) if value else ""
    if column.kind == "day":
        return lambda value, _: number_cell(serial(value), style) if value else ""
    if column.kind == "moment":
        return lambda value, _: number_cell(serial(_local(value)), style) if value else ""
    return lambda value, _: "" if value is None else number_cell(_plain(column, value), style)


def _text(sheet: Sheet, row: int, place: int, value: str, style: Format) -> None:
    if value:
        sheet.write_string(row, place, clean(value), style)


def _local(moment: datetime) -> datetime:
    """Norwegian time, naked: a spreadsheet has no zones."""
    return moment.astimezone(OSLO).replace(tzinfo=None)


def _plain(column: Column, value: Any) -> float:
    return _number(value) if column.kind == "money" else float(value)


def _number(amount: int) -> float:
    """Øre as the double nearest to the kroner (division of whole numbers rounds once): the one float of money."""
    return amount / 100


# -- front page ------------------------------------------------------------------------------------------------------


def _front(sheet: Sheet, books: Books, lists: Mapping[str, Table], told: Words, formats: _Formats) -> None:
    parts = proofs(books, lists)
    head: list[tuple[str, _Plain]] = [
        (told["front.company"], books.name),
        (told["front.night"], books.night),
        (told["front.verdict"], told[f"verdict.{books.verdict}"]),
        (told["front.findings"], len(books.findings)),
        (told["front.dso"], "" if books.dso is None else books.dso),
        (told["front.made"], books.as_of.moment),
        (told["front.version"], f"cloudcollect-pipeline {books.package}"),
        (told["front.plan"], books.plan),
        (told["front.mirror"], books.as_of.version),
        (told["front.seal"], books.seal),
    ]
    sheet.set_column(0, 0, 58)
    sheet.set_column(1, 2, 20)
    sheet.set_column(3, 3, 8)
    sheet.fit_to_pages(1, 1)
    _text(sheet, 0, 0, _title(books, told), formats.title)
    checks = len(head) + 2
    lines = [line for proof in parts.values() for line in proof]
    cells, at = {}, checks + 2
    for proof in parts.values():
        at += 2
        for line in proof:
            cells[line.name] = f"B{at + 1}"
            at += 1
    for place, (label, value) in enumerate(head, 1):
        _text(sheet, place, 0, label, formats.strong)
        _head_value(sheet, place, value, formats)
    wrong = sum(not line.right for line in lines)
    all_right = told["front.all_right"] if not wrong else told["front.not_right"]
    formula = f'=IF(COUNTIF(D{checks + 1}:D{at},"{NO}")=0,"{told["front.all_right"]}","{told["front.not_right"]}")'
    _text(sheet, checks - 1, 0, told["front.checks"], formats.strong)
    sheet.write_formula(checks - 1, 1, formula, formats.strong, all_right)
    where = cells | _sums(lists, told)
    at = checks + 2
    for name, proof in parts.items():
        for place, label in enumerate((told[f"proof.{name}"], told["front.amount"], told["front.ours"], "")):
            _text(sheet, at + 1, place, label, formats.head)
        at += 2
        for line in proof:
            _line(sheet, at, line, where, told, formats)
            at += 1
    sheet.conditional_format(
        checks, 3, at, 3, {"type": "cell", "criteria": "==", "value": f'"{NO}"', "format": formats.red}
    )
    sheet.conditional_format(
        checks, 3, at, 3, {"type": "cell", "criteria": "==", "value": f'"{YES}"', "format": formats.green}
    )


def _sums(lists: Mapping[str, Table], told: Words) -> dict[str, str]:
    """Where the sum of each list's column stands."""
    return {
        f"{table.name}.{column.name}": f"'{told[f'sheet.{table.name}']}'!{xl_col_to_name(place)}{SUMS + 1}"
        for table in lists.values()
        for place, column in enumerate(table.columns)
        if column.total
    }


def _line(sheet: Sheet, row: int, line: Line, where: Mapping[str, str], told: Words, formats: _Formats) -> None:
    style = formats.sums if line.must or line.name in ("closing", "ledger", "unsettled") else formats.money
    _text(sheet, row, 0, told[f"line.{line.name}"], formats.strong if style is formats.sums else formats.text)
    if line.formula:
        formula = "=" + _NAMED.sub(lambda found: where[found[1]], line.formula)
        sheet.write_formula(row, 1, formula, style, _number(line.value))
    else:
        sheet.write_number(row, 1, _number(line.value), style)
    tests: list[str] = []
    if line.ours is not None:
        sheet.write_number(row, 2, _number(line.ours), formats.money)
        tests.append(f"ROUND(B{row + 1}-C{row + 1},2)=0")
    if line.must:
        tests.append(f"B{row + 1}=0")
    if tests:
        test = tests[0] if len(tests) == 1 else f"AND({','.join(tests)})"
        sheet.write_formula(row, 3, f'=IF({test},"{YES}","{NO}")', formats.sign, YES if line.right else NO)


_NAMED = re.compile(r"\{([a-z_.]+)\}")


def _head_value(sheet: Sheet, row: int, value: _Plain, formats: _Formats) -> None:
    if isinstance(value, str):
        _text(sheet, row, 1, value, formats.text)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, 1, _local(value), formats.moment)
    elif isinstance(value, date):
        sheet.write_datetime(row, 1, value, formats.day)
    else:
        sheet.write_number(row, 1, float(value))
