"""An agency that speaks the reference contract of docs/agency-api.json, as an `agency.port.Agency`.

`client` speaks to it, `mapping` and the `.sql` files beside it make ledger rows of its records. Nothing here decides
what should be written.
"""

from collections.abc import Callable
from typing import Any

from cloudcollect_pipeline.agency.cloud_collect.client import CloudCollect, declared_capabilities
from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.settings import AgencySettings
from cloudcollect_pipeline.web import BearerKey, Budget, Web

__all__ = ["CloudCollect", "connect"]


def connect(
    agency: AgencySettings, clock: Clock, transport: Any = None
) -> tuple[CloudCollect, Callable[[], None], Callable[[], Budget]]:
    """The adapter with what the agency declares to offer, what closes it, and what it has asked for. One read."""
    key = BearerKey(agency.api_key.get_secret_value(), agency.base_url)
    web = Web(agency.base_url, key, clock=clock, transport=transport, deadline=agency.answer_seconds)
    try:
        capabilities = declared_capabilities(web)
    except CounterpartyError:
        # An agency that cannot be asked tonight is offered nothing; its feeds will say why they could not be read.
        capabilities = AgencyCapabilities()
    return CloudCollect(web, agency.id, capabilities=capabilities), web.close, lambda: web.budget
