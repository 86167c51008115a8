"""Differences between the subledgers that nothing explains: what stands on both sides, untouched and unnamed."""

import re
from collections.abc import Iterable, Mapping
from datetime import date

from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.domain.words import RECEIVABLE_TYPES
from cloudcollect_pipeline.ledger.ledger import Ledger, sql

HERE = "cloudcollect_pipeline.reconciliation.sql"
NAMED = re.compile(rf"\b(?:{'|'.join(RECEIVABLE_TYPES)}) [^\s,;:()]+")


def documents_named(texts: Iterable[str]) -> set[str]:
    """The receivables ("Invoice 100123") that texts of findings name."""
    return {name for text in texts for name in NAMED.findall(text)}


def left_as_they_are(ledger: Ledger, decisions: Mapping[tuple[str, str], str]) -> set[str]:
    """The receivables on which a person chose to let the two sides differ."""
    subjects = [subject for (_, subject), action in decisions.items() if action in ("keep", "ignore")]
    rows = ledger.rows(sql("decided", HERE), {"entries": subjects})
    return documents_named(subjects) | {row["document"] for row in rows}


def unexplained(ledger: Ledger, night: date, version: int, explained: set[str]) -> list[Finding]:
    """A finding for each receivable that differs, unchanged since the plan's mirror version, and is not explained.

    What changed after the plan was made is news for the next night, not a difference to explain.
    """
    return [
        Finding(
            "BALANCES_DIFFER",
            row["document"],
            f"{row['document']}: ERP {_shown(row['erp_balance'])}, agency {_shown(row['agency_open'])}",
            ore(row["difference"]),
        )
        for row in ledger.rows(sql("standing_differences", HERE), {"night": night, "version": version})
        if row["document"] not in explained
    ]


def _shown(amount: object) -> str:
    return "nothing" if amount is None else display(ore(str(amount)))
