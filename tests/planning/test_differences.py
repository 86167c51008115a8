"""Both subledgers side by side: what differs is shown one by one with its reason, what is equal is summed."""

from datetime import date
from decimal import Decimal

import pytest

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import compare, prepare
from tests.story import Story


class Sides:
    """A ledger that is filled by hand."""

    def __init__(self, folder):
        settings = next(iter(Story(folder / "story").settings.companies.values()))
        self.ledger = Ledger(folder / "ledger", "nordlys", "t1")
        prepare(self.ledger, Facts(date(2026, 1, 6), "t1", "agency", settings, AgencyCapabilities()))

    def receivable(self, number, balance, customer="10001", status="Open"):
        self.ledger.db.execute(
            "insert into receivable by name select 'Invoice' as document_type, $number as number, "
            "$customer as customer, $status as status, cast($balance as decimal(18, 2)) as balance, 1 as valid_from",
            {"number": number, "customer": customer, "status": status, "balance": balance},
        )

    def transfer(self, number, episode=1, state="confirmed"):
        self.ledger.db.execute(
            "insert into effect values ($reference, 'transfer', $document, $episode, '', $state, '', $document, '', "
            "'NOK', 0, null, '{}', date '2026-01-05', 1)",
            {"reference": f"{number}/{episode}", "document": f"Invoice {number}", "episode": episode, "state": state},
        )

    def claim(self, number, principal_open, episode=1, status="ACTIVE", hold="NONE"):
        self.transfer(number, episode)
        self.ledger.db.execute(
            "insert into claim by name select $reference as claim_id, $reference as reference, "
            "'Invoice' as document_type, $number as document_number, $status as status, $hold as hold, "
            "cast($principal_open as decimal(18, 2)) as principal_open, 1 as valid_from",
            {
                "reference": f"{number}/{episode}",
                "number": number,
                "status": status,
                "hold": hold,
                "principal_open": principal_open,
            },
        )

    def classes(self):
        compare(self.ledger)
        return dict(
            self.ledger.db.execute(
                "select coalesce(number, 'others'), class from subledger_diff order by number nulls last"
            ).fetchall()
        )


@pytest.fixture
def sides(tmp_path):
    sides = Sides(tmp_path)
    yield sides
    sides.ledger.close()


def test_each_receivable_that_differs_is_named_with_its_reason(sides):
    for number, balance, principal_open in (("1", 50, 60), ("2", 60, 50), ("3", 60, 60), ("4", 50, 60)):
        sides.receivable(number, balance)
        sides.claim(number, principal_open)
    sides.transfer("4", 2, "uncertain")
    sides.claim("5", 60)
    assert sides.classes() == {
        "1": "reduction due",
        "2": "agency lower",
        "4": "in flight",
        "5": "missing at ERP",
        "others": "equal",
    }


def test_what_is_equal_is_one_sum_for_a_night_and_one_for_each_customer_in_a_report(sides):
    for number, customer in (("1", "10001"), ("2", "10001"), ("3", "10002")):
        sides.receivable(number, 60, customer)
        sides.claim(number, 60)
    query = "select customer, receivables, erp_balance, agency_open, difference from subledger_diff order by customer"
    compare(sides.ledger)
    assert sides.ledger.db.execute(query).fetchall() == [(None, 3, Decimal(180), Decimal(180), Decimal(0))]
    compare(sides.ledger, table="temp table", equal_by="customer")
    assert sides.ledger.db.execute(query).fetchall() == [
        ("10001", 2, Decimal(120), Decimal(120), Decimal(0)),
        ("10002", 1, Decimal(60), Decimal(60), Decimal(0)),
    ]


def test_a_transfer_that_is_not_listed_is_missing_once_however_often_it_was_made(sides):
    sides.receivable("1", 60)
    sides.transfer("1", 1)
    sides.transfer("1", 2)
    compare(sides.ledger)
    assert sides.ledger.rows("select number, class, receivables, erp_balance from subledger_diff") == [
        {"number": "1", "class": "missing at agency", "receivables": 1, "erp_balance": Decimal(60)}
    ]


def test_nothing_is_missing_at_the_agency_while_another_claim_of_the_receivable_is_live(sides):
    sides.receivable("1", 60)
    sides.transfer("1", 1)
    sides.claim("1", 60, 2)
    assert sides.classes() == {"others": "equal"}


def test_a_claim_that_ended_leaves_its_receivable_out(sides):
    sides.receivable("1", 60)
    sides.claim("1", 60, status="WITHDRAWN")
    sides.receivable("2", 60)
    sides.claim("2", 60, hold="RECALLED")
    assert sides.classes() == {}


def test_a_claim_of_somebody_else_is_left_out(sides):
    sides.receivable("1", 60)
    sides.claim("1", 60)
    sides.ledger.db.execute("update effect set state = 'refused'")
    assert sides.classes() == {}
