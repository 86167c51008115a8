"""What the ledger's mirrors show of us, and what the files of the same creditor at another agency do."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.reads import LedgerReads
from cloudcollect_pipeline.dispatch.recognise import LedgerShows, doubt_an_older_copy, recognise, sync
from cloudcollect_pipeline.dispatch.siblings import held_elsewhere
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.planning.facts import Elsewhere
from tests.planning.told import NIGHT, Books, facts

AT = datetime(2026, 1, 20, 3, tzinfo=UTC)


@pytest.fixture
def books(tmp_path):
    books = Books(tmp_path)
    books.lay()
    yield books
    books.close()


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, "nordlys", "t1", AT)
    yield journal
    journal.close()


def test_single_values_of_the_mirrors_are_shown_or_none(books):
    books.claimed("1", hold="PAUSED")
    books.ledger.db.execute("update receivable set case_number = '77'")
    books.payment("500001", "P1", ("Invoice", "1", 10, 0), status="Voided")
    shows = LedgerShows(books.ledger)
    assert (shows.hold("c1"), shows.hold("c2")) == ("PAUSED", None)
    assert (shows.case_number("Invoice", "1"), shows.case_number("DebitNote", "1")) == ("77", None)
    assert (shows.payment_status("500001"), shows.payment_status("500002")) == ("Voided", None)


def test_rows_of_the_mirrors_are_shown(books):
    books.claimed("1")
    books.claimed("2", customer="10002")
    books.entry("e2", ("c1", "principal", 10))
    books.entry("e1", ("c1", "principal", 10), ("c2", "principal", 5))
    books.payment("7", "", ("Invoice", "1", 10, 1), cash_account="1920", payment_date=date(2026, 1, 7))
    books.payment("6", "", ("Invoice", "1", 4, 0), cash_account=None)
    books.payment("500001", "P1", ("Invoice", "1", 3, 0))
    settlement = {"settlement_id": "s1", "number": "2026-1", "currency": "NOK", "booking_date": NIGHT}
    books.put("settlement", **settlement, status="PUBLISHED", valid_from=1)
    shows = LedgerShows(books.ledger)
    assert shows.roots() == {"10001": ["e1", "e2"], "10002": ["e1"]}
    assert shows.settled_by_others("Invoice", "1") == [
        {"document": "Payment 6", "net": Decimal(4)},
        {"document": "Payment 7", "net": Decimal(11)},
    ]
    assert shows.settled_by_others("Invoice", "2") == []
    assert shows.listed_settlements() == [settlement]
    assert [row["reference"] for row in shows.unconfirmed_postings()] == ["P1"]
    assert (shows.unconfirmed_transfers(), shows.unconfirmed_reductions()) == ([], [])


def test_what_a_lost_journal_sent_is_found_again_and_stands_in_the_ledger_too(books, journal):
    night = books.lay()
    transfer = night.name(Kind.TRANSFER, "Invoice 1", 1)
    posting = night.name(Kind.POSTING, "e1:10001", 1)
    reduction = night.name(Kind.REDUCTION, f"{transfer}/Payment 7", 1)
    books.claimed("1", reference=transfer)
    books.entry("e1", ("c1", "principal", 10))
    books.payment("500001", posting, ("Invoice", "1", 10, 0))
    books.entry(
        "x1", ("c1", "principal", 5), kind="DIRECT_PAYMENT", received_by="CREDITOR", reference=reduction,
        source_document_type="Payment", source_document_number="7",
    )  # fmt: skip
    books.ledger.db.execute("delete from effect")
    recognise(books.ledger, journal, night, AT)
    found = {transfer: "confirmed", posting: "confirmed", reduction: "confirmed"}
    assert {row.reference: row.state for row in journal.effects()} == found
    copied = books.ledger.rows("select reference, state from effect")
    assert {row["reference"]: row["state"] for row in copied} == found
    assert books.ledger.effects_known() == (journal.seq(), journal.seal_of(journal.seq()))


EFFECT = Effect(Kind.HOLD, "H1", "T1", 1, Content("10001", "Invoice 1", "c1", "NOK", 0), "hold T1", "T1")


def test_a_journal_that_is_not_the_one_the_ledger_knew_is_doubted_and_copied_anew(books, journal, tmp_path):
    journal.declare_new(AT, "test")
    journal.record(EFFECT, "intent", AT, NIGHT)
    sync(books.ledger, journal)
    doubt_an_older_copy(books.ledger, journal, AT)
    assert journal.trusts_itself()
    assert [row["reference"] for row in books.ledger.rows("select reference from effect")] == ["H1"]
    other = Journal(tmp_path / "other", "nordlys", "t1", AT)
    other.declare_new(AT, "test")
    known, _ = books.ledger.effects_known()
    doubt_an_older_copy(books.ledger, other, AT)
    assert not other.trusts_itself()
    assert other.events()[-1]["data"] == {"head": known, "have": 2}
    before = other.seq()
    doubt_an_older_copy(books.ledger, other, AT)
    assert other.seq() == before
    sync(books.ledger, other)
    assert books.ledger.rows("select reference from effect") == []
    other.close()


def test_words_that_name_a_person_are_found_the_longest_first(books):
    books.person("10001", name="Kari Nordmann", address="Storgata 1", city="Oslo", email="kari@example.no")
    nobody: Any = None
    reads = LedgerReads(books.ledger, nobody, nobody, nobody, facts(), VirtualClock(AT))
    text = "kari nordmann of Storgata 1 in Oslo"
    assert reads.words("10001", text) == ["Kari Nordmann", "Storgata 1", "Nordmann", "Kari", "Oslo"]
    assert reads.words("10002", text) == ["Kari Nordmann", "Storgata 1"]


def test_what_another_agency_holds_is_told_by_its_ledger_and_its_journal(books, tmp_path):
    there = Books(tmp_path / "o'brien")
    for number, status, hold, disputed in (
        ("1", "ACTIVE", "NONE", False),
        ("2", "WITHDRAWN", "NONE", False),
        ("3", "ACTIVE", "RECALLED", False),
        ("6", "WITHDRAWN", "RECALLED", False),
        ("7", "ACTIVE", "RECALLED", True),
    ):
        case = f"k{number}" if number == "1" else None
        there.claimed(number, status=status, hold=hold, disputed=disputed, case_id=case)
    there.put("agency_case", case_id="k1", number="77", status="Notice", valid_from=1)
    folder = there.ledger.path.parent
    there.close()
    told = (
        Elsewhere("Invoice 1", True, "77"),
        Elsewhere("Invoice 2", False, given_back=True),
        Elsewhere("Invoice 3", False),
        Elsewhere("Invoice 6", False),
        Elsewhere("Invoice 7", False, given_back=True),
    )
    assert held_elsewhere(books.ledger, [folder]) == told
    journal = Journal(folder, folder.name, "t9", AT)
    for number, state in (("1", "confirmed"), ("4", "intent"), ("5", "dropped")):
        document = f"Invoice {number}"
        effect = Effect(Kind.TRANSFER, f"T{number}", document, 1, Content("1", document, "", "NOK", 1), "", "")
        journal.record(effect, state, AT, NIGHT)
    journal.close()
    assert held_elsewhere(books.ledger, [folder]) == (*told, Elsewhere("Invoice 4", True))
    assert held_elsewhere(books.ledger, [tmp_path / "nobody"]) == ()
    (folder / "ledger.duckdb").unlink()
    assert held_elsewhere(books.ledger, [folder]) == (Elsewhere("Invoice 1", True), Elsewhere("Invoice 4", True))
