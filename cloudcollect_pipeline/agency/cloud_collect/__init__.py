"""An agency that speaks the reference contract of docs/agency-api.json, as an `agency.port.Agency`.

`client` speaks to it, `mapping` and the `.sql` files beside it make ledger rows of its records. Nothing here decides
what should be written.
"""

from cloudcollect_pipeline.agency.cloud_collect.client import CloudCollect

__all__ = ["CloudCollect"]
