"""A world and a pipeline without sockets: what the story tests and the acceptance tests are written in.

The production night runs unchanged; only the transport and the clock are the world's.
"""

import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx

from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.nightly import Night, NightResult
from cloudcollect_pipeline.sandbox.agency.books import Agency, Claim, Entry
from cloudcollect_pipeline.sandbox.erp.books import ErpCompany
from cloudcollect_pipeline.sandbox.http import Response
from cloudcollect_pipeline.sandbox.serve import Servers, company_settings
from cloudcollect_pipeline.sandbox.world import World
from cloudcollect_pipeline.settings import CompanySettings, Settings
from cloudcollect_pipeline.testing.simulation.network import NOWHERE, as_request

START = datetime(2026, 1, 5, 6, tzinfo=OSLO)


def world_transport(world: World) -> httpx.MockTransport:
    """The network as seen by the pipeline: the world's two handlers, one request at a time."""
    lock = threading.Lock()

    def answer(request: httpx.Request) -> httpx.Response:
        handler = world.erp_handler if request.url.port == 9001 else world.agency_handler
        with lock:
            told = handler(as_request(request))
        return httpx.Response(told.status, headers=dict(told.headers), content=told.body)

    return httpx.MockTransport(answer)


class Writes(httpx.BaseTransport):
    """A transport that takes down what is written through it: method and path, without requests for a token."""

    def __init__(self, beneath: httpx.BaseTransport) -> None:
        self.beneath = beneath
        self.seen: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET" and not request.url.path.endswith("/connect/token"):
            self.seen.append(f"{request.method} {request.url.path}")
        return self.beneath.handle_request(request)


def settings_of(
    world: World, data: Path, servers: Servers = NOWHERE, accounts: Mapping[str, str] | None = None, **policy: Any
) -> Settings:
    """Settings for every company of the world; keyword arguments change the policy."""
    companies = {}
    for slug, company in world.companies.items():
        told = company_settings(world, company, servers)
        told["go_live"] = min(date(2025, 1, 1), world.go_live)
        told["erp"] |= {"parallel": 1}
        told["policy"] = {"min_amount": 0, "attach_pdf": False, **policy}
        told["accounts"] |= accounts or {}
        companies[slug] = CompanySettings.model_validate(told)
    return Settings(data_dir=data, companies=companies)


class Story:
    """One company, its books at both parties, and nights that pass: over sockets where `servers` are given."""

    def __init__(
        self,
        data: Path,
        *,
        companies: tuple[str, ...] = ("nordlys",),
        world: World | None = None,
        servers: Servers | None = None,
        accounts: Mapping[str, str] | None = None,
        **policy: Any,
    ) -> None:
        os.umask(0o077)
        self.world = world or World.empty(START, companies)
        self.slug = next(iter(self.world.companies))
        self.settings = settings_of(self.world, data, servers or NOWHERE, accounts, **policy)
        self.data = data
        self.transport: httpx.BaseTransport | None = None if servers else world_transport(self.world)
        self.results: list[NightResult] = []
        for slug in self.world.companies:
            with self.opened(slug) as night:
                night.journal.declare_new(self.world.now, "test")

    def change_accounts(self, **changes: Any) -> None:
        """The same company with other settings of its accounts."""
        company = self.settings.companies[self.slug]
        accounts = type(company.accounts).model_validate({**company.accounts.model_dump(), **changes})
        changed = company.model_copy(update={"accounts": accounts})
        self.settings = self.settings.model_copy(update={"companies": {**self.settings.companies, self.slug: changed}})

    def opened(self, slug: str | None = None, **options: Any) -> AbstractContextManager[Night]:
        return Night.open(
            slug or self.slug,
            self.settings,
            self.world.clock,
            transport=self.transport,
            parallel=1,
            patience=0,
            **options,
        )

    @property
    def erp(self) -> ErpCompany:
        return self.world.erp(self.slug)

    @property
    def agency(self) -> Agency:
        return self.world.agency

    # -- time

    def morning(self, days: int = 1) -> None:
        """Let `days` nights begin: 04:00 in Oslo."""
        for _ in range(days):
            today = self.world.now.astimezone(OSLO)
            at = datetime.combine(today.date(), time(4), OSLO)
            if at <= today:
                at = datetime.combine(today.date() + timedelta(days=1), time(4), OSLO)
            self.world.advance(at)

    def night(self, approve: bool = True, slug: str | None = None, *, same_night: bool = False) -> Any:
        """One night; a plan that needs a person is approved beforehand unless told otherwise."""
        if not same_night:
            self.morning()
        with self.opened(slug) as night:
            result = night.run(approve=approve)
        self.results.append(result)
        return result

    def quiet(self, nights: int = 3) -> Any:
        """Nights without news; the last one must plan nothing."""
        result = self.night()
        for _ in range(nights - 1):
            result = self.night()
        return result

    # -- facts

    def receivable(
        self, amount: int = 6000, *, customer: str | None = None, due: date = date(2025, 12, 1), **options: Any
    ):
        """An overdue invoice that the dunning process has picked."""
        number = customer or self.customer()
        document = self.erp.invoice(number, amount, due - timedelta(days=14), due, **options)
        self.erp.run_dunning(self.world.today)
        return document

    def customer(self, **options: Any) -> str:
        given = {
            "name": "Debtor Ærlig",
            "business": False,
            "address": "Storgata 1",
            "postal_code": "0155",
            "city": "Oslo",
        }
        return self.erp.add_customer(**{**given, **options}).number

    def claim(self, document: Any, episode: int | None = None) -> Claim:
        found = self.agency.claim_for(self.slug, document.number, episode)
        assert found is not None, f"no claim for {document.number}"
        return found

    def collect(self, document: Any, principal: int, **options: Any) -> Entry:
        """The debtor pays the agency."""
        return self.agency.receive(self.claim(document), principal, on=self.world.today, **options)

    # -- looking

    def with_journal(self, look: Callable[[Any], Any]) -> Any:
        with self.opened() as night:
            return look(night.journal)

    def findings(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for finding in self.with_journal(lambda journal: journal.findings()):
            found.setdefault(finding["code"], []).append(finding["subject"])
        return found

    def decide(self, code: str, action: str, subject: str | None = None) -> None:
        """A person answers the (only) finding of a code."""
        subject = subject or self.findings()[code][0]
        self.with_journal(lambda j: j.decide(code, subject, action, "test", "person", self.world.now))

    def open_at_agency(self, document: Any) -> int:
        return self.claim(document).principal_open

    def assert_mirrored(self, *documents: Any) -> None:
        """Both sides agree on these receivables (on all, if none is named), and nothing was done twice."""
        truth = self.world.truth()[self.slug]
        assert not truth.double_effects
        if not documents:
            assert not truth.unequal, truth.unequal
        for document in documents:
            assert self.open_at_agency(document) == document.balance, (
                document.number,
                self.open_at_agency(document),
                document.balance,
            )

    def assert_ties(self) -> None:
        """The last statement ties, to the world's own figures too."""
        statement = self.results[-1].statement
        truth = self.world.truth()[self.slug]
        assert statement is not None
        assert statement.ties, statement.as_json()
        assert statement.ledger == truth.suspense_balance
        assert statement.agency_unsettled == truth.unsettled_principal

    def assert_quiet(self) -> None:
        """One more night plans nothing."""
        result = self.night()
        assert result.plan is not None
        assert not result.plan.plan.effects, [e.reference for e in result.plan.plan.effects]


def transferred(story: Story, amount: int = 6000, **options: Any) -> Any:
    """An overdue invoice after the night that handed it over."""
    invoice = story.receivable(amount, **options)
    story.night()
    return invoice


def ends_equal(story: Story, *documents: Any) -> None:
    """Three quiet nights settle everything; then both sides agree, the account ties and a night plans nothing."""
    story.quiet(3)
    story.assert_mirrored(*documents)
    story.assert_ties()
    story.assert_quiet()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Crash(BaseException):
    """The process ends here: nothing after this line runs."""


def lose_journal(story: Story) -> None:
    """The journal is gone, with its copies; the ledger and the landing folder are still there."""
    folder = story.data / story.slug
    for path in [*folder.glob("journal*"), *(folder / "published").glob("journal*")]:
        path.unlink()


def lay_back(story: Story, copy: Path) -> None:
    """An older copy of the journal in its place; its head, the ledger and the landing folder stay as they are."""
    folder = story.data / story.slug
    for path in folder.glob("journal.sqlite*"):
        path.unlink()
    shutil.copy(copy, folder / "journal.sqlite")


def crash_after(faults: Any, method: str, path: str) -> None:
    """The next such request is carried out, and the pipeline dies before it sees the answer."""

    def die(_: Response) -> Response:
        raise Crash

    faults.add("mutate", method, path, mutate=die)


def edited(change):
    """A fault that changes the records of a list on their way to the pipeline."""

    def mutate(answer: Response) -> Response:
        told = json.loads(answer.body)
        for record in told if isinstance(told, list) else told.get("items", [told]):
            change(record)
        return Response(answer.status, answer.headers, json.dumps(told).encode())

    return mutate


def spoil(story, side, path, change, count=1):
    faults = story.world.erp_faults if side == "erp" else story.world.agency_faults
    faults.add("mutate", "GET", path, count=count, mutate=edited(change))
