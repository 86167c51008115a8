"""Settlements: booked once, item by item, and what is wrong with one is said to the last word."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.planning.deltas import Known
from cloudcollect_pipeline.planning.settlements import SettlementState, finish_vouchers, settle, terms_of, voucher_lines
from tests.planning.told import SETTINGS, facts, nothing, plain

DAY = date(2026, 1, 19)
AMOUNTS = {
    "principal": Decimal(1000),
    "interest": Decimal(50),
    "fees": Decimal(0),
    "commission": Decimal(80),
    "expenses": Decimal(20),
    "vat": Decimal(25),
    "offset_amount": Decimal(5),
    "net": Decimal(920),
}
ROW: dict[str, Any] = {
    "settlement_id": "s1",
    "number": "2026-1",
    "status": "PUBLISHED",
    "currency": "NOK",
    "booking_date": DAY,
    **AMOUNTS,
    **{f"{term}_lines": AMOUNTS[term] for term in ("principal", "interest", "fees", "commission")},
    "vat_lines": Decimal(20),
    "items": [{"root": "e1", "customer": "10001"}],
    "repeated": [],
    "unknown": [],
    "odd_vat": [],
}
"""A settlement as it should be: a thousand kroner of principal from one entry."""
SHARES = {("e1", "10001"): {"carried": Decimal(1000), "posted": Decimal(1000)}}
ACCOUNTS = {
    "payout_clearing": "1950",
    "input_vat": "2711",
    "rounding": "7740",
    "commission_cost": "7770",
    "expense_cost": "7771",
    "interest_income": "8050",
    "fee_income": "3900",
    "interest_kept_by": "creditor",
    "fees_kept_by": "agency",
    "rounding_tolerance": Decimal(1),
}
SUSPENSE = SETTINGS.erp.suspense_account
LINES: list[dict[str, Any]] = [
    {"account": "1950", "amount": 92500, "text": "payout, settlement 2026-1"},
    {"account": "2711", "amount": 2500, "text": "VAT on the agency's fee, settlement 2026-1"},
    {"account": SUSPENSE, "amount": -100000, "text": "principal settled, settlement 2026-1"},
    {"account": "7770", "amount": 8000, "text": "commission, settlement 2026-1"},
    {"account": "7771", "amount": 2000, "text": "expenses, settlement 2026-1"},
    {"account": "8050", "amount": -5000, "text": "interest passed on, settlement 2026-1"},
]
TERMS = {name: int(amount * 100) for name, amount in AMOUNTS.items()}
PUBLISHED = ("s1:PUBLISHED", 1, 100000)
CANCELLED = ("s1:CANCELLED", 1, -100000)


def settled(row=(), *, known=(), booked=(), shares=SHARES, planned=(), decisions=(), accounts=(), **more):
    night = facts(decisions, accounts={**ACCOUNTS, **dict(accounts)})
    effects, findings = nothing()
    state = SettlementState([{**ROW, **dict(row)}], dict(known), dict(booked), shares, **more)
    settle(state, night, planned, effects, findings)
    return night, effects, plain(findings)


def told(*args, **more):
    _, effects, findings = settled(*args, **more)
    return [(e.source, e.ordinal, e.content.amount) for e in effects], findings


def test_a_voucher_says_all_that_is_booked_and_what_must_still_be_so():
    night, effects, findings = settled()
    assert findings == []
    assert effects == [
        Effect(
            Kind.SETTLEMENT,
            night.name(Kind.SETTLEMENT, "s1:PUBLISHED", 1),
            "s1:PUBLISHED",
            1,
            Content("agency", "settlement 2026-1", SUSPENSE, "NOK", 100000),
            chain="settlement s1",
            lane="settlements",
            details={
                "settlement_id": "s1",
                "number": "2026-1",
                "booking_date": "2026-01-19",
                "value_date": "2026-01-19",
                "terms": TERMS,
                "lines": LINES,
                "facts": json.dumps(LINES),
            },
            expect={"status": "PUBLISHED", "terms": TERMS},
        )
    ]


def effect(kind, amount=100000, entry="e1", customer="10001", reference="R1"):
    return Effect(
        kind, reference, "x", 1, Content(customer, entry, "suspense", "NOK", amount), "", "", (), {"entry": entry}
    )


NOT_POSTED = {("e1", "10001"): {"carried": Decimal(1000), "posted": None}}
EMPTIED = {("e1", "10001"): {"carried": Decimal(0), "posted": Decimal(1000)}}
WAITS = [("SETTLEMENT_WAITS", "settlement 2026-1", "settlement 2026-1 waits for e1", 92000)]


@pytest.mark.parametrize(
    ("shares", "planned", "after", "findings"),
    [
        (SHARES, [], (), []),
        (NOT_POSTED, [], None, WAITS),
        ({}, [], None, WAITS),
        (NOT_POSTED, [effect(Kind.POSTING)], ("R1",), []),
        (NOT_POSTED, [effect(Kind.POSTING, customer="10002")], None, WAITS),
        (NOT_POSTED, [effect(Kind.POSTING, entry="e2")], None, WAITS),
        (NOT_POSTED, [effect(Kind.REDUCTION)], None, WAITS),
        (SHARES, [effect(Kind.VOID)], None, WAITS),
        (SHARES, [effect(Kind.VOID, reference="R2"), effect(Kind.POSTING)], ("R1", "R2"), []),
        (EMPTIED, [], None, WAITS),
        (EMPTIED, [effect(Kind.VOID)], ("R1",), []),
    ],
)
def test_a_voucher_waits_until_what_it_settles_stands_posted_and_comes_after_that(shares, planned, after, findings):
    _, effects, found = settled(shares=shares, planned=planned)
    assert ([each.after for each in effects], found) == ([] if after is None else [after], findings)


def test_an_entry_that_is_waited_for_is_named_once_and_five_of_them_at_most():
    items = [{"root": f"e{n}", "customer": c} for n in range(1, 8) for c in ("10001", "10002")]
    _, findings = told({"items": items}, shares={})
    assert findings[0][2] == "settlement 2026-1 waits for e1, e2, e3, e4, e5"


def test_what_stood_in_the_account_at_go_live_is_waited_for_by_nothing():
    assert told(shares={}, at_go_live={"e1"}) == ([PUBLISHED], [])
    assert told({"items": [*ROW["items"], {"root": "e2", "customer": "10001"}]}, shares=SHARES, at_go_live={"e1"}) == (
        [],
        [(*WAITS[0][:2], "settlement 2026-1 waits for e2", 92000)],
    )


def test_what_a_person_says_is_posted_is_only_what_stands_on_claims_that_are_not_ours():
    by_hand, booked = {"root": "e2", "customer": None}, {("SETTLEMENT_WAITS", "settlement 2026-1"): "book"}
    items = {"items": [*ROW["items"], by_hand]}
    assert told(items)[1] == [(*WAITS[0][:2], "settlement 2026-1 waits for e2", 92000)]
    assert told(items, decisions=booked) == ([PUBLISHED], [])
    assert told(items, decisions=booked, shares=NOT_POSTED) == ([], WAITS)


BOOKED = {"s1:PUBLISHED": ({"terms": TERMS, "lines": LINES}, 1)}
TAKEN_BACK = {**BOOKED, "s1:CANCELLED": ({"lines": []}, 1)}
CHANGED = "settlement 2026-1 was booked and then changed: commission 80,00 → 90,00, net 920,00 → 910,00"
MORE = {"commission": Decimal(90), "commission_lines": Decimal(90), "net": Decimal(910)}


@pytest.mark.parametrize(
    ("row", "booked", "known", "effects", "findings"),
    [
        ({}, BOOKED, {}, [], []),
        ({"status": "CANCELLED"}, {}, {}, [], []),
        ({"status": "CANCELLED"}, BOOKED, {}, [CANCELLED], []),
        ({"status": "CANCELLED", "unknown": ["e9"], "currency": "SEK"}, BOOKED, {}, [CANCELLED], []),
        ({"status": "CANCELLED"}, TAKEN_BACK, {}, [], []),
        ({}, TAKEN_BACK, {}, [PUBLISHED], []),
        (MORE, BOOKED, {}, [], [("SETTLEMENT_CHANGED", "settlement 2026-1", CHANGED, -1000)]),
        (MORE, {"s1:PUBLISHED": ({}, 1)}, {}, [], []),
        (MORE, TAKEN_BACK, {}, [PUBLISHED], []),
        ({"unknown": ["e9"]}, BOOKED, {}, [], []),
        ({}, {}, {"s1:PUBLISHED": [Known("V1", 1, "uncertain", 100000)]}, [], []),
        ({}, TAKEN_BACK, {"s1:CANCELLED": [Known("V2", 1, "created", 100000)]}, [], []),
        ({}, {}, {"s1:PUBLISHED": [Known("V1", 1, "confirmed", 100000)]}, [("s1:PUBLISHED", 2, 100000)], []),
    ],
)
def test_a_settlement_is_booked_once_and_taken_back_as_it_was_booked(row, booked, known, effects, findings):
    assert told(row, booked=booked, known=known) == (effects, findings)


def test_a_settlement_that_was_booked_and_repeats_another_is_said():
    expected = ("SETTLEMENT_REPEATS", "settlement 2026-1", "settlement 2026-1 settles e1 once more", 92000)
    assert told({"repeated": ["e1"]}, booked=BOOKED) == ([], [expected])


def test_what_is_taken_back_has_every_line_the_other_way_and_asks_for_no_more():
    _, (voucher,), _ = settled({"status": "CANCELLED"}, booked=BOOKED, shares={}, accounts={"commission_cost": "7000"})
    assert voucher.details["lines"] == [line | {"amount": -line["amount"]} for line in LINES]
    assert voucher.after == ()
    assert voucher.expect == {"status": "CANCELLED", "terms": TERMS}


WRONG = {
    "settles an entry twice": (
        {"repeated": [f"e{n}" for n in range(1, 8)], "currency": "SEK"},
        ("SETTLEMENT_REPEATS", "settlement 2026-1 settles e1, e2, e3, e4, e5 once more", 92000),
    ),
    "is in another currency": (
        {"currency": "SEK", "unknown": ["e9"]},
        ("CURRENCY_NOT_SUPPORTED", "settlement 2026-1 is in SEK", None),
    ),
    "names what nobody knows": (
        {"unknown": [f"e{n}" for n in range(1, 8)], "net": Decimal(1)},
        ("SETTLEMENT_UNKNOWN_ITEM", "settlement 2026-1 names e1, e2, e3, e4, e5", None),
    ),
    "is not the sum of its terms": (
        {"net": Decimal("921.01")},
        ("SETTLEMENT_DOES_NOT_ADD_UP", "settlement 2026-1: net 921.01 against 920,00", 101),
    ),
    "is less than the sum of its terms": (
        {"net": Decimal("918.99"), "odd_vat": ["e1"]},
        ("SETTLEMENT_DOES_NOT_ADD_UP", "settlement 2026-1: net 918.99 against 920,00", -101),
    ),
    "has terms that are not those of its lines": (
        {
            "principal_lines": Decimal(999),
            "interest_lines": Decimal(49),
            "fees_lines": Decimal(1),
            "commission_lines": Decimal(81),
        },
        (
            "SETTLEMENT_DOES_NOT_ADD_UP",
            "settlement 2026-1: principal 1000 against lines 999, interest 50 against lines 49, "
            "fees 0 against lines 1, commission 80 against lines 81",
            0,
        ),
    ),
    "has neither": (
        {"net": Decimal(1000), "interest_lines": Decimal(49)},
        (
            "SETTLEMENT_DOES_NOT_ADD_UP",
            "settlement 2026-1: net 1000 against 920,00, interest 50 against lines 49",
            8000,
        ),
    ),
    "has lines of odd VAT": (
        {"odd_vat": [f"e{n}" for n in range(1, 8)]},
        ("SETTLEMENT_VAT_UNKNOWN", "settlement 2026-1: the VAT of e1, e2, e3, e4, e5 fits no Norwegian rate", 2500),
    ),
    "has odd VAT on its expenses": (
        {"vat_lines": Decimal("19.98")},
        (
            "SETTLEMENT_VAT_UNKNOWN",
            "settlement 2026-1: 5.02 of VAT beyond its lines fits no Norwegian rate on 20",
            502,
        ),
    ),
    "passes on what the agency keeps": (
        {"fees": Decimal(10), "fees_lines": Decimal(10), "net": Decimal(930)},
        (
            "SETTLEMENT_AGAINST_TERMS",
            "settlement 2026-1 passes on 10 of fees, which the agency keeps by the settings",
            1000,
        ),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_settlement_is_not_booked_when_it(what):
    row, (code, text, amount) = WRONG[what]
    assert told(row) == ([], [(code, "settlement 2026-1", text, amount)])


@pytest.mark.parametrize(
    "row",
    [
        {"vat_lines": Decimal(25)},
        {"vat_lines": Decimal("20.01")},
        {"vat_lines": Decimal("19.99")},
        {"vat_lines": Decimal(22)},
        {"vat_lines": Decimal("22.60")},
        {
            "expenses": Decimal(0),
            "commission": Decimal(100),
            "commission_lines": Decimal(100),
            "vat_lines": Decimal(25),
        },
    ],
)
def test_vat_beyond_the_lines_is_that_of_the_expenses_by_a_rate_of_the_law(row):
    assert told(row) == ([PUBLISHED], [])


@pytest.mark.parametrize("difference", [100, 1, -1, -100])
def test_a_rounding_difference_is_booked_and_said(difference):
    _, (voucher,), findings = settled({"net": Decimal(92000 + difference) / 100})
    text = f"settlement 2026-1: {display(difference)} is booked as a rounding difference"
    assert findings == [("SETTLEMENT_ROUNDED", "settlement 2026-1", text, difference)]
    (rounding,) = [line for line in voucher.details["lines"] if line["account"] == "7740"]
    assert rounding == {"account": "7740", "amount": -difference, "text": "rounding, settlement 2026-1"}
    assert sum(line["amount"] for line in voucher.details["lines"]) == 0


def test_what_is_taken_back_says_nothing_of_rounding():
    assert told({"status": "CANCELLED", "net": Decimal("920.50")}, booked=BOOKED) == ([CANCELLED], [])


VOUCHERS: dict[str, tuple[dict, dict, list[int]]] = {
    "gross": ({}, {}, [92500, 2500, -100000, 8000, 2000, -5000]),
    "net": ({"fees_booked": "net"}, {}, [92500, 2500, -100000, 5000]),
    "gross without VAT": ({"vat_registered": False}, {}, [92500, -100000, 10500, 2000, -5000]),
    "net without VAT": ({"vat_registered": False, "fees_booked": "net"}, {}, [92500, -100000, 7500]),
    "with fees": ({}, {"fees": Decimal(10), "net": Decimal(930)}, [93500, 2500, -100000, 8000, 2000, -5000, -1000]),
    "net with fees": ({"fees_booked": "net"}, {"fees": Decimal(10), "net": Decimal(930)}, [93500, 2500, -100000, 4000]),
}


@pytest.mark.parametrize("terms", VOUCHERS)
def test_a_voucher_adds_up_to_nothing_under_all_terms(terms):
    accounts, row, amounts = VOUCHERS[terms]
    lines = voucher_lines({**ROW, **row}, facts(accounts={**ACCOUNTS, **accounts}).settings.accounts, SUSPENSE)
    assert [line["amount"] for line in lines] == amounts
    assert sum(amounts) == 0
    if accounts.get("fees_booked") == "net":
        assert (lines[-1]["account"], lines[-1]["text"]) == ("3900", "interest and fees less costs, settlement 2026-1")
    elif "fees" in row:
        assert (lines[-1]["account"], lines[-1]["text"]) == ("3900", "fees passed on, settlement 2026-1")


def test_a_settlement_of_nothing_is_no_voucher():
    nothing = dict.fromkeys(ROW.keys() & {*AMOUNTS, *(f"{term}_lines" for term in AMOUNTS)}, Decimal(0))
    assert told({**nothing, "items": []}) == ([], [])


def test_a_refused_voucher_is_made_again_when_a_person_says_so():
    night = facts()
    name = night.name(Kind.SETTLEMENT, "s1:PUBLISHED", 1)
    known = {"s1:PUBLISHED": [Known(name, 1, "rejected", 100000, json.dumps(LINES))]}
    refused = ("EFFECT_REFUSED", name, "the ERP refused the voucher of settlement 2026-1", 100000)
    assert told(known=known) == ([], [refused])
    assert told(known=known, decisions={("EFFECT_REFUSED", name): "retry"}) == ([PUBLISHED], [])
    assert told(known=known, accounts={"expense_cost": "7772"}) == ([PUBLISHED], [])


def test_an_entry_that_is_paid_out_in_part_is_said():
    unpaid = [{"root": "e1", "number": "2026-1", "carried": Decimal(1000), "paid": Decimal(900)}]
    expected = ("SETTLEMENT_PAYS_LESS", "e1", "settlement 2026-1 leaves 100,00 of entry e1 unpaid", 10000)
    assert told(unpaid=unpaid) == ([PUBLISHED], [expected])


def test_what_is_wrong_with_one_settlement_keeps_no_other_back():
    rows = [
        {**ROW, "settlement_id": "s0", "status": "CANCELLED"},
        {**ROW, "settlement_id": "s2", "currency": "SEK"},
        {**ROW, "settlement_id": "s3", "items": [{"root": "e9", "customer": "1"}]},
        {**ROW, "settlement_id": "s4"},
        {**ROW, "settlement_id": "s5"},
    ]
    booked = {"s4:PUBLISHED": ({"terms": TERMS}, 1)}
    effects: list[Effect] = []
    settle(SettlementState(rows, {}, booked, SHARES), facts(accounts=ACCOUNTS), (), effects, [])
    assert [each.source for each in effects] == ["s5:PUBLISHED"]


CREATED = {
    "reference": "V1",
    "source": "s1:PUBLISHED",
    "ordinal": 1,
    "party": "agency",
    "document": "settlement 2026-1",
    "account": SUSPENSE,
    "currency": "NOK",
    "amount": 100000,
    "chain": "settlement s1",
    "remote_id": "600001",
    "details": {"lines": LINES},
    "now": "PUBLISHED",
}
NOT_RELEASED = "voucher 600001 of 1\u00a0000,00 for settlement 2026-1 is not released"


def test_a_voucher_that_is_not_released_is_finished_and_never_made_again():
    effects, findings = nothing()
    finish_vouchers([CREATED], facts(), effects, findings)
    assert findings == [Finding("POSTING_NOT_RELEASED", "V1", NOT_RELEASED, 100000)]
    assert effects == [
        Effect(
            Kind.SETTLEMENT,
            "V1",
            "s1:PUBLISHED",
            1,
            Content("agency", "settlement 2026-1", SUSPENSE, "NOK", 100000),
            chain="settlement s1",
            lane="settlements",
            details={"lines": LINES},
            expect={"status": "", "terms": {}},
        )
    ]


@pytest.mark.parametrize(
    ("now", "more"),
    [
        ("PUBLISHED", ""),
        (None, ""),
        ("CANCELLED", ", and was CANCELLED meanwhile: delete the draft, do not release it"),
    ],
)
def test_a_draft_is_left_to_a_person(now, more):
    effects, findings = nothing()
    rows = [{**CREATED, "now": now}, {**CREATED, "reference": "V2", "now": now}]
    finish_vouchers(rows, facts(accounts={"settlement_voucher": "draft"}), effects, findings)
    assert effects == []
    assert plain(findings) == [("SETTLEMENT_DRAFT", name, NOT_RELEASED + more, 100000) for name in ("V1", "V2")]


def test_the_terms_of_a_settlement_are_its_amounts_in_ore():
    assert terms_of(ROW) == TERMS
