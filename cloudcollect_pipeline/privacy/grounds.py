"""Who is meant, and whether their data is still needed: read from the ledger, nothing is changed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from cloudcollect_pipeline.agency.port import AgencyCapabilities
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.recognise import doubt_an_older_copy, sync
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.ledger.ledger import Ledger, sql
from cloudcollect_pipeline.planning.facts import Facts
from cloudcollect_pipeline.planning.plan import prepare
from cloudcollect_pipeline.settings import CompanySettings

HERE = "cloudcollect_pipeline.privacy.sql"
RECONCILIATION = "cloudcollect_pipeline.reconciliation.sql"
SHORTEST = 4
"""Letters of the shortest word that tells somebody apart."""

GROUNDS: Mapping[str, tuple[str, str, str]] = {
    "RECEIVABLE_OPEN": ("open receivable", "open receivables", "ask again when it is paid or credited"),
    "CLAIM_LIVE": ("claim at the agency", "claims at the agency", "ask again when the case is closed"),
    "MONEY_ON_SUSPENSE_ACCOUNT": (
        "item on the suspense account",
        "items on the suspense account",
        "ask again when the agency has settled it",
    ),
    "CREDIT_NOT_PAID_BACK": ("payment or credit not used up", "payments or credits not used up", "pay it back first"),
    "EFFECT_UNDER_WAY": ("write with an outcome still open", "writes with outcomes still open", "ask again tomorrow"),
    "RECORD_SET_ASIDE": (
        "record that could not be read",
        "records that could not be read",
        "mend it in its source, then ask again: `cloudcollect findings list`",
    ),
}
"""Why data is still needed: one, many, and what to do. Claims and bookkeeping are grounds of GDPR article 17(3)."""


@dataclass(frozen=True)
class Ground:
    """One reason for which a customer's data is still needed; the amount is in øre, or None."""

    code: str
    number: int
    amount: int | None

    @property
    def text(self) -> str:
        """What it is and what to do, in one line."""
        one, many, then = GROUNDS[self.code]
        amount = f" of {display(self.amount)}" if self.amount else ""
        return f"{self.number} {one if self.number == 1 else many}{amount}; {then}"


@dataclass(frozen=True)
class Subject:
    """A customer, the keys of all that is theirs, and the words that only they have among the persons kept.

    Those of the words that are part of somebody else's tell the two apart only where they stand whole.
    """

    customer: str
    keys: frozenset[str]
    claims: tuple[str, ...]
    words: tuple[str, ...]
    in_others: frozenset[str] = frozenset()

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in self.words), re.IGNORECASE)

    def named_in(self, text: str) -> bool:
        """Whether one of their words stands in a text, whole and in any case."""
        return bool(self.words) and bool(self._whole.search(text))


def has_run(folder: Path) -> bool:
    """Whether a company has books to open: those of one that never ran would be made by it."""
    return any((folder / name).exists() for name in ("ledger.duckdb", "journal.sqlite"))


@contextmanager
def books(folder: Path, slug: str, company: CompanySettings, at: datetime) -> Iterator[tuple[Ledger, Journal]]:
    """Ledger and journal with the grounds laid beside; the caller holds the company's lock."""
    journal = Journal(folder, slug, company.erp.tenant_id, at)
    try:
        ledger = Ledger(folder, slug, company.erp.tenant_id)
        try:
            doubt_an_older_copy(ledger, journal, at)
            sync(ledger, journal)
            capabilities = AgencyCapabilities(currencies=company.policy.currencies)
            prepare(ledger, Facts(night_of(at), company.erp.tenant_id, company.agency.id, company, capabilities))
            ledger.db.execute(sql("open_item", RECONCILIATION))
            ledger.db.execute(sql("grounds", HERE))
            yield ledger, journal
        finally:
            ledger.close()
    finally:
        journal.close()


def grounds_of(ledger: Ledger, subject: Subject) -> list[Ground]:
    """Why a customer's data is still needed; empty when it is not."""
    rows = ledger.rows(
        "select ground, number, amount from ground where customer = ? order by ground", [subject.customer]
    )
    found = [Ground(row["ground"], int(row["number"]), row["amount"]) for row in rows]
    if not any(ground.code == "RECORD_SET_ASIDE" for ground in found):
        # One that does not say whose it is may still name them.
        raw = ledger.rows("select raw from persons.set_aside order by side, feed, key")
        named = sum(1 for row in raw if is_about(row["raw"].encode(), subject))
        found += [Ground("RECORD_SET_ASIDE", named, None)] if named else []
    return found


def subject_of(ledger: Ledger, customer: str) -> Subject | None:
    """The customer of a number, as far as anything is or was mirrored of them; None where nothing was."""
    rows = ledger.rows(sql("keys", HERE), {"customer": customer})
    if not rows:
        return None
    claims = tuple(row["key"] for row in rows if row["kind"] == "claim")
    words = _words(ledger, customer)
    others = frozenset(word for word, in_others in words.items() if in_others)
    return Subject(customer, frozenset({customer, *(row["key"] for row in rows)}), claims, tuple(sorted(words)), others)


def _words(ledger: Ledger, customer: str) -> dict[str, bool]:
    """Name, address, e-mail and telephone, without what another person has as well; is it part of what one has?"""
    columns = ("name", "address", "email", "phone")
    rows = [row for column in columns for row in ledger.rows(sql("own", HERE).format(column=column), [customer])]
    return {row["word"]: row["in_others"] for row in rows if len(row["word"]) >= SHORTEST}


def settled_before(ledger: Ledger, day: date) -> list[str]:
    """Customers whose persons are kept though nothing is open with them, and nothing has changed since that day."""
    return [row["customer"] for row in ledger.rows(sql("settled", HERE)) if row["since"] < day]


def questions_over(ledger: Ledger) -> list[str]:
    """The claim of every kept question whose claim is over; by claim, for its person may be gone already."""
    return [row["claim_id"] for row in ledger.rows(sql("questions_over", HERE))]


def is_about(line: bytes, subject: Subject) -> bool:
    """Whether a landed record has a key of somebody's as a text, or one of their words in one; numbers are amounts."""
    try:
        texts = list(_texts(msgspec.json.decode(line)))
    except msgspec.DecodeError:
        texts = [line.decode("utf-8", "replace")]
    return any(text in subject.keys or subject.named_in(text) for text in texts)


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)
    elif isinstance(tree, str):
        yield tree
