"""Fresh reads right before a write: both sides as they are now, judged by the plan's rules, and nothing left behind."""

import json
from datetime import date
from decimal import Decimal

import pytest

from cloudcollect_pipeline.agency.port import Debtor
from cloudcollect_pipeline.dispatch.reads import LedgerReads
from cloudcollect_pipeline.erp.port import DocumentKey
from tests.story import Story, transferred


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    return Story(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def lived(story):
    """Two receivables at the agency, one that is not, and the reads of a night that is on."""
    collected = story.receivable(5000)
    at_agency = transferred(story)
    other = story.receivable(9000)
    story.erp.pay(other, 1000)
    with story.opened() as night:
        reads = LedgerReads(night.ledger, night.landing, night.erp, night.agency, night.facts(), night.clock)
        reads.prepare()
        yield reads, at_agency, other, collected


def named(*documents):
    return [DocumentKey("Invoice", document.number) for document in documents]


def test_receivables_are_read_with_their_raw_records_and_those_that_are_gone_left_out(lived):
    reads, at_agency, other, _ = lived
    asked = [*named(at_agency, other), DocumentKey("Invoice", "999999")]
    found = reads.receivables(asked)
    assert [(row["number"], row["balance"]) for row, _ in found] == [
        (at_agency.number, Decimal(60)),
        (other.number, Decimal(80)),
    ]
    assert all(row["number"].encode() in record and "n" not in row for row, record in found)
    assert reads.receivables([]) == []


def test_what_may_be_transferred_is_judged_by_what_is_read_now(lived):
    reads, at_agency, other, _ = lived
    reads.receivables(named(at_agency, other))
    customers = sorted({at_agency.customer.number, other.customer.number})
    verdicts, settled, debtors = reads.may_be_transferred(customers)
    assert verdicts[f"Invoice {other.number}"]["failed"] == []
    assert "NO_LIVE_CLAIM" in verdicts[f"Invoice {at_agency.number}"]["failed"]
    assert verdicts[f"Invoice {other.number}"]["balance"] == Decimal(80)
    assert list(settled) == [f"Invoice {other.number}"]
    assert list(settled[f"Invoice {other.number}"].values()) == [1000]
    assert debtors[other.customer.number] == Debtor(
        other.customer.number, "Debtor Ærlig", False, None, "Storgata 1", "0155", "Oslo", "NO", None, None
    )
    assert debtors.keys() == set(customers)
    assert reads.customers([other.customer.number]) == {other.customer.number: debtors[other.customer.number]}
    known = reads.ledger.rows("select number from receivable_now order by number")
    assert other.number not in [row["number"] for row in known]
    persons = reads.ledger.rows("select customer from person_now")
    assert persons == reads.ledger.rows("select customer from persons.person")


def test_what_must_stop_is_judged_by_claims_and_receivables_as_they_are_now(story, lived):
    reads, at_agency, *_ = lived
    claim = story.claim(at_agency)
    assert reads.claims([claim.id, "nobody"])[0]["principal_open"] == Decimal(60)
    reads.receivables(named(at_agency))
    before = reads.must_stop([at_agency.customer.number])[f"Invoice {at_agency.number}"]
    assert "NOT_DISPUTED" not in before["failed"]
    assert before["due_date"] == date(2025, 12, 1)
    story.agency.dispute(claim)
    (row,) = reads.claims([claim.id])
    assert (row["disputed"], "n" in row) == (True, False)
    reads.receivables(named(at_agency))
    after = reads.must_stop([at_agency.customer.number])[f"Invoice {at_agency.number}"]
    assert "NOT_DISPUTED" in after["failed"]
    assert reads.ledger.rows("select distinct disputed from claim_now") == [{"disputed": False}]
    story.agency.dispute(claim, False)


def test_an_entry_that_came_since_the_plan_is_news(story, lived):
    reads, *_, collected = lived
    version = reads.ledger.version()
    assert reads.changed_entries(version) == []
    entry = story.collect(collected, 1000)
    assert [row["entry_id"] for row in reads.changed_entries(version)] == [entry.id]
    assert reads.settlement("nobody") is None


def test_what_is_read_is_landed_beside_what_the_night_read_and_says_what_for(lived):
    reads, at_agency, *_ = lived
    folder = reads.landing.folder
    before = {path.name for path in folder.iterdir()}
    reads.receivables(named(at_agency))
    reads.claims(["nobody"])
    reads.may_be_transferred([at_agency.customer.number])
    reads.changed_entries(reads.ledger.version())
    assert {path.name for path in folder.iterdir()} == before
    for name in ("erp_documents", "erp_customers", "erp_payments", "agency_claims", "agency_entries"):
        newest = max((folder / name).glob("*.json"))
        assert json.loads(newest.read_text())["purpose"] == "guard", name
