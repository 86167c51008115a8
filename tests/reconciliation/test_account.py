"""The terms of the account, each kind of document on its own; amounts in øre."""

from datetime import date
from typing import Any

import duckdb
import pytest

from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.reconciliation.statement import HERE

BEFORE, NIGHT, AFTER = "2026-03-01", "2026-03-10", "2026-03-11"
TABLES = """
create table own_posting (number varchar, status varchar, amount decimal(18, 2), payment_date date);
create table payment_now (document_type varchar, number varchar, payment_date date);
create table effect (kind varchar, state varchar, remote_id varchar, amount bigint, details varchar);
create table suspense_movement (document varchar, posting_date date, amount decimal(18, 2), movement varchar);
"""
TERMS = ("posted", "reversed", "settled", "dated_later", "foreign_", "ledger")


def terms(*statements: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The terms that are not zero, and the documents that differ."""
    db = duckdb.connect()
    db.execute(TABLES)
    for statement in statements:
        db.execute(f"insert into {statement}")
    cursor = db.execute(sql("account", HERE), {"night": date.fromisoformat(NIGHT), "go_live": date(2026, 1, 1)})
    row = dict(zip([column[0] for column in cursor.description or ()], cursor.fetchone() or (), strict=True))
    return {term: row[term] for term in TERMS if row[term]}, row["unexplained"]


def posting(status: str, on: str) -> str:
    return f"own_posting values ('1', '{status}', 10.50, '{on}')"


def void(on: str) -> str:
    return f"payment_now values ('VoidPayment', '1', '{on}')"


def voucher(details: str) -> str:
    return f"effect values ('settlement', 'confirmed', 'G1', 400, '{details}')"


def moved(document: str, amount: str, movement: str, on: str = BEFORE) -> str:
    return f"suspense_movement values ('{document}', '{on}', {amount}, '{movement}')"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ((), {}),
        ((posting("Hold", BEFORE),), {}),
        ((posting("Open", NIGHT), moved("1", "10.50", "posted")), {"posted": 1050, "ledger": 1050}),
        ((posting("Open", AFTER),), {"dated_later": 1050}),
        ((posting("Voided", AFTER), void(AFTER)), {}),
        ((posting("Voided", BEFORE), void(NIGHT)), {"posted": 1050, "reversed": 1050}),
        ((posting("Voided", BEFORE),), {"posted": 1050, "reversed": 1050}),
        (
            (posting("Voided", BEFORE), void(AFTER), moved("1", "10.50", "posted")),
            {"posted": 1050, "dated_later": -1050, "ledger": 1050},
        ),
        ((voucher(f'{{"booking_date": "{NIGHT}"}}'), moved("G1", "-4", "settled")), {"settled": 400, "ledger": -400}),
        ((voucher(f'{{"booking_date": "{BEFORE}", "posted_on": "{AFTER}"}}'),), {"dated_later": -400}),
        ((moved("X", "7", "foreign"), moved("X", "-2", "foreign")), {"foreign_": 500}),
        ((moved("X", "7", "foreign", "2025-12-31"),), {}),
    ],
)
def test_each_document_counts_in_its_terms_and_explains_itself(statements: tuple[str, ...], expected: dict[str, int]):
    assert terms(*statements) == (expected, [])


def test_documents_that_differ_are_named_in_order():
    """A voucher and a payment may have the same number."""
    _, unexplained = terms(
        posting("Open", BEFORE),
        moved("1", "10.49", "posted"),
        moved("G1", "-4", "settled"),
        moved("0", "3", "reversed"),
    )
    assert unexplained == [
        {"document": "0", "ours": 0, "ledger": 300},
        {"document": "1", "ours": 1050, "ledger": 1049},
        {"document": "voucher G1", "ours": 0, "ledger": -400},
    ]
    _, unexplained = terms(voucher("{}"), posting("Open", BEFORE), moved("G1", "10.50", "posted"))
    assert [(d["document"], d["ours"], d["ledger"]) for d in unexplained] == [
        ("1", 1050, 0),
        ("G1", 0, 1050),
        ("voucher G1", -400, 0),
    ]
