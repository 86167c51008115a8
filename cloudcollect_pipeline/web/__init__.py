"""The one way out: every request to a counterparty passes here.

Belongs here: transport, credentials, limits, retries of reads, and what a failure means for a read or a write.
Does not belong here: what a counterparty's records look like.
"""

from cloudcollect_pipeline.web.auth import BearerKey, ClientCredentials, HeaderKey, Origin
from cloudcollect_pipeline.web.client import Answer, HttpRefused, Web, scrubbed, segment
from cloudcollect_pipeline.web.clock import SystemClock
from cloudcollect_pipeline.web.quota import Budget
from cloudcollect_pipeline.web.strict import NotJson, decoded, strict

__all__ = [
    "Answer",
    "BearerKey",
    "Budget",
    "ClientCredentials",
    "HeaderKey",
    "HttpRefused",
    "NotJson",
    "Origin",
    "SystemClock",
    "Web",
    "decoded",
    "scrubbed",
    "segment",
    "strict",
]
