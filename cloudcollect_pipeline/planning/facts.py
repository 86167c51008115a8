"""What planning needs beside the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.domain.reference import reference
from cloudcollect_pipeline.settings import CompanySettings


@dataclass(frozen=True)
class Elsewhere:
    """A receivable at another agency: whether it still is, and the case number of that agency's as last known.

    `given_back`: that agency ended its claim by itself, or the debtor disputes it.
    """

    document: str
    live: bool
    case_number: str | None = None
    given_back: bool = False


@dataclass(frozen=True)
class Facts:
    """What planning needs beside the ledger: who we are, people's answers, what could not be read."""

    night: date
    tenant: str
    agency: str
    settings: CompanySettings
    capabilities: AgencyCapabilities
    case_fields: bool = True
    holds: Sequence[Mapping[str, Any]] = ()
    decisions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    incomplete_feeds: Sequence[str] = ()
    journal_forgot: int | None = None
    """Up to which of its entries the journal may have lost some: what it does not know may still have been done by us.

    None: it was never lost or restored."""

    elsewhere: Sequence[Elsewhere] = ()
    """Receivables that were handed to another agency of the same creditor."""

    unread: Sequence[str] = ()
    """Receivables whose news could not be read, tonight or on nights before: nothing is built on them until it is."""

    def missing(self, *feeds: str) -> set[str]:
        """Which of these feeds could not be read tonight."""
        return set(feeds) & set(self.incomplete_feeds)

    def is_second(self, entry: str) -> bool:
        """Whether a person answered that this entry, though it repeats another one, is a payment of its own."""
        return self.decisions.get(("ENTRY_REPEATED", entry)) == "post"

    def name(self, kind: str, source: str, ordinal: int) -> str:
        """The reference of an effect of this company at this agency."""
        return reference(self.tenant, self.agency, kind, source, ordinal)
