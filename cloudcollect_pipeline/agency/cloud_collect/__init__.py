"""An agency that speaks the reference contract of docs/agency-api.json, as an `agency.port.Agency`.

`client` speaks to it, `mapping` and the `.sql` files beside it make ledger rows of its records. Nothing here decides
what should be written.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cloudcollect_pipeline.agency.cloud_collect.client import CloudCollect, declared_capabilities
from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.settings import AgencySettings
from cloudcollect_pipeline.web import BearerKey, Budget, Web

__all__ = ["CloudCollect", "connect"]


def connect(
    agency: AgencySettings, clock: Clock, transport: Any, known: Mapping[str, str]
) -> tuple[CloudCollect, Callable[[], None], Callable[[], Budget]]:
    """The adapter with what the agency declares to offer, what closes it, and what it has asked for. One read."""
    web = line(agency, clock, transport)
    try:
        capabilities = declared_capabilities(web)
    except CounterpartyError:
        # An agency that cannot be asked tonight is offered nothing; its feeds will say why they could not be read.
        capabilities = AgencyCapabilities()
    return CloudCollect(web, agency.id, capabilities=capabilities), web.close, lambda: web.budget


def line(agency: AgencySettings, clock: Clock, transport: Any, **patience: Any) -> Web:
    """The way to the agency, before anything is said. `patience` as `Web` takes it."""
    key = BearerKey(agency.api_key.get_secret_value(), agency.base_url)
    options = {"deadline": agency.answer_seconds, **patience}
    return Web(agency.base_url, key, clock=clock, transport=transport, **options)
