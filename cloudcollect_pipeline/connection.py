"""The adapters that a company's settings name, ready to be asked.

An adapter is found by its name: those of this package here, others by the entry points `cloudcollect.erp` and
`cloudcollect.agency`. Each is a function `(settings, clock, transport, known) -> (adapter, close, budget)`. `transport`
stands in for the network in tests (httpx), None is the network; `known` is what probes have found out about the
counterparty (point -> value); `budget()` tells what was asked and what is left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from cloudcollect_pipeline.agency.port import Agency
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.erp.port import Erp
from cloudcollect_pipeline.settings import CompanySettings, SettingsError
from cloudcollect_pipeline.web import Budget

OURS = {
    "cloudcollect.erp": {"visma_net": "cloudcollect_pipeline.erp.visma_net"},
    "cloudcollect.agency": {
        "cloud_collect": "cloudcollect_pipeline.agency.cloud_collect",
        "debitura": "cloudcollect_pipeline.agency.debitura",
    },
}
"""Group -> name -> the module whose `connect` builds the adapter."""


@dataclass(frozen=True)
class Connection:
    """Both counterparties of one company."""

    erp: Erp
    agency: Agency
    close: Callable[[], None] = lambda: None
    budgets: Callable[[], Mapping[str, Budget]] = dict
    """What each side has been asked so far, and what it says is left."""


def connect(
    settings: CompanySettings, clock: Clock, transport: Any = None, known: Mapping[str, str] = {}
) -> Connection:
    """Build both adapters. Raises `SettingsError` where no adapter has the name that the settings give."""
    connect_erp = reach("cloudcollect.erp", settings.erp.adapter)
    erp, close_erp, asked_erp = connect_erp(settings.erp, clock, transport, known)
    connect_agency = reach("cloudcollect.agency", settings.agency.adapter)
    agency, close_agency, asked_agency = connect_agency(settings.agency, clock, transport, {})

    def close() -> None:
        close_agency()
        close_erp()

    return Connection(erp, agency, close, lambda: {"erp": asked_erp(), "agency": asked_agency()})


def reach(group: str, name: str) -> Callable[..., Any]:
    """What builds the adapter of a name. Raises `SettingsError` where there is none."""
    if name in OURS[group]:
        return import_module(OURS[group][name]).connect  # type: ignore[no-any-return]
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        known = ", ".join(sorted({*OURS[group], *found}))
        raise SettingsError([f"no adapter {name} is installed; known: {known} (entry point {group})"])
    return found[name].load()  # type: ignore[no-any-return]
