"""Which settlements a bank line names."""

from datetime import date

import duckdb
import pytest

from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.reconciliation.payouts import HERE

TABLES = """
create table settlement_now (number varchar);
create table effect (kind varchar, remote_id varchar);
create table read_movement (
    batch varchar, line integer, module varchar, document varchar, posting_date date, text varchar,
    amount decimal(18, 2));
create table payout_movement (
    batch varchar, line integer, module varchar, posting_date date, amount decimal(18, 2), settlement varchar,
    first_known_night date, primary key (batch, line, module));
insert into effect values ('settlement', 'V1');
"""


def named(text, *numbers, document="B1", before=()):
    """The numbers that a line is kept with, the agency's settlements being these (and `before`, a night ago, those)."""
    db = duckdb.connect()
    db.execute(TABLES)
    db.execute("insert into read_movement values ('B1', 1, 'GL', ?, '2026-03-02', ?, -10)", [document, text])
    for day, known in ((3, before), (4, numbers)):
        for number in known:
            db.execute("insert into settlement_now values (?)", [number])
        db.execute(sql("keep_payouts", HERE), {"night": date(2026, 3, day)})
    kept = db.execute("select settlement, first_known_night from payout_movement").fetchall()
    assert all(night == date(2026, 3, 3 if before else 4) for _, night in kept)
    return [settlement.split("\n") for settlement, _ in kept]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Utbetaling 2012", ["2012"]),
        ("Utbetaling 2012 og 12", ["2012", "12"]),
        ("Oppgjør 12/13, 2012", ["2012", "12", "13"]),
        ("KID0012", ["12"]),
        ("KID002012/12x", ["2012"]),
        ("A-12", ["A-12"]),
        ("A-12 (12)", ["A-12", "12"]),
        ("nr. 12", ["12"]),
        ("Utbetaling 99", []),
        (None, []),
    ],
)
def test_a_bank_line_names_the_numbers_that_stand_in_it(text, numbers):
    found = named(text, "12", "13", "2012", "A-12", "A.12", "", "2012")
    assert found == ([numbers] if numbers else [])


def test_a_voucher_of_ours_names_nothing():
    assert named("Utbetaling 12", "12", document="V1") == []


def test_a_number_that_is_known_later_is_named_by_a_line_known_before():
    assert named("Utbetaling 12 og 13", "13", before=["12"]) == [["12", "13"]]
