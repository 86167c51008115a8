"""Whole nights against one hostile answer: what a person is told, and that nothing is done twice."""

import json
from typing import Any

import pytest

from cloudcollect_pipeline.dispatch.journal import BLOCKING
from cloudcollect_pipeline.domain.errors import Permanent
from cloudcollect_pipeline.sandbox.erp import DocumentType
from tests.hostile.conftest import Besieged, bounded
from tests.hostile.server import (
    Act,
    as_text,
    before,
    changed,
    cut,
    drip_body,
    field_by_field,
    told,
)

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
TRANSFER = ("agency", r"/v1/claims$")
POSTING = ("erp", r"/v1/customerPayment$")


def ends_well(story: Besieged, *documents: Any, nights: int = 1) -> None:
    """So many quiet nights later all is settled, nothing was done twice and nobody has anything left to look at."""
    story.quiet(nights)
    story.assert_mirrored(*documents)
    story.assert_ties()
    assert not story.with_journal(lambda journal: journal.effects(states=BLOCKING))
    assert not story.findings()


@pytest.mark.parametrize(
    ("where", "act", "sent"),
    [
        (TRANSFER, told(201, b'{"id":"clm_9","reference":"OTHER"}'), 1),
        (POSTING, told(500, b'{"message":"VismaId: 1. Error: no"}'), 1),
        (POSTING, cut, 1),
        (POSTING, before(503, HTML), 2),
    ],
    ids=["another reference", "500", "cut", "503 and nothing done"],
)
def test_a_write_hit_by_an_untrusted_answer_is_unknown_and_done_once_in_the_end(
    story: Besieged, where: tuple[str, str], act: Act, sent: int
) -> None:
    side, path = where
    invoice = story.receivable(6000)
    if where is POSTING:
        story.night()
        story.collect(invoice, 1000)
    strike = story.sides[side].strike(act, "POST", path, times=1)
    dispatched = story.night().dispatched
    assert strike.hit == 1
    assert sum(outcomes["uncertain"] for outcomes in dispatched.counts.values()) == 1
    ends_well(story, invoice, nights=2 * sent)
    posts = [r for r in story.sides[side].asked if r.method == "POST" and r.path == path.strip("$")]
    assert len(posts) == sent


def test_a_location_that_names_another_payment_is_not_believed(story: Besieged) -> None:
    invoice = story.receivable(6000)
    story.night()
    other = story.erp.pay(story.receivable(9000), 9000)
    story.collect(invoice, 1000)
    story.sides["erp"].strike(
        told(201, b"", location=f"https://evil.test/v1/customerPayment/{other.number}"), "POST", POSTING[1], times=1
    )
    story.night()
    assert "POSTING_NOT_RELEASED" in story.findings()
    story.quiet(3)
    ours = [p for p in story.erp.documents(DocumentType.PAYMENT) if p.cash_account == "1510"]
    assert len(ours) == 1
    story.assert_mirrored(invoice)


@pytest.mark.parametrize(
    ("side", "path", "act", "subject"),
    [
        ("erp", r"/v1/customerinvoice$", drip_body, "erp documents"),
        ("agency", r"/v1/claims$", as_text("principal", '1, "principal": 2'), "agency claims"),
        ("erp", r"/v1/GeneralLedgerTransactions$", as_text("debitAmount", "1e999999999"), "erp movements 1510"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_a_list_that_cannot_be_read_is_named_and_the_next_night_reads_it(
    story: Besieged, side: str, path: str, act: Act, subject: str
) -> None:
    invoice = story.receivable(6000)
    story.night()
    story.collect(invoice, 1000)
    known = story.receivable(7000)
    story.sides[side].strike(act, "GET", path)
    with bounded(30.0, megabytes=200):
        story.night()
    assert subject in story.findings()["FEED_INCOMPLETE"]
    story.peace()
    ends_well(story, invoice, known, nights=2)


@pytest.mark.parametrize(
    ("side", "path", "status"), [("erp", r"/v1/customer$", 401), ("agency", r"/v1/settlements$", 403)]
)
def test_a_refusal_for_good_ends_the_night_and_sends_nothing(
    story: Besieged, side: str, path: str, status: int
) -> None:
    story.receivable(6000)
    story.sides[side].strike(before(status, HTML), "GET", path)
    with pytest.raises(Permanent, match=f"answered {status}"):
        story.night()
    assert not story.agency.account(story.slug).claims
    story.peace()
    ends_well(story)


EXTREMES: dict[str, dict[str, Any]] = {
    "due in 1753": {"documentDueDate": "1753-01-01T00:00:00"},
    "due in 9999": {"documentDueDate": "9999-12-31T00:00:00"},
    "dated in 1753": {"documentDate": "1753-01-01T00:00:00"},
    "dated in 9999": {"documentDate": "9999-12-31T23:59:59.997"},
    "changed in 9999": {"lastModifiedDateTime": "9999-12-31T23:59:59.997"},
    "changed in the year 1": {"lastModifiedDateTime": "0001-01-01T00:00:00"},
    "changed at infinity": {"lastModifiedDateTime": "infinity"},
    "dunned in 9999": {"dunningLetterDate": "9999-12-31T00:00:00", "dunningLetterLevel": 10**9},
    "dunned beyond all levels": {"dunningLetterLevel": 10**30},
    "a reserved number": {"referenceNumber": "A/B?#&+;:@[1]"},
    "a number of dots": {"referenceNumber": ".."},
    "a number with a quote": {"referenceNumber": "x'; drop table receivable; --"},
    "a negative balance": {"balance": -5},
    "no currency": {"currencyId": None},
    "another currency": {"currencyId": "XXX"},
    "all the money there is": {"amount": 9999999999999.99, "balance": 9999999999999.99},
    "a customer nobody knows": {"customer": {"number": "../../nobody"}},
    "itself as its payment": {"applications": [{"docType": "Invoice", "refNbr": "1", "amountPaid": 60}]},
}  # fmt: skip


def test_nights_survive_documents_at_the_edge_of_what_can_be(story: Besieged) -> None:
    edge = {story.receivable(6000).number: change for change in EXTREMES.values()}
    sound = story.receivable(7000)
    act = field_by_field(lambda record: record.update(edge.get(record["referenceNumber"], {})))
    story.sides["erp"].strike(act, "GET", r"/v1/customerinvoice")
    for _ in range(2):
        story.night()
    aside = story.findings()["CONTRACT_BROKEN"]
    assert len(aside) >= 2
    truth = story.world.truth()[story.slug]
    assert not truth.double_effects
    story.peace()
    story.decide_all("CONTRACT_BROKEN", "dismiss")
    for number in edge:
        document = next(d for d in story.erp.documents(DocumentType.INVOICE) if d.number == number)
        story.erp.set_due_date(document, document.on)
    story.night()
    story.assert_mirrored(sound)


MONEY: dict[str, dict[str, Any]] = {
    "of 9999": {"value_date": "9999-12-31"},
    "of 1753": {"value_date": "1753-01-01"},
    "recorded at infinity": {"recorded_at": "infinity"},
    "recorded in 9999": {"recorded_at": "9999-12-31T23:59:59-12:00"},
    "larger than all": {"amount": "9999999999999.99"},
    "that reverses itself": {"reverses": "ent_00000001"},
    "of another world": {"id": "ent/../../x", "reference": "\u0000"},
}


def test_nights_survive_money_at_the_edge_of_what_can_be(story: Besieged) -> None:
    invoices = [story.receivable(6000) for _ in MONEY]
    sound = story.receivable(7000)
    story.night()
    edge = {story.collect(invoice, 1000).id: change for invoice, change in zip(invoices, MONEY.values(), strict=True)}
    story.collect(sound, 1000)
    act = field_by_field(lambda record: record.update(edge.get(record["id"], {})))
    story.sides["agency"].strike(act, "GET", r"/v1/entries$")
    for _ in range(2):
        story.night()
    assert len(story.findings()["CONTRACT_BROKEN"]) >= 4
    assert not story.world.truth()[story.slug].double_effects
    assert sound.balance == 6000


def test_half_a_character_in_a_name_costs_nobody_a_record(story: Besieged) -> None:
    story.sides["erp"].strike(as_text("name", r'"Caf\ud83d"'), "GET", r"/v1/customer")
    invoice = story.receivable(6000)
    story.night()
    assert story.claim(invoice).principal == 6000
    assert not story.findings()
    sent = next(r for r in story.sides["agency"].asked if r.method == "POST")
    assert json.loads(sent.body)["debtor"]["name"] == "Caf\ufffd"


def test_a_night_tells_how_much_it_asked(story: Besieged) -> None:
    limits = {"x-ratelimit-limit": "500", "x-ratelimit-remaining": "470", "x-ratelimit-reset": "600"}
    story.sides["erp"].strike(changed(lambda body: body, **limits), "GET")
    story.receivable(6000)
    story.night()
    asked = {side: len([r for r in told.asked if "token" not in r.path]) for side, told in story.sides.items()}
    summary = story.night().summary()["requests"]
    for side, told_ in story.sides.items():
        made = len([r for r in told_.asked if "token" not in r.path]) - asked[side]
        assert sum(summary[side]["requests"].values()) == made
    assert summary["erp"]["limit"] == 500
    assert summary["erp"]["remaining"] < 470
    assert summary["agency"]["limit"] is None
