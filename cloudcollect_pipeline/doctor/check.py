"""What a check says."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and unless it is well, how to mend it. Nothing secret, nothing personal."""

    name: str
    state: State
    found: str
    mend: str = ""


def ok(name: str, found: str) -> Check:
    """It is as it should be."""
    return Check(name, "ok", found)


def warning(name: str, found: str, mend: str) -> Check:
    """A person should look at it; nights work without."""
    return Check(name, "warning", found, mend)


def error(name: str, found: str, mend: str) -> Check:
    """Nights fail, or must not start, until it is mended."""
    return Check(name, "error", found, mend)


def skipped(name: str, why: str, mend: str = "") -> Check:
    """It could not be looked at."""
    return Check(name, "skipped", why, mend)
