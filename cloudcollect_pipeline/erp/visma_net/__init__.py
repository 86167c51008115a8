"""Visma.net ERP as an `erp.port.Erp`.

`client` speaks to it, `paging` reads its lists whole, `codec` knows the shapes of what is written and read back,
`feeds` and the `.sql` files beside it map its records to ledger rows. Nothing here decides what should be written.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.erp.visma_net.client import VismaNet
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings
from cloudcollect_pipeline.erp.visma_net.unconfirmed import as_settled
from cloudcollect_pipeline.settings import ErpSettings
from cloudcollect_pipeline.web import Budget, ClientCredentials, Web

__all__ = ["VismaNet", "VismaNetSettings", "connect"]

SCOPES = tuple(f"vismanet_erp_service_api:{right}" for right in ("create", "read", "update"))
"""What the ERP is asked to allow."""
EQUAL_READS = 5
"""Equal reads a minute: Visma.net once answered 429 to a sixth, and does not say whether it still does."""


def connect(
    erp: ErpSettings, clock: Clock, transport: Any, known: Mapping[str, str]
) -> tuple[VismaNet, Callable[[], None], Callable[[], Budget]]:
    """The adapter that settings describe, what closes it, and what it has asked for. Nothing is asked yet."""
    credentials, web = line(erp, clock, transport)

    def close() -> None:
        web.close()
        credentials.close()

    return adapter(erp, web, known), close, lambda: web.budget


def line(erp: ErpSettings, clock: Clock, transport: Any, **patience: Any) -> tuple[ClientCredentials, Web]:
    """The way to the tenant, before anything is said. `patience` as `Web` takes it."""
    credentials = ClientCredentials(
        erp.token_url,
        erp.client_id,
        erp.client_secret.get_secret_value(),
        erp.tenant_id,
        " ".join(SCOPES),
        erp.base_url,
        clock,
        transport=transport,
        deadline=erp.answer_seconds,
    )
    options = {"deadline": erp.answer_seconds, "repeats": EQUAL_READS, **patience}
    return credentials, Web(erp.base_url, credentials, clock=clock, transport=transport, **options)


def adapter(erp: ErpSettings, web: Web, known: Mapping[str, str] = {}) -> VismaNet:
    """The adapter as the settings say, and what a probe has found out about the tenant (point -> value)."""
    settings = VismaNetSettings(
        suspense_cash_account=erp.suspense_cash_account,
        suspense_account=erp.suspense_account,
        payment_method=erp.payment_method,
        time_zone=erp.time_zone,
        overlap=timedelta(hours=erp.overlap_hours),
        page_size=erp.page_size,
        branch=erp.branch,
        parallel=erp.parallel,
        ledger=erp.ledger,
        case_type=erp.case_type,
        business_classes=erp.business_classes,
        background=erp.background,
    )
    return VismaNet(web, erp.tenant_id, as_settled(settings, known))
