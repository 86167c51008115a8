"""What the journal knows, as planning asks for it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.planning.deltas import Known

BY_SOURCE = """
    select source, reference, ordinal, state, amount, coalesce(details ->> '$.facts', '') as facts from effect
    where kind = $kind and ($only is null or {name} in (select unnest($only))) order by source, ordinal
"""


def known_effects(ledger: Ledger, kind: Kind, sources: Iterable[str] | None = None) -> dict[str, tuple[Known, ...]]:
    """Source -> effects of a kind, in any state; only of these sources, where they are told."""
    return _known(ledger, kind, "source", sources)


def known_reductions(ledger: Ledger, transfers: Iterable[str]) -> dict[str, dict[str, tuple[Known, ...]]]:
    """Transfer -> ERP document -> our reductions of the claim for it, in any state."""
    by_transfer: dict[str, dict[str, tuple[Known, ...]]] = defaultdict(dict)
    for source, known in _known(ledger, Kind.REDUCTION, "split_part(source, '/', 1)", transfers).items():
        transfer, _, document = source.partition("/")
        by_transfer[transfer][document] = known
    return by_transfer


def _known(ledger: Ledger, kind: Kind, name: str, only: Iterable[str] | None) -> dict[str, tuple[Known, ...]]:
    wanted = None if only is None else list(only)
    known: dict[str, list[Known]] = defaultdict(list)
    if wanted != []:
        for row in ledger.rows(BY_SOURCE.format(name=name), {"kind": kind.value, "only": wanted}):
            facts = row["reference"], row["ordinal"], row["state"], row["amount"], row["facts"]
            known[row["source"]].append(Known(*facts))
    return {source: tuple(items) for source, items in known.items()}


def shown(
    ledger: Ledger, table: Literal["entry_now", "payment_now"], known: Iterable[Iterable[Known]]
) -> frozenset[str]:
    """Which of these effects' references the target's list shows."""
    references = [each.reference for items in known for each in items]
    if not references:
        return frozenset()
    query = f"select reference from {table} where reference in (select unnest($references))"
    return frozenset(row[0] for row in ledger.db.execute(query, {"references": references}).fetchall())
