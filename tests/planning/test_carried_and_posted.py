"""Whose share of an entry a posting stands for."""

import duckdb
import pytest

from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.planning.settlements import HERE

TABLES = """
create table entry_principal (root varchar, customer varchar, carried decimal(18, 2));
create table effect (reference varchar, document varchar, party varchar);
create table own_posting (reference varchar, customer varchar, status varchar, amount decimal(18, 2));
"""


def shares(customers, *postings):
    """Customer -> what is posted for it of one entry; a posting is made for, shown for, status and amount."""
    db = duckdb.connect()
    db.execute(TABLES)
    for customer in customers:
        db.execute("insert into entry_principal values ('e', ?, 10), ('other', ?, 10)", [customer, customer])
    for number, (made_for, shown_for, status, amount) in enumerate(postings):
        db.execute("insert into effect values (?, 'e', ?)", [str(number), made_for])
        db.execute("insert into own_posting values (?, ?, ?, ?)", [str(number), shown_for, status, amount])
    rows = db.execute(sql("carried_and_posted", HERE)).fetchall()
    assert [(root, customer) for root, customer, *_ in rows] == sorted(
        {(r, c) for r in ("e", "other") for c in customers}
    )
    assert {carried for _, customer, carried, _ in rows} == {10 * customers.count(customers[0])}
    return {customer: int(posted) for root, customer, _, posted in rows if posted is not None}


@pytest.mark.parametrize(
    ("customers", "made_for", "shown_for", "customer"),
    [
        (["1", "2"], "2", "2", "2"),
        (["1", "2"], "2", "1", "2"),
        (["1", "9"], "2", "9", "9"),
        (["9", "9"], "2", "2", "9"),
        (["8", "9"], "2", "2", "8"),
    ],
    ids=[
        "its customer's",
        "its customer's, whoever else of the entry the ERP shows it for",
        "who the ERP shows it for, where its customer has no claim in the entry any more",
        "the entry's only customer, where the ERP still shows the former number",
        "the entry's first",
    ],
)
def test_a_posting_stands_for_one_customer_of_its_entry(customers, made_for, shown_for, customer):
    assert shares(customers, (made_for, shown_for, "Open", 20)) == {customer: 20}


def test_a_posting_stands_for_nobody_where_the_erp_lists_no_receivable_of_its_entry():
    assert shares([None], ("2", "2", "Open", 20)) == {}


def test_only_what_is_released_is_posted_and_adds_up():
    postings = [("1", "1", status, 1) for status in ("Open", "Closed", "Voided", "Hold", "Balanced")]
    assert shares(["1", "2"], *postings, ("2", "2", "Open", 5)) == {"1": 2, "2": 5}
    assert shares(["9"], *postings, ("9", "9", "Open", 5)) == {"9": 7}
