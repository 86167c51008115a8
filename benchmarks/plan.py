"""The plan: every rule for every receivable, and nothing that the journal knows already."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Contender, Figures, Row, contest, made_by, row, stopwatch


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """A tenth of the items is at the agency, each with its effect in the journal; a thousandth may be handed over."""
    for size in sizes:
        made = str(folder / f"plan-{size}")
        made_by(Contender("benchmarks.plan:make", {"folder": made, "items": size}))
        results = contest(
            {
                "ours": Contender("benchmarks.plan:ours", {"folder": made}),
                "floor": Contender("benchmarks.plan:floor", {"folder": made}),
            },
            rounds,
        )
        wall = results["ours"]["wall"]
        yield row(
            "plan, a tenth of the items in the journal",
            size,
            results,
            "wall",
            "s",
            target="≤ 3 s" if size == 10_000_000 else "",
            met=None if size != 10_000_000 else bool(wall and wall <= 3),
            floor_is="one query: open, picked, old enough, and in no effect of the journal",
        )


def make(folder: str, items: int) -> Figures:
    """The ledger that a plan is made from; what differs is equal again, so that no customer must be looked at."""
    from benchmarks.company import SLUG, TENANT, fill
    from cloudcollect_pipeline.ledger.ledger import Ledger

    ledger = Ledger(Path(folder), SLUG, TENANT, memory="4GB")
    fill(ledger, items, every=10, different=1000)
    ledger.close()
    return {}


def ours(folder: str) -> Figures:
    """`make_plan`, with everything it finds."""
    from benchmarks.company import SLUG, TENANT, facts
    from cloudcollect_pipeline.ledger.ledger import Ledger
    from cloudcollect_pipeline.planning.plan import make_plan

    ledger = Ledger(Path(folder), SLUG, TENANT, threads=2)
    with stopwatch() as figures:
        plan = make_plan(ledger, facts())
    return {**figures, "effects": len(plan.effects), "findings": len(plan.findings)}


def floor(folder: str) -> Figures:
    """What any plan must ask."""
    from benchmarks.company import SLUG, TENANT, facts
    from cloudcollect_pipeline.ledger.ledger import Ledger
    from cloudcollect_pipeline.planning.plan import prepare
    from cloudcollect_pipeline.planning.rules import own_rules

    ledger = Ledger(Path(folder), SLUG, TENANT, threads=2)
    prepare(ledger, facts())
    query = (
        f"select c.document_type, c.number from receivable_now c, policy p where {own_rules()} "
        "and not exists (from effect e where e.document = c.document_type || ' ' || c.number) order by 1, 2"
    )
    with stopwatch() as figures:
        ledger.db.execute(query).fetchall()
    return figures
