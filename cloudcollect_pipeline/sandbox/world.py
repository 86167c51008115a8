"""The world: two counterparties, one clock, and everything that is going to happen.

Time stands still until `advance` moves it; on the way all that is due is played in order. Whatever happens is decided
by the seed and by what the pipeline does, so the same seed and the same calls give the same world, byte for byte.
"""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Self
from uuid import UUID

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import VirtualClock, night_of
from cloudcollect_pipeline.sandbox.agency import Agency, AgencyApi, Claim
from cloudcollect_pipeline.sandbox.agency import Settings as AgencySettings
from cloudcollect_pipeline.sandbox.agency.books import ENDED, Settlement
from cloudcollect_pipeline.sandbox.debitura import DebituraApi, debitura_settings
from cloudcollect_pipeline.sandbox.debtors import stream
from cloudcollect_pipeline.sandbox.erp import DocumentType, ErpApi, ErpCompany, ErpSettings, Status
from cloudcollect_pipeline.sandbox.erp.ledger import Entry as BankEntry
from cloudcollect_pipeline.sandbox.faults import Faults
from cloudcollect_pipeline.sandbox.http import Handler, Request, Response

Action = Callable[[], object]

AGENCIES: Mapping[str, tuple[Callable[..., AgencyApi | DebituraApi], Callable[[], AgencySettings]]] = {
    "cloud_collect": (AgencyApi, AgencySettings),
    "debitura": (DebituraApi, debitura_settings),
}
"""Adapter -> the contract over the agency's books, and how such an agency works."""

CLIENT_ID = "isv_cloudcollect_sandbox"
"""One application for all companies, as at the vendor."""

DUNNING_AT = time(1)
AGENCY_AT = time(2)
SETTLEMENT_AT = time(15)
PAYOUT_AT = time(9)
FRIDAY = 4


@dataclass(frozen=True)
class Company:
    """One creditor: who it is at both counterparties, and the accounts the pipeline works with."""

    slug: str
    name: str
    tenant_id: str
    client_id: str
    client_secret: str
    api_key: str
    agency_id: str = "inkasso"
    suspense_cash_account: str = "1510"
    suspense_account: str = "1510"
    payment_method: str = "4"
    payout_clearing: str = "1515"

    def __repr__(self) -> str:
        return f"Company({self.slug}, ***)"


@dataclass(frozen=True)
class Balances:
    """What is open on one transferred receivable on each side, in øre: equal when the ledger is mirrored."""

    erp: int
    agency: int


@dataclass(frozen=True)
class Truth:
    """What a test may ask the world about one company; amounts in øre.

    `claims` counts all claims ever taken in per document, `live_claims` those that have not ended. `postings` counts
    the payments on the suspense account that are not voided, and `vouchers` the vouchers, per reference. `balances`
    has the transferred receivables whose claim has not ended, as far as the ERP has them. A document is written
    `type number`.
    """

    claims: dict[str, int]
    live_claims: dict[str, int]
    postings: dict[str, int]
    vouchers: dict[str, int]
    balances: dict[str, Balances]
    unsettled_principal: int
    suspense_balance: int

    @property
    def double_effects(self) -> tuple[str, ...]:
        """Documents with two live claims and references carried out twice."""
        counted = (*self.live_claims.items(), *self.postings.items(), *self.vouchers.items())
        return tuple(name for name, times in counted if name and times > 1)

    @property
    def unequal(self) -> dict[str, Balances]:
        """Transferred receivables on which the two sides differ."""
        return {name: balances for name, balances in self.balances.items() if balances.erp != balances.agency}


class World:
    """Per-company ERP books, the agency's books, their two HTTP contracts and the clock they share."""

    def __init__(
        self,
        start: datetime,
        companies: Sequence[str] = ("nordlys",),
        seed: int = 7,
        *,
        erp_settings: ErpSettings | None = None,
        agency_settings: AgencySettings | None = None,
        agency: str = "cloud_collect",
        books: type[ErpCompany] = ErpCompany,
    ) -> None:
        self.seed = seed
        self.clock = VirtualClock(start)
        self.lock = threading.RLock()
        """Held by the servers while they answer and by `advance`."""
        self.companies = {slug: _company(slug, seed) for slug in companies}
        self.customer_tenant = _tenant(seed, "customer of the vendor")
        """The vendor's tenant for the owner of all companies: it gets a token, and every call with it a 401."""
        self.skew = timedelta(0)
        """How far the clocks of both servers, as their answers' Date shows them, are ahead of the world's."""
        self.notable: dict[str, str] = {}
        """Numbers of documents that show something, by what they show."""
        self.go_live = self.today
        """Receivables older than this are not to be transferred."""
        self.policy: dict[str, int | bool] = {}
        """Settings of the pipeline's policy that this world is made for, where they are not the defaults."""
        self.ends: date | None = None
        """The last day on which something planned happens, if there is one."""
        self._books = {
            slug: books(slug, company.tenant_id, company.name, self.clock.now, erp_settings)
            for slug, company in self.companies.items()
        }
        self.adapter = agency
        """Which format the agency speaks: a name of `AGENCIES`."""
        contract, usual_settings = AGENCIES[agency]
        self.agency = Agency(self.clock, agency_settings or usual_settings())
        self.erp_api = ErpApi(
            {company.tenant_id: self._books[slug] for slug, company in self.companies.items()},
            self.clock.now,
            CLIENT_ID,
            _secret(seed, "erp"),
            contract_tenants=[self.customer_tenant],
        )
        self.agency_api = contract(
            self.agency, self.clock, {company.api_key: slug for slug, company in self.companies.items()}
        )
        self.erp_faults = Faults()
        self.agency_faults = Faults()
        self.erp_handler = self.erp_faults.wrap(self._dated(self.erp_api.handle))
        self.agency_handler = self.agency_faults.wrap(self._dated(self.agency_api.handle))
        self._agenda: list[tuple[datetime, int, Action]] = []
        self._order = count()

    # Making one

    @classmethod
    def empty(
        cls, start: datetime, companies: Sequence[str] = ("nordlys",), seed: int = 7, *, agency: str = "cloud_collect"
    ) -> Self:
        """No customer and no routine: everything is done by hand."""
        return cls(start, companies, seed, agency=agency)

    @classmethod
    def demo(cls, seed: int = 7, start: date | None = None) -> "World":
        """The demo company on the evening before its first night (`start`, see `sandbox.demo`)."""
        from cloudcollect_pipeline.sandbox import demo

        return demo.world(seed, start or demo.FIRST_NIGHT)

    @classmethod
    def from_history(
        cls,
        path: Path,
        start: date | None = None,
        seed: int = 7,
        *,
        disputes: bool = True,
        parts: bool = True,
        company: str = "nordlys",
    ) -> "World":
        """A world that lives a receivables history from `start`, a Monday (see `sandbox.history`)."""
        from cloudcollect_pipeline.sandbox import history

        invoices = history.shifted(history.read_history(path), start or history.START)
        return history.world(invoices, seed, disputes=disputes, parts=parts, company=company)

    # Time

    @property
    def now(self) -> datetime:
        """World time in UTC."""
        return self.clock.now()

    @property
    def today(self) -> date:
        """World date in Norway."""
        return night_of(self.now)

    def advance(self, until: datetime) -> None:
        """Let time pass up to and including `until`, playing all that is due."""
        if until.tzinfo is None:
            raise ValueError("a moment needs a zone")
        with self.lock:
            if until < self.now:
                raise ValueError(f"time does not go back: it is {self.now.isoformat()}")
            while self._agenda and self._agenda[0][0] <= until:
                moment, _, action = heapq.heappop(self._agenda)
                # A client that slept on the world's clock may have passed the moment already.
                self.clock.set(max(moment, self.now))
                action()
            self.clock.set(max(until, self.now))

    def schedule(self, moment: datetime, action: Action) -> None:
        """Have something happen at a moment; what is already past happens at the next `advance`."""
        heapq.heappush(self._agenda, (moment.astimezone(UTC), next(self._order), action))

    def awaited(self) -> list[Action]:
        """What is scheduled, in no order."""
        return [action for *_, action in self._agenda]

    def on(self, day: date, at: time, action: Action) -> None:
        """Have something happen on a day at a time in Norway."""
        self.schedule(local(day, at), action)

    def daily(self, at: time, action: Callable[[date], object], first: date | None = None) -> None:
        """Have something happen every day at a time in Norway, from `first` or today on."""
        day = first or self.today

        def once() -> None:
            action(day)
            self.daily(at, action, day + timedelta(days=1))

        self.on(day, at, once)

    def keep_house(self, dunning_fee: int = 0) -> None:
        """Start the routines of both sides: dunning and the agency's tick each night, a settlement each Friday."""
        for slug, books in self._books.items():
            self.daily(DUNNING_AT, partial(books.run_dunning, fee=dunning_fee))
            self.daily(SETTLEMENT_AT, partial(self._settle, slug))
        self.daily(AGENCY_AT, lambda _: self.agency.tick())

    def _settle(self, slug: str, day: date) -> None:
        if day.weekday() == FRIDAY:
            settlement = self.agency.settle(slug, day)
            if settlement is not None and settlement.net:
                self.on(settlement.payout_date, PAYOUT_AT, partial(self.pay_out, slug, settlement))

    def pay_out(self, slug: str, settlement: Settlement, amount: int | None = None) -> None:
        """The bank brings a settlement's net (or another amount), booked against the payout clearing account."""
        if settlement.status != "PUBLISHED":
            return
        paid = settlement.net if amount is None else amount
        text = f"Utbetaling {settlement.number}"
        entries = (BankEntry("1920", paid, text), BankEntry(self.companies[slug].payout_clearing, -paid, text))
        self._books[slug].voucher(None, text, entries)

    def _dated(self, handler: Handler) -> Handler:
        """The same counterparty, whose answers bear the date as a web server's do."""

        def handle(request: Request) -> Response:
            answer = handler(request)
            if "date" in answer.headers and not self.skew:
                return answer  # a counterparty with a clock of its own
            return Response(answer.status, {**answer.headers, "date": http_date(self.now + self.skew)}, answer.body)

        return handle

    # Looking

    def company(self, slug: str = "nordlys") -> Company:
        """Names and credentials of a company."""
        return self.companies[slug]

    def erp(self, slug: str = "nordlys") -> ErpCompany:
        """The ERP's books of a company."""
        return self._books[slug]

    def truth(self) -> Mapping[str, Truth]:
        """The world's own account of what was done, by company."""
        return {slug: self._truth(slug) for slug in self.companies}

    def _truth(self, slug: str) -> Truth:
        books, company = self._books[slug], self.companies[slug]
        suspense_balance = books.balance(company.suspense_account)
        claims = list(self.agency.account(slug).claims.values())
        live = [claim for claim in claims if claim.status not in ENDED]
        postings = (
            document.reference
            for document in books.documents(DocumentType.PAYMENT, DocumentType.PREPAYMENT)
            if document.cash_account == company.suspense_cash_account and document.status is not Status.VOIDED
        )
        vouchers = (
            reference
            for batch in books.ledger.batches.values()
            if batch.module == "GL"
            for reference in sorted({line.reference for line in batch.lines})
        )
        return Truth(
            claims=_counted(_name(claim) for claim in claims),
            live_claims=_counted(_name(claim) for claim in live),
            postings=_counted(postings),
            vouchers=_counted(vouchers),
            balances={
                _name(claim): Balances(document.balance, claim.principal_open)
                for claim in sorted(live, key=_name)
                if (document := books.find(DocumentType(claim.document_type), claim.document_number))
            },
            unsettled_principal=self.agency.unsettled_principal(slug),
            suspense_balance=suspense_balance,
        )


def http_date(moment: datetime) -> str:
    """A moment as the Date header writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def local(day: date, at: time) -> datetime:
    """A time of day in Norway."""
    return datetime.combine(day, at, OSLO)


def _company(slug: str, seed: int) -> Company:
    return Company(
        slug=slug,
        name=f"{slug.replace('_', ' ').replace('-', ' ').title()} AS",
        tenant_id=_tenant(seed, slug),
        client_id=CLIENT_ID,
        client_secret=_secret(seed, "erp"),
        api_key=_secret(seed, f"agency/{slug}"),
    )


def _tenant(seed: int, whose: str) -> str:
    return str(UUID(int=stream(seed, f"tenant/{whose}").getrandbits(128), version=4))


def _secret(seed: int, whose: str) -> str:
    return f"sandbox-{stream(seed, f'secret/{whose}').getrandbits(80):020x}"


def _name(claim: Claim) -> str:
    return f"{claim.document_type} {claim.document_number}"


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
