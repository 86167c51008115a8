"""What the oracle asks of every life: a product that is wrong in just that is found out, and the right one is not."""

from cloudcollect_pipeline.dispatch import dispatcher
from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.testing.simulation.ablation import substituted
from cloudcollect_pipeline.testing.simulation.core.life import live
from cloudcollect_pipeline.testing.simulation.core.night import Run
from cloudcollect_pipeline.testing.simulation.events import SUSPENSE
from cloudcollect_pipeline.testing.simulation.script import Script, Step

PAID = tuple(Step(n, "pay the agency", 0, 7) for n in (4, 5))


def broken(script, *substitutes):
    """What a life breaks with other code in the place of some; as it is, it breaks nothing."""
    assert live(script).violations == []
    with substituted(*substitutes):
        return {violation.invariant for violation in live(script).violations}


# -- what is parked ----------------------------------------------------------------------------------------------------


def parked(self, effect, fresh):
    return self._outcome(effect, "quarantined", note="payment 7 has the same customer, amount and account")


def test_postings_that_are_parked_for_no_cause_are_noticed():
    senders = {**dispatcher._SENDERS, Kind.POSTING: parked}
    assert broken(Script(0, 9, PAID, "core"), (dispatcher, "_SENDERS", senders)) == {"C3"}


def test_transfers_that_are_parked_for_no_cause_are_noticed():
    senders = {**dispatcher._SENDERS, Kind.TRANSFER: parked}
    assert broken(Script(0, 2, (), "core"), (dispatcher, "_SENDERS", senders)) == {"C3"}


def test_who_parks_an_unknown_outcome_before_it_was_looked_for_is_noticed():
    attempt = Dispatcher._attempt

    def hasty(*told):
        state, remote_id, note = attempt(*told)
        return "quarantined" if state == "uncertain" else state, remote_id, note

    script = Script(0, 3, (Step(0, "write lost"), Step(1, "write lost")), "core")
    assert broken(script, (Dispatcher, "_attempt", hasty)) == {"C3"}


def test_what_nobody_answers_three_times_is_parked_for_a_cause():
    lost = tuple(Step(night, "write lost") for night in range(12))
    lived = live(Script(0, 12, lost, "core"))
    assert lived.quarantined > 0
    assert lived.violations == []


def test_what_is_like_a_payment_of_somebodys_is_parked_for_a_cause():
    """Somebody pays as much by hand between the plan and the look-up: before the plan it would not be made."""
    carry_out = Run.carry_out

    def meanwhile(self, ran):
        books = self.erp.books
        for effect in ran.effects:
            if effect.kind == Kind.POSTING:
                books.receive(books.customers[effect.content.party], effect.content.amount, cash_account=SUSPENSE)
        return carry_out(self, ran)

    with substituted((Run, "carry_out", meanwhile)):
        lived = live(Script(0, 9, PAID, "core"))
    assert lived.quarantined > 0
    assert lived.violations == []
