"""One customer's claims and entries, and everything they still need: effects and findings to the last word."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.planning.deltas import (
    Application,
    ClaimState,
    CustomerState,
    EntryState,
    Known,
    Listed,
    PostingState,
    plan_customer,
)

DAY = date(2026, 1, 5)
CLAIM = ClaimState("c1", "T1", "Invoice 1", "NOK", 10000, 10000, 10000, 10000, {}, (), (), {})
"""A claim of a hundred kroner as it was handed over, about which there is no news."""
POSTED = PostingState("R1", 1, "500001", "Closed", 3000, {"Invoice 1": 3000}, {"Invoice 1": 3000})
ENTRY = EntryState("e1", "NOK", DAY, {"Invoice 1": 3000}, (POSTED,), (Known("R1", 1, "confirmed", 3000),))
"""Thirty kroner that the agency received, posted as it should be."""


def reference(kind, source, ordinal):
    return f"{kind}/{source}/{ordinal}"


def paid(amount, document="Payment 7", **more):
    return Application(document, "payment", amount, value_date=DAY, **more)


def planned(*claims, entries=(), decisions=(), **more):
    state = CustomerState("10001", claims, tuple(entries), {"Invoice 1": 10000}, decisions=dict(decisions), **more)
    return plan_customer(state, reference)


def told(found):
    """What a plan of one customer says, without what all its effects have alike."""
    effects = [(e.kind.value, e.source, e.ordinal, e.content.amount, e.details.get("kind")) for e in found.effects]
    return effects, [(f.code, f.subject, f.text, f.amount) for f in found.findings]


def reduced(document, amount, kind="DIRECT_PAYMENT", ordinal=1):
    return ("reduction", f"T1/{document}", ordinal, amount, kind)


def test_a_reduction_says_all_that_the_adapter_and_the_guard_need():
    found = planned(replace(CLAIM, balance=7000, applications=(paid(3000),)))
    assert found.findings == []
    assert found.effects == [
        Effect(
            Kind.REDUCTION,
            "reduction/T1/Payment 7/1",
            "T1/Payment 7",
            1,
            Content("10001", "Invoice 1", "c1", "NOK", 3000),
            chain="T1",
            lane="T1",
            details={
                "claim_id": "c1",
                "kind": "DIRECT_PAYMENT",
                "document_type": "Payment",
                "number": "7",
                "receivable": "Invoice 1",
                "value_date": "2026-01-05",
                "facts": "10000/7000",
            },
            expect={"open": 10000, "balance": 7000, "document": "Invoice 1"},
        )
    ]


LISTED = Listed("x1", "Payment 7", 3000, True)
UNKNOWN = ("CREDITOR_ENTRY_UNKNOWN", "x1", "the agency booked 30,00 received by the creditor on Invoice 1", 3000)
CANCELLED = (
    "REDUCTION_CANCELLED",
    "x1",
    "the agency cancelled the reduction of 30,00 for Payment 7 on Invoice 1",
    3000,
)


def written_off(amount, paid_=0):
    return Application("WriteOff 8", "write_off", paid_, amount, value_date=DAY)


NEWS: dict[str, tuple[dict, Any, list, list]] = {
    "nothing happened": ({}, (), [], []),
    "a credit note": (
        {"balance": 7000, "applications": (paid(3000, "CreditNote 9"),)},
        (),
        [reduced("CreditNote 9", 3000, "CREDIT")],
        [],
    ),
    "a small write-off": (
        {"balance": 9900, "applications": (written_off(100),)},
        (),
        [reduced("WriteOff 8", 100, "WRITE_OFF")],
        [],
    ),
    "a payment that wrote off only": (
        {"balance": 9900, "applications": (replace(written_off(100), document="Payment 7"),)},
        (),
        [reduced("Payment 7", 100, "WRITE_OFF")],
        [],
    ),
    "a payment with a small write-off": (
        {"balance": 6900, "applications": (paid(3000, write_off=100),)},
        (),
        [reduced("Payment 7", 3100)],
        [],
    ),
    "a large write-off": (
        {"balance": 9899, "applications": (written_off(101),)},
        (),
        [],
        [
            (
                "WRITE_OFF_ABOVE_TOLERANCE",
                "Invoice 1 WriteOff 8",
                "1,01 of Invoice 1 was written off by WriteOff 8",
                101,
            )
        ],
    ),
    "a large write-off that was accepted": (
        {"balance": 9899, "applications": (written_off(101),)},
        ((("WRITE_OFF_ABOVE_TOLERANCE", "Invoice 1 WriteOff 8"), "accept"),),
        [reduced("WriteOff 8", 101, "WRITE_OFF")],
        [],
    ),
    "a large write-off that was answered otherwise": (
        {"balance": 9899, "applications": (written_off(101),)},
        ((("WRITE_OFF_ABOVE_TOLERANCE", "Invoice 1 WriteOff 8"), "wait"),),
        [],
        [],
    ),
    "a large write-off that the claim was handed over without": (
        {"balance": 8000, "open": 8000, "applications": (written_off(2000),), "baseline": {"WriteOff 8": 2000}},
        (),
        [],
        [
            (
                "WRITE_OFF_ABOVE_TOLERANCE",
                "Invoice 1 WriteOff 8",
                "20,00 of Invoice 1 was written off by WriteOff 8",
                2000,
            )
        ],
    ),
    "what was settled before the transfer": (
        {"applications": (paid(3000),), "baseline": {"Payment 7": 3000}},
        (),
        [],
        [],
    ),
    "what is listed already": (
        {"open": 7000, "balance": 7000, "applications": (paid(3000),), "listed": (LISTED,)},
        (),
        [],
        [],
    ),
    "more than is listed": (
        {"open": 7000, "balance": 5000, "applications": (paid(5000),), "listed": (LISTED,)},
        (),
        [reduced("Payment 7", 2000)],
        [],
    ),
    "less than is listed": (
        {"open": 7000, "balance": 9000, "applications": (paid(1000),), "listed": (LISTED,)},
        (),
        [reduced("Payment 7", -2000)],
        [],
    ),
    "a stranger's entry": (
        {"open": 7000, "balance": 10000, "listed": (replace(LISTED, ours=False, document=None),)},
        (),
        [],
        [UNKNOWN],
    ),
    "a stranger's entry that is ignored": (
        {"open": 7000, "balance": 10000, "listed": (replace(LISTED, ours=False),)},
        ((("CREDITOR_ENTRY_UNKNOWN", "x1"), "ignore"),),
        [],
        [],
    ),
    "a stranger's entry that was adopted for a payment": (
        {"open": 7000, "balance": 7000, "applications": (paid(3000),), "listed": (replace(LISTED, ours=False),)},
        ((("CREDITOR_ENTRY_UNKNOWN", "x1"), "adopt Payment 7"),),
        [],
        [],
    ),
    "a stranger's entry that was taken back": (
        {"listed": (replace(LISTED, ours=False, cancelled=True),)},
        ((("CREDITOR_ENTRY_UNKNOWN", "x1"), "adopt Payment 7"),),
        [],
        [],
    ),
    "a reduction that the agency cancelled": (
        {"balance": 7000, "applications": (paid(3000),), "listed": (replace(LISTED, cancelled=True),)},
        (),
        [],
        [CANCELLED],
    ),
    "a cancelled reduction that a person let be": (
        {"balance": 7000, "applications": (paid(3000),), "listed": (replace(LISTED, cancelled=True),)},
        ((("REDUCTION_CANCELLED", "x1"), "accept"),),
        [],
        [],
    ),
    "a cancelled reduction that is to be sent again": (
        {"balance": 7000, "applications": (paid(3000),), "listed": (replace(LISTED, cancelled=True),)},
        ((("REDUCTION_CANCELLED", "x1"), "resend"),),
        [reduced("Payment 7", 3000)],
        [],
    ),
    "a raise by the agency's hand that answers what was unmatched": (
        {"principal": 12000, "open": 12000, "balance": 12000, "baseline": {"Payment 7": 2000}},
        (),
        [],
        [],
    ),
    "a raise by hand that answers a part": (
        {"principal": 12000, "open": 12000, "balance": 15000, "baseline": {"Payment 6": 1500, "Payment 7": 3500}},
        (),
        [reduced("Payment 7", -3000, "RAISE")],
        [],
    ),
    "what was settled before the transfer is owed again": (
        {"balance": 12000, "baseline": {"Payment 7": 2000}},
        (),
        [reduced("Payment 7", -2000, "RAISE")],
        [],
    ),
    "one payment in another's place": (
        {"applications": (paid(2000, "Payment 8"),), "baseline": {"Payment 7": 2000}},
        (),
        [],
        [],
    ),
    "more than one payment was undone by": (
        {"balance": 9000, "applications": (paid(3000, "Payment 8"),), "baseline": {"Payment 7": 2000}},
        (),
        [reduced("Payment 8", 1000)],
        [],
    ),
    "a payment for one that was undone, and another": (
        {
            "balance": 9000,
            "applications": (paid(2000), paid(1000, "Payment 8")),
            "baseline": {"Payment 5": 2000},
        },
        (),
        [reduced("Payment 8", 1000)],
        [],
    ),
    "two payments undone, and a payment for one of them": (
        {"balance": 12000, "applications": (paid(1000),), "baseline": {"Payment 5": 1000, "Payment 6": 2000}},
        (),
        [reduced("Payment 6", -2000, "RAISE")],
        [],
    ),
    "entries of all kinds at once": (
        {
            "open": 7000,
            "balance": 7000,
            "applications": (paid(3000),),
            "listed": (
                replace(LISTED, entry_id="x0", ours=False, cancelled=True),
                replace(LISTED, ours=False, document=None),
                replace(LISTED, entry_id="x2"),
            ),
        },
        (),
        [],
        [UNKNOWN],
    ),
    "more than the agency has open": (
        {"open": 1000, "principal": 10000, "balance": 7000, "applications": (paid(3000),)},
        (),
        [],
        [
            (
                "REDUCTION_OVER_CEILING",
                "Invoice 1 Payment 7",
                "30,00 of Payment 7 would bring Invoice 1 below the ERP's balance at the agency (open there 10,00, "
                "balance 70,00)",
                3000,
            )
        ],
    ),
    "more than the entries leave open": (
        {
            "balance": 7000,
            "applications": (paid(3000), paid(1000, "Payment 6")),
            "listed": (replace(LISTED, document="Payment 6", amount=1000),),
        },
        (),
        [reduced("Payment 7", 2000)],
        [
            (
                "REDUCTION_OVER_CEILING",
                "Invoice 1 Payment 7",
                "10,00 of Payment 7 would bring Invoice 1 below the ERP's balance at the agency (open there 100,00, "
                "by the entries on it 90,00, balance 70,00)",
                1000,
            )
        ],
    ),
    "a part of what there is room for": (
        {"balance": 8000, "applications": (paid(1500), paid(1000, "Payment 8"))},
        (),
        [reduced("Payment 7", 1500), reduced("Payment 8", 500)],
        [
            (
                "REDUCTION_OVER_CEILING",
                "Invoice 1 Payment 8",
                "5,00 of Payment 8 would bring Invoice 1 below the ERP's balance at the agency (open there 100,00, "
                "balance 80,00)",
                500,
            )
        ],
    ),
    "a claim that is over": ({"balance": 7000, "applications": (paid(3000),), "live": False}, (), [], []),
    "a receivable that does not add up": (
        {"balance": 7000, "applications": (paid(3000),), "fenced": True},
        (),
        [],
        [],
    ),
}


@pytest.mark.parametrize("case", NEWS)
def test_what_the_erp_shows_beyond_what_the_agency_knows_is_told_once(case):
    changes, decisions, effects, findings = NEWS[case]
    assert told(planned(replace(CLAIM, **changes), decisions=decisions)) == (effects, findings)


NEWS_OF_7 = replace(CLAIM, balance=7000, applications=(paid(3000),))
REFUSED = Known("reduction/T1/Payment 7/1", 1, "rejected", 3000, "10000/7000")
REFUSED_TEXT = "the agency refused 30,00 for Payment 7 on Invoice 1"


@pytest.mark.parametrize(
    ("sent", "decisions", "effects", "findings"),
    [
        (REFUSED, {}, [], [("EFFECT_REFUSED", REFUSED.reference, REFUSED_TEXT, 3000)]),
        (REFUSED, {("EFFECT_REFUSED", REFUSED.reference): "retry"}, [reduced("Payment 7", 3000)], []),
        (REFUSED, {("EFFECT_REFUSED", REFUSED.reference): "leave"}, [], [...]),
        (replace(REFUSED, facts="10000/6000"), {}, [reduced("Payment 7", 3000)], []),
        (replace(REFUSED, amount=2999), {}, [reduced("Payment 7", 3000)], []),
        (replace(REFUSED, state="later"), {}, [reduced("Payment 7", 3000)], []),
        (replace(REFUSED, state="absent"), {}, [reduced("Payment 7", 3000)], []),
        (replace(REFUSED, state="confirmed"), {}, [reduced("Payment 7", 3000, ordinal=2)], []),
        *((replace(REFUSED, state=state), {}, [], []) for state in ("intent", "uncertain", "created", "quarantined")),
    ],
)
def test_a_reduction_is_sent_again_only_when_that_can_help(sent, decisions, effects, findings):
    found = told(planned(replace(NEWS_OF_7, sent={"Payment 7": (sent,)}), decisions=decisions))
    if findings == [...]:
        findings = [("EFFECT_REFUSED", REFUSED.reference, REFUSED_TEXT, 3000)]
    assert found == (effects, findings)


def test_one_refused_reduction_keeps_no_other_back():
    claim = replace(CLAIM, balance=6000, applications=(paid(3000), paid(1000, "Payment 8")))
    sent = {"Payment 7": (replace(REFUSED, facts="10000/6000"),)}
    effects, findings = told(planned(replace(claim, sent=sent)))
    assert effects == [reduced("Payment 8", 1000)]
    assert [each[0] for each in findings] == ["EFFECT_REFUSED"]


def test_nothing_more_is_sent_on_a_claim_before_the_agency_lists_what_was_sent():
    unlisted = Known("R9", 1, "confirmed", 500, listed=False)
    assert told(planned(replace(NEWS_OF_7, sent={"Payment 6": (unlisted,)}))) == (
        [],
        [("EFFECT_NOT_LISTED", "R9", "a reduction of 5,00 on Invoice 1 is not listed yet", 500)],
    )


def test_two_changes_of_one_document_are_two_references():
    claim = replace(
        CLAIM,
        balance=12000,
        open=9000,
        baseline={"Payment 7": 2000},
        listed=(Listed("x1", "Payment 7", 1000, True),),
        sent={"Payment 7": (Known("R1", 1, "confirmed", 1000),)},
    )
    assert told(planned(claim)) == (
        [reduced("Payment 7", -1000, ordinal=2), reduced("Payment 7", -2000, "RAISE", 3)],
        [],
    )


def test_no_more_is_taken_back_than_was_reported_and_no_raise_counts_as_such():
    listed = (Listed("x1", "Payment 7", 500, True), Listed("x2", "Payment 6", -800, True, "RAISE"))
    claim = replace(CLAIM, open=10300, balance=12800, baseline={"Payment 7": 2000, "Payment 6": 800}, listed=listed)
    assert told(planned(claim)) == ([reduced("Payment 7", -500), reduced("Payment 7", -2000, "RAISE", 2)], [])


@pytest.mark.parametrize(("balance", "raised"), [(12000, 2000), (11500, 1500), (10000, 0), (9000, 0)])
def test_nothing_is_raised_above_what_is_owed(balance, raised):
    effects, _ = told(planned(replace(CLAIM, balance=balance, baseline={"Payment 7": 2000})))
    assert effects == ([reduced("Payment 7", -raised, "RAISE")] if raised else [])


def test_what_the_agency_has_received_is_not_raised_though_its_posting_settles_something_else():
    short = replace(ENTRY, postings=(replace(POSTED, lines={"Invoice 2": 3000}),))
    claim = replace(CLAIM, open=7000, balance=10000, carried={"e1": 3000}, baseline={"? ?": 500})
    effects, _ = told(planned(claim, entries=(short,)))
    assert effects == []


@pytest.mark.parametrize(("open_there", "lifted"), [(9000, 1000), (8000, 1000)])
def test_money_that_only_the_claim_tells_of_is_not_raised_over_either(open_there, lifted):
    """Two payments to us were undone, one of them cancelled by the agency; at 8000 the list of entries lacks one."""
    cancelled = replace(LISTED, entry_id="x2", document="Payment 9", amount=1000, cancelled=True)
    listed = (replace(LISTED, amount=1000), cancelled)
    effects, _ = told(planned(replace(CLAIM, open=open_there, balance=10000, listed=listed)))
    assert sum(effect[3] for effect in effects) == -lifted


def own(amount, document="Payment 500001"):
    return Application(document, "payment", amount, entry="e1", value_date=DAY)


OVER = ClaimState("c2", "T2", "Invoice 2", "NOK", 5000, 5000, 5000, 5000, {}, (), (), {})
MOVED = "of the posting Payment 500001 settles Invoice 2, which the entry does not say"
OWN = {
    "as it says": (
        (replace(CLAIM, open=7000, balance=7000, applications=(own(3000),), carried={"e1": 3000}),),
        ENTRY,
        [],
        [],
    ),
    "less than it carries": (
        (replace(CLAIM, open=7000, balance=8000, applications=(own(2000),), carried={"e1": 3000}),),
        replace(ENTRY, postings=(replace(POSTED, lines={"Invoice 1": 2000}),)),
        [],
        [
            (
                "OWN_POSTING_SHORT",
                "e1 Invoice 1",
                "the posting of the entry settles 10,00 less of Invoice 1 than it carries",
                1000,
            )
        ],
    ),
    "on another claim": (
        (
            replace(CLAIM, open=7000, balance=9000, applications=(own(1000),), carried={"e1": 3000}),
            replace(OVER, balance=3000, applications=(own(2000),)),
        ),
        replace(ENTRY, postings=(replace(POSTED, lines={"Invoice 1": 1000, "Invoice 2": 2000}),)),
        [],
        [
            (
                "OWN_POSTING_SHORT",
                "e1 Invoice 1",
                "the posting of the entry settles 20,00 less of Invoice 1 than it carries",
                2000,
            ),
            ("OWN_POSTING_MOVED", "e1 Invoice 2", f"20,00 {MOVED}", 2000),
        ],
    ),
    "on another claim, and its own is over": (
        (
            replace(CLAIM, open=7000, balance=9000, applications=(own(1000),), carried={"e1": 3000}, live=False),
            replace(OVER, balance=2500, applications=(own(2500),)),
        ),
        replace(ENTRY, postings=(replace(POSTED, lines={"Invoice 1": 1000, "Invoice 2": 2500}),)),
        [("reduction", "T2/Payment 500001", 1, 500, "DIRECT_PAYMENT")],
        [("OWN_POSTING_MOVED", "e1 Invoice 2", f"20,00 {MOVED}", 2000)],
    ),
    "while it is still to be released": (
        (replace(CLAIM, open=7000, balance=7000, applications=(own(2000),), carried={"e1": 3000}),),
        replace(ENTRY, postings=(replace(POSTED, status="Balanced"),)),
        [("posting", "e1:10001", 1, 3000, None)],
        [("POSTING_NOT_RELEASED", "R1", "payment 500001 of 30,00 for entry e1 is not released", 3000)],
    ),
    "of another customer's entry": (
        (replace(CLAIM, balance=7000, applications=(replace(own(3000), entry="e9"),)),),
        ENTRY,
        [],
        [
            (
                "OWN_POSTING_MOVED",
                "e9 Invoice 1",
                "30,00 of a posting for another customer's entry settles Invoice 1",
                3000,
            )
        ],
    ),
}


@pytest.mark.parametrize("case", OWN)
def test_our_own_posting_is_no_news_unless_it_settles_something_else(case):
    claims, entry, effects, findings = OWN[case]
    assert told(planned(*claims, entries=[entry])) == (effects, findings)


def test_a_payment_to_us_beside_our_own_posting_is_news():
    applications = (own(3000), paid(1000))
    claim = replace(CLAIM, open=7000, balance=6000, applications=applications, carried={"e1": 3000})
    assert told(planned(claim, entries=[ENTRY])) == ([reduced("Payment 7", 1000)], [])


def test_an_entry_that_is_not_posted_yet_hides_no_other_that_is_short():
    unposted = replace(ENTRY, entry="e0", carried={"Invoice 1": 500}, postings=(), known=())
    short = replace(ENTRY, postings=(replace(POSTED, lines={"Invoice 1": 2000}),))
    claim = replace(CLAIM, open=6500, balance=8000, applications=(own(2000),), carried={"e0": 500, "e1": 3000})
    effects, findings = told(planned(claim, entries=[unposted, short]))
    assert effects == [("posting", "e0:10001", 1, 500, None)]
    assert [each[:2] for each in findings] == [("OWN_POSTING_SHORT", "e1 Invoice 1")]


def test_what_our_posting_lacks_is_taken_back_as_far_as_it_was_reported():
    listed = (Listed("x1", "Payment 500001", 700, True),)
    claim = replace(CLAIM, open=6300, balance=8000, applications=(own(2000),), carried={"e1": 3000}, listed=listed)
    entry = replace(ENTRY, postings=(replace(POSTED, lines={"Invoice 1": 2000}),))
    assert told(planned(claim, entries=[entry])) == (
        [reduced("Payment 500001", -700)],
        [
            (
                "OWN_POSTING_SHORT",
                "e1 Invoice 1",
                "the posting of the entry settles 10,00 less of Invoice 1 than it carries",
                1000,
            )
        ],
    )


def test_what_is_not_posted_yet_leaves_room_for_what_the_debtor_paid_us():
    claim = replace(CLAIM, open=7000, balance=8000, applications=(paid(2000),), carried={"e1": 3000})
    found = planned(claim, entries=[replace(ENTRY, postings=(), known=())])
    assert told(found) == ([("posting", "e1:10001", 1, 3000, None), reduced("Payment 7", 2000)], [])


# -- postings


def of_entry(**changes):
    return told(planned(entries=[replace(ENTRY, **changes)]))


def test_a_posting_says_all_that_the_adapter_and_the_guard_need():
    carried = {"Invoice 2": 500, "Invoice 1": 2500}
    found = planned(entries=[replace(ENTRY, carried=carried, postings=(), known=())])
    assert found.findings == []
    assert found.effects == [
        Effect(
            Kind.POSTING,
            "posting/e1:10001/1",
            "e1:10001",
            1,
            Content("10001", "e1", "suspense", "NOK", 3000),
            chain="entry e1",
            lane="customer 10001",
            details={
                "entry": "e1",
                "customer": "10001",
                "carried": {"Invoice 1": 2500, "Invoice 2": 500},
                "value_date": "2026-01-05",
                "facts": "Invoice 1=2500/10000,Invoice 2=500/0",
            },
            expect={"carried": {"Invoice 1": 2500, "Invoice 2": 500}},
        )
    ]
    assert list(found.effects[0].details["carried"]) == ["Invoice 1", "Invoice 2"]


def test_a_posting_that_gives_way_and_one_that_is_released_say_what_they_need():
    entry = replace(ENTRY, carried={"Invoice 1": 2000})
    void, posting = planned(entries=[entry]).effects
    assert void == Effect(
        Kind.VOID,
        "void/R1/1",
        "R1",
        1,
        Content("10001", "e1", "suspense", "NOK", 3000),
        chain="entry e1",
        lane="customer 10001",
        details={"entry": "e1", "number": "500001", "facts": "Closed/2000"},
        expect={"carried": {"Invoice 1": 2000}},
    )
    assert (posting.reference, posting.content.amount, posting.after) == ("posting/e1:10001/2", 2000, ("void/R1/1",))
    (release,) = planned(entries=[replace(ENTRY, postings=(replace(POSTED, status="Hold"),))]).effects
    assert release == Effect(
        Kind.POSTING,
        "R1",
        "e1:10001",
        1,
        Content("10001", "e1", "suspense", "NOK", 3000),
        chain="entry e1",
        lane="customer 10001",
        details={
            "entry": "e1",
            "customer": "10001",
            "carried": {"Invoice 1": 3000},
            "value_date": "2026-01-05",
            "release": "500001",
        },
        expect={"carried": {"Invoice 1": 3000}},
    )


VOIDED = replace(POSTED, status="Voided")
GIVES_WAY = (
    "POSTING_VOIDED",
    "R1",
    "payment 500001 of 30,00 gives way to 20,00; it was applied: 30,00 to Invoice 1",
    3000,
)
NOT_RELEASED = ("POSTING_NOT_RELEASED", "R1", "payment 500001 of 30,00 for entry e1 is not released", 3000)
BY_HAND = ("POSTING_VOIDED_BY_HAND", "R1", "payment 500001 of 30,00 for entry e1 was voided by a person", 3000)
VOID = ("void", "R1", 1, 3000, None)
AGAIN = ("posting", "e1:10001", 2, 3000, None)
LESS = ("posting", "e1:10001", 2, 2000, None)
REJECTED = Known("void/R1/1", 1, "rejected", 3000, "Closed/2000")
ENTRIES: dict[str, tuple[dict, list, list]] = {
    "posted as it says": ({}, [], []),
    "posted and released": ({"postings": (replace(POSTED, status="Open"),)}, [], []),
    "not listed yet": (
        {"known": (Known("R1", 1, "created", 3000, listed=False),)},
        [],
        [("EFFECT_NOT_LISTED", "R1", "the posting of 30,00 is not listed by the ERP yet", 3000)],
    ),
    "of unknown outcome": ({"postings": (), "known": (Known("R1", 1, "uncertain", 3000),)}, [], []),
    "absent after all": (
        {"postings": (), "known": (Known("R1", 1, "absent", 3000),)},
        [("posting", "e1:10001", 1, 3000, None)],
        [],
    ),
    "with a problem of its own": (
        {"postings": (), "known": (), "problem": Finding("ENTRY_REPEATED", "e1", "again", 1)},
        [],
        [("ENTRY_REPEATED", "e1", "again", 1)],
    ),
    "in another currency": (
        {"postings": (), "known": (), "currency": "SEK"},
        [],
        [("CURRENCY_NOT_SUPPORTED", "entry e1", "30,00 SEK", 3000)],
    ),
    "corrected": ({"carried": {"Invoice 1": 2000}}, [VOID, LESS], [GIVES_WAY]),
    "corrected before it was released": (
        {"carried": {"Invoice 1": 2000}, "postings": (replace(POSTED, status="Balanced"),)},
        [("posting", "e1:10001", 1, 3000, None)],
        [NOT_RELEASED],
    ),
    "taken back": (
        {"carried": {"Invoice 1": 0}},
        [VOID],
        [(*GIVES_WAY[:2], GIVES_WAY[2].replace("20,00", "0,00"), 3000)],
    ),
    "taken back and nothing was applied": (
        {"carried": {}, "postings": (replace(POSTED, lines={"Invoice 1": 0}),)},
        [VOID],
        [("POSTING_VOIDED", "R1", "payment 500001 of 30,00 gives way to 0,00; it was applied: nothing", 3000)],
    ),
    "voided by a person": ({"postings": (VOIDED,)}, [], [BY_HAND]),
    "voided by us": ({"postings": (replace(VOIDED, voided_by_us=True),)}, [AGAIN], []),
    "voided by a person, and corrected since": (
        {"postings": (VOIDED,), "carried": {"Invoice 1": 2000}},
        [LESS],
        [],
    ),
    "moved by a person": (
        {"postings": (replace(POSTED, lines={"Invoice 2": 3000}),)},
        [],
        [],
    ),
    "moved, and nobody knows what was meant": (
        {"postings": (replace(POSTED, lines={"Invoice 2": 3000}, intended=None),)},
        [],
        [("POSTING_ALLOCATION_DIFFERS", "R1", "payment 500001 settles other documents than entry e1 says", 3000)],
    ),
    "settling less, and nobody knows what was meant": (
        {"postings": (replace(POSTED, lines={"Invoice 1": 1000}, intended=None),)},
        [],
        [],
    ),
    "of less than nothing": (
        {"carried": {"Invoice 1": -2000}, "postings": (), "known": ()},
        [],
        [
            (
                "ENTRY_TAKES_BACK_TOO_MUCH",
                "entry e1",
                "the agency took back 20,00 for Invoice 1 and does not say of which payment",
                2000,
            )
        ],
    ),
    "reallocated": (
        {"carried": {"Invoice 2": 3000}},
        [VOID, AGAIN],
        [(*GIVES_WAY[:2], GIVES_WAY[2].replace("20,00", "30,00"), 3000)],
    ),
    "posted twice": (
        {"postings": (POSTED, replace(POSTED, reference="R2", ordinal=2, number="500002"))},
        [("void", "R2", 1, 3000, None)],
        [
            (
                "POSTING_VOIDED",
                "R2",
                "payment 500002 of 30,00 gives way to 30,00; it was applied: 30,00 to Invoice 1",
                3000,
            )
        ],
    ),
    "whose void was refused": (
        {"carried": {"Invoice 1": 2000}, "voids": {"R1": (REJECTED,)}},
        [],
        [GIVES_WAY, ("EFFECT_REFUSED", "void/R1/1", "the ERP refused to void payment 500001", 3000)],
    ),
    "whose void was refused, of other facts": (
        {"carried": {"Invoice 1": 2000}, "voids": {"R1": (replace(REJECTED, facts="Open/2000"),)}},
        [VOID, LESS],
        [GIVES_WAY],
    ),
    "whose void is not known": (
        {"carried": {"Invoice 1": 2000}, "voids": {"R1": (replace(REJECTED, state="uncertain"),)}},
        [],
        [],
    ),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_an_entry_has_one_posting_of_what_it_carries(case):
    changes, effects, findings = ENTRIES[case]
    assert of_entry(**changes) == (effects, findings)


RETRY = {("EFFECT_REFUSED", "posting/e1:10001/1"): "retry"}
REFUSED_POSTING = Known("posting/e1:10001/1", 1, "rejected", 3000, "Invoice 1=3000/10000")


@pytest.mark.parametrize(
    ("decisions", "effects", "findings"),
    [
        (
            {},
            [],
            [("EFFECT_REFUSED", REFUSED_POSTING.reference, "the ERP refused the posting of 30,00 for entry e1", 3000)],
        ),
        (RETRY, [("posting", "e1:10001", 1, 3000, None)], []),
    ],
)
def test_a_refused_posting_is_made_again_when_a_person_says_so(decisions, effects, findings):
    entry = replace(ENTRY, postings=(), known=(REFUSED_POSTING,))
    assert told(planned(entries=[entry], decisions=decisions)) == (effects, findings)


def test_a_person_says_whether_a_refused_void_is_tried_again_and_a_voided_posting_made_anew():
    entry = replace(ENTRY, carried={"Invoice 1": 2000}, voids={"R1": (REJECTED,)})
    retry = {("EFFECT_REFUSED", "void/R1/1"): "retry"}
    assert told(planned(entries=[entry], decisions=retry)) == ([VOID, LESS], [GIVES_WAY])
    repost = {("POSTING_VOIDED_BY_HAND", "R1"): "repost"}
    assert told(planned(entries=[replace(ENTRY, postings=(VOIDED,))], decisions=repost)) == ([AGAIN], [])


def test_nothing_is_posted_beside_a_strangers_payment_on_the_suspense_account():
    entry = replace(ENTRY, postings=(), known=(), carried={"Invoice 2": 1000, "Invoice 1": 2000})
    text = "30,00 for Invoice 1, Invoice 2 waits: customer 10001 has a payment on the suspense account that is not ours"
    assert told(planned(entries=[entry], foreign_payment=True)) == ([], [("EFFECT_BLOCKED", "entry e1", text, 3000)])


def test_what_is_wrong_with_one_entry_keeps_no_other_back():
    waiting = [
        replace(ENTRY, entry="e0", problem=Finding("ENTRY_REPEATED", "e0", "again", 1)),
        replace(ENTRY, entry="e2", currency="SEK"),
        replace(ENTRY, entry="e3", postings=(), known=()),
    ]
    assert [effect.source for effect in planned(entries=waiting).effects] == ["e3:10001"]
