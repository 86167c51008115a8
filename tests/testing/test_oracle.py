"""The oracle asks what its invariants say: a mistake put into the pipeline turns a life red."""

from dataclasses import replace
from datetime import timedelta

from cloudcollect_pipeline.dispatch import dispatcher
from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher
from cloudcollect_pipeline.erp.port import NewPayment
from cloudcollect_pipeline.planning import deltas
from cloudcollect_pipeline.testing.simulation.ablation import substituted
from cloudcollect_pipeline.testing.simulation.core.life import live
from cloudcollect_pipeline.testing.simulation.oracle import Oracle
from cloudcollect_pipeline.testing.simulation.script import Script, Step
from cloudcollect_pipeline.testing.simulation.tiers import CORE

BUSY = range(3, 40, 4)
"""Every fourth life is one in which much happens."""


def missed_by(*mistakes, seeds=BUSY):
    """The invariants that the first life to turn red misses."""
    with substituted(*mistakes):
        for seed in seeds:
            violations = CORE.live(CORE.drawn(seed, 60)).violations
            if violations:
                return {violation.invariant for violation in violations}
    return set()


def _settling_nothing(*payment):
    return replace(NewPayment(*payment), lines=())


def test_a_posting_that_settles_no_invoice_is_noticed_on_its_way():
    assert "S2" in missed_by((dispatcher, "NewPayment", _settling_nothing))


def test_a_posting_that_settles_less_than_its_entry_carries_is_noticed_on_its_way():
    def settling_less(*payment):
        made = NewPayment(*payment)
        return replace(made, lines=tuple(replace(line, amount=line.amount - 1) for line in made.lines))

    assert "S2" in missed_by((dispatcher, "NewPayment", settling_less))


def test_a_posting_booked_on_another_day_is_noticed():
    booking_day = Dispatcher._booking_day

    def a_day_later(self, *what):
        return booking_day(self, *what) + timedelta(days=1)

    assert "S2" in missed_by((Dispatcher, "_booking_day", a_day_later))


def test_a_posting_that_fell_short_though_nobody_had_a_hand_in_it_explains_no_difference():
    blind = (Oracle, "_settling", lambda *_: None)
    assert missed_by((dispatcher, "NewPayment", _settling_nothing), blind, seeds=[11]) == {"L5"}
    assert missed_by(blind, seeds=[11]) == set()


BOUNCED = Script(0, 9, (Step(0, "pay"), Step(4, "void a payment", 0, 1)), "core")
"""What was paid before the transfer bounces after it: the claim is raised."""


def test_a_claim_that_is_raised_above_what_the_erp_asks_for_is_noticed():
    reduce = deltas._reduce

    def raising_more(claim, news, entries, state, reference, planned):
        reduce(claim, news, entries, state, reference, planned)
        planned.effects[:] = [
            replace(effect, content=replace(effect.content, amount=effect.content.amount - 1))
            if effect.details.get("kind") == "RAISE"
            else effect
            for effect in planned.effects
        ]

    with substituted((deltas, "_reduce", raising_more)):
        found = live(BOUNCED).violations
    assert "S8" in {violation.invariant for violation in found}
    assert live(BOUNCED).violations == []
