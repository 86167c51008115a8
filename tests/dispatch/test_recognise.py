"""Recognition: what either side shows under references of ours is in the journal afterwards, to the last word."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.recognise import (
    after_a_crash,
    recognise_the_rest,
    recognise_transfers,
    recognise_vouchers,
)
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.erp.port import PostedVoucher, VoucherLine
from tests.planning.told import NIGHT, facts

AT = datetime(2026, 1, 20, 3, tzinfo=UTC)
BEFORE = datetime(2026, 1, 18, 3, tzinfo=UTC)
FACTS = facts()
SUSPENSE = FACTS.settings.erp.suspense_account


@dataclass
class Shown:
    """What the mirrors show, as rows."""

    transfers: list = field(default_factory=list)
    reductions: list = field(default_factory=list)
    postings: list = field(default_factory=list)
    settled: dict = field(default_factory=dict)
    entries: dict = field(default_factory=dict)
    settlements: list = field(default_factory=list)
    holds: dict = field(default_factory=dict)
    cases: dict = field(default_factory=dict)
    statuses: dict = field(default_factory=dict)

    def unconfirmed_transfers(self):
        return self.transfers

    def settled_by_others(self, document_type, number):
        return self.settled.get(f"{document_type} {number}", [])

    def unconfirmed_reductions(self):
        return self.reductions

    def unconfirmed_postings(self):
        return self.postings

    def roots(self):
        return self.entries

    def listed_settlements(self):
        return self.settlements

    def hold(self, claim_id):
        return self.holds.get(claim_id)

    def case_number(self, document_type, number):
        return self.cases.get(f"{document_type} {number}")

    def payment_status(self, number):
        return self.statuses.get(number)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path, "nordlys", "t1", BEFORE)
    yield journal
    journal.close()


def known(journal, effect, *states):
    for state in states:
        journal.record(effect, state, BEFORE, date(2026, 1, 18), details=effect.details)
    return journal.seq()


def news(journal, after=0):
    """What was entered since, as (state, reference, target's id, note, content, details)."""
    return [
        (e["kind"], e["subject"], e["data"]["remote_id"], e["data"]["note"], e["data"]["content"], e["data"]["details"])
        for e in journal.events()
        if e["seq"] > after and e["kind"] not in ("opened",)
    ]


def vars_of(effect):
    return vars(effect.content)


TRANSFER_NAME = FACTS.name(Kind.TRANSFER, "Invoice 1", 2)
CLAIM = {
    "reference": TRANSFER_NAME,
    "claim_id": "c1",
    "document_type": "Invoice",
    "document_number": "1",
    "customer": "10001",
    "currency": "NOK",
    "principal": Decimal(60),
    "amount": Decimal(100),
    "due_date": date(2025, 12, 1),
}
TRANSFER = Effect(
    Kind.TRANSFER,
    TRANSFER_NAME,
    "Invoice 1",
    2,
    Content("10001", "Invoice 1", "agency", "NOK", 6000),
    TRANSFER_NAME,
    "Invoice 1",
    details={"baseline": {}, "number": "1"},
)


def transferred(journal, *rows, **shown):
    recognise_transfers(Shown(transfers=list(rows), **shown), journal, FACTS, AT)


def test_a_transfer_that_the_journal_forgot_is_in_it_again_with_what_was_settled_before(journal):
    settled = [{"document": "Payment 3", "net": Decimal(15)}, {"document": "Payment 4", "net": Decimal(-1)}]
    transferred(journal, CLAIM, settled={"Invoice 1": settled})
    details = {
        "due_date": "2025-12-01",
        "baseline": {"Payment 3": 1500, "? ?": 2500},
        "number": "1",
        "document_type": "Invoice",
    }
    (entry,) = news(journal)
    assert entry == ("confirmed", TRANSFER_NAME, "c1", "found again at the agency", vars_of(TRANSFER), details)
    row = journal.effect(TRANSFER_NAME)
    assert (row.kind, row.source, row.ordinal, row.chain, row.lane) == (
        Kind.TRANSFER,
        "Invoice 1",
        2,
        TRANSFER_NAME,
        "Invoice 1",
    )
    assert (row.night, journal.events()[-1]["at"]) == (NIGHT, AT.isoformat())


@pytest.mark.parametrize(
    ("net", "baseline"),
    [
        ([], {"? ?": 4000}),
        ([40], {"Payment 0": 4000}),
        ([50], {"Payment 0": 4000}),
        ([30, 30], {"Payment 0": 3000, "Payment 1": 1000}),
        ([40, 30], {"Payment 0": 4000}),
        ([0, 10], {"Payment 1": 1000, "? ?": 3000}),
    ],
)
def test_what_was_settled_before_a_forgotten_transfer_is_given_to_the_oldest(journal, net, baseline):
    rows = [{"document": f"Payment {n}", "net": Decimal(amount)} for n, amount in enumerate(net)]
    transferred(journal, CLAIM, settled={"Invoice 1": rows})
    assert journal.effect(TRANSFER_NAME).details["baseline"] == baseline


def test_a_receivable_without_a_due_date_is_found_again_too(journal):
    transferred(journal, CLAIM | {"due_date": None, "amount": Decimal(60)})
    details = journal.effect(TRANSFER_NAME).details
    assert (details["due_date"], details["baseline"]) == (None, {})


@pytest.mark.parametrize(
    ("states", "row", "found"),
    [
        (("intent", "uncertain"), {}, ("confirmed", "c1", "found at the agency")),
        (("intent",), {}, ("confirmed", "c1", "found at the agency")),
        (("intent", "uncertain"), {"principal": Decimal(61)}, ("quarantined", "c1", "found with other content")),
        (("intent", "uncertain"), {"currency": "SEK"}, ("quarantined", "c1", "found with other content")),
        (("intent", "uncertain"), {"document_number": "2"}, ("quarantined", "c1", "found with other content")),
        (("intent", "rejected"), {}, ("confirmed", "c1", "found at the agency")),
        (("intent", "rejected"), {"principal": Decimal(61)}, ("confirmed", "c1", "found again at the agency")),
    ],
)
def test_a_transfer_of_unknown_outcome_is_what_the_agency_lists(journal, states, row, found):
    after = known(journal, TRANSFER, *states)
    transferred(journal, CLAIM | row)
    (entry,) = news(journal, after)
    assert (entry[0], *entry[2:4]) == found


def test_a_transfer_that_was_only_planned_is_found_again_as_the_agency_has_it(journal):
    after = known(journal, replace(TRANSFER, details={"number": "1"}), "dropped")
    transferred(journal, CLAIM)
    (entry,) = news(journal, after)
    assert entry[3] == "found again at the agency"
    assert entry[5]["baseline"] == {"? ?": 4000}


def test_what_no_reference_of_ours_explains_is_left_alone_and_keeps_nothing_back(journal):
    strangers = [
        CLAIM | {"reference": "X"},
        CLAIM | {"reference": None},
        CLAIM | {"customer": None, "reference": FACTS.name(Kind.TRANSFER, "Invoice 1", 1)},
        CLAIM | {"reference": FACTS.name(Kind.TRANSFER, "Invoice 1", 50)},
    ]
    transferred(journal, *strangers, CLAIM)
    assert [entry[1] for entry in news(journal)] == [TRANSFER_NAME]


def test_of_two_claims_under_one_reference_the_first_counts(journal):
    transferred(journal, CLAIM, CLAIM | {"claim_id": "c2", "principal": Decimal(1)})
    assert [entry[2] for entry in news(journal)] == ["c1"]


def test_the_last_ordinal_that_is_looked_for_is_found(journal):
    for ordinal in (1, 49):
        transferred(journal, CLAIM | {"reference": FACTS.name(Kind.TRANSFER, "Invoice 1", ordinal)})
        assert journal.effect(FACTS.name(Kind.TRANSFER, "Invoice 1", ordinal)).ordinal == ordinal


SOURCE = f"{TRANSFER_NAME}/Payment 7"
REDUCTION = Effect(
    Kind.REDUCTION,
    FACTS.name(Kind.REDUCTION, SOURCE, 1),
    SOURCE,
    1,
    Content("10001", "Invoice 1", "c1", "NOK", 1000),
    TRANSFER_NAME,
    TRANSFER_NAME,
    details={"claim_id": "c1", "kind": "CREDIT", "receivable": "Invoice 1"},
)
LISTED = {
    "reference": REDUCTION.reference,
    "entry_id": "x1",
    "transfer": TRANSFER_NAME,
    "source_document_type": "Payment",
    "source_document_number": "7",
    "customer": "10001",
    "document": "Invoice 1",
    "claim_id": "c1",
    "currency": "NOK",
    "amount": Decimal(10),
    "kind": "CREDIT",
}


def rest(journal, **shown):
    recognise_the_rest(Shown(**shown), journal, FACTS, AT)


def test_a_reduction_that_the_journal_forgot_is_in_it_again(journal):
    rest(journal, reductions=[LISTED | {"reference": "X"}, LISTED])
    found = ("confirmed", REDUCTION.reference, "x1", "found again at the agency", vars_of(REDUCTION), REDUCTION.details)
    assert news(journal) == [found]
    row = journal.effect(REDUCTION.reference)
    assert (row.kind, row.source, row.ordinal, row.chain, row.lane, row.night) == (
        Kind.REDUCTION,
        SOURCE,
        1,
        TRANSFER_NAME,
        TRANSFER_NAME,
        NIGHT,
    )


def test_a_reduction_for_a_customer_whom_nobody_knows_is_found_again_too(journal):
    rest(journal, reductions=[LISTED | {"customer": None}])
    assert journal.effect(REDUCTION.reference).content.party == "?"


@pytest.mark.parametrize(
    ("states", "amount", "found"),
    [
        (("intent", "uncertain"), 10, ("confirmed", "x1", "found at the agency")),
        (("intent", "uncertain"), 11, ("quarantined", "x1", "found with other content")),
        (("intent", "later"), 10, ("confirmed", "x1", "found at the agency")),
        (("intent", "later"), 11, ("confirmed", "x1", "found again at the agency")),
    ],
)
def test_a_reduction_of_unknown_outcome_is_what_the_agency_lists(journal, states, amount, found):
    after = known(journal, REDUCTION, *states)
    rest(journal, reductions=[LISTED | {"amount": Decimal(amount)}])
    (entry,) = news(journal, after)
    assert (entry[0], *entry[2:4]) == found
    assert journal.events()[-1]["at"] == AT.isoformat()
    assert journal.effect(REDUCTION.reference).night == NIGHT


def test_a_reduction_that_is_known_keeps_no_other_back(journal):
    known(journal, REDUCTION, "intent", "uncertain")
    other = FACTS.name(Kind.REDUCTION, SOURCE, 49)
    rest(
        journal,
        reductions=[
            LISTED,
            LISTED | {"reference": FACTS.name(Kind.REDUCTION, SOURCE, 50)},
            LISTED | {"reference": other},
        ],
    )
    assert journal.effect(REDUCTION.reference).state == "confirmed"
    assert journal.effect(other).ordinal == 49
    assert journal.effect(FACTS.name(Kind.REDUCTION, SOURCE, 50)) is None


POSTING = Effect(
    Kind.POSTING,
    FACTS.name(Kind.POSTING, "e1:10001", 1),
    "e1:10001",
    1,
    Content("10001", "e1", "suspense", "NOK", 3000),
    "entry e1",
    "customer 10001",
    details={"entry": "e1", "customer": "10001", "value_date": "2026-01-05"},
)
PAID = {
    "reference": POSTING.reference,
    "number": "500001",
    "customer": "10001",
    "currency": "NOK",
    "amount": Decimal(30),
    "status": "Closed",
    "payment_date": date(2026, 1, 5),
}
ROOTS = {"10001": ["e0", "e1", "e2"]}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Closed", "confirmed"),
        ("Open", "confirmed"),
        ("Voided", "confirmed"),
        ("Balanced", "created"),
        ("Hold", "created"),
    ],
)
def test_a_posting_that_the_journal_forgot_is_in_it_again(journal, status, state):
    strangers = [PAID | {"reference": "X"}, PAID | {"customer": "10009"}]
    rest(journal, postings=[*strangers, PAID | {"status": status}], entries=ROOTS)
    found = (state, POSTING.reference, "500001", "found again in the ERP", vars_of(POSTING), POSTING.details)
    assert news(journal) == [found]
    row = journal.effect(POSTING.reference)
    assert (row.kind, row.source, row.ordinal, row.chain, row.lane, row.night) == (
        Kind.POSTING,
        "e1:10001",
        1,
        "entry e1",
        "customer 10001",
        NIGHT,
    )


@pytest.mark.parametrize(
    ("states", "row", "found"),
    [
        (("intent", "uncertain"), {}, [("confirmed", "500001", "found in the ERP")]),
        (("intent", "uncertain"), {"status": "Hold"}, [("created", "500001", "found in the ERP")]),
        (("intent", "created"), {"status": "Balanced"}, []),
        (("intent", "created"), {}, [("confirmed", "500001", "found in the ERP")]),
        (("intent", "uncertain"), {"amount": Decimal(31)}, [("quarantined", "500001", "found with other content")]),
        (("intent", "uncertain"), {"customer": "10002"}, [("quarantined", "500001", "found with other content")]),
        (("intent", "uncertain"), {"currency": "SEK"}, [("quarantined", "500001", "found with other content")]),
        (("intent", "rejected"), {}, [("confirmed", "500001", "found in the ERP")]),
        (("intent", "rejected"), {"amount": Decimal(31)}, [("confirmed", "500001", "found again in the ERP")]),
    ],
)
def test_a_posting_of_unknown_outcome_is_what_the_erp_holds(journal, states, row, found):
    after = known(journal, POSTING, *states)
    journal.db.execute("select 1")
    recognise_the_rest(Shown(postings=[PAID | row], entries=ROOTS), journal, FACTS, AT)
    assert [(e[0], *e[2:4]) for e in news(journal, after)] == found
    if found:
        assert (journal.events()[-1]["at"], journal.effect(POSTING.reference).night) == (AT.isoformat(), NIGHT)


def test_a_posting_that_is_known_keeps_no_other_back(journal):
    second, third = (replace(POSTING, reference=FACTS.name(Kind.POSTING, "e1:10001", n), ordinal=n) for n in (2, 3))
    known(journal, POSTING, "intent", "created")
    known(journal, second, "intent", "uncertain")
    rows = [PAID | {"status": "Hold"}, PAID | {"reference": second.reference}, PAID | {"reference": third.reference}]
    rest(journal, postings=[*rows, PAID | {"reference": FACTS.name(Kind.POSTING, "e2:10001", 49)}], entries=ROOTS)
    assert [journal.effect(each.reference).state for each in (POSTING, second, third)] == [
        "created",
        *["confirmed"] * 2,
    ]
    assert journal.effect(FACTS.name(Kind.POSTING, "e2:10001", 49)).source == "e2:10001"


HOLD = Effect(
    Kind.HOLD,
    "H1",
    "T1",
    1,
    Content("10001", "Invoice 1", "c1", "NOK", 0),
    "",
    "",
    details={"claim_id": "c1", "hold": "PAUSED"},
)
CASE = replace(
    HOLD,
    kind=Kind.CASE_REFERENCE,
    reference="K1",
    details={"document_type": "Invoice", "number": "1", "case_number": "77"},
)
VOID = replace(HOLD, kind=Kind.VOID, reference="V1", details={"number": "500001"})


@pytest.mark.parametrize(
    ("effect", "shown", "state"),
    [
        (HOLD, {"holds": {"c1": "PAUSED"}}, "confirmed"),
        (HOLD, {"holds": {"c1": "NONE"}}, "absent"),
        (HOLD, {}, "absent"),
        (CASE, {"cases": {"Invoice 1": "77"}}, "confirmed"),
        (CASE, {"cases": {"Invoice 1": "78"}}, "absent"),
        (VOID, {"statuses": {"500001": "Voided"}}, "confirmed"),
        (VOID, {"statuses": {"500001": "Closed"}}, "absent"),
        (replace(HOLD, kind=Kind.DEBTOR), {}, "absent"),
        (replace(HOLD, kind=Kind.ANSWER), {}, "absent"),
        (POSTING, {}, None),
    ],
)
@pytest.mark.parametrize("before", ["intent", "uncertain"])
def test_a_state_of_unknown_outcome_is_what_is_read(journal, effect, shown, state, before):
    after = known(journal, effect, *("intent", "uncertain")[: 1 + (before == "uncertain")])
    rest(journal, **shown)
    ended = [("uncertain", "the run ended before the answer")] * (before == "intent")
    expected = [*ended, (state, "read again")] if state else []
    assert [(e[0], e[3]) for e in news(journal, after)] == expected
    assert {e["at"] for e in journal.events() if e["seq"] > after} <= {AT.isoformat()}
    assert journal.effect(effect.reference).night == (NIGHT if expected else date(2026, 1, 18))


def test_an_effect_that_is_no_state_keeps_no_state_back(journal):
    for effect in (replace(POSTING, reference="A1"), HOLD):
        known(journal, effect, "intent")
    rest(journal, holds={"c1": "PAUSED"})
    assert (journal.effect("A1").state, journal.effect("H1").state) == ("intent", "confirmed")


def test_a_run_that_is_no_more_leaves_unknown_outcomes(journal):
    after = known(journal, HOLD, "intent")
    known(journal, VOID, "intent", "later")
    after = journal.seq()
    after_a_crash(journal, AT, NIGHT)
    assert [(e[0], e[1], e[3]) for e in news(journal, after)] == [
        ("uncertain", "H1", "the run ended before the answer")
    ]
    assert (journal.effect("H1").night, journal.events()[-1]["at"]) == (NIGHT, AT.isoformat())


SETTLEMENT = {"settlement_id": "s1", "number": "2026-1", "currency": "NOK", "booking_date": date(2026, 1, 19)}
VOUCHER_NAME = FACTS.name(Kind.SETTLEMENT, "s1:PUBLISHED", 1)
VOUCHER = PostedVoucher(
    "600001",
    VOUCHER_NAME,
    "Closed",
    "NOK",
    (VoucherLine("1950", 92500, "payout"), VoucherLine(SUSPENSE, -90000, "a"), VoucherLine(SUSPENSE, -2500, "b")),
)


def vouchers(journal, *found, settlements=(SETTLEMENT,)):
    recognise_vouchers(Shown(settlements=list(settlements)), journal, FACTS, found, AT)


@pytest.mark.parametrize(("status", "state"), [("Closed", "confirmed"), ("Open", "confirmed"), ("Balanced", "created")])
@pytest.mark.parametrize(("what", "ordinal"), [("PUBLISHED", 1), ("CANCELLED", 49)])
def test_a_voucher_that_the_journal_forgot_is_in_it_again(journal, status, state, what, ordinal):
    source = f"s1:{what}"
    name = FACTS.name(Kind.SETTLEMENT, source, ordinal)
    strangers = [replace(VOUCHER, reference="X", number="1"), replace(VOUCHER, reference="", number="2")]
    vouchers(journal, *strangers, replace(VOUCHER, reference=name, status=status))
    content = vars(Content("agency", "settlement 2026-1", SUSPENSE, "NOK", 92500))
    details = {
        "settlement_id": "s1",
        "number": "2026-1",
        "booking_date": "2026-01-19",
        "value_date": "2026-01-19",
        "lines": [{"account": each.account, "amount": each.amount, "text": each.text} for each in VOUCHER.lines],
    }
    assert news(journal) == [(state, name, "600001", "found again in the ERP", content, details)]
    row = journal.effect(name)
    assert (row.kind, row.source, row.ordinal, row.chain, row.lane, row.night) == (
        Kind.SETTLEMENT,
        source,
        ordinal,
        "settlement s1",
        "settlements",
        NIGHT,
    )
    assert journal.events()[-1]["at"] == AT.isoformat()


def test_of_two_vouchers_under_one_reference_the_older_counts(journal):
    vouchers(journal, replace(VOUCHER, number="600002"), VOUCHER)
    assert journal.effect(VOUCHER_NAME).remote_id == "600001"


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (("intent", "uncertain", "absent"), True),
        (("dropped",), True),
        (("intent", "later"), True),
        (("intent", "rejected"), True),
        (("intent", "uncertain"), False),
        (("intent", "confirmed"), False),
    ],
)
def test_a_voucher_is_found_again_where_an_older_copy_knows_of_a_try_that_came_to_nothing(journal, states, found):
    effect = replace(POSTING, kind=Kind.SETTLEMENT, reference=VOUCHER_NAME)
    after = known(journal, effect, *states)
    vouchers(journal, VOUCHER)
    assert len(news(journal, after)) == found
    if found:
        assert journal.effect(VOUCHER_NAME).details["number"] == "2026-1"
