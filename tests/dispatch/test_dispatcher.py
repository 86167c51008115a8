"""Dispatch over both ports: what is written, what comes of it in the journal, what a person is told, word for word."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcollect_pipeline.agency.port import AgencyCapabilities, Debtor, Held, NewClaim, NewReduction
from cloudcollect_pipeline.dispatch.dispatcher import Dispatched, Dispatcher, NothingSent
from cloudcollect_pipeline.dispatch.guards import Guard
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.domain.errors import Gated, NotSent, Permanent, Refused, Transient, Uncertain
from cloudcollect_pipeline.erp.port import (
    CaseFields,
    DocumentKey,
    NewPayment,
    NewVoucher,
    PaymentLine,
    Period,
    PostedPayment,
    PostedVoucher,
    Receipt,
    VoucherLine,
)
from cloudcollect_pipeline.planning.effects import as_text, plan_hash
from tests.planning.told import NIGHT, SETTINGS, facts, plain

AT = datetime(2026, 1, 20, 3, tzinfo=UTC)
DAY = date(2026, 1, 5)
SUSPENSE, CASH = SETTINGS.erp.suspense_account, SETTINGS.erp.suspense_cash_account
HALF_A_DAY = timedelta(hours=12)


class Side:
    """A counterparty that takes down what it is asked; `fails` says what raises, once for each error in its list."""

    def __init__(self, clock):
        self.clock, self.asked, self.fails = clock, [], {}

    def ask(self, name, *told):
        self.asked.append((name, *told))
        waiting = self.fails.get(name)
        if waiting:
            raise waiting.pop(0)


class TheAgency(Side):
    def __init__(self, clock):
        super().__init__(clock)
        self.held, self.left = {}, ""

    def find(self, references):
        self.ask("find", *references)
        return {name: held for name, held in self.held.items() if name in references}

    def create_claim(self, claim):
        self.ask("create_claim", claim)
        return Receipt(f"claim of {claim.reference}", self.left)

    def create_reduction(self, reduction):
        self.ask("create_reduction", reduction)
        return Receipt(f"entry of {reduction.reference}")

    def set_hold(self, claim_id, hold, reason):
        self.ask("set_hold", claim_id, hold, reason)

    def update_debtor(self, claim_id, debtor):
        self.ask("update_debtor", claim_id, debtor)

    def answer(self, question_id, text):
        self.ask("answer", question_id, text)


class TheErp(Side):
    def __init__(self, clock):
        super().__init__(clock)
        self.payments, self.vouchers, self.releases = {}, {}, True
        self.open = [Period("202601", date(2026, 1, 1), date(2026, 1, 31), True)]

    def posted_payments(self, since):
        self.ask("posted_payments", since)
        return iter(list(self.payments.values()))

    def payment(self, document_type, number):
        self.ask("payment", document_type, number)
        return self.payments.get((document_type, number))

    def create_payment(self, payment):
        self.ask("create_payment", payment)
        number = str(500001 + len(self.payments))
        self.hold(number, payment.reference, status="Balanced", customer=payment.customer, amount=payment.amount)
        return Receipt(number)

    def hold(self, number, reference, kind="Payment", **more):
        told: dict[str, Any] = {
            "status": "Closed",
            "customer": "10001",
            "cash_account": CASH,
            "currency": "NOK",
            "amount": 3000,
        }
        self.payments[kind, number] = PostedPayment(
            kind, number, reference, payment_date=DAY, lines=(), **(told | more)
        )

    def release_payment(self, document_type, number):
        self.ask("release_payment", document_type, number)
        if self.releases and document_type == "VoidPayment":
            self.payments["Payment", number] = replace(self.payments["Payment", number], status="Voided")
        elif self.releases:
            self.payments[document_type, number] = replace(self.payments[document_type, number], status="Open")

    def void_payment(self, number):
        self.ask("void_payment", number)

    def set_case_fields(self, key, fields, judged_by=None):
        self.ask("set_case_fields", key, fields, judged_by)

    def posted_vouchers(self, since):
        self.ask("posted_vouchers", since)
        return iter(list(self.vouchers.values()))

    def voucher(self, number):
        self.ask("voucher", number)
        return self.vouchers.get(number)

    def create_voucher(self, voucher):
        self.ask("create_voucher", voucher)
        self.vouchers["600001"] = PostedVoucher("600001", voucher.reference, "Balanced", "NOK", voucher.lines)
        return Receipt("600001")

    def release_voucher(self, number):
        self.ask("release_voucher", number)
        if self.releases:
            self.vouchers[number] = replace(self.vouchers[number], status="Open")

    def periods(self):
        self.ask("periods")
        return self.open

    def pdf(self, key):
        self.ask("pdf", key)
        return b"%PDF"


DEBTOR = Debtor("10001", "Kari Nordmann", False, None, "Storgata 1", "0155", "Oslo", "NO", None, None)
RECEIVABLE = {
    "document_type": "Invoice",
    "number": "1",
    "customer": "10001",
    "amount": Decimal(100),
    "balance": Decimal(60),
    "case_number": None,
    "case_status": None,
    "case_url": None,
}
VERDICT = {"failed": [], "balance": Decimal(60), "due_date": date(2025, 12, 1), "customer_listed": True}
CLAIM = {"claim_id": "c1", "principal_open": Decimal(60), "status": "ACTIVE", "hold": "NONE"}
AMOUNTS = dict.fromkeys(("principal", "interest", "fees", "commission", "expenses", "vat", "offset_amount"), Decimal(0))


class Read(Side):
    """What both sides answer right before a write; a test changes what is to be seen."""

    def __init__(self, clock):
        super().__init__(clock)
        self.takes = timedelta(0)
        self.looks: list[int] = []
        self.documents = {"1": RECEIVABLE}
        self.verdicts, self.settled, self.debtors = (
            {"Invoice 1": VERDICT},
            {"Invoice 1": {"Payment 5": 4000}},
            {"10001": DEBTOR},
        )
        self.listed = {"c1": CLAIM}
        self.told = {"s1": {"status": "PUBLISHED", "net": Decimal(0), **AMOUNTS}}
        self.news = []

    def prepare(self):
        self.ask("prepare")

    def receivables(self, keys, *, odd="refuse"):
        self.ask("receivables", *keys)
        self.clock.sleep(self.takes.total_seconds())
        return [(dict(row), b"raw") for key in keys if (row := self.documents.get(key.number))]

    def customers(self, numbers):
        self.ask("customers", *numbers)
        return self.debtors

    def claims(self, ids, *, odd="refuse"):
        self.ask("claims", *ids)
        return [self.listed[name] for name in ids if name in self.listed]

    def settlement(self, settlement_id):
        return self.told.get(settlement_id)

    def may_be_transferred(self, customers):
        self.ask("may_be_transferred", *customers)
        return self.verdicts, self.settled, self.debtors

    def must_stop(self, customers, *, odd="refuse"):
        self.ask("must_stop", *customers)
        return self.verdicts

    def changed_entries(self, version):
        self.ask("changed_entries", version)
        self.clock.sleep(self.looks.pop(0) if self.looks else 0)
        return self.news

    def words(self, customer, text):
        self.ask("words", customer)
        return ["Kari Nordmann"] if customer == "10001" else []


class Run:
    """A journal, both sides, and one night's dispatches of plans made of given effects."""

    def __init__(self, folder):
        self.clock = VirtualClock(AT)
        self.journal = Journal(folder, "nordlys", "t1", AT)
        self.journal.declare_new(AT, "test")
        self.erp, self.agency, self.reads = TheErp(self.clock), TheAgency(self.clock), Read(self.clock)
        self.facts = facts(policy={"attach_pdf": False})
        self.progress = []
        self.result: Dispatched = Dispatched()
        self.begun = self.journal.seq()

    def dispatcher(self):
        guard = Guard(self.reads, self.facts, self.clock)
        return Dispatcher(
            self.journal,
            guard,
            self.erp,
            self.agency,
            self.facts,
            self.clock,
            parallel=1,
            progress=self.progress.append,
        )

    def store(self, *effects, version=3):
        texts = [as_text(effect) for effect in effects]
        name = plan_hash(self.facts.tenant, self.facts.agency, NIGHT, version, texts)
        self.journal.store_plan(name, NIGHT, self.clock.now(), version, "automatic", {}, texts)
        self.begun = self.journal.seq()
        return name

    def send(self, *effects, **more):
        self.result = self.dispatcher().dispatch(self.store(*effects), **more)
        return self.log()

    def know(self, effect, *states, **more):
        for state in states:
            self.journal.record(effect, state, self.clock.now(), NIGHT, details=effect.details, **more)
        self.begun = self.journal.seq()

    def log(self):
        """What the journal took down since: (state, reference, the target's id, note)."""
        return [
            (e["kind"], e["subject"], e["data"]["remote_id"], e["data"]["note"])
            for e in self.journal.events()
            if e["seq"] > self.begun and "remote_id" in e["data"]
        ]

    def findings(self):
        return plain(self.result.findings)

    def written(self):
        """What either side was asked to write."""
        return [
            each
            for side in (self.agency, self.erp)
            for each in side.asked
            if each[0] not in ("find", "posted_payments", "posted_vouchers", "payment", "voucher", "periods", "pdf")
        ]


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    run.journal.close()


def sent(effect, remote_id, *, created=False):
    """What the journal says of a write that was done."""
    middle = [("created", effect.reference, remote_id, "")] if created else []
    return [("intent", effect.reference, None, ""), *middle, ("confirmed", effect.reference, remote_id, "")]


def counted(kind, outcome, amount):
    return {kind: {outcome: {"count": 1, "sum": amount}}}


TRANSFER = Effect(
    Kind.TRANSFER,
    "T1",
    "Invoice 1",
    1,
    Content("10001", "Invoice 1", "agency", "NOK", 6000),
    "T1",
    "Invoice 1",
    details={
        "document_type": "Invoice",
        "number": "1",
        "customer": "10001",
        "due_date": "2025-12-01",
        "document_date": "2025-11-17",
        "original_amount": 10000,
        "kid": "12345674",
        "reminders_sent": 1,
        "last_reminder": "2025-12-29",
        "facts": "6000/1",
    },
    expect={"balance": 6000},
)
NEW_CLAIM = NewClaim(
    "T1",
    "Invoice",
    "1",
    "12345674",
    date(2025, 11, 17),
    date(2025, 12, 1),
    10000,
    6000,
    "NOK",
    1,
    date(2025, 12, 29),
    DEBTOR,
    None,
)


def test_a_transfer_is_sent_as_it_was_planned_with_what_was_just_read(run):
    assert run.send(TRANSFER) == sent(TRANSFER, "claim of T1")
    assert run.written() == [("create_claim", NEW_CLAIM)]
    details = {**TRANSFER.details, "baseline": {"Payment 5": 4000}, "debtor": DEBTOR.mark("T1"), "left": ""}
    assert run.journal.effect("T1").details == details
    assert run.result.as_json() == counted("transfer", "confirmed", 6000)
    assert run.findings() == []
    assert run.progress == ["transfer Invoice 1 60,00: confirmed"]
    assert run.agency.asked[0] == ("find", "T1")
    assert run.reads.asked == [
        ("prepare",),
        ("receivables", DocumentKey("Invoice", "1")),
        ("may_be_transferred", "10001"),
    ]


def test_a_receivable_that_was_never_dunned_is_sent_without_a_reminder(run):
    effect = replace(TRANSFER, details={**TRANSFER.details, "last_reminder": None})
    run.send(effect)
    assert run.written()[0][1].last_reminder is None


def test_the_invoice_goes_along_where_the_settings_and_the_agency_say_so(run):
    run.facts = facts(policy={"attach_pdf": True})
    run.send(TRANSFER)
    assert run.written() == [("create_claim", replace(NEW_CLAIM, pdf=b"%PDF"))]
    assert ("pdf", DocumentKey("Invoice", "1")) in run.erp.asked


def test_an_agency_that_takes_no_documents_gets_none(run):
    run.facts = facts(policy={"attach_pdf": True}, capabilities=AgencyCapabilities(documents=False))
    run.send(TRANSFER)
    assert run.written() == [("create_claim", NEW_CLAIM)]


def test_an_invoice_that_cannot_be_read_keeps_its_transfer_back(run):
    run.facts = facts(policy={"attach_pdf": True})
    run.erp.fails["pdf"] = [Transient("timeout")]
    assert run.send(TRANSFER) == [("dropped", "T1", None, "its PDF could not be read: timeout")]
    assert run.written() == []


LOST = "the answer was lost; see whether the invoice's PDF is there, and upload it if not"


@pytest.mark.parametrize(
    ("follow", "left", "error", "found"),
    [
        (True, "", None, []),
        (True, "upload it", None, [("LEFT_TO_DO", "Invoice 1", "upload it", None)]),
        (False, "upload it", None, [("LEFT_TO_DO", "Invoice 1", "upload it", None)]),
        (True, "", Uncertain("reset"), [("LEFT_TO_DO", "Invoice 1", LOST, None)]),
        (False, "", Uncertain("reset"), []),
        (True, "", NotSent("refused"), []),
    ],
)
def test_what_a_person_must_still_do_for_a_transfer_is_said(run, follow, left, error, found):
    run.facts = facts(policy={"attach_pdf": True}, capabilities=AgencyCapabilities(documents_follow=follow))
    run.agency.left = left
    run.agency.fails["create_claim"] = [error] * bool(error)
    run.send(TRANSFER)
    assert run.findings() == found
    if found:
        assert run.journal.effect("T1").details["left"] == found[0][2]


REDUCTION = Effect(
    Kind.REDUCTION,
    "R1",
    "T1/Payment 7",
    1,
    Content("10001", "Invoice 1", "c1", "NOK", 1000),
    "T1",
    "T1",
    details={
        "claim_id": "c1",
        "kind": "DIRECT_PAYMENT",
        "document_type": "Payment",
        "number": "7",
        "receivable": "Invoice 1",
        "value_date": "2026-01-05",
    },
    expect={"open": 6000, "balance": 6000, "document": "Invoice 1"},
)
NEW_REDUCTION = NewReduction("R1", "c1", "DIRECT_PAYMENT", 1000, "NOK", DAY, "Payment", "7")


@pytest.mark.parametrize(("told", "day"), [("2026-01-05", DAY), (None, NIGHT)])
def test_a_reduction_is_sent_with_the_day_of_its_fact_or_of_the_night(run, told, day):
    effect = replace(REDUCTION, details={**REDUCTION.details, "value_date": told})
    assert run.send(effect) == sent(effect, "entry of R1")
    assert run.written() == [("create_reduction", replace(NEW_REDUCTION, value_date=day))]
    assert run.progress == ["reduction Invoice 1 10,00: confirmed"]


HOLD = Effect(
    Kind.HOLD,
    "H1",
    "T1",
    1,
    Content("10001", "Invoice 1", "c1", "NOK", 0),
    "hold T1",
    "T1",
    details={
        "claim_id": "c1",
        "hold": "PAUSED",
        "reason": "disputed",
        "document": "Invoice 1",
        "transferred_due": "2025-12-01",
    },
    expect={"hold": "NONE", "document": "Invoice 1"},
)


@pytest.mark.parametrize(
    ("hold", "log", "written"),
    [
        ("NONE", sent(HOLD, "c1"), [("set_hold", "c1", "PAUSED", "disputed")]),
        ("PAUSED", [("dropped", "H1", None, "the agency has paused it for reasons of its own")], []),
        ("RECALLED", [("dropped", "H1", None, "the claim's hold changed since the plan")], []),
    ],
)
def test_a_hold_is_read_compared_and_set(run, hold, log, written):
    run.reads.verdicts = {"Invoice 1": {**VERDICT, "failed": ["NOT_DISPUTED"]}}
    run.reads.listed = {"c1": {**CLAIM, "hold": hold}}
    assert run.send(HOLD) == log
    assert run.written() == written


def test_a_pause_that_a_list_may_have_hidden_from_us_is_ours(run):
    run.reads.verdicts = {"Invoice 1": {**VERDICT, "failed": ["NOT_DISPUTED"]}}
    run.reads.listed = {"c1": {**CLAIM, "hold": "PAUSED"}}
    for state in ("intent", "uncertain", "absent"):
        run.journal.record(HOLD, state, run.clock.now() - timedelta(days=1), NIGHT - timedelta(days=1))
    assert run.send(HOLD)[-1] == ("confirmed", "H1", "c1", "already so")
    assert run.written() == []


DEBTOR_EFFECT = Effect(
    Kind.DEBTOR, "D1", "T1", 1, Content("10001", "Invoice 1", "c1", "NOK", 0), "debtor T1", "T1",
    details={"claim_id": "c1", "document": "Invoice 1", "debtor": "before"},
)  # fmt: skip
ANSWER = Effect(
    Kind.ANSWER, "A1", "q1", 1, Content("10001", "Invoice 1", "c1", "NOK", 0), "question q1", "T1",
    details={"claim_id": "c1", "question": "q1"},
)  # fmt: skip


def test_a_debtor_is_told_as_they_are_now(run):
    assert run.send(DEBTOR_EFFECT) == sent(DEBTOR_EFFECT, "c1")
    assert run.written() == [("update_debtor", "c1", DEBTOR)]
    assert run.journal.effect("D1").details == {**DEBTOR_EFFECT.details, "debtor": DEBTOR.mark("T1")}


def test_a_debtor_who_cannot_be_read_is_not_told(run):
    run.reads.debtors = {}
    assert run.send(DEBTOR_EFFECT) == [("dropped", "D1", None, "its customer could not be read again")]


@pytest.mark.parametrize(
    ("decision", "log", "written"),
    [
        ("answer 12345", sent(ANSWER, "q1"), [("answer", "q1", "12345")]),
        (None, [("dropped", "A1", None, "its answer was withdrawn")], []),
    ],
)
def test_an_answer_is_sent_as_it_stands_now(run, decision, log, written):
    run.facts = facts({("AGENCY_ASKS", "q1"): decision} if decision else {})
    assert run.send(ANSWER) == log
    assert run.written() == written


CASE = Effect(
    Kind.CASE_REFERENCE, "K1", "Invoice 1", 1, Content("10001", "Invoice 1", "77", "NOK", 0), "case 1", "Invoice 1",
    details={"document_type": "Invoice", "number": "1", "case_number": "77", "case_status": "Notice", "case_url": ""},
)  # fmt: skip
AS_WANTED = {"case_number": "77", "case_status": "Notice", "case_url": ""}


def test_a_case_is_written_on_the_invoice_as_it_was_read(run):
    assert run.send(CASE) == sent(CASE, "1")
    assert run.written() == [("set_case_fields", DocumentKey("Invoice", "1"), CaseFields("77", "Notice", ""), b"raw")]


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ({}, True),
        ({"case_url": None}, True),
        ({"case_number": "76"}, False),
        ({"case_status": None}, False),
        ({"case_url": "x"}, False),
    ],
)
def test_a_case_that_stands_on_the_invoice_is_not_written_again(run, shown, same):
    run.reads.documents = {"1": RECEIVABLE | AS_WANTED | shown}
    log = run.send(CASE)
    assert (log == [("confirmed", "K1", "1", "already so")]) is same
    assert len(run.written()) == (not same)


def test_a_case_on_an_invoice_that_is_gone_is_dropped_and_one_that_is_refused_is_said(run):
    run.reads.documents = {}
    assert run.send(CASE) == [("dropped", "K1", None, "the ERP no longer lists it")]
    run.reads.documents = {"1": RECEIVABLE}
    run.erp.fails["set_case_fields"] = [Refused("no such field")]
    assert run.send(CASE) == [("intent", "K1", None, ""), ("rejected", "K1", None, "no such field")]
    assert run.findings() == [("CASE_FIELDS_REFUSED", "Invoice 1", "the ERP refuses case 77 on Invoice 1", None)]


POSTING = Effect(
    Kind.POSTING,
    "P1",
    "e1:10001",
    1,
    Content("10001", "e1", "suspense", "NOK", 3000),
    "entry e1",
    "customer 10001",
    details={
        "entry": "e1",
        "customer": "10001",
        "carried": {"Invoice 2": 1000, "Invoice 1": 2000},
        "value_date": "2026-01-05",
    },
    expect={"carried": {"Invoice 1": 2000, "Invoice 2": 1000}},
)
OPEN = {"1": RECEIVABLE, "2": RECEIVABLE | {"number": "2", "balance": Decimal(40)}}
LINES = (PaymentLine("Invoice", "1", 2000), PaymentLine("Invoice", "2", 1000))


def test_a_posting_is_created_released_and_read_until_it_is(run):
    run.reads.documents = OPEN
    assert run.send(POSTING) == sent(POSTING, "500001", created=True)
    payment = NewPayment("P1", "10001", "NOK", 3000, DAY, "agency e1", LINES)
    assert run.written() == [("create_payment", payment), ("release_payment", "Payment", "500001")]
    assert run.journal.effect("P1").details == {
        **POSTING.details,
        "lines": {"Invoice 1": 2000, "Invoice 2": 1000},
        "posted_on": "2026-01-05",
    }
    assert run.result.as_json() == counted("posting", "confirmed", 3000)
    assert run.findings() == []
    assert run.clock.now() == AT


@pytest.mark.parametrize(
    ("one", "two", "lines", "left"),
    [
        (15, 40, [("1", 1500), ("2", 1000)], 500),
        (0, 40, [("2", 1000)], 2000),
        (0, 0, [], 3000),
        (20, 10, [("1", 2000), ("2", 1000)], 0),
    ],
)
def test_what_is_more_than_the_open_balances_stays_a_credit_and_is_said(run, one, two, lines, left):
    run.reads.documents = {"1": RECEIVABLE | {"balance": Decimal(one)}, "2": OPEN["2"] | {"balance": Decimal(two)}}
    run.send(POSTING)
    assert run.written()[0][1].lines == tuple(PaymentLine("Invoice", number, amount) for number, amount in lines)
    text = f"{left // 100},00 of entry e1 is more than the open balances; it stays the credit of customer 10001"
    assert run.findings() == ([("POSTING_LEAVES_CREDIT", "P1", text, left)] if left else [])


def test_two_postings_of_one_night_share_what_is_open(run):
    run.reads.documents = {"1": RECEIVABLE | {"balance": Decimal(50)}, "2": OPEN["2"]}
    other = replace(
        POSTING,
        reference="P2",
        source="e2:10001",
        details={**POSTING.details, "entry": "e2", "carried": {"Invoice 1": 3001}},
    )
    other = replace(other, content=replace(other.content, document="e2", amount=3001), chain="entry e2")
    run.send(POSTING, other)
    assert [each[1].lines for each in run.written() if each[0] == "create_payment"] == [
        LINES,
        (PaymentLine("Invoice", "1", 3000),),
    ]


def test_a_posting_is_not_made_on_an_invoice_that_could_not_be_read(run):
    run.reads.documents = {}
    assert run.send(POSTING) == [("dropped", "P1", None, "Invoice 1, Invoice 2 could not be read again")]
    nothing = replace(POSTING, details={**POSTING.details, "carried": {"Invoice 1": 3000, "Invoice 2": 0}})
    run.reads.documents = {"1": RECEIVABLE}
    run.send(nothing)
    assert run.journal.effect("P1").state == "confirmed"


PERIODS = [
    Period("202512", date(2025, 12, 1), date(2025, 12, 31), True),
    Period("202601", date(2026, 1, 1), date(2026, 1, 31), False),
    Period("202602", date(2026, 2, 1), date(2026, 2, 28), True),
    Period("202603", date(2026, 3, 1), date(2026, 3, 31), True),
]


@pytest.mark.parametrize(
    ("periods", "on"),
    [
        (PERIODS, date(2026, 2, 1)),
        ([replace(each, open=True) for each in PERIODS], DAY),
        ([replace(PERIODS[1], open=True, end=DAY)], DAY),
        (PERIODS[:2], DAY),
        ([], DAY),
    ],
)
def test_a_posting_in_a_closed_period_is_booked_on_the_first_open_day_and_said(run, periods, on):
    run.reads.documents, run.erp.open = OPEN, periods
    run.send(POSTING)
    assert run.written()[0][1].payment_date == on
    assert run.journal.effect("P1").details["posted_on"] == on.isoformat()
    text = f"entry e1 of 2026-01-05 is booked on {on}"
    assert run.findings() == ([("POSTING_IN_CLOSED_PERIOD", "P1", text, 3000)] if on != DAY else [])


def test_periods_are_asked_for_once_and_nothing_is_booked_without_them(run):
    run.reads.documents = OPEN
    run.erp.fails["periods"] = [Transient("timeout")]
    assert run.send(POSTING) == [("dropped", "P1", None, "the open periods could not be read: timeout")]
    other = replace(POSTING, reference="P2", source="e2:10002", lane="customer 10002", chain="entry e2")
    other = replace(other, content=replace(other.content, party="10002"))
    run.erp.asked.clear()
    run.send(POSTING, other)
    assert [each for each in run.erp.asked if each[0] == "periods"] == [("periods",)]


def test_a_long_name_of_an_entry_does_not_make_a_text_too_long(run):
    run.reads.documents = OPEN
    run.send(replace(POSTING, details={**POSTING.details, "entry": "e" * 60}))
    assert run.written()[0][1].text == f"agency {'e' * 43}"


NOT_RELEASED = "document 500001 of 30,00 is created but not released: "


def test_a_posting_that_is_not_released_after_a_minute_is_finished_on_a_later_night(run):
    run.reads.documents, run.erp.releases = OPEN, False
    note = "release asked for; it is still Balanced"
    assert run.send(POSTING) == [
        ("intent", "P1", None, ""),
        ("created", "P1", "500001", ""),
        ("created", "P1", "500001", note),
    ]
    assert run.findings() == [("POSTING_NOT_RELEASED", "P1", NOT_RELEASED + note, 3000)]
    assert run.clock.now() - AT == timedelta(seconds=45)
    assert run.result.as_json() == counted("posting", "created", 3000)
    asked = [each for each in run.erp.asked if each[0] == "payment"]
    assert len(asked) == 5
    run.erp.releases = True
    assert run.send(POSTING) == [("confirmed", "P1", "500001", "")]
    assert run.findings() == []


@pytest.mark.parametrize("error", [NotSent("busy"), Refused("no"), Uncertain("reset")])
def test_why_a_release_failed_is_said(run, error):
    run.reads.documents = OPEN
    run.erp.fails["release_payment"] = [error]
    run.send(POSTING)
    note = f"{error}; it is still Balanced"
    assert run.findings() == [("POSTING_NOT_RELEASED", "P1", NOT_RELEASED + note, 3000)]


@pytest.mark.parametrize("status", ["Open", "Closed", "Voided"])
def test_what_was_released_meanwhile_is_not_released_again(run, status):
    run.know(POSTING, "intent")
    run.know(POSTING, "created", remote_id="500001")
    run.erp.hold("500001", "P1", status=status)
    run.reads.documents = OPEN
    assert run.send(POSTING) == [("confirmed", "P1", "500001", "")]
    assert run.written() == []


def test_a_posting_whose_status_cannot_be_read_stays_created(run):
    run.reads.documents = OPEN
    run.erp.fails["payment"] = [Transient("timeout")]
    assert run.send(POSTING)[-1] == ("created", "P1", "500001", "timeout")
    assert run.findings() == [("POSTING_NOT_RELEASED", "P1", f"{NOT_RELEASED}timeout", 3000)]


VOID = Effect(
    Kind.VOID, "V1", "P1", 1, Content("10001", "e1", "suspense", "NOK", 3000), "entry e1", "customer 10001",
    details={"entry": "e1", "number": "500001", "facts": "Closed/2000"},
)  # fmt: skip


def test_a_posting_of_ours_is_voided_and_the_void_released(run):
    run.erp.hold("500001", "P1")
    assert run.send(VOID) == [("intent", "V1", None, ""), ("confirmed", "V1", "500001", "")]
    assert run.written() == [("void_payment", "500001"), ("release_payment", "VoidPayment", "500001")]


def test_a_void_that_was_made_before_is_only_released(run):
    run.erp.hold("500001", "P1")
    run.erp.hold("500001", "", "VoidPayment", status="Balanced")
    assert run.send(VOID)[-1] == ("confirmed", "V1", "500001", "")
    assert run.written() == [("release_payment", "VoidPayment", "500001")]


@pytest.mark.parametrize(
    ("reference", "status", "log"),
    [
        ("P1", "Voided", ("confirmed", "V1", "500001", "already so")),
        ("X", "Closed", ("dropped", "V1", None, "the payment is no longer ours")),
        (None, "Closed", ("dropped", "V1", None, "the payment is no longer ours")),
    ],
)
def test_only_a_payment_of_ours_is_voided_and_only_once(run, reference, status, log):
    if reference:
        run.erp.hold("500001", reference, status=status)
    assert run.send(VOID) == [log]
    assert run.written() == []


def test_a_void_that_cannot_be_read_is_dropped_and_one_that_is_refused_is_said(run):
    run.erp.hold("500001", "P1")
    run.erp.fails["payment"] = [Transient("timeout")]
    assert run.send(VOID) == [("dropped", "V1", None, "the guard could not read: timeout")]
    run.erp.fails["void_payment"] = [Refused("closed period")]
    assert run.send(VOID)[-1] == ("rejected", "V1", None, "closed period")
    assert run.findings() == [("EFFECT_REFUSED", "V1", "void of 30,00 for e1 was refused: closed period", 3000)]


def test_a_void_that_is_not_released_has_an_unknown_outcome(run):
    run.erp.hold("500001", "P1")
    run.erp.releases = False
    assert run.send(VOID)[-1] == ("uncertain", "V1", "500001", "release asked for; it is still None")
    assert run.clock.now() - AT == timedelta(seconds=45)


def test_a_void_whose_release_cannot_be_read_has_an_unknown_outcome(run):
    run.erp.hold("500001", "P1")
    run.erp.fails["release_payment"] = [Permanent("gone")]
    assert run.send(VOID)[-1] == ("uncertain", "V1", "500001", "gone")


SETTLEMENT = Effect(
    Kind.SETTLEMENT,
    "S1",
    "s1:PUBLISHED",
    1,
    Content("agency", "settlement 2026-1", SUSPENSE, "NOK", 100000),
    "settlement s1",
    "settlements",
    details={
        "settlement_id": "s1",
        "number": "2026-1",
        "booking_date": "2026-01-05",
        "value_date": "2026-01-05",
        "lines": [
            {"account": "1950", "amount": 97500, "text": "payout"},
            {"account": "2711", "amount": 2500, "text": "VAT"},
            {"account": SUSPENSE, "amount": -100000, "text": "principal"},
        ],
    },
    expect={"status": "PUBLISHED", "terms": {**dict.fromkeys(AMOUNTS, 0), "net": 0}},
)
VOUCHER = NewVoucher(
    "S1",
    DAY,
    "NOK",
    "Settlement 2026-1 agency",
    (
        VoucherLine("1950", 97500, "payout"),
        VoucherLine("2711", 2500, "VAT", "3"),
        VoucherLine(SUSPENSE, -100000, "principal"),
    ),
)
TERMS = {"accounts": {"input_vat": "2711", "input_vat_code": "3"}}


def test_a_settlement_is_booked_as_one_voucher_and_released(run):
    run.facts = facts(**TERMS)
    assert run.send(SETTLEMENT) == sent(SETTLEMENT, "600001", created=True)
    assert run.written() == [("create_voucher", VOUCHER), ("release_voucher", "600001")]
    assert run.journal.effect("S1").details == {**SETTLEMENT.details, "posted_on": "2026-01-05"}


def test_a_settlement_in_a_closed_period_or_with_a_long_number(run):
    run.erp.open = PERIODS
    run.send(replace(SETTLEMENT, details={**SETTLEMENT.details, "number": "9" * 60}))
    assert run.written()[0][1].voucher_date == date(2026, 2, 1)
    assert run.written()[0][1].text == f"Settlement {'9' * 49}"
    text = f"settlement {'9' * 60} of 2026-01-05 is booked on 2026-02-01"
    assert run.findings() == [("POSTING_IN_CLOSED_PERIOD", "S1", text, 100000)]


def test_a_draft_is_left_for_a_person_to_release(run):
    run.facts = facts(accounts={**TERMS["accounts"], "settlement_voucher": "draft"})
    assert run.send(SETTLEMENT) == [
        ("intent", "S1", None, ""),
        ("created", "S1", "600001", "left for a person to release"),
    ]
    text = "voucher 600001 of 1\u00a0000,00 for settlement 2026-1 is a draft"
    assert run.findings() == [("SETTLEMENT_DRAFT", "S1", text, 100000)]


def test_a_voucher_that_cannot_be_booked_says_why(run):
    run.erp.fails["periods"] = [Transient("timeout")]
    assert run.send(SETTLEMENT) == [("dropped", "S1", None, "the open periods could not be read: timeout")]
    run.erp.fails["create_voucher"] = [Refused("no")]
    assert run.send(SETTLEMENT)[-1] == ("rejected", "S1", None, "no")


def coded(error, code, status=None):
    error.code = code
    if status:
        error.status = status
    return error


UNSIGNED = "the agency takes nothing before a person has signed: https://sign.example"
NOT_TAKEN = "reduction of 10,00 for Invoice 1 was refused: no"
OUTCOMES = [
    (NotSent("busy"), "later", "busy", []),
    (
        Gated("not signed", "agreement", "https://sign.example"),
        "later",
        "not signed",
        [("AGREEMENT_UNSIGNED", "agreement", UNSIGNED, None)],
    ),
    (Refused("no"), "rejected", "no", [("EFFECT_REFUSED", "R1", NOT_TAKEN, 1000)]),
    (Uncertain("reset"), "uncertain", "reset", []),
    (Uncertain("the debtor KARI Nordmanns address"), "uncertain", "the debtor ***s address", []),
    (coded(Uncertain("the debtor Kari Nordmann"), "E42", 422), "uncertain", "422 E42", []),
    (coded(NotSent("the debtor Kari Nordmann"), "E42"), "later", "E42", []),
]  # fmt: skip


@pytest.mark.parametrize(("error", "state", "note", "found"), OUTCOMES)
def test_each_outcome_is_taken_down_with_why_and_names_nobody(run, error, state, note, found):
    run.agency.fails["create_reduction"] = [error]
    assert run.send(REDUCTION) == [("intent", "R1", None, ""), (state, "R1", None, note)]
    assert run.findings() == found
    assert run.result.as_json() == counted("reduction", state, 1000)
    assert run.progress == [f"reduction Invoice 1 10,00: {state} ({note})"]


def several(effect, count, **changes):
    """The same for so many customers: references, chains and lanes of their own."""
    name = effect.reference[0]
    return [
        replace(effect, reference=f"{name}{n}", chain=f"{name}{n}", lane=f"{name}{n}", **changes)
        for n in range(1, count + 1)
    ]


STOPPED = "3 writes in a row have an unknown outcome"


@pytest.mark.parametrize(
    ("outcomes", "tried", "stops"),
    [("uuuoo", 3, True), ("ouuuo", 4, True), ("uuluo", 4, True), ("uuouu", 5, False), ("uuruu", 5, False)],
)
def test_three_unknown_outcomes_in_a_row_stop_a_dispatch(run, outcomes, tried, stops):
    errors: dict[str, list[Exception]] = {
        "u": [Uncertain("reset")],
        "r": [Refused("no")],
        "l": [NotSent("busy")],
        "o": [],
    }
    create, coming = run.agency.create_reduction, iter(outcomes)

    def create_reduction(reduction):
        run.agency.fails["create_reduction"] = list(errors[next(coming)])
        return create(reduction)

    run.agency.create_reduction = create_reduction
    name = run.store(*several(REDUCTION, 5))
    run.result = run.dispatcher().dispatch(name)
    assert len(run.written()) == tried
    found = [each for each in run.findings() if each[0] == "DISPATCH_STOPPED"]
    assert found == ([("DISPATCH_STOPPED", f"plan {name[:12]}", STOPPED, None)] if stops else [])


def test_what_cannot_be_sent_after_it_in_its_chain_waits(run):
    run.agency.fails["create_reduction"] = [NotSent("busy")]
    second = replace(REDUCTION, reference="R2", source="T1/Payment 8", ordinal=1)
    third = replace(HOLD, after=("R9",))
    run.reads.verdicts = {"Invoice 1": {**VERDICT, "failed": ["NOT_DISPUTED"]}}
    run.send(REDUCTION, second, third)
    assert run.findings() == [
        ("EFFECT_BLOCKED", "R2", "reduction for Invoice 1 waits for its chain", 1000),
        ("EFFECT_BLOCKED", "H1", "hold for Invoice 1 waits for R9", 0),
    ]
    assert run.result.as_json()["reduction"] == {
        "later": {"count": 1, "sum": 1000},
        "blocked": {"count": 1, "sum": 1000},
    }
    assert run.journal.effect("R2") is None


def test_what_comes_after_something_is_sent_when_that_is_confirmed(run):
    run.reads.documents = OPEN
    run.erp.hold("500001", "P0")
    run.know(replace(POSTING, reference="P0", ordinal=9), "confirmed")
    void = replace(VOID, source="P0")
    posting = replace(POSTING, after=("V1",))
    assert [each[:2] for each in run.send(void, posting)] == [
        ("intent", "V1"),
        ("confirmed", "V1"),
        ("intent", "P1"),
        ("created", "P1"),
        ("confirmed", "P1"),
    ]


# -- look-ups

HELD = Held("R1", "reduction", "x1", "Invoice 1", "NOK", 1000)
CLAIM_HELD = Held("T1", "claim", "c1", "Invoice 1", "NOK", 6000)


@pytest.mark.parametrize(
    ("effect", "held", "log"),
    [
        (REDUCTION, HELD, ("confirmed", "R1", "x1", "found at the agency")),
        (REDUCTION, replace(HELD, document="Invoice 2"), ("confirmed", "R1", "x1", "found at the agency")),
        (REDUCTION, replace(HELD, amount=999), ("quarantined", "R1", "x1", "found with other content")),
        (REDUCTION, replace(HELD, currency="SEK"), ("quarantined", "R1", "x1", "found with other content")),
        (TRANSFER, CLAIM_HELD, ("confirmed", "T1", "c1", "found at the agency")),
        (TRANSFER, replace(CLAIM_HELD, document="Invoice 2"), ("quarantined", "T1", "c1", "found with other content")),
        (TRANSFER, replace(CLAIM_HELD, amount=1), ("quarantined", "T1", "c1", "found with other content")),
    ],
)
def test_what_the_agency_holds_already_is_not_sent_again(run, effect, held, log):
    run.agency.held = {held.reference: held}
    assert run.send(effect) == [log]
    assert run.written() == []


@pytest.mark.parametrize(
    ("held", "log"),
    [
        ({}, ("confirmed", "P1", "500001", "found in the ERP")),
        ({"customer": "10002"}, ("quarantined", "P1", "500001", "found with other content")),
        ({"currency": "SEK"}, ("quarantined", "P1", "500001", "found with other content")),
        ({"amount": 2999}, ("quarantined", "P1", "500001", "found with other content")),
    ],
)
def test_what_the_erp_holds_already_is_not_posted_again(run, held, log):
    run.reads.documents = OPEN
    run.erp.hold("500001", "P1", **held)
    assert run.send(POSTING) == [log]
    assert run.written() == []


@pytest.mark.parametrize("status", ["Balanced", "Hold"])
def test_what_is_found_unreleased_is_finished(run, status):
    run.reads.documents = OPEN
    run.erp.hold("500001", "P1", status=status)
    assert run.send(POSTING) == [
        ("created", "P1", "500001", "found in the ERP"),
        ("confirmed", "P1", "500001", ""),
    ]
    assert run.written() == [("release_payment", "Payment", "500001")]


@pytest.mark.parametrize(
    ("status", "amount", "log"),
    [
        ("Open", -100000, [("confirmed", "S1", "600009", "found in the ERP")]),
        ("Closed", -100000, [("confirmed", "S1", "600009", "found in the ERP")]),
        ("Balanced", -100000, [("created", "S1", "600009", "found in the ERP"), ("confirmed", "S1", "600009", "")]),
        ("Open", -99999, [("quarantined", "S1", "600009", "found with other content")]),
    ],
)
def test_a_voucher_that_is_there_already_is_not_booked_again(run, status, amount, log):
    lines = (VoucherLine("1950", 100000, ""), VoucherLine(SUSPENSE, amount, ""))
    run.erp.vouchers = {"600009": PostedVoucher("600009", "S1", status, "NOK", lines)}
    assert run.send(SETTLEMENT) == log


@pytest.mark.parametrize(
    ("held", "alike"),
    [
        ({}, True),
        ({"customer": "10002"}, False),
        ({"amount": 2999}, False),
        ({"currency": "SEK"}, False),
        ({"cash_account": "1920"}, False),
        ({"status": "Voided"}, False),
        ({"kind": "Prepayment"}, False),
    ],
)
def test_a_payment_that_looks_like_a_posting_and_is_nobodys_stops_it(run, held, alike):
    run.reads.documents = OPEN
    run.erp.hold("400001", "somebody's", **held)
    note = "payment 400001 has the same customer, amount and account, but no reference of ours"
    assert (run.send(POSTING)[0] == ("quarantined", "P1", None, note)) is alike
    run.erp.asked.clear()


def test_a_payment_of_ours_that_looks_like_a_posting_stops_nothing(run):
    run.reads.documents = OPEN
    run.erp.hold("400001", "P0")
    run.know(replace(POSTING, reference="P0", source="e0:10001"), "confirmed")
    assert run.send(POSTING)[-1][0] == "confirmed"


def test_look_ups_begin_with_the_earliest_fact_and_at_go_live_where_the_journal_may_have_forgotten(run):
    run.reads.documents = OPEN
    early = replace(POSTING, reference="P2", details={**POSTING.details, "value_date": "2025-12-30"})
    run.send(POSTING, early, SETTLEMENT)
    asked = [each for each in run.erp.asked if each[0] in ("posted_payments", "posted_vouchers")]
    assert asked == [("posted_payments", date(2025, 12, 30)), ("posted_vouchers", DAY - timedelta(days=40))]
    run.journal.distrust(run.clock.now(), 1)
    run.journal.landed(run.clock.now())
    run.clock.sleep(HALF_A_DAY.total_seconds())
    run.erp.asked.clear()
    other = replace(POSTING, reference="P3")
    run.send(other, replace(SETTLEMENT, reference="S3"))
    asked = [each[1] for each in run.erp.asked if each[0] in ("posted_payments", "posted_vouchers")]
    assert asked == [SETTINGS.go_live] * 2


def test_nothing_is_sent_when_a_look_up_fails(run):
    run.agency.fails["find"] = [Transient("timeout")]
    with pytest.raises(NothingSent, match=r"^the counterparties could not be asked what they hold: timeout$"):
        run.send(REDUCTION)


# -- unknown outcomes


def settle(run, after=timedelta(0)):
    run.clock.sleep(after.total_seconds())
    run.begun = run.journal.seq()
    run.facts = replace(run.facts, night=NIGHT + (run.clock.now() - AT) // timedelta(days=1) * timedelta(days=1))
    run.dispatcher().settle()
    return run.log()


@pytest.mark.parametrize(
    ("effect", "held", "log"),
    [
        (REDUCTION, HELD, ("confirmed", "R1", "x1", "found at the agency")),
        (REDUCTION, replace(HELD, amount=999), ("quarantined", "R1", "x1", "found with other content")),
        (TRANSFER, CLAIM_HELD, ("confirmed", "T1", "c1", "found at the agency")),
    ],
)
def test_an_unknown_outcome_is_what_the_agency_holds(run, effect, held, log):
    run.know(effect, "intent", "uncertain")
    run.agency.held = {held.reference: held}
    assert settle(run) == [log]
    assert run.agency.asked == [("find", effect.reference)]


def test_an_unknown_outcome_in_the_erp_is_what_it_holds(run):
    run.know(POSTING, "intent", "uncertain")
    run.know(SETTLEMENT, "intent", "uncertain")
    run.erp.hold("500001", "P1", status="Hold")
    run.erp.vouchers = {"600001": PostedVoucher("600001", "S1", "Open", "NOK", (VoucherLine(SUSPENSE, -100000, ""),))}
    assert settle(run) == [
        ("created", "P1", "500001", "found in the ERP"),
        ("confirmed", "S1", "600001", "found in the ERP"),
    ]


def test_an_unknown_outcome_is_missed_on_two_nights_before_it_is_absent(run):
    run.know(REDUCTION, "intent", "uncertain")
    assert settle(run, HALF_A_DAY - timedelta.resolution) == []
    assert run.journal.effect("R1").misses == 0
    assert settle(run, timedelta.resolution) == []
    assert run.journal.effect("R1").misses == 1
    assert settle(run, timedelta(hours=1)) == []
    assert settle(run, HALF_A_DAY) == [("absent", "R1", None, "not found on two nights after 1 tries")]
    assert run.journal.effect("R1").night == NIGHT + timedelta(days=1)


def test_after_three_tries_an_unknown_outcome_is_left_to_a_person(run):
    for tries in (1, 2, 3):
        run.know(REDUCTION, "intent", "uncertain")
        settle(run, timedelta(days=1))
        state = "quarantined" if tries == 3 else "absent"
        assert settle(run, timedelta(days=1)) == [(state, "R1", None, f"not found on two nights after {tries} tries")]


def test_states_are_not_looked_up_and_nothing_is_asked_where_nothing_is_unknown(run):
    run.know(HOLD, "intent", "uncertain")
    assert settle(run, timedelta(days=3)) == []
    assert run.agency.asked == run.erp.asked == []


def test_look_ups_of_unknown_outcomes_reach_back_to_the_oldest_intent(run):
    late = replace(POSTING, details={**POSTING.details, "value_date": "2026-02-05"})
    run.know(late, "intent", "uncertain")
    run.clock.sleep(timedelta(days=2).total_seconds())
    run.know(replace(late, reference="P2"), "intent", "uncertain")
    settle(run)
    assert run.erp.asked == [("posted_payments", NIGHT)]


@pytest.mark.parametrize(
    ("status", "reference", "nights"),
    [
        ("Balanced", "P1", [[], []]),
        (None, None, [[], [("absent", "P1", None, "deleted in the ERP")]]),
        ("Open", "X", [[], [("absent", "P1", None, "deleted in the ERP")]]),
    ],
)
def test_what_was_created_and_is_gone_on_two_nights_was_deleted(run, status, reference, nights):
    run.know(POSTING, "intent")
    run.know(POSTING, "created", remote_id="500001")
    if status:
        run.erp.hold("500001", reference, status=status)
    assert [settle(run, timedelta(days=1)) for _ in nights] == nights


@pytest.mark.parametrize(
    ("status", "reference", "log"),
    [
        ("Open", "S1", [("confirmed", "S1", None, "released by a person")]),
        ("Closed", "S1", [("confirmed", "S1", None, "released by a person")]),
        ("Balanced", "S1", []),
    ],
)
def test_a_draft_that_a_person_released_is_booked(run, status, reference, log):
    run.know(SETTLEMENT, "intent")
    run.know(SETTLEMENT, "created", remote_id="600001")
    run.erp.vouchers = {"600001": PostedVoucher("600001", reference, status, "NOK", ())}
    assert settle(run) == log


@pytest.mark.parametrize("status", ["Balanced", "Hold", "Open", "Closed"])
def test_a_voucher_that_a_person_gave_another_reference_is_not_gone_and_is_not_made_again(run, status):
    run.know(SETTLEMENT, "intent")
    run.know(SETTLEMENT, "created", remote_id="600001")
    run.erp.vouchers = {"600001": PostedVoucher("600001", "X", status, "NOK", ())}
    renamed = "stands in the ERP and no longer bears its reference"
    assert settle(run) == [("quarantined", "S1", None, renamed)]
    assert settle(run, timedelta(days=1)) == []


def test_what_was_given_another_reference_right_before_its_release_is_not_released(run):
    run.know(SETTLEMENT, "intent")
    run.know(SETTLEMENT, "created", remote_id="600001")
    run.erp.vouchers = {"600001": PostedVoucher("600001", "X", "Balanced", "NOK", ())}
    assert run.send(SETTLEMENT) == [
        ("quarantined", "S1", "600001", "stands in the ERP and no longer bears its reference")
    ]
    assert "release_voucher" not in [name for name, *_ in run.erp.asked]


# -- what may be sent at all


def test_nothing_is_written_while_a_person_has_paused_or_a_new_journal_is_quiet(run):
    run.journal.pause(True, "person", AT)
    with pytest.raises(NothingSent, match=r"^writing is paused; `cloudcollect resume` starts it again$"):
        run.send(REDUCTION)
    run.journal.pause(False, "person", AT)
    run.journal.distrust(AT, 1)
    run.journal.landed(AT)
    quiet = (
        "^the journal is new or restored: nothing is written until 12 hours after both "
        "counterparties were first asked what they hold$"
    )
    with pytest.raises(NothingSent, match=quiet):
        run.send(REDUCTION)
    run.clock.sleep(HALF_A_DAY.total_seconds())
    assert run.dispatcher().refusal() is None


def test_a_plan_that_is_not_there_or_is_not_what_it_was_is_not_sent(run):
    with pytest.raises(NothingSent, match=r"^there is no plan aaaaaaaaaaaa in the journal$"):
        run.dispatcher().dispatch("a" * 64)
    name = run.store(REDUCTION)
    run.facts = replace(run.facts, tenant="t2")
    words = (
        f"^plan {name[:12]} is not what it was when it was stored, or another company's: make a new one, "
        "and find out who changed the journal$"
    )
    with pytest.raises(NothingSent, match=words):
        run.dispatcher().dispatch(name)


def test_a_dispatch_sends_only_the_kinds_it_was_told(run):
    run.reads.documents = OPEN
    assert {each[1] for each in run.send(REDUCTION, POSTING, kinds=[Kind.POSTING])} == {"P1"}
    before = len(run.agency.asked)
    assert run.send(REDUCTION, kinds=[Kind.VOID]) == []
    assert len(run.agency.asked) == before


@pytest.mark.parametrize(
    ("states", "after", "again"),
    [
        (("intent", "confirmed"), timedelta(days=9), False),
        (("intent", "uncertain"), timedelta(days=9), False),
        (("intent", "uncertain", "quarantined"), timedelta(days=9), False),
        (("intent", "rejected"), HALF_A_DAY, True),
        (("intent", "rejected"), HALF_A_DAY - timedelta.resolution, False),
        (("intent", "later"), HALF_A_DAY, True),
        (("dropped",), timedelta(0), True),
    ],
)
def test_a_reference_is_sent_again_when_its_last_try_is_over_for_half_a_day(run, states, after, again):
    run.know(REDUCTION, *states)
    run.clock.sleep(after.total_seconds())
    assert bool(run.send(REDUCTION)) is again


def test_what_was_created_is_finished_where_that_can_be(run):
    run.know(replace(CASE, kind=Kind.CASE_REFERENCE), "intent", "created")
    assert run.send(CASE) == []


# -- the guard


def test_what_the_guard_refuses_is_dropped_with_why(run):
    run.reads.listed = {"c1": {**CLAIM, "status": "WITHDRAWN"}}
    assert run.send(REDUCTION) == [("dropped", "R1", None, "the claim has ended")]
    assert run.result.as_json() == counted("reduction", "dropped", 1000)
    assert run.progress == ["reduction Invoice 1 10,00: dropped (the claim has ended)"]


def test_nothing_of_a_group_is_sent_when_the_guard_cannot_read(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 3
    assert run.send(*several(REDUCTION, 2)) == [
        ("dropped", "R1", None, "the guard could not read: timeout"),
        ("dropped", "R2", None, "the guard could not read: timeout"),
    ]
    run.reads.fails["changed_entries"] = [Transient("timeout")]
    assert run.send(POSTING) == [("dropped", "P1", None, "the guard could not read: timeout")]


def test_what_cannot_be_read_keeps_nothing_else_from_being_sent(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 2  # all three, then the first alone
    assert [entry[:2] for entry in run.send(*several(REDUCTION, 3)) if entry[0] != "intent"] == [
        ("dropped", "R1"),
        ("confirmed", "R2"),
        ("confirmed", "R3"),
    ]


def test_a_lane_is_not_taken_apart_for_what_another_one_cannot_read(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 2  # all four, then the first alone
    alone, first, second, last = several(REDUCTION, 4)
    first, second = (replace(effect, chain="c", lane="c") for effect in (first, second))
    confirmed = [entry[1] for entry in run.send(alone, first, second, last) if entry[0] == "confirmed"]
    assert confirmed == ["R2", "R3", "R4"]
    assert len([each for each in run.reads.asked if each[0] == "claims"]) == 3


def test_what_comes_after_something_unread_in_its_chain_is_not_sent_before_it(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 2
    first, second = (replace(effect, chain="c") for effect in several(REDUCTION, 2))
    assert run.send(first, second) == [("dropped", "R1", None, "the guard could not read: timeout")]
    assert [code for code, *_ in run.findings()] == ["EFFECT_BLOCKED"]


def test_where_nothing_can_be_read_groups_are_not_taken_apart_for_ever(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 1000
    dropped = run.send(*several(REDUCTION, 300))
    assert Counter(entry[0] for entry in dropped) == {"dropped": 300}
    assert len(run.reads.fails["claims"]) > 1000 - 40


def nights_ago(run, days):
    run.journal.db.execute("update effect set night = ?", ((NIGHT - timedelta(days=days)).isoformat(),))


@pytest.mark.parametrize(("days", "told"), [(0, False), (1, True), (7, True), (8, False)])
def test_what_was_not_sent_on_a_night_of_the_last_week_either_is_a_finding(run, days, told):
    run.reads.fails["claims"] = [Transient("timeout")] * 2
    run.send(REDUCTION)
    assert run.findings() == []
    nights_ago(run, days)
    run.send(REDUCTION)
    text = (
        f"reduction of 10,00 for Invoice 1 was not sent, nor was it in the night of {NIGHT - timedelta(days=days)}: "
        "the guard could not read: timeout"
    )
    assert run.findings() == ([("EFFECT_NOT_SENT", "R1", text, 1000)] if told else [])


def test_what_the_agency_did_not_take_on_two_nights_is_a_finding(run):
    run.agency.fails["create_reduction"] = [NotSent("429")] * 2
    run.send(REDUCTION)
    run.clock.sleep(24 * 3600)
    nights_ago(run, 1)
    run.send(REDUCTION)
    assert [found[:2] for found in run.findings()] == [("EFFECT_NOT_SENT", "R1")]


def test_one_reason_that_keeps_many_waiting_is_told_once(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 100
    run.send(*several(REDUCTION, 6))
    nights_ago(run, 1)
    run.send(*several(REDUCTION, 6))
    text = "6 effects of this kind were not sent, nor were they earlier this week: the guard could not read: timeout"
    assert run.findings() == [("EFFECT_NOT_SENT", "kind reduction", text, None)]


def test_reasons_that_keep_many_of_a_kind_waiting_are_all_told(run):
    effects = several(REDUCTION, 13)
    for _ in range(2):
        run.agency.fails["create_reduction"] = [NotSent("no connection")] * 6 + [NotSent("429")] * 7
        run.send(*effects)
        run.clock.sleep(24 * 3600)
        nights_ago(run, 1)
    [(_, subject, text, _)] = run.findings()
    assert subject == "kind reduction"
    assert "6 effects of this kind were not sent" in text
    assert "7 effects of this kind were not sent" in text


def test_what_was_not_sent_is_told_still_when_its_night_is_run_again(run):
    run.reads.fails["claims"] = [Transient("timeout")] * 3
    run.send(REDUCTION)
    run.journal.db.executescript("drop trigger event_is_append_only_update")
    run.journal.db.execute("update event set data = json_set(data, '$.night', ?)", (str(NIGHT - timedelta(days=1)),))
    nights_ago(run, 1)
    for _ in range(2):
        run.send(REDUCTION)
        assert [found[:2] for found in run.findings()] == [("EFFECT_NOT_SENT", "R1")]


@pytest.mark.parametrize("column", ["entry_id", "reverses", "root"])
def test_an_entry_that_changed_since_the_plan_is_not_posted(run, column):
    run.reads.documents = OPEN
    run.reads.news = [{"entry_id": "x", "reverses": "", "root": "", column: "e1"}]
    assert run.send(POSTING) == [("dropped", "P1", None, "the entry changed since the plan")]
    assert ("changed_entries", 3) in run.reads.asked


@pytest.mark.parametrize(("takes", "looks"), [([20], 1), ([21, 1], 2), ([21, 21], 2)])
def test_a_look_at_the_entries_that_takes_long_is_taken_twice(run, takes, looks):
    run.reads.documents, run.reads.looks = OPEN, list(takes)
    assert run.send(POSTING)[-1] == ("confirmed", "P1", "500001", "")
    assert [each for each in run.reads.asked if each[0] == "changed_entries"] == [("changed_entries", 3)] * looks


def test_what_exists_is_never_dropped(run):
    run.know(POSTING, "intent")
    run.know(POSTING, "created", remote_id="500001")
    run.reads.news = [{"entry_id": "e1", "reverses": "", "root": ""}]
    assert run.send(POSTING) == [("created", "P1", None, "the entry changed since the plan")]


def test_a_read_is_good_for_a_minute(run):
    run.reads.takes = timedelta(seconds=60)
    assert run.send(REDUCTION)[-1][0] == "confirmed"
    run.reads.takes = timedelta(seconds=60, microseconds=1)
    other = replace(REDUCTION, reference="R2")
    assert run.send(other) == [("dropped", "R2", None, "the guard's read took more than a minute")]


def test_what_a_slow_agency_keeps_waiting_is_read_again_in_the_same_night(run):
    create = run.agency.create_reduction

    def slowly(reduction):
        run.clock.sleep(61)
        return create(reduction)

    run.agency.create_reduction = slowly
    assert [each[0] for each in run.send(*several(REDUCTION, 3))] == ["intent", "confirmed"] * 3
    assert len([each for each in run.reads.asked if each[0] == "claims"]) == 3


def test_an_effect_whose_read_grew_old_on_the_way_is_sent_later(run):
    run.facts = facts(policy={"attach_pdf": True})
    read = run.erp.pdf

    def slowly(key):
        run.clock.sleep(61)
        return read(key)

    run.erp.pdf = slowly
    assert run.send(TRANSFER)[-1] == ("later", "T1", None, "the guard's read grew too old on the way")
    assert run.written() == []


def test_a_person_who_pauses_stops_what_is_under_way(run):
    create = run.agency.create_reduction

    def and_pause(reduction):
        run.journal.pause(True, "person", AT)
        return create(reduction)

    run.agency.create_reduction = and_pause
    assert [each[1] for each in run.send(*several(REDUCTION, 50))] == ["R1", "R1"]


def test_a_kind_is_guarded_some_at_a_time_and_lanes_are_never_split(run):
    effects = several(REDUCTION, 41)
    effects[39] = replace(effects[39], lane="R41")
    run.send(*effects, replace(HOLD, lane="R41"))
    sizes = [len(each) - 1 for each in run.reads.asked if each[0] == "claims"]
    assert sizes == [1, 1]
    assert len(run.written()) == 41


def test_a_night_of_many_looks_up_again_after_ten_minutes(run):
    create = run.agency.create_reduction

    def slowly(reduction):
        run.clock.sleep(16)
        return create(reduction)

    run.agency.create_reduction = slowly
    run.send(*several(REDUCTION, 81))
    assert len([each for each in run.agency.asked if each[0] == "find"]) == 3


UNREAD = "its customer or its amounts could not be read again"
LEFT_OPEN = {"principal_open": None}
TRANSFERS: list[tuple[dict, dict, str]] = [
    ({}, {"verdicts": {}}, "the ERP no longer lists it"),
    ({"failed": ["OPEN", "NOT_DISPUTED"]}, {}, "no longer passes OPEN, NOT_DISPUTED"),
    ({}, {"debtors": {}}, UNREAD),
    ({}, {"documents": {"1": RECEIVABLE | {"amount": None}}}, UNREAD),
    ({}, {"documents": {"1": RECEIVABLE | {"balance": None}}}, UNREAD),
    ({"balance": Decimal(59)}, {}, "the balance changed since the plan"),
    ({}, {"settled": {"Invoice 1": {"Payment 5": 3999}}}, "its applications do not add up to amount minus balance"),
    ({}, {"settled": {}}, "its applications do not add up to amount minus balance"),
]


@pytest.mark.parametrize(("verdict", "read", "note"), TRANSFERS)
def test_a_transfer_is_dropped_by_what_was_just_read(run, verdict, read, note):
    run.reads.verdicts = {"Invoice 1": VERDICT | verdict}
    for name, value in read.items():
        setattr(run.reads, name, value)
    good = replace(TRANSFER, reference="T2", source="Invoice 2", chain="T2", lane="Invoice 2")
    good = replace(good, content=replace(TRANSFER.content, document="Invoice 2"))
    good = replace(good, details={**TRANSFER.details, "number": "2"})
    run.reads.documents = {**run.reads.documents, "2": RECEIVABLE | {"number": "2", "customer": "10002"}}
    run.reads.verdicts = {**run.reads.verdicts, "Invoice 2": VERDICT}
    run.reads.settled = {**run.reads.settled, "Invoice 2": {"Payment 5": 4000}}
    run.reads.debtors = {**run.reads.debtors, "10002": replace(DEBTOR, number="10002")}
    log = run.send(TRANSFER, good)
    assert log[0] == ("dropped", "T1", None, note)
    assert log[1:] == sent(good, "claim of T2")


REDUCTIONS: list[tuple[dict, dict, str]] = [
    ({}, {"listed": {}}, "the agency no longer lists the claim"),
    (LEFT_OPEN, {}, "the agency no longer lists the claim"),
    *(({"status": status}, {}, "the claim has ended") for status in ("WITHDRAWN", "REJECTED", "MERGED")),
    ({"hold": "RECALLED"}, {}, "the claim has ended"),
    ({"principal_open": Decimal(59)}, {}, "the agency's open principal changed since the plan"),
    ({}, {"documents": {"1": RECEIVABLE | {"balance": Decimal(59)}}}, "the balance changed since the plan"),
    ({}, {"documents": {"1": RECEIVABLE | {"balance": None}}}, "the balance changed since the plan"),
    ({}, {"documents": {}}, "the balance changed since the plan"),
]


@pytest.mark.parametrize(("claim", "read", "note"), REDUCTIONS)
def test_a_reduction_is_dropped_by_what_was_just_read(run, claim, read, note):
    run.reads.listed = {"c1": CLAIM | claim}
    for name, value in read.items():
        setattr(run.reads, name, value)
    assert run.send(REDUCTION) == [("dropped", "R1", None, note)]


DISPUTED = VERDICT | {"failed": ["NOT_DISPUTED"]}


@pytest.mark.parametrize(
    ("verdicts", "listed", "note"),
    [
        ({}, {"c1": CLAIM}, "its receivable could not be read again"),
        (
            {"Invoice 1": DISPUTED | {"due_date": None}},
            {"c1": CLAIM},
            "its receivable could not be read again",
        ),
        ({"Invoice 1": DISPUTED}, {}, "the agency no longer lists the claim"),
        ({"Invoice 1": DISPUTED}, {"c1": CLAIM | LEFT_OPEN}, "the agency no longer lists the claim"),
        ({"Invoice 1": VERDICT}, {"c1": CLAIM}, "it should now be NONE: no longer held"),
    ],
)
def test_a_hold_is_dropped_by_what_was_just_read(run, verdicts, listed, note):
    good = replace(HOLD, reference="H2", source="T2", chain="hold T2", lane="T2")
    good = replace(good, details={**HOLD.details, "claim_id": "c2", "document": "Invoice 2"})
    run.reads.verdicts = {**verdicts, "Invoice 2": DISPUTED}
    run.reads.listed = {**listed, "c2": CLAIM | {"claim_id": "c2"}}
    assert run.send(HOLD, good) == [("dropped", "H1", None, note), *sent(good, "c2")]
    assert ("must_stop", "10001") in run.reads.asked


@pytest.mark.parametrize(
    ("hold", "failed", "note"),
    [
        ("PAUSED", "NOT_DISPUTED", None),
        ("PAUSED", "CUSTOMER_NOT_EXCLUDED", None),
        ("RECALLED", "NOT_EXCLUDED", None),
        ("RECALLED", "CUSTOMER_NOT_EXCLUDED", "it should now be NONE: no longer held"),
        ("RECALLED", "ROUTED_HERE", "it should now be NONE: no longer held"),
        ("NONE", None, "its customer could not be read again"),
    ],
)
def test_of_a_customer_that_is_not_listed_what_is_mirrored_is_enough_for_a_pause_alone(run, hold, failed, note):
    answer = {"PAUSED": "pause", "RECALLED": "recall", "NONE": "pause"}[hold]
    policy = {"excluded_after_transfer": answer, "routed_away_after_transfer": answer}
    run.facts = facts(policy={"attach_pdf": False, **policy})
    run.reads.verdicts = {"Invoice 1": VERDICT | {"failed": [failed] if failed else [], "customer_listed": False}}
    run.reads.listed = {"c1": CLAIM | {"hold": "PAUSED" if hold == "NONE" else "NONE"}}
    effect = replace(HOLD, details={**HOLD.details, "hold": hold})
    assert run.send(effect) == ([("dropped", "H1", None, note)] if note else sent(effect, "c1"))


@pytest.mark.parametrize(
    ("verdicts", "listed", "note"),
    [
        ({}, {"c1": CLAIM}, "its receivable could not be read again"),
        ({"Invoice 1": DISPUTED}, {}, "the agency no longer lists the claim"),
    ],
)
def test_a_hold_that_cannot_be_judged_keeps_no_other_from_being_judged(run, verdicts, listed, note):
    second = replace(HOLD, reference="H2", source="T2", chain="hold T2", lane="T2")
    second = replace(second, details={**HOLD.details, "claim_id": "c2", "document": "Invoice 2"})
    run.reads.verdicts = {**verdicts, "Invoice 2": VERDICT}
    run.reads.listed = {**listed, "c2": CLAIM | {"claim_id": "c2"}}
    now_none = "it should now be NONE: no longer held"
    assert run.send(HOLD, second) == [("dropped", "H1", None, note), ("dropped", "H2", None, now_none)]


TOLD = {"status": "PUBLISHED", "net": Decimal(0), **AMOUNTS}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"s1": TOLD | {"status": "CANCELLED"}},
        {"s1": TOLD | {"net": None}},
        {"s1": TOLD | {"net": Decimal(1)}},
    ],
)
def test_a_voucher_is_dropped_when_its_settlement_changed(run, told):
    run.reads.told = told
    assert run.send(SETTLEMENT) == [("dropped", "S1", None, "the settlement changed since the plan")]


def test_a_group_is_read_by_the_documents_claims_and_customers_that_it_rests_on(run):
    run.reads.documents = {"1": RECEIVABLE, "2": RECEIVABLE | {"number": "2", "customer": None}}
    second = replace(HOLD, reference="H2", lane="T2")
    second = replace(second, details={**HOLD.details, "claim_id": "c2", "document": "Invoice 2"})
    run.send(second, HOLD)
    assert run.reads.asked[1:] == [
        ("receivables", DocumentKey("Invoice", "1"), DocumentKey("Invoice", "2")),
        ("claims", "c1", "c2"),
        ("must_stop", "10001"),
    ]
