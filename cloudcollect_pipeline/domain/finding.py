"""Findings: what a person must look at. The catalogue of their reasons is `findings.toml`, in English and Norwegian."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

OWNERS = ("finance", "operations", "data team", "agency contact")
"""Who usually deals with a reason: roles, never people."""
SEVERITIES = ("error", "question", "warning")
"""The gravest first. An error or a question waits for a person."""


class Reason(NamedTuple):
    """What a code means, what to do and whose it is. `actions` are what `findings resolve --action` accepts."""

    severity: str
    owner: str
    text: str
    fix: str
    text_nb: str
    fix_nb: str
    actions: tuple[str, ...] = ()

    def told(self, language: str) -> tuple[str, str]:
        """Text and fix in `en` or `nb`."""
        return (self.text_nb, self.fix_nb) if language == "nb" else (self.text, self.fix)


@dataclass(frozen=True, order=True)
class Finding:
    """One situation seen tonight. `subject` names records by key, `amount` is øre or None; nothing personal."""

    code: str
    subject: str
    text: str
    amount: int | None = None


def _catalogue() -> Mapping[str, Reason]:
    told = tomllib.loads(files(__package__).joinpath("findings.toml").read_text(encoding="utf-8"))
    return {code: Reason(**{**facts, "actions": tuple(facts.get("actions", ()))}) for code, facts in told.items()}


CATALOGUE = _catalogue()
UNKNOWN = Reason(
    "error",
    "operations",
    "Another version's finding",
    "Update cloudcollect-pipeline.",
    "Et funn fra en annen versjon",
    "Oppdater cloudcollect-pipeline.",
)


def reason_of(code: str) -> Reason:
    """What a code means; one that this version does not know is an error."""
    return CATALOGUE.get(code, UNKNOWN)


def severity(code: str) -> str:
    """How serious a finding is; one that this version does not know is an error."""
    return reason_of(code).severity


def needs_a_person(codes: Iterable[str]) -> bool:
    """Whether anything among findings waits for a person: an error or a question."""
    return any(severity(code) in ("error", "question") for code in codes)
