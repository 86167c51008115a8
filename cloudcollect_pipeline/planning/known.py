"""What the journal knows, as planning asks for it."""

import json
from collections import defaultdict

from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.deltas import Known


def known_effects(ledger: Ledger, kind: Kind) -> dict[str, tuple[Known, ...]]:
    """Source -> effects of a kind that are refused, parked or settled."""
    known: dict[str, list[Known]] = defaultdict(list)
    for row in ledger.rows(
        "select source, reference, ordinal, state, amount, details from effect "
        "where kind = $kind order by source, ordinal",
        {"kind": kind.value},
    ):
        told = json.loads(row["details"]).get("facts") or ""
        known[row["source"]].append(Known(row["reference"], row["ordinal"], row["state"], row["amount"], told))
    return {source: tuple(items) for source, items in known.items()}
