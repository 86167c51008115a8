"""Whose time a run goes by: the machine's, or in a sandbox the world's.

A made-up moment is allowed only while every counterparty is on this machine: nobody else's books may be written in as
of another day.
"""

import json
from datetime import UTC, datetime, timedelta

from cloudcollect_pipeline.domain.clock import Clock, VirtualClock
from cloudcollect_pipeline.domain.errors import CounterpartyError, Refused
from cloudcollect_pipeline.settings import CompanySettings, is_loopback
from cloudcollect_pipeline.web import SystemClock, Web

SANDBOX_VARIABLE = "CLOUDCOLLECT_SANDBOX"
"""Environment: address of a sandbox server whose world's time a run goes by. `cloudcollect up` sets it."""


class NotAtHome(Exception):
    """A made-up moment was asked for, but a counterparty is not on this machine. Nothing was read or sent."""


def run_clock(company: CompanySettings, at: str = "", sandbox: str = "") -> Clock:
    """The clock of a run: fixed at `at` (ISO, with zone), or the sandbox world's; the machine's when both are empty."""
    if not at and not sandbox:
        return SystemClock()
    addresses = (company.erp.base_url, company.erp.token_url, company.agency.base_url, sandbox or company.erp.base_url)
    abroad = [address for address in addresses if not is_loopback(address)]
    if abroad:
        raise NotAtHome(f"a made-up moment is allowed only against this machine, not {abroad[0]}; nothing was sent.")
    if not at:
        return SandboxClock(sandbox)
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("the moment needs a zone, such as 2026-02-03T04:00:00+01:00")
    return VirtualClock(moment)


class SandboxClock:
    """A sandbox world's time: read once at the start, moved (the world's too) by sleeping."""

    def __init__(self, url: str) -> None:
        with Web(url, clock=SystemClock()) as web:
            self._now = _now(web.read("/_sandbox/state").body)
        self._url = url

    def now(self) -> datetime:
        """World time as this run knows it, in UTC."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass in the world instead of waiting. A world that is ahead already stays where it is."""
        self._now += timedelta(seconds=max(0.0, seconds))
        try:
            with Web(self._url, clock=SystemClock()) as web:
                web.write("POST", "/_sandbox/advance", json.dumps({"until": self._now.isoformat()}).encode())
        except Refused:
            return
        except CounterpartyError as error:
            raise RuntimeError(f"the sandbox's time cannot be moved: {error}") from None


def _now(state: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(state)["now"]).astimezone(UTC)
