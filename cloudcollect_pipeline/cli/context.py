"""What every command needs first: the settings, the company, the clock, and who is asking."""

import difflib
import getpass
import os
import socket
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cloudcollect_pipeline.cli.exits import USAGE, Stop
from cloudcollect_pipeline.domain.calendar import OSLO
from cloudcollect_pipeline.domain.clock import NIGHT_AT, Clock, VirtualClock
from cloudcollect_pipeline.settings import CompanySettings, Settings, SettingsError, find_file, is_loopback, load

if TYPE_CHECKING:
    from cloudcollect_pipeline.reporting.published import Snapshot

DEMO_FOLDER = Path("data/demo")


def settings(*, demo: bool = True) -> Settings:
    """The settings in force; without any, those that the demo has left behind, if need be only while it lives."""
    file = find_file(None, os.environ)
    left_behind = DEMO_FOLDER / "cloudcollect.toml"
    if file is None and left_behind.is_file():
        found = load(left_behind, os.environ)
        if not demo and not all(_answers(company.erp.base_url) for company in found.companies.values()):
            raise SettingsError(
                [
                    "there is no cloudcollect.toml here, and the demo's counterparties are gone: "
                    "`cloudcollect init` writes settings, `cloudcollect sandbox` starts new counterparties"
                ]
            )
        return found
    return load(file, os.environ)


def looking_at(settings: Settings, seen: "Snapshot") -> datetime:
    """The moment to look as of: now, or for a demo whose counterparties are gone the end of its last night."""
    from cloudcollect_pipeline.web.clock import SystemClock

    last = next(iter(seen.journal.nights(1)), None)
    over = settings.data_dir.resolve() == DEMO_FOLDER.resolve() and not _answers(seen.settings.erp.base_url)
    return datetime.fromisoformat(last["ended_at"]) if over and last and last["ended_at"] else SystemClock().now()


def _answers(url: str) -> bool:
    """Whether anybody listens there, as the demo's counterparties do while `cloudcollect up` is on."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
    except OSError:
        return False
    return True


def company(settings: Settings, slug: str | None) -> str:
    """The company that is meant: the named one, or the only one."""
    known = list(settings.companies)
    if slug is None:
        if len(known) == 1:
            return known[0]
        raise Stop(f"there are several companies: name one with --company {' | '.join(known)}", USAGE)
    if slug not in known:
        near = difflib.get_close_matches(slug, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
        raise Stop(f"no company is called {slug}; {hint}", USAGE)
    return slug


def clock(at: str | None, company: CompanySettings) -> Clock:
    """The machine's clock, or one that stands at a given moment: that only against a sandbox on this machine."""
    if at is None:
        from cloudcollect_pipeline.web.clock import SystemClock

        return SystemClock()
    moment = parse_moment(at)
    addresses = (company.erp.base_url, company.erp.token_url, company.agency.base_url)
    if not all(is_loopback(address) for address in addresses):
        raise Stop(
            "--at is refused: it is for a sandbox, and not both counterparties are on this machine (127.0.0.1)", USAGE
        )
    return VirtualClock(moment)


def parse_moment(text: str) -> datetime:
    """`2026-02-04` is that night's 04:00, `2026-02-04T05:30` a time in Norway, one with an offset is itself."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), NIGHT_AT, OSLO)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Stop(f"--at {text} is not a moment such as 2026-02-04 or 2026-02-04T05:30", USAGE) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=OSLO)).astimezone(UTC)


def parse_day(text: str) -> date:
    """A date as `yyyy-MM-dd`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Stop(f"{text} is not a date such as 2026-12-01", USAGE) from None


def who() -> str:
    """The user of this machine, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only its owner may read; `FileExistsError` if it may not be replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(0o600)
