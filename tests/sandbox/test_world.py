"""One clock, one seed: a world moves only when told to and is the same every time."""

import json
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cloudcollect_pipeline.domain.calendar import transferable_from
from cloudcollect_pipeline.domain.clock import NIGHT_AT
from cloudcollect_pipeline.domain.numbers import is_account_number, is_kid, is_organisation_number
from cloudcollect_pipeline.sandbox.agency.books import ClaimOrder, Debtor, ReductionOrder
from cloudcollect_pipeline.sandbox.debtors import account_number, debtor, organisation_number, stream
from cloudcollect_pipeline.sandbox.demo import COMPANY, NIGHTS, nights
from cloudcollect_pipeline.sandbox.erp import Document, DocumentType, Status
from cloudcollect_pipeline.sandbox.erp.ledger import Entry
from cloudcollect_pipeline.sandbox.faults import FaultKind
from cloudcollect_pipeline.sandbox.http import AnswerLost, Request, Response
from cloudcollect_pipeline.sandbox.world import Balances, World, local

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


# --- help ------------------------------------------------------------------------------------------------------------


def hand_over(world: World, document: Document) -> None:
    """What a transfer does to the agency's books."""
    owes = document.customer
    assert document.due is not None
    order = ClaimOrder(
        reference=f"T{document.number}",
        document_type=document.type.value,
        document_number=document.number,
        kid=document.kid,
        document_date=document.on,
        due_date=document.due,
        original_amount=document.amount,
        principal=document.balance,
        currency=document.currency,
        reminders_sent=0,
        last_reminder=None,
        debtor=Debtor(
            owes.number, owes.name, owes.business, owes.organisation_number, owes.address, owes.postal_code, owes.city,
            owes.country, None, None,
        ),
    )  # fmt: skip
    world.agency.create_claim(COMPANY, order)


def overdue(world: World, day: date, grace_days: int = 14, banking_days: int = 1) -> list[Document]:
    """What a simple pipeline would transfer on a night."""
    return [
        document
        for document in world.erp().documents(DocumentType.INVOICE)
        if document.status is Status.OPEN
        and document.dunning_level
        and document.currency == "NOK"
        and document.customer.city
        and not (document.excluded or document.customer.excluded or document.revoked or document.case_number)
        and document.due is not None
        and transferable_from(document.due, grace_days, banking_days) <= day
        and world.agency.claim_for(COMPANY, document.number) is None
    ]


def token(world: World) -> str:
    company = world.company()
    form = {
        "grant_type": "client_credentials",
        "client_id": company.client_id,
        "client_secret": company.client_secret,
        "tenant_id": company.tenant_id,
        "scope": "vismanet_erp_service_api:read",
    }
    answer = world.erp_handler(Request.to("POST", "/connect/token", body=urlencode(form).encode()))
    return str(json.loads(answer.body)["access_token"])


def everything(world: World) -> list[Response]:
    """All pages of all listings of both counterparties."""
    answers: list[Response] = []
    erp = {"authorization": f"Bearer {token(world)}"}
    for name in ("customer", "customerinvoice", "customerDebitNote", "customerOverdueCharge", "customerCreditNote"):
        answers += pages(world, f"/v1/{name}", erp)
    answers += pages(world, "/v1/customerPayment", erp)
    agency = {"authorization": f"Bearer {world.company().api_key}"}
    for name in ("claims", "cases", "entries", "settlements"):
        answers.append(world.agency_handler(Request.to("GET", f"/v1/{name}?limit=1000", agency)))
    return answers


def pages(world: World, path: str, headers: dict[str, str]) -> list[Response]:
    answers: list[Response] = []
    while not answers or json.loads(answers[-1].body):
        target = f"{path}?pageNumber={len(answers) + 1}&pageSize=500"
        answers.append(world.erp_handler(Request.to("GET", target, headers)))
        assert answers[-1].status == 200
    return answers


def play(world: World) -> World:
    """The demo's nights with a pipeline that only hands over."""
    for night in NIGHTS:
        world.advance(night.at)
        if not night.missed:
            for document in overdue(world, night.date):
                hand_over(world, document)
    world.advance(NIGHTS[-1].at + timedelta(days=1))
    return world


@pytest.fixture(scope="module")
def demo() -> World:
    return World.demo()


@pytest.fixture(scope="module")
def played() -> World:
    return play(World.demo())


# --- time ------------------------------------------------------------------------------------------------------------


def test_time_moves_only_by_advance() -> None:
    world = World.empty(START)
    everything(world)
    assert world.now == START
    world.advance(START + timedelta(hours=5))
    assert world.now == START + timedelta(hours=5)


def test_time_does_not_go_back_and_needs_a_zone() -> None:
    world = World.empty(START)
    with pytest.raises(ValueError, match="does not go back"):
        world.advance(START - timedelta(seconds=1))
    with pytest.raises(ValueError, match="zone"):
        world.advance(datetime(2026, 3, 3))  # noqa: DTZ001


def test_what_is_due_happens_in_order_and_at_its_moment() -> None:
    world = World.empty(START)
    seen: list[tuple[str, datetime]] = []

    def see(name: str) -> None:
        seen.append((name, world.now))

    for name, hours in (("late", 3), ("early", 1), ("also early", 1), ("not yet", 9)):
        world.schedule(START + timedelta(hours=hours), partial(see, name))
    world.advance(START + timedelta(hours=3))
    assert seen == [
        ("early", START + timedelta(hours=1)),
        ("also early", START + timedelta(hours=1)),
        ("late", START + timedelta(hours=3)),
    ]


def test_a_client_that_sleeps_on_the_clock_delays_what_is_due_but_never_turns_time_back() -> None:
    world = World.empty(START)
    seen: list[datetime] = []
    world.schedule(START + timedelta(seconds=10), lambda: seen.append(world.now))
    world.clock.sleep(60)
    world.advance(START + timedelta(seconds=90))
    assert seen == [START + timedelta(seconds=60)]


def test_a_daily_routine_keeps_its_local_hour_over_the_change_to_summer_time() -> None:
    world = World.empty(local(date(2026, 3, 28), time(0)))
    seen: list[datetime] = []
    world.daily(time(4), lambda _: seen.append(world.now))
    world.advance(local(date(2026, 3, 30), time(12)))
    assert [moment.hour for moment in seen] == [3, 2, 2]


def test_the_routines_dun_at_one_and_settle_on_fridays() -> None:
    friday = date(2026, 3, 6)
    world = World.empty(local(friday, time(0)))
    world.keep_house()
    customer = world.erp().add_customer()
    invoice = world.erp().invoice(customer, 100_000, on=friday - timedelta(days=28), due=friday - timedelta(days=14))
    world.advance(local(friday, time(1)))
    assert (invoice.dunning_level, invoice.dunning_date) == (1, friday)
    hand_over(world, invoice)
    claim = world.agency.claim_for(COMPANY, invoice.number)
    assert claim is not None
    world.advance(local(friday, time(14)))
    world.agency.receive(claim, 30_000)
    world.advance(local(friday, time(15)))
    (settlement,) = world.agency.account(COMPANY).settlements.values()
    assert (settlement.booking_date, settlement.principal) == (friday, 30_000)


# --- the same seed ---------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_world_byte_for_byte(played: World) -> None:
    assert everything(play(World.demo())) == everything(played)


def test_another_seed_gives_another_world() -> None:
    assert everything(World.demo(seed=8)) != everything(World.demo())


def test_credentials_differ_between_companies_and_are_the_same_in_every_world() -> None:
    one, two = (World.empty(START, ("nordlys", "fjordheim")) for _ in range(2))
    assert one.companies == two.companies
    nordlys, fjordheim = one.companies.values()
    assert nordlys.tenant_id != fjordheim.tenant_id
    assert nordlys.api_key != fjordheim.api_key
    assert nordlys.api_key not in repr(nordlys)


# --- debtors ---------------------------------------------------------------------------------------------------------


def test_numbers_of_debtors_are_valid_and_private_names_are_visibly_made_up() -> None:
    random = stream(7, "test")
    for number in range(200):
        assert is_organisation_number(organisation_number(random))
        assert is_account_number(account_number(random))
        private = debtor(random, f"{number}", business=False)
        assert private.name.startswith("Privatkunde ")
        assert private.organisation_number is None


# --- the demo --------------------------------------------------------------------------------------------------------


def test_the_demo_has_the_announced_size(demo: World) -> None:
    books = demo.erp()
    receivables = list(books.documents(DocumentType.INVOICE, DocumentType.DEBIT_NOTE))
    assert 240 <= len(books.customers) <= 300
    assert 950 <= len(receivables) <= 1_150
    assert demo.today == NIGHTS[0].date
    assert demo.now < NIGHTS[0].at


def test_the_demo_has_all_that_a_real_ledger_has(demo: World) -> None:
    books = demo.erp()
    documents = Counter((document.type, document.status) for document in books.documents())
    for kind, status in (
        (DocumentType.CREDIT_NOTE, Status.OPEN),
        (DocumentType.CREDIT_NOTE, Status.CLOSED),
        (DocumentType.PAYMENT, Status.OPEN),
        (DocumentType.PAYMENT, Status.BALANCED),
        (DocumentType.PAYMENT, Status.VOIDED),
        (DocumentType.DEBIT_NOTE, Status.OPEN),
        (DocumentType.OVERDUE_CHARGE, Status.OPEN),
    ):
        assert documents[kind, status], (kind, status)
    invoices = list(books.documents(DocumentType.INVOICE))
    assert {invoice.dunning_level for invoice in invoices} == {0, 1, 2, 3}
    assert {invoice.currency for invoice in invoices} == {"NOK", "EUR", "SEK"}
    assert any(0 < invoice.balance < invoice.amount for invoice in invoices)
    assert max(Counter(invoice.customer.number for invoice in invoices if invoice.balance).values()) > 2
    assert all(is_kid(invoice.kid) for invoice in invoices)
    names = "".join(customer.name + customer.address for customer in books.customers.values())
    assert set("æøåÆØÅ") <= set(names)


def test_about_forty_receivables_wait_for_the_first_night_and_ten_for_the_second(demo: World) -> None:
    world = World.demo()
    world.advance(NIGHTS[0].at)
    held_back = set(world.notable.values()) - {world.notable[name] for name in TRANSFERABLE}
    first = [document for document in overdue(world, NIGHTS[0].date) if document.number not in held_back]
    assert 35 <= len(first) <= 50
    assert {world.notable[name] for name in TRANSFERABLE} <= {document.number for document in first}
    for document in first:
        hand_over(world, document)
    world.advance(NIGHTS[1].at)
    second = [document for document in overdue(world, NIGHTS[1].date) if document.number not in held_back]
    assert 10 <= len(second) <= 15


TRANSFERABLE = ("paid_in_part", "credited_in_part", "payment_taken_back", "same_debtor_a", "same_debtor_b")


def test_every_situation_of_the_first_night_is_named(demo: World) -> None:
    books = demo.erp()
    found = {name: books.document(number) for name, number in demo.notable.items()}
    assert found["excluded"].excluded
    assert found["excluded_customer"].customer.excluded
    assert found["revoked"].revoked
    assert found["below_minimum"].balance < 10_000
    assert found["paid_in_part_below_minimum"].balance < 10_000 < found["paid_in_part_below_minimum"].amount
    assert found["foreign_currency"].currency == "EUR"
    assert found["debit_note"].type is DocumentType.DEBIT_NOTE
    assert found["dunning_fee"].type is DocumentType.OVERDUE_CHARGE
    assert found["case_elsewhere"].case_number
    assert [row.released for row in found["payment_not_released"].settled_by] == [False]
    assert not found["debtor_incomplete"].customer.address
    assert found["before_go_live"].on < demo.go_live <= found["paid_in_part"].on
    assert found["payment_taken_back"].balance == found["payment_taken_back"].amount
    dunned = [name for name, document in found.items() if document.type is DocumentType.INVOICE]
    assert all(found[name].dunning_level for name in dunned)


def test_on_the_second_night_seven_answers_get_lost_and_never_three_in_a_row() -> None:
    world = World.demo()
    world.advance(NIGHTS[1].at)
    handler = world.agency_faults.wrap(lambda request: Response(201))
    lost: list[bool] = []
    for _ in range(10):
        try:
            handler(Request("POST", "/v1/claims"))
            lost.append(False)
        except AnswerLost:
            lost.append(True)
    assert sum(lost) == 7
    assert not any(all(lost[place : place + 3]) for place in range(8))
    assert {fault.kind for fault in world.agency_faults.injected} == {FaultKind.LOST_AFTER}


def test_the_faults_of_the_second_night_are_over_by_the_third() -> None:
    world = World.demo()
    world.advance(NIGHTS[2].at)
    assert world.agency_faults.pending == 0


def test_the_story_has_payments_both_ways_and_second_thoughts(played: World) -> None:
    entries = list(played.agency.account(COMPANY).entries.values())
    kinds = Counter(entry.kind for entry in entries)
    assert kinds["AGENCY_PAYMENT"] >= 9 + 3
    assert kinds["REVERSAL"] == 1
    assert any(entry.principal != entry.amount for entry in entries if entry.kind == "AGENCY_PAYMENT")
    assert [bool(case.previous_numbers) for case in played.agency.account(COMPANY).cases.values()].count(True) == 1
    assert played.agency.account(COMPANY).settlements
    disputed = played.agency.claim_for(COMPANY, played.notable["disputed"])
    assert disputed is not None
    assert disputed.disputed
    assert played.erp().document(played.notable["excluded_after_transfer"]).excluded
    assert played.erp().document(played.notable["credit_note_matched"]).status is Status.CLOSED
    assert played.erp().document(played.notable["credit_note_unmatched"]).status is Status.OPEN


def test_the_agency_is_paid_in_the_story_only_what_it_has_open(played: World) -> None:
    for claim in played.agency.account(COMPANY).claims.values():
        assert 0 <= claim.principal_open <= claim.principal


def test_nights_are_consecutive_at_four_and_three_are_missed() -> None:
    assert [night.date for night in NIGHTS] == [NIGHTS[0].date + timedelta(days=day) for day in range(9)]
    assert [night.number for night in NIGHTS if night.missed] == [6, 7, 8]
    assert all(night.at == local(night.date, NIGHT_AT) for night in nights(date(2026, 10, 20)))


# --- the truth -------------------------------------------------------------------------------------------------------


def test_the_truth_counts_claims_postings_and_balances() -> None:
    world = World.empty(START)
    books = world.erp()
    invoice = books.invoice(books.add_customer(), 6_000)
    hand_over(world, invoice)
    claim = world.agency.claim_for(COMPANY, invoice.number)
    assert claim is not None
    world.agency.receive(claim, 2_000)
    truth = world.truth()[COMPANY]
    name = f"Invoice {invoice.number}"
    assert truth.claims == truth.live_claims == {name: 1}
    assert truth.unequal == {name: Balances(erp=6_000, agency=4_000)}
    assert (truth.unsettled_principal, truth.suspense_balance) == (2_000, 0)
    books.pay(invoice, 2_000, cash_account="1510", reference="OURS")
    truth = world.truth()[COMPANY]
    assert truth.postings == {"OURS": 1}
    assert truth.unequal == {}
    assert (truth.unsettled_principal, truth.suspense_balance) == (2_000, 2_000)


def test_the_truth_sees_what_was_done_twice() -> None:
    world = World.empty(START)
    books = world.erp()
    world.agency.settings.allow_duplicates = True
    invoice = books.invoice(books.add_customer(), 6_000)
    hand_over(world, invoice)
    assert world.truth()[COMPANY].double_effects == ()
    for _ in range(2):
        books.pay(invoice, 1_000, cash_account="1510", reference="OURS")
        books.voucher(None, "Settlement", [Entry("1510", -5, "", "VOUCHER"), Entry("1515", 5, "", "VOUCHER")])
    assert world.truth()[COMPANY].double_effects == ("OURS", "VOUCHER")
    books.void(next(iter(books.documents(DocumentType.PAYMENT))))
    assert world.truth()[COMPANY].double_effects == ("VOUCHER",)


# --- a real history --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disputes", [True, False])
def test_a_history_is_lived_to_its_end_by_a_pipeline_that_only_mirrors(shared: Path, disputes: bool) -> None:
    world = World.from_history(shared / "data" / "accounts-receivable-history.csv", disputes=disputes)
    books, agency = world.erp(), world.agency
    assert world.ends is not None
    seen_disputed = 0
    day = world.today
    while day <= world.ends + timedelta(days=1):
        world.advance(local(day, NIGHT_AT))
        for document in overdue(world, day, 0, 0):
            hand_over(world, document)
        mirror(world)
        seen_disputed += sum(claim.disputed for claim in agency.account(COMPANY).claims.values())
        day += timedelta(days=1)
    invoices = list(books.documents(DocumentType.INVOICE))
    assert len(invoices) == 2_466
    assert sum(invoice.amount for invoice in invoices) == 14_770_318
    assert books.document("0000611365").amount == 5_594
    assert {invoice.balance for invoice in invoices} == {0}
    truth = world.truth()[COMPANY]
    assert len(truth.claims) >= 400
    assert truth.unequal == {}
    assert agency.counts(COMPANY)["AGENCY_PAYMENT"] >= (10 if disputes else 50)
    assert bool(seen_disputed) == disputes
    assert not any(claim.disputed for claim in agency.account(COMPANY).claims.values())
    partly = [invoice for invoice in invoices if len(invoice.settled_by) == 2]
    assert 0.25 < len(partly) / len(invoices) < 0.4


def mirror(world: World) -> None:
    """Bring each side what it does not know of the other, as the simplest of pipelines would."""
    books, agency = world.erp(), world.agency
    for entry in agency.account(COMPANY).entries.values():
        if entry.kind == "AGENCY_PAYMENT" and not books.payments_with_reference(entry.id):
            claim = entry.lines[0].claim
            books.pay(claim.document_number, entry.principal, entry.value_date, "1510", entry.id)
    for claim in agency.account(COMPANY).claims.values():
        missing = claim.principal_open - books.document(claim.document_number).balance
        if missing:
            order = ReductionOrder(
                f"{claim.id}/{missing}", "DIRECT_PAYMENT", missing, "NOK", world.today, ("Payment", "1")
            )
            agency.create_reduction(COMPANY, claim.id, order)


def test_the_customer_tenant_gets_a_token_and_no_company():
    world = World.empty(datetime(2026, 1, 5, tzinfo=UTC))
    company = world.company()
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": company.client_id,
            "client_secret": company.client_secret,
            "tenant_id": world.customer_tenant,
            "scope": "vismanet_erp_service_api:read",
        }
    )
    token = json.loads(world.erp_handler(Request("POST", "/connect/token", body=form.encode())).body)["access_token"]
    answer = world.erp_handler(Request("GET", "/v1/customer", headers={"authorization": f"Bearer {token}"}))
    assert answer.status == 401


def test_answers_bear_the_date_of_their_server():
    world = World.empty(datetime(2026, 1, 5, tzinfo=UTC))
    ask = Request("GET", "/v1/capabilities")
    assert world.agency_handler(ask).headers["date"] == "Mon, 05 Jan 2026 00:00:00 GMT"
    world.skew = timedelta(hours=1)
    assert world.erp_handler(ask).headers["date"] == "Mon, 05 Jan 2026 01:00:00 GMT"
