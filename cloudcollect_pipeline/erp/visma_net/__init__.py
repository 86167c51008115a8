"""Visma.net ERP as an `erp.port.Erp`.

`client` speaks to it, `paging` reads its lists whole, `codec` knows the shapes of what is written and read back,
`feeds` and the `.sql` files beside it map its records to ledger rows. Nothing here decides what should be written.
"""

from cloudcollect_pipeline.erp.visma_net.client import VismaNet
from cloudcollect_pipeline.erp.visma_net.settings import VismaNetSettings

__all__ = ["VismaNet", "VismaNetSettings"]
