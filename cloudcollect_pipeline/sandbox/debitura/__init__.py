"""An agency shaped like Debitura's Customer API v1, over the same books as the other one.

`api` has the calls that the pipeline uses, `records` how cases and payments are seen.
"""

from cloudcollect_pipeline.sandbox.debitura.api import DebituraApi, debitura_settings

__all__ = ["DebituraApi", "debitura_settings"]
