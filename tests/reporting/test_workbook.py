"""The workbook: its formulas, worked out again, say what the pipeline says; texts are texts; its bytes are fixed."""

import time
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from cloudcollect_pipeline.reporting import workbook as made
from cloudcollect_pipeline.reporting.books import Books
from cloudcollect_pipeline.reporting.tables import tables
from cloudcollect_pipeline.reporting.words import words
from cloudcollect_pipeline.reporting.workbook import FIRST, NO, YES, TooManyRows, write_workbook
from tests.reporting.calc import Calc
from tests.reporting.conftest import NAME, Weeks

SHEETS = 16


def written(books: Books, path: Path, language: str = "en") -> tuple[openpyxl.Workbook, openpyxl.Workbook]:
    """The workbook twice: as formulas, and as the values stored beside them."""
    write_workbook(books, language, path)
    return openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)


def formulas(book: openpyxl.Workbook):
    return [(s.title, c.coordinate) for s in book for row in s.iter_rows() for c in row if c.data_type == "f"]


@pytest.mark.parametrize("language", ["en", "nb"])
def test_every_formula_gives_the_value_stored_beside_it(weeks: Weeks, tmp_path: Path, language: str):
    for night, books in weeks.books.items():
        book, values = written(books, tmp_path / "book.xlsx", language)
        calc = Calc(book)
        cells = formulas(book)
        assert len(cells) > 50
        for sheet, cell in cells:
            again, stored = calc.value(sheet, cell), values[sheet][cell].value
            if isinstance(stored, str):
                assert again == stored, (night, sheet, cell)
            else:
                assert round(again, 2) == round(stored, 2), (night, sheet, cell)


def checks(book: openpyxl.Workbook) -> dict[str, str]:
    """Label -> the cell beside it that compares."""
    front = book.worksheets[0]
    return {
        front.cell(c.row, 1).value: c.coordinate
        for row in front.iter_rows(min_col=4, max_col=4)
        for c in row
        if c.value
    }


def test_every_check_agrees_and_the_total_says_so(weeks: Weeks, tmp_path: Path):
    book, _ = written(weeks.last, tmp_path / "book.xlsx")
    calc, front = Calc(book), book.worksheets[0].title
    assert {calc.value(front, cell) for cell in checks(book).values()} == {YES}
    assert "all agree" in {calc.value(*cell) for cell in formulas(book) if cell[0] == front}


@pytest.mark.parametrize(
    ("sheet", "column"),
    [
        ("Open items", "Posted"),
        ("Open items", "Principal"),
        ("Foreign movements", "Amount"),
        ("In transit", "Dated later"),
        ("Account by month", "Posted"),
        ("Account by month", "Reversed"),
        ("Account by month", "General ledger"),
        ("Settlements", "Booked by vouchers"),
        ("Settlements", "Principal due"),
        ("Settlements", "Commission"),
        ("Ageing", "Settled, not yet paid out"),
        ("ERP and agency", "Open in the ERP"),
    ],
)
def test_an_amount_that_is_changed_by_one_ore_turns_a_check(weeks: Weeks, tmp_path: Path, sheet: str, column: str):
    book, _ = written(weeks.last, tmp_path / "book.xlsx")
    headers = [cell.value for cell in book[sheet][FIRST]]
    cell = book[sheet].cell(FIRST + 1, headers.index(column) + 1)
    assert isinstance(cell.value, int | float)
    cell.value += 0.01
    calc = Calc(book)
    assert NO in {calc.value("Front", cell) for cell in checks(book).values()}
    assert any("not all agree" in str(calc.value(*cell)) for cell in formulas(book) if cell[0] == "Front")


def test_a_statement_that_does_not_tie_is_said_in_words_and_checks(weeks: Weeks, tmp_path: Path):
    books = replace(weeks.last, statement=replace(weeks.last.statement, ledger=weeks.last.statement.ledger + 1))
    _, values = written(books, tmp_path / "book.xlsx")
    front = values.worksheets[0]
    told = {cell.value for row in front.iter_rows() for cell in row}
    assert any("NOT explained" in str(text) for text in told)
    assert NO in told


EVIL = [
    "=1+1",
    "=HYPERLINK(0)",
    "+47 22",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "https://example.invalid/",
    "12",
    "{=1}",
    "<r><t>1</t></r>",
    "a & <b>",
]


def spiked(books: Books, text: str) -> Books:
    """The same books with a text in every place that somebody else can write to."""

    def spike(rows, *names):
        return tuple(replace(row, **dict.fromkeys(names, text)) for row in rows)

    return replace(
        books,
        name=text,
        plan=text,
        items=spike(books.items, "entry", "documents", "cases"),
        timing=spike(books.timing, "number", "subject"),
        foreign=spike(books.foreign, "batch", "module", "document"),
        settlements=spike(books.settlements, "number", "status", "vouchers"),
        sent=spike(books.sent, "document", "cases", "receipt", "state"),
        received=spike(books.received, "entry", "kind", "received_by", "documents"),
        findings=spike(books.findings, "subject", "text"),
        differences=spike(books.differences, "cause"),
        names=dict.fromkeys(books.names, text),
    )


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula_a_link_or_a_number(weeks: Weeks, tmp_path: Path, text: str):
    plain, _ = written(weeks.last, tmp_path / "plain.xlsx")
    book, _ = written(spiked(weeks.last, text), tmp_path / "book.xlsx")
    assert formulas(book) == formulas(plain)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not any(cell.hyperlink for cell in cells)
    found = [cell for cell in cells if isinstance(cell.value, str) and unescape(cell.value).strip() == text.strip()]
    assert len(found) > 10
    assert {cell.data_type for cell in found} == {"s"}


def test_control_characters_do_not_break_the_file(weeks: Weeks, tmp_path: Path):
    book, _ = written(spiked(weeks.last, "a\x00b\x0bc\ufffe_x0041_"), tmp_path / "book.xlsx")
    assert unescape(book["Open items"].cell(FIRST + 1, 1).value) == "a\ufffdb\ufffdc\ufffd_x0041_"


def test_the_same_books_give_the_same_bytes(weeks: Weeks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first, second = tmp_path / "a.xlsx", tmp_path / "other" / "b.xlsx"
    second.parent.mkdir()
    write_workbook(weeks.last, "nb", first)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    monkeypatch.setattr("time.time", lambda: 4e9)
    write_workbook(weeks.last, "nb", second)
    monkeypatch.undo()
    time.tzset()
    assert first.read_bytes() == second.read_bytes()
    assert {entry.date_time[:2] for entry in zipfile.ZipFile(first).infolist()} == {(1980, 1)}
    assert openpyxl.load_workbook(first).properties.created == weeks.last.as_of.moment.replace(tzinfo=None)


def test_dates_are_dates_amounts_are_numbers_and_names_are_there(weeks: Weeks, tmp_path: Path):
    book, _ = written(weeks.last, tmp_path / "book.xlsx")
    sheet = book["Open items"]
    header = [cell.value for cell in sheet[FIRST]]
    row = dict(zip(header, sheet[FIRST + 1], strict=True))
    assert isinstance(row["Value date"].value, date | datetime)
    assert row["Value date"].number_format == "yyyy-mm-dd"
    assert row["Posted"].number_format == "#,##0.00"
    assert row["Name"].value == NAME
    assert row["Customer"].value.isdigit()
    assert len(book.sheetnames) == SHEETS
    assert sheet.freeze_panes == f"A{FIRST + 1}"


def test_amounts_are_exact_at_the_edge(weeks: Weeks, tmp_path: Path):
    item = weeks.last.items[0]
    for amount in (1, 99, 100_000_000_000_001, -7, 123_456_789_012_345):
        books = replace(weeks.last, items=(replace(item, principal=amount),))
        book, _ = written(books, tmp_path / "book.xlsx")
        headers = [cell.value for cell in book["Open items"][FIRST]]
        shown = book["Open items"].cell(FIRST + 1, headers.index("Principal") + 1).value
        assert round(shown * 100) == amount


def test_a_list_that_no_sheet_holds_is_refused(weeks: Weeks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(made, "MOST_ROWS", 1)
    with pytest.raises(TooManyRows, match="rows; a sheet holds 1"):
        write_workbook(weeks.last, "en", tmp_path / "book.xlsx")


def test_moments_stand_in_norwegian_time(weeks: Weeks, tmp_path: Path):
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    books = replace(weeks.last, runs=(replace(weeks.last.runs[0], started=at),))
    book, _ = written(books, tmp_path / "book.xlsx")
    # A spreadsheet has no zones: the cell holds Norwegian time, naked.
    assert book["Runs"].cell(FIRST + 1, 2).value == datetime(2026, 7, 2, 0, 30)  # noqa: DTZ001


def test_every_list_has_a_sheet(weeks: Weeks, tmp_path: Path):
    book, _ = written(weeks.last, tmp_path / "book.xlsx", "nb")
    told = words("nb")
    lists = tables(weeks.last, told)
    assert book.sheetnames == [told["sheet.front"], *(told[f"sheet.{name}"] for name in lists)]
    for name, table in lists.items():
        assert book[told[f"sheet.{name}"]].max_row == max(FIRST + len(table.rows), FIRST)
