"""The adapters of this package put through their contracts, over sandbox servers on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from msgspec.structs import asdict

from cloudcollect_pipeline.agency.cloud_collect import CloudCollect
from cloudcollect_pipeline.agency.debitura import HEADER, Debitura
from cloudcollect_pipeline.agency.port import Debtor
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.erp.port import DocumentKey
from cloudcollect_pipeline.erp.visma_net import VismaNet, VismaNetSettings
from cloudcollect_pipeline.sandbox.serve import serve
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.testing.agency import AgencyContract, AgencyRig
from cloudcollect_pipeline.testing.erp import ErpContract, ErpRig
from cloudcollect_pipeline.testing.proxy import faulty_server
from cloudcollect_pipeline.web import BearerKey, ClientCredentials, HeaderKey, Web

START = datetime(2026, 1, 15, 9, tzinfo=OSLO)


class CloudCollectContract(AgencyContract):
    """The reference format."""

    @contextmanager
    def rig(self) -> Iterator[AgencyRig]:
        """A sandbox agency of its own."""
        world = World.empty(START)
        company, books = world.company(), world.agency
        claims = books.account(company.slug).claims

        def pay_out(claim_id: str) -> str:
            books.receive(claims[claim_id], 30_000, interest=1_000, fees=2_000)
            settled = books.settle(company.slug, expenses=500)
            return settled.id if settled else ""

        with (
            serve(world) as servers,
            faulty_server(servers.agency_url) as server,
            Web(server.url, BearerKey(company.api_key, server.url), clock=world.clock) as web,
        ):
            yield AgencyRig(
                CloudCollect.connect(web, "kit", page_size=3), server, books.tick, pay_out,
                lambda claim_id: books.question(claims[claim_id], "kit").id,
                lambda claim_id: Debtor(**asdict(claims[claim_id].order.debtor)),
            )  # fmt: skip


class DebituraContract(AgencyContract):
    """Debitura's Customer API."""

    @contextmanager
    def rig(self) -> Iterator[AgencyRig]:
        """A sandbox account of its own."""
        world = World.empty(START, agency="debitura")
        key = world.company().api_key
        with (
            serve(world) as servers,
            faulty_server(servers.agency_url) as server,
            Web(server.url, HeaderKey(HEADER, key, server.url), clock=world.clock) as web,
        ):
            yield AgencyRig(Debitura(web, "kit", world.clock), server, world.agency.tick)


class VismaNetContract(ErpContract):
    """Visma.net ERP."""

    @contextmanager
    def rig(self) -> Iterator[ErpRig]:
        """A sandbox company with one customer and one open invoice."""
        world = World.empty(START)
        company, books = world.company(), world.erp()
        customer = books.add_customer(
            name="Kit Debtor AS", address="Storgata 1", postal_code="0155", city="Oslo", business=True
        ).number
        invoice = books.invoice(customer, 500_000, START.date() - timedelta(days=60), date(2025, 12, 1))
        with serve(world) as servers, faulty_server(servers.erp_url) as server:
            tokens = server.url + urlsplit(servers.token_url).path
            credentials = ClientCredentials(
                tokens, company.client_id, company.client_secret, company.tenant_id,
                "vismanet_erp_service_api:create vismanet_erp_service_api:read vismanet_erp_service_api:update",
                server.url, world.clock,
            )  # fmt: skip
            settings = VismaNetSettings(company.suspense_cash_account, company.suspense_account, company.payment_method)
            with Web(server.url, credentials, clock=world.clock) as web:
                yield ErpRig(
                    VismaNet(web, company.tenant_id, settings), server, world.today, customer,
                    DocumentKey("Invoice", invoice.number), (company.suspense_account, "1920"),
                    put_clock=lambda ahead: setattr(books.settings, "clock_ahead", ahead),
                )  # fmt: skip
            credentials.close()
