"""Differences between the subledgers that nothing explains: what stands on both sides, untouched and unnamed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.finding import Finding
from cloudcollect_pipeline.domain.money import display, ore
from cloudcollect_pipeline.domain.words import RECEIVABLE_TYPES
from cloudcollect_pipeline.ledger.ledger import Ledger, sql

HERE = "cloudcollect_pipeline.reconciliation.sql"
NAMED = re.compile(rf"\b(?:{'|'.join(RECEIVABLE_TYPES)}) [^\s,;:()]+")


def documents_named(texts: Iterable[str]) -> set[str]:
    """The receivables ("Invoice 100123") that texts of findings name."""
    return {name for text in texts for name in NAMED.findall(text)}


LEFT = {
    ("WRITE_OFF_ABOVE_TOLERANCE", "keep"): -1,
    ("REDUCTION_CANCELLED", "ignore"): -1,
    ("CREDITOR_ENTRY_UNKNOWN", "ignore"): 1,
}
"""Answers that let the two sides differ by the finding's amount: ERP minus agency has this sign."""


def left_as_they_are(ledger: Ledger, journal: Journal) -> dict[str, int]:
    """Receivable -> the difference (øre, ERP minus agency) that people chose to leave."""
    left: dict[str, int] = defaultdict(int)
    decisions = journal.decisions()
    for finding in journal.findings(all_states=True):
        key = finding["code"], finding["subject"]
        sign = LEFT.get((finding["code"], decisions.get(key, "")))
        if sign is None:
            continue
        named = documents_named([finding["subject"]]) or {
            row["document"] for row in ledger.rows(sql("decided", HERE), {"entry": finding["subject"]})
        }
        for document in named:
            left[document] += sign * (finding["amount"] or 0)
    return left


def unexplained(
    ledger: Ledger, night: date, version: int, explained: set[str], left: Mapping[str, int]
) -> list[Finding]:
    """A finding for each receivable that differs, unchanged since the plan's mirror version, and is not explained.

    What changed after the plan was made is news for the next night, not a difference to explain; `left` is what people
    chose to leave, which explains exactly that.
    """
    return [
        Finding(
            "BALANCES_DIFFER",
            row["document"],
            f"{row['document']}: ERP {_shown(row['erp_balance'])}, agency {_shown(row['agency_open'])}",
            ore(row["difference"]),
        )
        for row in ledger.rows(sql("standing_differences", HERE), {"night": night, "version": version})
        if row["document"] not in explained and ore(row["difference"]) != left.get(row["document"], 0)
    ]


def _shown(amount: object) -> str:
    return "nothing" if amount is None else display(ore(str(amount)))
