"""Effects: intended writes to a counterparty."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What an effect does, in the order in which a night carries them out."""

    TRANSFER = "transfer"
    REDUCTION = "reduction"
    HOLD = "hold"
    DEBTOR = "debtor"
    ANSWER = "answer"
    CASE_REFERENCE = "case_reference"
    VOID = "void"
    POSTING = "posting"
    SETTLEMENT = "settlement"


TO_THE_AGENCY = (Kind.TRANSFER, Kind.REDUCTION, Kind.HOLD, Kind.DEBTOR, Kind.ANSWER)
TO_THE_ERP = (Kind.POSTING, Kind.VOID, Kind.SETTLEMENT, Kind.CASE_REFERENCE)
"""Whom a kind is written to, in the order in which people are told."""


class Outcome(StrEnum):
    """What is known of an effect. `LATER` and `DROPPED` are definite: nothing was done."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    QUARANTINED = "quarantined"
    LATER = "later"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Content:
    """What makes two writes under one reference the same: compared with what the target holds.

    Texts, dates and allocation are not content, so a re-dated posting or a corrected address can be sent again.
    `amount` is in øre of `currency`.
    """

    party: str
    document: str
    account: str
    currency: str
    amount: int


@dataclass(frozen=True)
class Effect:
    """One intended write.

    `source` and `ordinal` with the kind give the `reference`. `chain` names what a parked effect blocks, `lane` what
    must be sent in order, `after` references that must be confirmed first. `details` is what the adapter needs to
    write, `expect` what the guard must still read (both JSON values only, amounts in øre).
    """

    kind: Kind
    reference: str
    source: str
    ordinal: int
    content: Content
    chain: str
    lane: str
    after: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
