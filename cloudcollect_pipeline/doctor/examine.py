"""All checks of one company in the order in which they depend on each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.doctor import access, accounts
from cloudcollect_pipeline.doctor.access import Credentials
from cloudcollect_pipeline.doctor.check import Check, error, skipped
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.erp.port import Erp
from cloudcollect_pipeline.settings import CompanySettings

PATIENCE = timedelta(minutes=2)
"""After this long what is left is skipped: a person is waiting."""
SEEN_WITHIN = timedelta(days=90)
"""How far back payments are looked at for the payment method that they use."""


@dataclass(frozen=True)
class Patient:
    """One company's set-up, ready to be looked at. `origins` say where each of its settings came from."""

    settings: CompanySettings
    origins: Mapping[str, str]
    credentials: Credentials | None
    """None for an adapter that keeps them to itself."""
    scopes: tuple[str, ...]
    erp: Erp
    ask_agency: Callable[[], AgencyCapabilities]
    skews: Callable[[], tuple[timedelta | None, timedelta | None]]
    """Our clock against the ERP's and the agency's, as far as answers have told."""
    refusal: str | None
    """What a write probe met when it posted a payment: None never tried, empty accepted."""
    clock: Clock
    today: date


def examine(patient: Patient) -> Iterator[Check]:
    """Every check, with what it found. Reads only."""
    until = patient.clock.now() + PATIENCE
    if patient.credentials is None:
        token = [skipped("ERP token", "this adapter keeps its credentials to itself; the company shows if they count")]
    else:
        secret_from = patient.origins.get("erp.client_secret", "the settings")
        token = access.token(patient.credentials, patient.scopes, secret_from)
    yield from token
    if any(check.state == "error" for check in token):
        yield skipped("ERP company", "there is no token that could be used")
    else:
        yield from _within_the_erp(patient, until)
    yield access.agency(patient.ask_agency, patient.origins.get("agency.api_key", "the settings"))
    for whose, skew in zip(("ERP", "agency"), patient.skews(), strict=True):
        yield access.clock(whose, skew)


def _within_the_erp(patient: Patient, until: datetime) -> Iterator[Check]:
    opened, periods = access.company(patient.erp)
    yield opened
    if periods is None:
        yield skipped("accounts, payment method, period", "the company cannot be read")
        return
    settings, erp = patient.settings, patient.erp
    yield accounts.current_period(periods, patient.today)

    def suspense() -> Iterator[Check]:
        facts = list(accounts.suspense(erp, settings))
        yield from facts
        if all(fact.state == "ok" for fact in facts):
            pairs = erp.paid_by(patient.today - SEEN_WITHIN)
            yield accounts.allowed(pairs, patient.refusal, settings.erp)

    looks: tuple[tuple[str, Callable[[], Iterable[Check]]], ...] = (
        ("suspense account", suspense),
        ("voucher accounts", lambda: accounts.voucher_accounts(erp.accounts(), settings.accounts)),
    )
    for name, look in looks:
        if patient.clock.now() > until:
            yield skipped(name, "the ERP answers too slowly", "try again, or look at the vendor's status page")
            continue
        try:
            yield from look()
        except CounterpartyError as failure:
            yield error(name, str(failure), "look at the vendor's status page, then try again")
