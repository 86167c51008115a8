"""Which receivables are judged at all: whatever may have to be handed over, held or let go."""

import pytest

from cloudcollect_pipeline.planning.plan import judge_all, raise_fence
from tests.planning.test_differences import Sides


@pytest.fixture
def sides(tmp_path):
    sides = Sides(tmp_path)
    sides.receivable("1", 60)
    sides.claim("1", 60)
    sides.ledger.db.execute(
        "insert into customer by name select '10001' as number, 'Active' as status, false as excluded, "
        "false as business, 1 as valid_from"
    )
    sides.ledger.db.execute(
        "update receivable set amount = 60, due_date = date '2025-12-01', excluded = false, revoked = false"
    )
    sides.ledger.db.execute("update claim set disputed = false")
    sides.ledger.db.execute('update effect set details = \'{"due_date": "2025-12-01"}\'')
    yield sides
    sides.ledger.close()


def judged(sides):
    raise_fence(sides.ledger, again=True)
    judge_all(sides.ledger)
    return dict(sides.ledger.db.execute("select number, failed from verdict order by number").fetchall())


def test_a_live_claim_about_which_nothing_is_to_be_decided_is_not_judged(sides):
    assert judged(sides) == {}


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ("update claim set disputed = true", "NOT_DISPUTED"),
        ("update claim set hold = 'PAUSED'", "NO_LIVE_CLAIM"),
        ("update receivable set excluded = true", "NOT_EXCLUDED"),
        ("update customer set excluded = true", "CUSTOMER_NOT_EXCLUDED"),
        ("update receivable set due_date = date '2025-12-20'", "NO_LIVE_CLAIM"),
        ("insert into hold_now values ('Invoice 1')", "NOT_DISPUTED"),
        ("insert into hold_now values ('customer 10001')", "NOT_DISPUTED"),
    ],
)
def test_what_may_hold_or_free_a_claim_has_it_judged(sides, change, fails):
    sides.ledger.db.execute(change)
    assert fails in judged(sides)["1"]


def test_a_dispute_of_an_earlier_claim_that_was_recalled_has_the_live_one_judged(sides):
    sides.claim("1", 60, 2, hold="RECALLED")
    sides.ledger.db.execute("update claim set disputed = true where claim_id = '1/2'")
    sides.ledger.db.execute('update effect set details = \'{"due_date": "2025-12-01"}\'')
    sides.ledger.db.execute("update claim set disputed = false where claim_id = '1/1'")
    assert "NOT_DISPUTED" in judged(sides)["1"]
