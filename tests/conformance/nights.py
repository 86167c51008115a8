"""Nights on which everything happens that makes the pipeline speak to its counterparties, told over real HTTP."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.sandbox.demo import NIGHTS
from cloudcollect_pipeline.sandbox.erp import DocumentType
from cloudcollect_pipeline.sandbox.erp.ledger import Entry
from cloudcollect_pipeline.sandbox.serve import Servers
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.testing.simulation.network import NOWHERE
from tests.conformance.openapi import Exchange
from tests.conformance.recorder import Recorder
from tests.story import Story, world_transport


class Recorded(Story):
    """A story that is taken down word by word."""

    def __init__(self, data: Path, world: World, servers: Servers) -> None:
        super().__init__(data, world=world, servers=servers, attach_pdf=True, debit_notes=True)
        self.servers = servers
        self.recorder = Recorder(httpx.HTTPTransport())
        self.transport = self.recorder

    def with_erp(self) -> list[Exchange]:
        """What was said to the ERP and its token endpoint."""
        return self.recorder.with_origin(self.servers.erp_url)

    def with_agency(self) -> list[Exchange]:
        """What was said to the agency."""
        return self.recorder.with_origin(self.servers.agency_url)

    def settle(self):
        return self.agency.settle(self.slug, self.world.today, expenses=400)


def everything(story: Recorded) -> None:
    """Receivables of every kind, money on both sides, second thoughts, a settlement and what people do meanwhile."""
    hand_over_every_kind(story)
    money_arrives_on_both_sides(story)
    people_change_their_minds(story)
    releases_fail(story)
    the_agency_settles(story)
    story.night()
    story.assert_mirrored()
    story.assert_ties()


def hand_over_every_kind(story: Recorded) -> None:
    """Invoices with their PDFs and a debit note; an overdue charge stays; one transfer's answer is lost."""
    for _ in range(4):
        customer = story.customer(business=True, organisation_number="923609016")
        story.receivable(6000, customer=customer)
        story.receivable(6000, customer=customer)
    story.receivable(5000, document_type=DocumentType.DEBIT_NOTE)
    story.receivable(1400, document_type=DocumentType.OVERDUE_CHARGE)
    story.world.agency_faults.add("lost_after", "POST", r"/claims$")
    story.night()
    story.agency.tick()
    story.night()  # the lost one is found, and case numbers reach the invoices
    assert all(document.case_number for document in story.erp.documents(DocumentType.INVOICE))


def money_arrives_on_both_sides(story: Recorded) -> None:
    """Payments to the creditor on every kind of document, a credit note, a write-off; payments to the agency."""
    a, b, c, *_ = story.erp.documents(DocumentType.INVOICE)
    [debit_note] = story.erp.documents(DocumentType.DEBIT_NOTE)
    [charge] = story.erp.documents(DocumentType.OVERDUE_CHARGE)
    story.erp.pay(a, 2000)
    story.erp.pay(debit_note, 1000)
    story.erp.pay(charge, 400)
    story.erp.match(story.erp.credit_note(b.customer, 1500), b, 1500)
    story.erp.write_off(c, 50)
    story.erp.receive(c.customer, 700)
    story.collect(c, 2000, interest=100, fees=300)
    story.agency.receive_many({story.claim(a): 1000, story.claim(b): 3000}, on=story.world.today)
    story.night()


def people_change_their_minds(story: Recorded) -> None:
    """Money is taken back on both sides; an exclusion, a dispute, a new address, a question, a new case number."""
    a, b, _, d, e, f, *_ = story.erp.documents(DocumentType.INVOICE)
    entries = story.agency.account(story.slug).entries.values()
    *_, paid = (entry for entry in entries if entry.kind == "AGENCY_PAYMENT")
    story.agency.reverse(paid)
    story.erp.void(a.settled_by[0].paying)
    story.erp.exclude(b, True)
    story.agency.dispute(story.claim(e))
    case = story.claim(f).case
    assert case is not None
    story.agency.rekey(case)
    question = story.agency.question(story.claim(d), "Which contract?")
    story.erp.change_customer(e.customer, address="Nygata 2")
    story.night()
    story.decide("AGENCY_ASKS", "answer Contract 7", question.id)
    story.erp.exclude(b, False)
    story.night()


def releases_fail(story: Recorded) -> None:
    """A posting left as a draft and finished the next night; one for a period that was closed in the meantime."""
    *_, g, h = story.erp.documents(DocumentType.INVOICE)
    story.erp.fail_next_release("the period is being closed")
    story.collect(g, 2500)
    story.night()
    story.night()
    month = story.world.today
    story.collect(h, 500)
    story.morning(32)
    story.erp.close_period(f"{month:%Y%m}")
    story.night()


def the_agency_settles(story: Recorded) -> None:
    """A voucher that cannot be released at once, its payout, and a settlement that is cancelled."""
    story.erp.fail_next_release("the ledger is being closed")
    settlement = story.settle()
    story.night()
    story.night()
    story.world.pay_out(story.slug, settlement)
    *_, h = story.erp.documents(DocumentType.INVOICE)
    story.collect(h, 100)
    story.night()
    cancelled = story.settle()
    story.night()
    story.agency.cancel_settlement(cancelled)
    story.night()


def the_demo(story: Recorded) -> None:
    """The nights of the demo company: a thousand invoices in every condition, an outage and one run to catch up."""
    for night in NIGHTS:
        story.world.advance(night.at)
        if not night.missed:
            story.night(same_night=True)
    story.assert_ties()


def one_of_each(world: World) -> None:
    """A few documents of every kind in the ERP, without a night."""
    [slug] = world.companies
    books = world.erp(slug)
    for _ in range(2):
        books.add_customer(name="Debtor")
    books.add_customer(name="Child", parent="10001")
    for kind in (DocumentType.INVOICE, DocumentType.DEBIT_NOTE, DocumentType.OVERDUE_CHARGE):
        books.invoice("10001", 100_00, document_type=kind)
    invoice = books.document("100001")
    books.match(books.credit_note("10001", 10_00), invoice, 5_00)
    books.pay(invoice, 10_00, write_off=1_00)
    books.draft_payment("10001", 2_00)
    books.voucher(world.today, "", [Entry("1515", 1, vat_code="3"), Entry("1510", -1)])


def driven(story: Story, side: str, calls: Mapping[str, Callable[[Any], object]]) -> list[Exchange]:
    """What an adapter says when everything is asked of it that can be asked; refusals do not matter."""
    story.transport = recorder = Recorder(world_transport(story.world))
    with story.opened() as night:
        for call in calls.values():
            with suppress(CounterpartyError):
                call(getattr(night.connection, side))
    return recorder.with_origin(getattr(NOWHERE, f"{side}_url"))
