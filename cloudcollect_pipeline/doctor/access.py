"""Tokens, scopes, tenants, keys and clocks: whether both counterparties let us in, and agree on the time."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Protocol

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.doctor.check import Check, error, ok, skipped, warning
from cloudcollect_pipeline.domain.errors import CounterpartyError, Permanent, Transient, Unreadable
from cloudcollect_pipeline.erp.port import Erp, Period

CLOSE_ENOUGH = timedelta(seconds=90)
"""Clocks may differ by this much: answers take a while and dates are told to the second."""
TOO_FAR = timedelta(minutes=10)
"""Beyond it tokens are renewed too late, and what changed may be read a night late."""

APPLICATION = "its page at the vendor's developer portal"


class Credentials(Protocol):
    """What gives access to the ERP; `granted` are its scopes, None when it does not tell."""

    granted: frozenset[str] | None

    def credential(self) -> str:
        """Fetch a token, or raise `Transient` or `Permanent`."""
        ...


def token(credentials: Credentials, wanted: Iterable[str], secret_from: str) -> list[Check]:
    """Whether the ERP gives a token, and with which scopes. `secret_from` says where the client secret came from."""
    names = ("ERP token", "ERP scopes")
    wanted = sorted(wanted)
    try:
        credentials.credential()
    except Permanent as refusal:
        if refusal.code == "invalid_scope":
            found = "the token endpoint refuses the scopes that are asked for"
            return [skipped(names[0], "no token is given for these scopes"), error(names[1], found, _grant(wanted))]
        return [_refused(names[0], refusal, secret_from), skipped(names[1], "there is no token")]
    except CounterpartyError as failure:
        mend = "look at erp.token_url, at the network and the proxy of this machine, and at the vendor's status page"
        return [error(names[0], str(failure), mend), skipped(names[1], "there is no token")]
    given = ok(names[0], "the token endpoint gives a token")
    if credentials.granted is None:
        return [given, skipped(names[1], "the token endpoint does not say which scopes it gave")]
    missing = [scope for scope in wanted if scope not in credentials.granted]
    if missing:
        return [given, error(names[1], f"the token lacks {', '.join(missing)}", _grant(missing))]
    return [given, ok(names[1], ", ".join(scope.rpartition(":")[2] for scope in wanted))]


def _grant(scopes: Iterable[str]) -> str:
    return f"grant the application the scopes {', '.join(scopes)} on {APPLICATION}, and have them approved"


def _refused(name: str, refusal: Permanent, secret_from: str) -> Check:
    match refusal.code:
        case "invalid_client":
            found = "the token endpoint does not accept the client id with this secret"
            mend = f"make a new secret on {APPLICATION} and put it where erp.client_secret comes from ({secret_from})"
        case "invalid_tenant":
            found = "the token endpoint does not know this tenant, or the application has no access to it"
            mend = (
                "set erp.tenant_id to the company's tenant id (Visma Admin, the company's configuration) and grant the "
                "application access there; a new access takes up to 15 minutes to count"
            )
        case _:
            found = str(refusal)
            mend = "look at erp.token_url, erp.client_id and erp.tenant_id"
    return error(name, found, mend)


def company(erp: Erp) -> tuple[Check, list[Period] | None]:
    """Whether the token opens the company, and the company's periods if it does."""
    name = "ERP company"
    try:
        periods = erp.periods()
    except Permanent as refusal:
        return _not_let_in(name, refusal), None
    except Transient as failure:
        return error(name, str(failure), "look at erp.base_url, the network and the vendor's status page"), None
    except Unreadable as failure:
        return error(name, str(failure), "erp.base_url does not lead to the ERP's API; correct it"), None
    return ok(name, "the API answers for the company"), periods


def _not_let_in(name: str, refusal: Permanent) -> Check:
    match refusal.status:
        case 401:
            return error(
                name,
                "a token is given, and the API answers 401: erp.tenant_id is most likely the customer tenant",
                "set erp.tenant_id to the company tenant (Visma Admin, the company's configuration), not to the "
                "customer's, which may bear the same name; then grant the application access to that company",
            )
        case 403:
            return error(
                name,
                "the API answers 403: the token may not read",
                "grant the application the read scope, and its user the role API User in the company",
            )
        case _:
            return error(name, str(refusal), "look at erp.base_url: it has no path below the host")


def agency(ask: Callable[[], AgencyCapabilities], key_from: str) -> Check:
    """Whether the agency answers this creditor. `key_from` says where the key came from."""
    name = "agency"
    try:
        capabilities = ask()
    except Permanent as refusal:
        if refusal.status in (401, 403):
            found = f"the agency answers {refusal.status}: it does not accept the API key"
            mend = f"have the agency confirm the key of this environment; agency.api_key comes from {key_from}"
            return error(name, found, mend)
        return error(name, str(refusal), "correct agency.base_url: no such API answers there")
    except Transient as failure:
        mend = "look at agency.base_url, at the network and the firewall, and ask the agency whether its API is up"
        return error(name, f"the agency cannot be reached: {failure}", mend)
    except CounterpartyError as failure:
        return error(name, str(failure), "agency.base_url does not lead to an API of this contract; correct it")
    return ok(name, f"the agency answers; it tells what it received as {capabilities.allocation}")


def clock(whose: str, skew: timedelta | None) -> Check:
    """Our clock against the date of a counterparty's answers."""
    name = f"clock and {whose}"
    if skew is None:
        return skipped(name, "no answer bore a date, or the adapter does not tell")
    if abs(skew) <= CLOSE_ENOUGH:
        return ok(name, "the clocks agree")
    ahead = "behind" if skew > timedelta(0) else "ahead of"
    found = f"this machine's clock is {_span(abs(skew))} {ahead} that of the {whose}"
    mend = "let the machine keep time by NTP (timedatectl set-ntp true); against a sandbox give its moment with --at"
    return (error if abs(skew) > TOO_FAR else warning)(name, found, mend)


def _span(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
