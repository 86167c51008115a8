"""What a claim needs after its transfer, to the last word: holds, changed debtors, answers, cases on invoices."""

import json
from datetime import date
from decimal import Decimal

import pytest

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.debtor import debtor_mark
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.planning.afterwards import (
    case_references,
    holds,
    plan_case_references,
    plan_debtors,
    plan_holds,
    plan_questions,
    wanted_hold,
)
from cloudcollect_pipeline.planning.deltas import Known
from tests.planning.told import Books, facts, nothing, plain

DUE = date(2025, 12, 1)
LATER = date(2026, 1, 15)
"""A due date that is not old enough on the night."""
STOPS = {
    "NOT_DISPUTED": ("disputed_after_transfer", "disputed"),
    "NOT_EXCLUDED": ("excluded_after_transfer", "excluded"),
    "CUSTOMER_NOT_EXCLUDED": ("excluded_after_transfer", "excluded"),
    "ROUTED_HERE": ("routed_away_after_transfer", "routed to another agency"),
    "NOT_WRITTEN_OFF": ("written_off_after_transfer", "written off in full"),
    "NOT_CREDITED": ("credited_after_transfer", "credited in full"),
}
SAYS = {"pause": "PAUSED", "recall": "RECALLED", "leave": "NONE", "report": "NONE", "keep": "NONE"}


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("code", STOPS)
def test_a_stop_rule_does_what_the_settings_say_and_asks_where_they_say_so(code, says):
    setting, why = STOPS[code]
    for policy, decisions, wanted in (
        ({setting: says}, {}, SAYS[says]),
        ({setting: "ask"}, {}, "ASK"),
        ({setting: "ask"}, {("CLAIM_SHOULD_STOP", f"Invoice 1 {why}"): says}, SAYS[says]),
        ({setting: "ask"}, {("CLAIM_SHOULD_STOP", "Invoice 1 else"): says}, "ASK"),
        ({setting: says}, {("CLAIM_SHOULD_STOP", f"Invoice 1 {why}"): "recall"}, SAYS[says]),
    ):
        found = wanted_hold("Invoice 1", [code], 0, DUE, "2025-12-01", facts(decisions, policy=policy))
        assert found == (wanted, why)


@pytest.mark.parametrize("code", ["NOT_CREDITED", "NOT_WRITTEN_OFF"])
def test_what_is_credited_or_written_off_is_reported_before_its_claim_is_held(code):
    night = facts(policy={STOPS[code][0]: "recall"})
    assert wanted_hold("Invoice 1", [code], 1, DUE, None, night) == ("NONE", "no longer held")
    assert wanted_hold("Invoice 1", [code], 0, DUE, None, night)[0] == "RECALLED"


def test_of_two_rules_the_stronger_counts():
    night = facts(policy={"disputed_after_transfer": "recall", "excluded_after_transfer": "pause"})
    both = ["NOT_EXCLUDED", "NOT_DISPUTED"]
    assert wanted_hold("Invoice 1", both, 100, DUE, None, night) == ("RECALLED", "disputed")
    night = facts(policy={"disputed_after_transfer": "ask", "excluded_after_transfer": "pause"})
    assert wanted_hold("Invoice 1", both, 100, DUE, None, night) == ("PAUSED", "excluded")
    night = facts(policy={"disputed_after_transfer": "pause", "excluded_after_transfer": "ask"})
    assert wanted_hold("Invoice 1", both, 100, DUE, None, night) == ("PAUSED", "disputed")


@pytest.mark.parametrize(
    ("due", "transferred", "wanted"),
    [
        (LATER, "2025-12-01", "PAUSED"),
        (LATER, "2026-01-15", "NONE"),
        (LATER, "2026-01-16", "NONE"),
        (LATER, None, "NONE"),
        (date(2026, 1, 5), "2025-12-01", "NONE"),
        (date(2026, 1, 6), "2025-12-01", "PAUSED"),
    ],
)
def test_a_claim_rests_while_its_later_due_date_is_not_old_enough(due, transferred, wanted):
    reason = "due date moved" if wanted == "PAUSED" else "no longer held"
    assert wanted_hold("Invoice 1", [], 100, due, transferred, facts()) == (wanted, reason)


ROW = {
    "claim_id": "c1",
    "transfer": "T1",
    "document": "Invoice 1",
    "hold": "NONE",
    "principal_open": Decimal(60),
    "details": {"due_date": "2025-12-01"},
    "customer": "10001",
    "due_date": DUE,
    "currency": "NOK",
    "failed": ["NOT_DISPUTED"],
}


def held(row=(), *, known=(), last=(), waiting=(), decisions=(), **more):
    effects, findings = nothing()
    holds([{**ROW, **dict(row)}], dict(known), dict(last), waiting, facts(decisions, **more), effects, findings)
    return effects, plain(findings)


def told(*args, **more):
    effects, findings = held(*args, **more)
    return [(e.ordinal, e.details["hold"], e.details["reason"]) for e in effects], findings


def test_a_hold_says_all_that_the_adapter_and_the_guard_need():
    effects, findings = held()
    assert findings == []
    assert effects == [
        Effect(
            Kind.HOLD,
            facts().name(Kind.HOLD, "T1", 1),
            "T1",
            1,
            Content("10001", "Invoice 1", "c1", "NOK", 0),
            chain="hold T1",
            lane="T1",
            details={
                "claim_id": "c1",
                "hold": "PAUSED",
                "reason": "disputed",
                "facts": "NONE>PAUSED",
                "document": "Invoice 1",
                "transferred_due": "2025-12-01",
            },
            expect={"hold": "NONE", "document": "Invoice 1"},
        )
    ]


NAME = facts().name(Kind.HOLD, "T1", 1)
PAUSE = (1, "PAUSED", "disputed")
GO_ON = {"hold": "PAUSED", "failed": []}
RESUME = (1, "NONE", "no longer held")
OURS = {"T1": ("PAUSED", 7)}
UNKNOWN = (
    "PAUSE_OF_UNKNOWN_ORIGIN",
    "Invoice 1",
    "the claim for Invoice 1 is paused, and the journal does not know by whom",
    6000,
)
ASKED = ("CLAIM_SHOULD_STOP", "Invoice 1 disputed", "Invoice 1 is disputed and the claim goes on", 6000)
MOVED = ("DUE_DATE_MOVED", "Invoice 1", "Invoice 1 is now due 2026-01-15", 6000)
REFUSED = Known(NAME, 1, "rejected", 0, "NONE>PAUSED")
REFUSED_TEXT = ("EFFECT_REFUSED", NAME, "the agency refused to set Invoice 1 to PAUSED", None)
ASK = {"policy": {"disputed_after_transfer": "ask"}}
RECALL = {"policy": {"credited_after_transfer": "recall"}}
OVER = {"principal_open": Decimal(0), "failed": ["NOT_CREDITED"]}
CASES: dict[str, tuple[dict, dict, list, list]] = {
    "is disputed": ({}, {}, [PAUSE], []),
    "is paused already": ({"hold": "PAUSED"}, {}, [], []),
    "has nothing open": ({"principal_open": Decimal(0)}, {}, [], []),
    "was credited in full and is to be recalled": (OVER, RECALL, [(1, "RECALLED", "credited in full")], []),
    "was credited in full, which is to be asked": (
        OVER,
        {"policy": {"credited_after_transfer": "ask"}},
        [],
        [("CLAIM_SHOULD_STOP", "Invoice 1 credited in full", "Invoice 1 is credited in full and the claim goes on", 0)],
    ),
    "is disputed, which is to be asked": ({}, ASK, [], [ASKED]),
    "is disputed and paused, which is to be asked": ({"hold": "PAUSED"}, ASK, [], []),
    "is due later": ({"due_date": LATER, "failed": []}, {}, [(1, "PAUSED", "due date moved")], [MOVED]),
    "is disputed and due later": ({"due_date": LATER}, {}, [PAUSE], []),
    "may go on after our pause": (GO_ON, {"last": OURS}, [RESUME], []),
    "may go on after our pause but a reduction is not known": (GO_ON, {"last": OURS, "waiting": {"T1"}}, [], []),
    "may go on after our pause but cannot be trusted": ({**GO_ON, "failed": ["TRUSTED"]}, {"last": OURS}, [], []),
    "is disputed while a reduction is not known": ({}, {"waiting": {"T1"}}, [PAUSE], []),
    "was paused by somebody else": (GO_ON, {}, [], []),
    "was paused by somebody else after we let it go on": (GO_ON, {"last": {"T1": ("NONE", 7)}}, [], []),
    "was paused by nobody knows whom": (GO_ON, {"journal_forgot": 0}, [], [UNKNOWN]),
    "was recalled by nobody knows whom": ({**GO_ON, "hold": "RECALLED"}, {"journal_forgot": 0}, [], []),
    "was last touched before the journal was lost": (
        GO_ON,
        {"journal_forgot": 7, "last": {"T1": ("NONE", 7)}},
        [],
        [UNKNOWN],
    ),
    "was touched since the journal was lost": (GO_ON, {"journal_forgot": 6, "last": {"T1": ("NONE", 7)}}, [], []),
    "was paused by nobody knows whom, and a person says that it may go on": (
        GO_ON,
        {"journal_forgot": 0, "decisions": {UNKNOWN[:2]: "resume"}},
        [RESUME],
        [],
    ),
    "has a hold of unknown outcome": ({}, {"known": {"T1": (Known(NAME, 1, "uncertain", 0),)}}, [], []),
    "was held before": ({}, {"known": {"T1": (Known(NAME, 1, "confirmed", 0),)}}, [(2, *PAUSE[1:])], []),
    "may not be held by the agency's word": ({}, {"known": {"T1": (REFUSED,)}}, [], [REFUSED_TEXT]),
    "may not be held, and a person says to try again": (
        {},
        {"known": {"T1": (REFUSED,)}, "decisions": {("EFFECT_REFUSED", NAME): "retry"}},
        [PAUSE],
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_claim_that(case):
    row, more, effects, findings = CASES[case]
    assert told(row, **more) == (effects, findings)


def test_one_claim_about_which_nothing_is_to_be_done_keeps_no_other_back():
    rows = [ROW | {"transfer": name, "claim_id": name} for name in ("T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7")]
    rows[0] |= {"principal_open": Decimal(0)}
    rows[1] |= {"failed": ["ROUTED_HERE"]}
    rows[2] |= {"hold": "PAUSED"}
    rows[3] |= GO_ON
    rows[4] |= {**GO_ON, "failed": ["TRUSTED"]}
    known = {
        "T5": (Known("R", 1, "uncertain", 0),),
        "T6": (Known("R", 1, "rejected", 0, "NONE>PAUSED"),),
    }
    effects: list[Effect] = []
    night = facts(policy={"routed_away_after_transfer": "ask"})
    holds(rows, known, {"T4": ("PAUSED", 1)}, (), night, effects, [])
    assert [each.source for each in effects] == ["T7"]


CASE = {
    "document": "Invoice 1",
    "document_type": "Invoice",
    "document_number": "1",
    "customer": "10001",
    "currency": "NOK",
    "case_number": "77",
    "case_status": "Notice",
    "case_url": "https://agency.example/77",
}
SHOWN = json.dumps(["77", "Notice", "https://agency.example/77"])
CASE_NAME = facts().name(Kind.CASE_REFERENCE, "Invoice 1", 1)


def shown(known=(), decisions=()):
    effects, findings = nothing()
    case_references([CASE], {"Invoice 1": known}, facts(decisions), effects, findings)
    return effects, plain(findings)


def test_a_case_on_an_invoice_says_all_that_is_written_there():
    assert shown() == (
        [
            Effect(
                Kind.CASE_REFERENCE,
                CASE_NAME,
                "Invoice 1",
                1,
                Content("10001", "Invoice 1", "77", "NOK", 0),
                chain="case Invoice 1",
                lane="Invoice 1",
                details={
                    "document_type": "Invoice",
                    "number": "1",
                    "case_number": "77",
                    "case_status": "Notice",
                    "case_url": "https://agency.example/77",
                    "facts": SHOWN,
                },
            )
        ],
        [],
    )


def test_a_case_that_the_erp_refuses_is_written_again_when_that_can_help():
    refused = (Known(CASE_NAME, 1, "rejected", 0, SHOWN),)
    finding = ("CASE_FIELDS_REFUSED", "Invoice 1", "the ERP refuses case 77 on Invoice 1", None)
    assert shown(refused) == ([], [finding])
    assert shown(refused, {("CASE_FIELDS_REFUSED", "Invoice 1"): "wait"}) == ([], [finding])
    assert len(shown(refused, {("CASE_FIELDS_REFUSED", "Invoice 1"): "retry"})[0]) == 1
    assert len(shown((Known(CASE_NAME, 1, "rejected", 0, json.dumps(["76", "", ""])),))[0]) == 1
    assert shown((Known(CASE_NAME, 1, "uncertain", 0, SHOWN),)) == ([], [])
    assert [each.ordinal for each in shown((Known(CASE_NAME, 1, "confirmed", 0, SHOWN),))[0]] == [2]


def test_one_case_that_cannot_be_written_keeps_no_other_back():
    rows = [CASE | {"document": f"Invoice {n}"} for n in (1, 2, 3)]
    known = {
        "Invoice 1": (Known("R", 1, "rejected", 0, SHOWN),),
        "Invoice 2": (Known("R", 1, "uncertain", 0, SHOWN),),
    }
    effects: list[Effect] = []
    case_references(rows, known, facts(), effects, [])
    assert [each.source for each in effects] == ["Invoice 3"]


# -- over a ledger


@pytest.fixture
def books(tmp_path):
    books = Books(tmp_path)
    yield books
    books.close()


def test_holds_are_planned_by_what_the_journal_knows_of_earlier_ones(books):
    for n in ("1", "2", "3", "4"):
        books.claimed(n, hold="PAUSED")
    for n, state, hold in (("1", "confirmed", "PAUSED"), ("2", "rejected", "PAUSED"), ("4", "confirmed", "PAUSED")):
        books.effect(f"H{n}", "hold", f"T{n}", state=state, details={"hold": hold})
    books.effect("R4", "reduction", "T4/Payment 7", chain="T4", state="uncertain")
    books.effect("H10", "hold", "T1", ordinal=2, state="absent", details={"hold": "NONE"})
    night = books.lay()
    books.judge()
    planned = [effect for some in plan_holds(books.ledger, night, []) for effect in some]
    assert [(e.source, e.ordinal, e.details["hold"], e.details["transferred_due"]) for e in planned] == [
        ("T1", 2, "NONE", "2025-12-01")
    ]


def debtors(books, more=(), **facts_):
    capabilities = AgencyCapabilities(update_debtor=True, **dict(more))
    effects, findings = nothing()
    plan_debtors(books.ledger, books.lay(capabilities=capabilities, **facts_), effects, findings)
    return effects, plain(findings)


PERSON = ("Debtor", "", "Storgata 1", "0155", "Oslo", "NO", "", "")
MARK = debtor_mark("T1", PERSON)


@pytest.fixture
def moved(books):
    """A debtor who moved since the agency was told of them."""
    books.claimed("1", details={"due_date": "2025-12-01", "debtor": "before"})
    books.person("10001", name="Debtor", address="Storgata 1", postal_code="0155", city="Oslo")
    return books


def test_a_debtor_who_moved_is_told_anew(moved):
    effects, findings = debtors(moved)
    assert findings == []
    assert effects == [
        Effect(
            Kind.DEBTOR,
            facts().name(Kind.DEBTOR, "T1", 1),
            "T1",
            1,
            Content("10001", "Invoice 1", "c1", "NOK", 0),
            chain="debtor T1",
            lane="T1",
            details={"claim_id": "c1", "document": "Invoice 1", "debtor": MARK, "facts": MARK},
        )
    ]


DEBTOR_NAME = facts().name(Kind.DEBTOR, "T1", 1)
DEBTOR_REFUSED = ("EFFECT_REFUSED", DEBTOR_NAME, "the agency refused the debtor's new data for Invoice 1", None)


@pytest.mark.parametrize(
    ("state", "told_", "decisions", "ordinals", "findings"),
    [
        ("confirmed", "other", {}, [2], []),
        ("confirmed", MARK, {}, [], []),
        ("uncertain", MARK, {}, [], []),
        ("rejected", MARK, {}, [], [DEBTOR_REFUSED]),
        ("rejected", MARK, {DEBTOR_REFUSED[:2]: "leave"}, [], [DEBTOR_REFUSED]),
        ("rejected", MARK, {DEBTOR_REFUSED[:2]: "retry"}, [1], []),
        ("rejected", "other", {}, [1], []),
    ],
)
def test_a_debtor_is_told_again_only_when_that_can_help(moved, state, told_, decisions, ordinals, findings):
    moved.effect(DEBTOR_NAME, "debtor", "T1", state=state, details={"debtor": told_, "facts": told_})
    effects, found = debtors(moved, decisions=decisions)
    assert ([each.ordinal for each in effects], found) == (ordinals, findings)


def test_a_debtor_is_not_told_by_a_list_that_is_not_whole_nor_to_an_agency_that_cannot_be_told(moved):
    assert debtors(moved, incomplete_feeds=("erp customers",)) == ([], [])
    effects: list[Effect] = []
    plan_debtors(moved.ledger, facts(), effects, [])
    assert effects == []


def test_who_was_handed_over_before_marks_were_kept_is_told_only_by_a_journal_that_forgot(books):
    for n in ("1", "2"):
        books.claimed(
            n, customer=f"1000{n}", details={"due_date": "2025-12-01"} | ({"debtor": "x"} if n == "2" else {})
        )
        books.person(f"1000{n}", name="Debtor")
    assert [each.source for each in debtors(books)[0]] == ["T2"]
    assert [each.source for each in debtors(books, journal_forgot=0)[0]] == ["T1", "T2"]


def test_one_debtor_who_cannot_be_told_keeps_no_other_back(books):
    for n in ("1", "2", "3", "4"):
        books.claimed(n, details={"debtor": "before"} if n != "1" else {})
    books.person("10001", name="Debtor")
    known = debtor_mark("T3", ("Debtor", "", "", "", "", "NO", "", ""))
    books.effect("D2", "debtor", "T2", state="uncertain", details={})
    books.effect("D3", "debtor", "T3", state="rejected", details={"facts": known})
    assert [each.source for each in debtors(books)[0]] == ["T4"]


def questions(books, **more):
    effects, findings = nothing()
    plan_questions(books.ledger, books.lay(**more), effects, findings)
    return effects, plain(findings)


ASKS = ("AGENCY_ASKS", "q1", "the agency asks about Invoice 1; until it is answered the claim may stand still", None)
ANSWER = {("AGENCY_ASKS", "q1"): "answer 12345"}


@pytest.fixture
def asked(books):
    books.claimed("1")
    books.ask("q1", "c1")
    books.ask("q2", "c1", answered=True)
    return books


def test_a_question_is_a_finding_until_a_person_answers_it_and_is_answered_once(asked):
    assert questions(asked) == ([], [ASKS])
    mark = debtor_mark("q1", ["answer 12345"])
    assert questions(asked, decisions=ANSWER) == (
        [
            Effect(
                Kind.ANSWER,
                facts().name(Kind.ANSWER, "q1", 1),
                "q1",
                1,
                Content("10001", "Invoice 1", "c1", "NOK", 0),
                chain="question q1",
                lane="T1",
                details={"claim_id": "c1", "question": "q1", "facts": mark},
            )
        ],
        [],
    )


@pytest.mark.parametrize(
    ("state", "answer", "ordinals", "findings"),
    [
        ("confirmed", "answer 12345", [], []),
        ("uncertain", "answer 12345", [], []),
        ("absent", "answer 12345", [1], []),
        ("rejected", "answer 12345", [], [ASKS]),
        ("rejected", "answer 54321", [1], []),
    ],
)
def test_an_answer_is_sent_again_only_when_that_can_help(asked, state, answer, ordinals, findings):
    told_ = debtor_mark("q1", ["answer 12345"])
    asked.effect("A1", "answer", "q1", state=state, details={"facts": told_})
    effects, found = questions(asked, decisions={("AGENCY_ASKS", "q1"): answer})
    assert ([each.ordinal for each in effects], found) == (ordinals, findings)


def test_one_question_that_waits_keeps_no_other_back_and_may_be_about_an_unknown_receivable(books):
    books.claimed("1", receivable=False)
    for name in ("q1", "q2", "q3"):
        books.ask(name, "c1")
    books.effect("A1", "answer", "q1", state="uncertain", details={})
    effects, _ = questions(books, decisions={("AGENCY_ASKS", "q3"): "answer x"})
    assert [(each.source, each.content.party) for each in effects] == [("q3", "?")]


def test_cases_are_written_only_to_an_erp_that_has_fields_for_them(books):
    books.claimed("1", case_id="k1")
    books.put("agency_case", case_id="k1", number="77", status="Notice", valid_from=1)
    for fields in (True, False):
        effects: list[Effect] = []
        plan_case_references(books.ledger, books.lay(case_fields=fields), effects, [])
        assert [each.details["case_number"] for each in effects] == ["77"] * fields
    books.effect("C1", "case_reference", "Invoice 1", state="confirmed")
    effects = []
    plan_case_references(books.ledger, books.lay(), effects, [])
    assert [each.ordinal for each in effects] == [2]
    assert effects[0].details["case_url"] == ""
