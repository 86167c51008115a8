"""Debitura's Customer API v1, as an `agency.port.Agency`. What it can and cannot do stands in docs/debitura.md.

`client` speaks to it, `mapping` and the `.sql` files beside it make ledger rows of its records.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cloudcollect_pipeline.agency.debitura.client import Debitura
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.settings import AgencySettings, SettingsError
from cloudcollect_pipeline.web import Budget, HeaderKey, Web

__all__ = ["Debitura", "connect"]

HEADER = "XApiKey"


def connect(
    agency: AgencySettings, clock: Clock, transport: Any, known: Mapping[str, str]
) -> tuple[Debitura, Callable[[], None], Callable[[], Budget]]:
    """The adapter, what closes it, and what it has asked for."""
    web = line(agency, clock, transport)
    return adapter(agency, web, clock), web.close, lambda: web.budget


def line(agency: AgencySettings, clock: Clock, transport: Any, **patience: Any) -> Web:
    """The way to Debitura, before anything is said. `patience` as `Web` takes it."""
    key = HeaderKey(HEADER, agency.api_key.get_secret_value(), agency.base_url)
    options = {"deadline": agency.answer_seconds, **patience}
    return Web(agency.base_url, key, clock=clock, transport=transport, **options)


def adapter(agency: AgencySettings, web: Web, clock: Clock) -> Debitura:
    """The adapter as the settings say. The option `test_cases` is "true" or "false"."""
    test_cases = agency.options.get("test_cases", "false")
    if agency.options.keys() - {"test_cases"} or test_cases not in ("true", "false"):
        raise SettingsError(['debitura has one option, test_cases, which is "true" or "false"'])
    return Debitura(web, agency.id, clock, test_cases=test_cases == "true")
