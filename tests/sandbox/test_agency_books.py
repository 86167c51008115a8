"""The agency's own books: principal, entries, cases, stages and settlements."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.sandbox.agency import Agency, Capabilities, Claim, Entry, Refusal, Settings
from cloudcollect_pipeline.sandbox.agency.books import ClaimOrder, Debtor, ReductionOrder

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
DEBTOR = Debtor("10001", "Privatkunde Ås", False, None, "Skogstien 4", "1430", "Ås", "NO", None, None)
ORDER = ClaimOrder(
    reference="TRANSFER1",
    document_type="Invoice",
    document_number="200001",
    kid="2000018",
    document_date=date(2025, 11, 15),
    due_date=date(2025, 12, 15),
    original_amount=6000,
    principal=6000,
    currency="NOK",
    reminders_sent=1,
    last_reminder=date(2025, 12, 30),
    debtor=DEBTOR,
)


class House:
    """An agency with a clock that can be moved a day at a time."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = VirtualClock(START)
        self.agency = Agency(self.clock, settings)

    def claim(self, number: str = "200001", principal: int = 6000, customer: str = "10001", **changes: Any) -> Claim:
        debtor = msgspec.structs.replace(DEBTOR, number=customer)
        fields: dict[str, Any] = {
            "reference": f"T-{number}",
            "document_number": number,
            "debtor": debtor,
            "principal": principal,
        }
        claim, _ = self.agency.create_claim("nordlys", replace(ORDER, **(fields | changes)))
        self.agency.tick()
        return claim

    def reduce(self, claim: Claim, amount: int, kind: str = "DIRECT_PAYMENT", reference: str = "") -> Entry:
        reference = reference or f"R{len(self.agency.account('nordlys').references)}"
        order = ReductionOrder(reference, kind, amount, "NOK", date(2026, 1, 5), ("Payment", "400001"))
        return self.agency.create_reduction("nordlys", claim.id, order)[0]

    def days(self, count: int) -> None:
        for _ in range(count):
            self.clock.sleep(86_400)
            self.agency.tick()


def proof(claim: Claim, agency: Agency) -> int:
    """The open principal worked out from the entries alone."""
    entries = agency.account(claim.creditor).entries.values()
    lines = [line for entry in entries if not entry.cancelled for line in entry.lines]
    return claim.principal - sum(line.amount for line in lines if line.claim is claim and line.bucket == "principal")


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refusal:
        act()
    return refusal.value.code


@pytest.fixture
def house() -> House:
    return House()


def test_a_claim_is_submitted_until_its_case_is_opened_at_the_next_tick(house: House) -> None:
    claim, is_new = house.agency.create_claim("nordlys", ORDER)
    assert (is_new, claim.status, claim.case) == (True, "SUBMITTED", None)
    house.agency.tick()
    assert claim.case is not None
    assert (claim.status, claim.stage, claim.case.status) == ("ACTIVE", "REMINDER", "REMINDER")


def test_claims_of_one_debtor_share_a_case_and_those_of_another_do_not(house: House) -> None:
    first, second, other = house.claim("1"), house.claim("2"), house.claim("3", customer="10002")
    assert first.case is second.case
    assert other.case is not first.case


@pytest.mark.parametrize(
    ("events", "open_principal"),
    [
        (["pay 3000"], 3000),
        (["pay 3000", "reverse 3000"], 6000),
        (["pay 3000", "reverse 1000"], 4000),
        (["report 2000", "report -2000"], 6000),
        (["report 2000", "cancel"], 6000),
        (["report 2000", "pay 3000", "cancel"], 3000),
        (["raise 1500"], 7500),
        (["direct 2000"], 4000),
        (["charge 35000"], 6000),
        (["pay 7000"], 0),
        (["force 7000"], -1000),
    ],
)
def test_the_open_principal_is_the_principal_less_all_entries_that_stand(
    house: House, events: list[str], open_principal: int
) -> None:
    claim = house.claim()
    reported: list[Entry] = []
    payments: list[Entry] = []
    for event in events:
        word, _, number = event.partition(" ")
        amount = int(number or 0)
        if word == "pay":
            payments.append(house.agency.receive(claim, amount))
        elif word == "force":
            house.agency.receive(claim, amount, force=True)
        elif word == "reverse":
            house.agency.reverse(payments[-1], amount)
        elif word == "report":
            reported.append(house.reduce(claim, amount))
        elif word == "cancel":
            house.agency.cancel_reduction(reported[-1])
        elif word == "raise":
            house.reduce(claim, -amount, "RAISE")
        elif word == "direct":
            house.agency.book_direct(claim, amount)
        elif word == "charge":
            house.agency.charge(claim, amount)
    assert claim.principal_open == open_principal == proof(claim, house.agency)


def test_a_payment_carries_a_line_per_bucket_and_the_rest_is_an_overpayment(house: House) -> None:
    entry = house.agency.receive(house.claim(), 7000, interest=100, fees=350, on=date(2026, 1, 4))
    assert [(line.bucket, line.amount) for line in entry.lines] == [
        ("principal", 6000),
        ("interest", 100),
        ("agency_fee", 350),
        ("overpayment", 1000),
    ]
    assert (entry.kind, entry.received_by, entry.amount, entry.value_date) == (
        "AGENCY_PAYMENT",
        "AGENCY",
        7450,
        date(2026, 1, 4),
    )


def test_one_payment_may_be_spread_over_the_claims_of_one_debtor_only(house: House) -> None:
    first, second, other = house.claim("1"), house.claim("2"), house.claim("3", customer="10002")
    entry = house.agency.receive_many({first: 1000, second: 2000})
    assert (entry.principal, first.principal_open, second.principal_open) == (3000, 5000, 4000)
    with pytest.raises(ValueError, match="one debtor"):
        house.agency.receive_many({first: 1000, other: 2000})


def test_a_paid_claim_closes_with_its_case_and_reopens_when_the_payment_bounces(house: House) -> None:
    claim = house.claim()
    entry = house.agency.receive(claim, 6000)
    assert claim.case is not None
    assert (claim.status, claim.case.status) == ("CLOSED", "CLOSED")
    reversal = house.agency.reverse(entry)
    assert (claim.status, claim.case.status) == ("ACTIVE", "REMINDER")
    assert (reversal.kind, reversal.amount, reversal.reverses) == ("REVERSAL", -6000, entry)


def test_a_reversal_takes_principal_first_and_never_more_than_the_payment_still_carries(house: House) -> None:
    entry = house.agency.receive(house.claim(), 3000, fees=500)
    house.agency.reverse(entry, 2000)
    last = house.agency.reverse(entry, 1200)
    assert [(line.bucket, line.amount) for line in last.lines] == [("principal", -1000), ("agency_fee", -200)]
    assert refused(lambda: house.agency.reverse(entry, 301)) == "exceeds_entry"
    assert house.agency.reverse(entry).amount == -300
    assert refused(lambda: house.agency.reverse(entry)) == "exceeds_entry"


def test_a_reallocation_moves_principal_between_claims_and_a_later_reversal_follows_it(house: House) -> None:
    first, second = house.claim("1"), house.claim("2")
    entry = house.agency.receive(first, 6000)
    moved = house.agency.reallocate(entry, first, second, 1000)
    assert (moved.kind, moved.amount, moved.reverses) == ("REALLOCATION", 0, entry)
    assert [(line.claim, line.amount) for line in moved.lines] == [(first, -1000), (second, 1000)]
    assert (first.principal_open, second.principal_open, first.status) == (1000, 5000, "ACTIVE")
    house.agency.reverse(entry)
    assert (first.principal_open, second.principal_open) == (6000, 6000)
    assert refused(lambda: house.agency.reallocate(entry, first, second, 1)) == "exceeds_entry"


def test_the_same_reference_with_the_same_content_is_the_same_record(house: House) -> None:
    claim = house.claim(reference="A")
    moved_house = replace(ORDER, reference="A", debtor=msgspec.structs.replace(DEBTOR, address="Kaigata 2"))
    assert house.agency.create_claim("nordlys", moved_house) == (claim, False)
    entry = house.reduce(claim, 1000, reference="B")
    assert house.reduce(claim, 1000, reference="B") is entry
    assert claim.principal_open == 5000
    assert house.agency.counts("nordlys") == {"claims": 1, "cases": 1, "settlements": 0, "DIRECT_PAYMENT": 1}
    assert house.agency.claims_with_reference("A") == [claim]
    assert house.agency.entries_with_reference("B") == [entry]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda h, c: h.claim("200001", reference="other"), "already_registered"),
        (lambda h, c: h.claim("200001", principal=5000), "reference_in_use"),
        (lambda h, c: h.claim("9", reference=c.reference), "reference_in_use"),
        (lambda h, c: h.reduce(c, 100, reference=c.reference), "reference_in_use"),
        (lambda h, c: h.claim("9", currency="EUR"), "wrong_currency"),
        (lambda h, c: h.claim("9", principal=0), "invalid_amount"),
        (lambda h, c: h.claim("9", debtor=msgspec.structs.replace(DEBTOR, city="")), "debtor_address_missing"),
        (lambda h, c: h.reduce(c, 6001), "exceeds_open"),
        (lambda h, c: h.reduce(c, -1), "exceeds_reported"),
        (lambda h, c: h.reduce(c, 0), "invalid_amount"),
        (lambda h, c: h.reduce(c, 100, "RAISE"), "invalid_amount"),
        (lambda h, c: h.agency.book_direct(c, 6001), "exceeds_open"),
        (lambda h, c: h.agency.set_hold("nordlys", "clm_99999999", "PAUSED"), "not_found"),
        (lambda h, c: h.agency.set_hold("sorlys", c.id, "PAUSED"), "not_found"),
    ],
)
def test_the_agency_refuses_what_its_contract_does_not_allow(
    house: House, act: Callable[[House, Claim], object], code: str
) -> None:
    claim = house.claim()
    assert refused(lambda: act(house, claim)) == code
    assert claim.principal_open == 6000


@pytest.mark.parametrize(
    ("capability", "amount", "kind"),
    [
        ("report_payment", 100, "DIRECT_PAYMENT"),
        ("report_credit", 100, "CREDIT"),
        ("report_credit", 100, "WRITE_OFF"),
        ("take_back", -100, "CREDIT"),
        ("raise_claim", -100, "RAISE"),
    ],
)
def test_what_is_not_offered_is_refused(capability: str, amount: int, kind: str) -> None:
    house = House(Settings(capabilities=msgspec.structs.replace(Capabilities(), **{capability: False})))
    claim = house.claim()
    assert refused(lambda: house.reduce(claim, amount, kind)) == "not_supported"


def test_the_next_claim_can_be_refused_on_demand(house: House) -> None:
    house.agency.refuse_next("bankrupt", "the debtor is bankrupt")
    assert refused(house.claim) == "bankrupt"
    assert house.claim().status == "ACTIVE"


def test_only_a_pause_can_be_undone(house: House) -> None:
    claim = house.claim()
    house.agency.set_hold("nordlys", claim.id, "PAUSED")
    house.agency.set_hold("nordlys", claim.id, "NONE")
    assert claim.status == "ACTIVE"
    house.agency.set_hold("nordlys", claim.id, "RECALLED")
    assert house.agency.set_hold("nordlys", claim.id, "RECALLED") is claim
    assert refused(lambda: house.agency.set_hold("nordlys", claim.id, "NONE")) == "claim_ended"


def test_a_recalled_claim_refuses_reductions_but_still_takes_money(house: House) -> None:
    claim = house.claim()
    house.agency.set_hold("nordlys", claim.id, "RECALLED")
    assert refused(lambda: house.reduce(claim, 100)) == "claim_ended"
    house.agency.receive(claim, 2000)
    assert (claim.status, claim.principal_open) == ("WITHDRAWN", 4000)


def test_after_a_recall_the_document_may_be_handed_over_as_another_episode(house: House) -> None:
    first = house.claim()
    house.agency.set_hold("nordlys", first.id, "RECALLED")
    second = house.claim(reference="EPISODE2")
    assert house.agency.claim_for("nordlys", "200001") is second
    assert house.agency.claim_for("nordlys", "200001", episode=1) is first
    assert house.agency.claim_for("nordlys", "200001", episode=3) is None
    assert house.agency.claim_for("nordlys", "unknown") is None


@pytest.mark.parametrize(
    ("due", "first_reminder"),
    [
        (date(2025, 12, 15), date(2026, 1, 5)),
        (date(2025, 12, 29), date(2026, 1, 12)),
        (date(2025, 12, 27), date(2026, 1, 12)),
        (date(2026, 1, 1), date(2026, 1, 16)),
    ],
)
def test_the_first_reminder_waits_for_fourteen_days_after_the_moved_due_date(
    house: House, due: date, first_reminder: date
) -> None:
    claim = house.claim(due_date=due)
    house.days(20)
    assert claim.reminded_on == first_reminder


def test_after_fourteen_full_days_the_debtor_is_told_to_pay_the_agency_and_a_fee(house: House) -> None:
    claim = house.claim()
    house.days(14)
    assert (claim.stage, claim.payee, claim.fees_open) == ("REMINDER", "CREDITOR", 0)
    house.days(1)
    assert (claim.stage, claim.payee, claim.fees_open) == ("DEMAND", "AGENCY", 35_000)
    house.days(400)
    assert claim.case is not None
    assert (claim.stage, claim.case.status) == ("MONITORING", "MONITORING")
    assert house.agency.counts("nordlys")["CHARGE"] == 1


@pytest.mark.parametrize(
    ("stop", "go"),
    [
        (lambda a, c: a.set_hold("nordlys", c.id, "PAUSED"), lambda a, c: a.set_hold("nordlys", c.id, "NONE")),
        (lambda a, c: a.dispute(c), lambda a, c: a.dispute(c, False)),
        (lambda a, c: a.question(c, "Which contract?"), lambda a, c: a.answer("nordlys", "que_00000001", "No. 7")),
        (lambda a, c: a.receive(c, 6000), lambda a, c: a.reverse(list(a.account("nordlys").entries.values())[-1])),
    ],
)
def test_a_claim_that_is_held_does_not_move_on_until_it_is_let_go(
    house: House, stop: Callable[[Agency, Claim], object], go: Callable[[Agency, Claim], object]
) -> None:
    claim = house.claim()
    stop(house.agency, claim)
    house.days(40)
    assert claim.stage == "REMINDER"
    go(house.agency, claim)
    house.days(1)
    assert claim.stage == "DEMAND"


def test_a_question_is_answered_once(house: House) -> None:
    claim = house.claim()
    question = house.agency.question(claim, "Which contract?")
    assert claim.status == "NEEDS_INFO"
    house.agency.answer("nordlys", question.id, "No. 7")
    assert house.agency.answer("nordlys", question.id, "No. 7") is question
    assert claim.status == "ACTIVE"
    assert refused(lambda: house.agency.answer("nordlys", question.id, "No. 8")) == "already_answered"


def test_a_rejected_claim_ends_even_before_its_case_is_opened(house: House) -> None:
    claim, _ = house.agency.create_claim("nordlys", ORDER)
    house.agency.reject(claim)
    house.agency.tick()
    assert (claim.status, claim.case) == ("REJECTED", None)


def test_a_case_gets_a_new_number_and_keeps_its_id(house: House) -> None:
    case = house.claim().case
    assert case is not None
    old_id, old_number = case.id, case.number
    house.agency.rekey(case)
    assert case.id == old_id
    assert case.number != old_number
    assert case.previous_numbers == [old_number]
    assert case.url.endswith(case.number)


def test_a_merged_case_goes_on_under_the_other_number(house: House) -> None:
    first, second = house.claim("A"), house.claim("B", customer="10002")
    merged, into = first.case, second.case
    assert merged is not None
    assert into is not None
    house.agency.merge(merged, into)
    assert (first.case, merged.status, into.claims) == (into, "CLOSED", [second, first])
    assert into.previous_numbers == [merged.number]
    assert house.claim("C").case is into


def test_a_settlement_pays_out_principal_less_commission_and_vat(house: House) -> None:
    claim = house.claim(principal=1_000_000)
    house.agency.receive(claim, 1_000_000, interest=5_000, fees=100_000)
    settlement = house.agency.settle("nordlys", date(2026, 1, 31), expenses=1_000, offset=2_000)
    assert settlement is not None
    assert (settlement.principal, settlement.interest, settlement.fees) == (1_000_000, 5_000, 0)
    assert (settlement.commission, settlement.vat) == (50_000, 12_500 + 25_000)
    assert settlement.net == 1_000_000 + 5_000 - 50_000 - 37_500 - 1_000 - 2_000
    assert settlement.payout_date == date(2026, 2, 2)
    assert house.agency.unsettled_principal("nordlys") == 0
    assert house.agency.settle("nordlys") is None


def test_a_creditor_without_vat_is_charged_vat_on_commission_only_and_the_debtor_the_rest() -> None:
    house = House(Settings(creditor_deducts_vat=False))
    claim = house.claim(principal=1_000_000)
    house.agency.receive(claim, 1_000_000, fees=100_000)
    settlement = house.agency.settle("nordlys")
    assert settlement is not None
    assert (settlement.commission, settlement.vat) == (50_000, 12_500)
    later = house.claim("200002")
    house.days(30)
    assert later.fees_open == 35_000 + 8_750


def test_a_slip_of_the_agency_settles_another_amount_than_was_paid(house: House) -> None:
    house.agency.receive(house.claim(), 6000)
    settlement = house.agency.settle("nordlys", slip=-1)
    assert settlement is not None
    assert settlement.principal == 5999


def test_a_settlement_passes_fees_on_and_keeps_interest_if_so_agreed() -> None:
    house = House(Settings(pass_on_fees=True, pass_on_interest=False, commission_rate=0))
    house.agency.receive(house.claim(), 6000, interest=100, fees=350)
    settlement = house.agency.settle("nordlys")
    assert settlement is not None
    assert (settlement.fees, settlement.interest, settlement.vat, settlement.net) == (350, 0, 0, 6350)


def test_a_payment_reversed_after_its_settlement_is_deducted_from_the_next(house: House) -> None:
    first, second = house.claim("1"), house.claim("2")
    entry = house.agency.receive(first, 6000)
    house.agency.settle("nordlys")
    house.agency.reverse(entry)
    house.agency.receive(second, 1000)
    assert house.agency.unsettled_principal("nordlys") == -5000
    settlement = house.agency.settle("nordlys")
    assert settlement is not None
    assert (settlement.principal, settlement.commission, settlement.vat) == (-5000, -250, -62)
    assert settlement.net == -5000 + 250 + 62


def test_a_cancelled_settlement_gives_its_items_back_to_the_one_that_replaces_it(house: House) -> None:
    house.agency.receive(house.claim(), 6000)
    first = house.agency.settle("nordlys")
    assert first is not None
    house.agency.cancel_settlement(first)
    assert (first.status, house.agency.unsettled_principal("nordlys")) == ("CANCELLED", 6000)
    second = house.agency.settle("nordlys")
    assert second is not None
    assert (second.replaces, second.net, second.number != first.number) == (first.id, first.net, True)


def test_creditor_received_money_and_charges_are_never_settled(house: House) -> None:
    claim = house.claim()
    house.reduce(claim, 1000)
    house.agency.book_direct(claim, 1000)
    house.agency.charge(claim, 350)
    assert house.agency.settle("nordlys") is None


def test_a_clock_set_back_does_not_take_the_books_back(house: House) -> None:
    claim = house.claim()
    stamped = claim.updated_at
    house.clock.set(START - timedelta(days=1))
    house.agency.dispute(claim)
    assert claim.updated_at >= stamped


EVENTS = ("pay", "spread", "reverse", "move", "report", "take back", "raise", "direct", "cancel", "settle", "unsettle")


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 99), st.integers(1, 7000)), max_size=25))
def test_whatever_happens_open_principal_and_unsettled_money_follow_from_the_entries(
    events: list[tuple[str, int, int]],
) -> None:
    house = House()
    agency = house.agency
    claims = [house.claim("1"), house.claim("2")]
    account = agency.account("nordlys")
    for event, pick, amount in events:
        claim, other = claims[pick % 2], claims[1 - pick % 2]
        entries = list(account.entries.values())
        entry = entries[pick % len(entries)] if entries else None
        published = [item for item in account.settlements.values() if item.status == "PUBLISHED"]
        try:
            if event == "pay":
                agency.receive(claim, amount, fees=amount // 3)
            elif event == "spread":
                agency.receive_many({claim: amount, other: 10})
            elif event in ("report", "take back", "raise"):
                house.reduce(claim, amount if event == "report" else -amount, "RAISE" if event == "raise" else "CREDIT")
            elif event == "direct":
                agency.book_direct(claim, amount)
            elif event == "settle":
                agency.settle("nordlys")
            elif event == "unsettle" and published:
                agency.cancel_settlement(published[pick % len(published)])
            elif event == "reverse" and entry:
                agency.reverse(entry, amount)
            elif event == "move" and entry:
                agency.reallocate(entry, claim, other, amount)
            elif event == "cancel" and entry and entry.reference:
                agency.cancel_reduction(entry)
        except Refusal:
            continue
    for claim in claims:
        assert claim.principal_open == proof(claim, agency)
        assert (claim.status == "CLOSED") == (claim.principal_open <= 0)
    received = sum(item.principal for item in account.entries.values() if item.received_by == "AGENCY")
    settled = sum(item.principal for item in account.settlements.values() if item.status == "PUBLISHED")
    assert agency.unsettled_principal("nordlys") == received - settled
    for settlement in account.settlements.values():
        assert settlement.principal == sum(entry.principal for entry in settlement.entries)
