"""Books: what the report says is what happened, on every night, and again on later nights."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.reporting.books import age_of, countback
from cloudcollect_pipeline.reporting.identities import proofs
from cloudcollect_pipeline.reporting.persons import names_of
from cloudcollect_pipeline.reporting.tables import tables
from cloudcollect_pipeline.reporting.words import words
from cloudcollect_pipeline.sandbox.erp.documents import DocumentType
from tests.reporting.conftest import NAME, Weeks, read_all
from tests.story import Story


def test_every_proof_holds_on_every_night(weeks: Weeks):
    for night, books in weeks.books.items():
        lines = [line for proof in proofs(books, tables(books, words("en"))).values() for line in proof]
        assert [line for line in lines if not line.right] == [], night
        assert books.as_stored
        assert books.verdict in ("clean", "person")
    assert len(weeks.books) >= 7


def test_the_weeks_leave_nothing_out(weeks: Weeks):
    """What the other tests look at is there to be looked at."""
    every = list(weeks.books.values())
    for name in ("items", "timing", "foreign", "settlements", "sent", "received", "findings", "differences"):
        assert any(getattr(books, name) for books in every), name
    terms = ("opening", "posted", "reversed", "settled", "foreign", "in_transit", "dated_later")
    assert [term for term in terms if not any(getattr(books.statement, term) for books in every)] == []
    assert {timing.kind for books in every for timing in books.timing} >= {"created", "later"}


def test_the_books_agree_with_the_world(weeks: Weeks):
    books, truth = weeks.last, weeks.story.world.truth()[weeks.story.slug]
    opening = books.statement.opening
    assert books.statement.ledger - opening + books.dated_later == truth.suspense_balance
    assert books.statement.agency_unsettled - opening == truth.unsettled_principal
    assert sum(aged.total for aged in books.ageing) == sum(
        document.balance for document in weeks.story.erp.documents(DocumentType.INVOICE)
    )
    assert sum(item.open for item in books.items) == sum(aged.awaiting for aged in books.ageing)


def test_a_past_night_reads_the_same_when_more_has_happened(tmp_path):
    story = Story(tmp_path)
    invoice = story.receivable(6000)
    story.night()
    story.world.advance(story.world.now + timedelta(hours=12))
    story.agency.tick()
    story.collect(invoice, 2500)
    story.erp.pay(story.receivable(900), 100, cash_account="1510")
    story.night()
    night = story.world.today
    before = read_all(story, {night})[night]
    story.agency.settle(story.slug, story.world.today)
    story.quiet(3)
    assert read_all(story, {night})[night] == before
    assert {finding.code for finding in before.findings} >= {"FOREIGN_MOVEMENT"}
    (item,) = before.items
    case = story.claim(invoice).case
    assert case is not None
    assert (item.open, item.cases, item.age) == (2500, case.number, 1)


def test_what_was_sent_and_received_is_of_that_night_only(weeks: Weeks):
    nights = sorted(weeks.books)
    first, second = (weeks.books[night] for night in nights[:2])
    assert [sent.kind for sent in first.sent] == ["transfer"] * 3
    assert not first.received
    assert {sent.kind for sent in second.sent} == {"case_reference"}
    (entry,) = second.received
    assert (entry.kind, entry.principal) == ("AGENCY_PAYMENT", 250_000)
    assert all(sent.receipt and sent.reference for sent in first.sent)


def test_indicators(weeks: Weeks):
    (month,) = weeks.last.recovery
    assert month.claims == 3
    assert month.transferred == 600_000 + 800_000 + 450_050
    assert month.to_agency == 250_000 - 50_000 + 300_099 + 44_400 + 5_500
    assert month.to_us == 100_000 + 777
    assert month.rate == Decimal("0.3518")
    (settling,) = weeks.last.settling
    assert (settling.entries, settling.median_days, settling.most_days) == (2, 1, 2)


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (-5, "not_due"),
        (0, "not_due"),
        (1, "to_30"),
        (30, "to_30"),
        (31, "to_60"),
        (60, "to_60"),
        (61, "to_90"),
        (90, "to_90"),
        (91, "over_90"),
        (None, "no_receivable"),
    ],
)
def test_ageing(days, age):
    assert age_of(days) == age


JAN, FEB, MAR = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


@pytest.mark.parametrize(
    ("balance", "sales", "days"),
    [
        (0, [], Decimal(0)),
        (1000, [(MAR, 1000)], Decimal("10.0")),
        (500, [(MAR, 1000)], Decimal("5.0")),
        (1500, [(MAR, 1000), (FEB, 1000)], Decimal("24.0")),
        (1500, [(MAR, 1000), (JAN, 1000)], Decimal("53.5")),
        (5000, [(MAR, 1000), (JAN, 1000)], None),
        (100, [], None),
    ],
)
def test_countback(balance, sales, days):
    assert countback(balance, sales, date(2026, 3, 10)) == days


def test_the_stored_statement_is_the_one_reported(weeks: Weeks):
    for result in weeks.story.results:
        assert result.statement is not None
        again = weeks.books[result.night].statement
        assert json.dumps(again.as_json(), sort_keys=True) == json.dumps(
            {**result.statement.as_json(), "made_at": again.as_json()["made_at"]}, sort_keys=True
        )


def test_names_come_from_the_erasable_file_only(weeks: Weeks):
    assert set(weeks.last.names.values()) == {NAME}
    assert NAME not in repr({**vars(weeks.last), "names": None})


def test_names_are_left_out_while_a_run_has_them(weeks: Weeks):
    clock, folder = weeks.story.world.clock, weeks.story.data / weeks.story.slug
    with company_lock(folder, "a run", clock):
        assert names_of(folder, "test", clock) is None
    assert names_of(folder / "nowhere", "test", clock) is None
    assert set((names_of(folder, "test", clock) or {}).values()) == {NAME}


def test_a_finding_that_was_ignored_is_in_the_books_again_from_its_day_on(tmp_path):
    story = Story(tmp_path)
    story.erp.pay(story.receivable(900), 100, cash_account="1510")
    story.night()
    nights = [story.world.today + timedelta(days=n) for n in range(3)]
    (number,) = [f["id"] for f in story.with_journal(lambda j: j.findings()) if f["code"] == "FOREIGN_MOVEMENT"]
    story.with_journal(lambda j: j.ignore_finding(number, nights[2], "asked the bank", "person", story.world.now))
    story.quiet(2)
    books = read_all(story, set(nights))
    assert ["FOREIGN_MOVEMENT" in {f.code for f in books[night].findings} for night in nights] == [False, False, True]
    assert {f.since for f in books[nights[2]].findings if f.code == "FOREIGN_MOVEMENT"} == {nights[0]}
