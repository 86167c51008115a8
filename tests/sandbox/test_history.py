"""A receivables history becomes invoices, and what is wrong with a file is told by line."""

from datetime import date
from pathlib import Path

import pytest

from cloudcollect_pipeline.sandbox.history import COLUMNS, HistoryError, PastInvoice, read_history, shifted

HEADER = ",".join(COLUMNS)
GOOD = "0379-NEVHP,0000611365,1/2/2013,2/1/2013,55.94,No,1/15/2013"


def file_with(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "history.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_an_invoice_is_read_with_its_number_as_written_and_its_amount_in_ore(tmp_path: Path) -> None:
    assert read_history(file_with(tmp_path, GOOD)) == (
        PastInvoice(
            number="0000611365",
            customer="0379-NEVHP",
            issued=date(2013, 1, 2),
            due=date(2013, 2, 1),
            settled=date(2013, 1, 15),
            amount=5594,
            disputed=False,
        ),
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,1,2/30/2013,3/1/2013,1.00,No,3/1/2013", "InvoiceDate must be a date"),
        ("a,1,2013-02-01,3/1/2013,1.00,No,3/1/2013", "InvoiceDate must be a date"),
        ("a,1,2/1/2013,3/1/2013,1.005,No,3/1/2013", "InvoiceAmount '1.005'"),
        ("a,1,2/1/2013,3/1/2013,-1.00,No,3/1/2013", "InvoiceAmount must be above zero"),
        ("a,1,2/1/2013,3/1/2013,,No,3/1/2013", "InvoiceAmount is empty"),
        ("a,1,2/1/2013,3/1/2013,1.00,Maybe,3/1/2013", "Disputed must be Yes or No"),
        ("a,,2/1/2013,3/1/2013,1.00,No,3/1/2013", "invoiceNumber is empty"),
        ("a,1,2/1/2013,1/1/2013,1.00,No,3/1/2013", "is due before it is issued"),
        ("a,1,2/1/2013,3/1/2013,1.00,No,1/1/2013", "is settled before it is issued"),
        ("a,1", "InvoiceDate is empty"),
        (GOOD, "0000611365 stands there a second time"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(HistoryError) as problem:
        read_history(file_with(tmp_path, GOOD, row))
    assert "line 3: " in str(problem.value)
    assert told in str(problem.value)


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"line 2: .*\n.*line 4: "):
        read_history(file_with(tmp_path, "a,1", GOOD, "b,2"))


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no column DueDate, InvoiceAmount"):
        read_history(file_with(tmp_path, header="customerID,invoiceNumber,InvoiceDate,Disputed,SettledDate"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="no invoice"):
        read_history(file_with(tmp_path))


def test_a_history_moves_by_whole_weeks_to_its_monday(tmp_path: Path) -> None:
    (before,) = read_history(file_with(tmp_path, GOOD))
    (after,) = shifted([before], date(2024, 1, 1))
    assert after.issued == date(2024, 1, 3)
    assert after.issued.weekday() == before.issued.weekday()
    assert after.due - after.issued == before.due - before.issued
    assert after.settled - after.issued == before.settled - before.issued


def test_a_history_starts_on_no_other_day_than_a_monday(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Monday"):
        shifted(read_history(file_with(tmp_path, GOOD)), date(2024, 1, 2))
