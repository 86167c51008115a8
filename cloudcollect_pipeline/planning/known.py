"""What the journal knows, as planning asks for it."""

from collections import defaultdict
from collections.abc import Iterable

from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.deltas import Known


def known_effects(ledger: Ledger, kind: Kind, sources: Iterable[str] | None = None) -> dict[str, tuple[Known, ...]]:
    """Source -> effects of a kind, in any state; only of these sources, where they are told."""
    only = None if sources is None else list(sources)
    known: dict[str, list[Known]] = defaultdict(list)
    for row in ledger.rows(
        "select source, reference, ordinal, state, amount, coalesce(details ->> '$.facts', '') as facts from effect "
        "where kind = $kind and ($only is null or source in (select unnest($only))) order by source, ordinal",
        {"kind": kind.value, "only": only},
    ):
        known[row["source"]].append(Known(row["reference"], row["ordinal"], row["state"], row["amount"], row["facts"]))
    return {source: tuple(items) for source, items in known.items()}
