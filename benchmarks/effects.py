"""Effects a second against a server that takes 20 ms: guarded, looked up, journalled before they are sent, in order."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Figures, Row, contest, row, stopwatch
from benchmarks.server import FIRST, PER_CUSTOMER, serving, stats

DELAY = 0.02
PER_CLAIM = 3
TARGETS = {8: 300, 32: 1100}


def rows(sizes: list[int], rounds: int, folder: Path) -> Iterator[Row]:
    """Three reductions a claim, which must be sent in order."""
    for flight, least in TARGETS.items():
        claims = min(20 * flight, sizes[0] // (20 if len(sizes) > 1 else 100))
        effects = PER_CLAIM * claims
        with serving(2 * claims, delay=DELAY, every=1) as url:
            arguments = {"url": url, "claims": claims}
            results = contest(
                {
                    "ours": Contender("benchmarks.effects:ours", {**arguments, "parallel": flight}),
                    "floor": Contender("benchmarks.effects:nothing", {"seconds": effects * DELAY / flight}),
                    "sequential": Contender("benchmarks.effects:sequential", {"url": url, "claims": claims}),
                },
                rounds,
            )
            out_of_order = stats(url)["out_of_order"]
        rate = results["ours"]["wall"]
        sent = results["ours"]["sending"]
        yield row(
            f"effects, {flight} in flight, 20 ms a request",
            effects,
            results,
            "wall",
            "effects/s",
            per=effects,
            target=f"≥ {least} effects/s, in order per claim, intent durable first",
            met=bool(rate and effects / rate >= least and not out_of_order),
            floor_is="the server's own time for the writes alone",
            also={"out of order": out_of_order, "effects/s while sending": effects / sent if sent else 0.0},
        )


def nothing(seconds: float) -> Figures:
    """Time that passes at the other end."""
    return {"wall": seconds, "cpu": 0.0, "peak": 0.0}


def sequential(url: str, claims: int) -> Figures:
    """One in flight, for an eighth of the claims; the figures are for all of them."""
    some = max(claims // 8, 1)
    figures = ours(url, some, 1)
    return {name: value * claims / some if name != "peak" else value for name, value in figures.items()}


def ours(url: str, claims: int, parallel: int) -> Figures:
    """`Dispatcher.dispatch` of a stored plan; `sending` is what it took without the guards' reads."""
    from benchmarks.company import NIGHT, NOW, SLUG, TENANT, WallClock, company, fill
    from cloudcollect_pipeline.agency.cloud_collect import connect as connect_agency
    from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher
    from cloudcollect_pipeline.dispatch.guards import Guard
    from cloudcollect_pipeline.dispatch.journal import Journal
    from cloudcollect_pipeline.dispatch.reads import LedgerReads
    from cloudcollect_pipeline.domain.effect import Kind
    from cloudcollect_pipeline.erp.visma_net import connect as connect_erp
    from cloudcollect_pipeline.landing import Landing
    from cloudcollect_pipeline.ledger.ledger import Ledger
    from cloudcollect_pipeline.planning.effects import as_text, plan_hash
    from cloudcollect_pipeline.planning.facts import Facts

    folder = Path(tempfile.mkdtemp())
    settings, clock = company(url, parallel=parallel), WallClock()
    erp, close_erp, _ = connect_erp(settings.erp, clock, None, {})
    agency, close_agency, _ = connect_agency(settings.agency, clock, None, {})
    facts = Facts(NIGHT, TENANT, settings.agency.id, settings, agency.capabilities)
    ledger = Ledger(folder, SLUG, TENANT)
    fill(ledger, 2 * claims, every=1)
    journal = Journal(folder, SLUG, TENANT, NOW - timedelta(days=2))
    journal.declare_new(NOW - timedelta(days=2), "bench")
    effects = [_reduction(facts, i, turn) for i in range(claims) for turn in range(1, PER_CLAIM + 1)]
    texts = [as_text(effect) for effect in effects]
    digest = plan_hash(TENANT, settings.agency.id, NIGHT, 2, texts)
    journal.store_plan(digest, NIGHT, clock.now(), 2, "automatic", {}, texts)
    guarding = 0.0

    class Timed(Guard):
        def read(self, effects: Any) -> Any:
            nonlocal guarding
            with stopwatch() as taken:
                fresh = super().read(effects)
            guarding += taken["wall"]
            return fresh

    reads = LedgerReads(ledger, Landing(folder / "landing"), erp, agency, facts, clock)
    guard = Timed(reads, facts, clock)
    dispatcher = Dispatcher(journal, guard, erp, agency, facts, clock, parallel=parallel)
    with stopwatch() as figures:
        done = dispatcher.dispatch(digest)
    counts = done.counts[Kind.REDUCTION.value]
    assert counts == {"confirmed": len(effects)}, (dict(counts), [e.note for e in journal.effects()][:3])
    close_erp()
    close_agency()
    return {**figures, "sending": figures["wall"] - guarding}


def _reduction(facts: Any, i: int, turn: int) -> Any:
    from cloudcollect_pipeline.domain.effect import Content, Effect, Kind

    document = f"Invoice {FIRST + i}"
    open_ = 11_000 + i * 7919 % 900_000
    return Effect(
        Kind.REDUCTION,
        f"R{i}-{turn}",
        f"T{i}/Payment {i}",
        turn,
        Content(f"C{i // PER_CUSTOMER:08d}", document, f"clm{i}", "NOK", 100),
        chain=f"T{i}",
        lane=f"T{i}",
        details={
            "claim_id": f"clm{i}", "kind": "DIRECT_PAYMENT", "receivable": document, "value_date": "2026-03-09",
            "document_type": "Payment", "number": str(i),
        },
        expect={"document": document, "open": open_ - (1000 if i % 71 == 0 else 0), "balance": open_},
    )  # fmt: skip
