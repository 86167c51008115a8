"""Visma.net ERP as an `erp.port.Erp`.

`client` speaks to it, `paging` reads its lists whole, `codec` knows the shapes of what is written and read back,
`feeds` and the `.sql` files beside it map its records to ledger rows. Nothing here decides what should be written.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.erp.visma_net.client import VismaNet
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings
from cloudcollect_pipeline.settings import ErpSettings
from cloudcollect_pipeline.web import ClientCredentials, Web

__all__ = ["VismaNet", "VismaNetSettings", "connect"]

SCOPE = "vismanet_erp_service_api:create vismanet_erp_service_api:read vismanet_erp_service_api:update"


def connect(erp: ErpSettings, clock: Clock, transport: Any = None) -> tuple[VismaNet, Callable[[], None]]:
    """The adapter that settings describe, and what closes it. Nothing is asked yet."""
    credentials = ClientCredentials(
        erp.token_url,
        erp.client_id,
        erp.client_secret.get_secret_value(),
        erp.tenant_id,
        SCOPE,
        erp.base_url,
        clock,
        transport=transport,
    )
    web = Web(erp.base_url, credentials, clock=clock, transport=transport)

    def close() -> None:
        web.close()
        credentials.close()

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
    return VismaNet(web, erp.tenant_id, settings), close
