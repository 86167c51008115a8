"""The one way out: every request to a counterparty passes here.

Belongs here: transport, credentials, limits, retries of reads, and what a failure means for a read or a write.
Does not belong here: what a counterparty's records look like.

Its names are imported when they are asked for: a command that only wants the time does not wait for httpx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not later: a function could not be told from the module of its name.
from cloudcollect_pipeline.web.strict import NotJson, decoded, strict

if TYPE_CHECKING:
    from cloudcollect_pipeline.web.auth import BearerKey, ClientCredentials, HeaderKey, Origin
    from cloudcollect_pipeline.web.client import Answer, HttpRefused, Web, scrubbed, segment
    from cloudcollect_pipeline.web.clock import SystemClock
    from cloudcollect_pipeline.web.quota import Budget

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
_MODULES = {
    **dict.fromkeys(("BearerKey", "ClientCredentials", "HeaderKey", "Origin"), "auth"),
    **dict.fromkeys(("Answer", "HttpRefused", "Web", "scrubbed", "segment"), "client"),
    "SystemClock": "clock",
    "Budget": "quota",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
