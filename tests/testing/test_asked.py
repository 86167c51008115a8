"""What the oracle asks of every life: a product that is wrong in just that is found out, and the right one is not."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import pytest

from cloudcollect_pipeline.dispatch import caps, dispatcher, guards
from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.planning import afterwards
from cloudcollect_pipeline.testing.simulation import events
from cloudcollect_pipeline.testing.simulation import life as whole
from cloudcollect_pipeline.testing.simulation.ablation import substituted
from cloudcollect_pipeline.testing.simulation.core import life, night
from cloudcollect_pipeline.testing.simulation.core.life import Life, live
from cloudcollect_pipeline.testing.simulation.core.memory import MemoryJournal
from cloudcollect_pipeline.testing.simulation.core.night import Run
from cloudcollect_pipeline.testing.simulation.core.ports import AgencyPort
from cloudcollect_pipeline.testing.simulation.events import SUSPENSE
from cloudcollect_pipeline.testing.simulation.oracle import Oracle, amounts
from cloudcollect_pipeline.testing.simulation.script import Script, Step
from cloudcollect_pipeline.testing.simulation.tiers import CORE

PAID = tuple(Step(n, "pay the agency", 0, 7) for n in (4, 5))


def broken(script, *substitutes):
    """What a life breaks with other code in the place of some; as it is, it breaks nothing."""
    assert live(script).violations == []
    with substituted(*substitutes):
        return {violation.invariant for violation in live(script).violations}


# -- what is read may lag ----------------------------------------------------------------------------------------------

TAKEN_BACK = Script(0, 8, (Step(2, "pay the agency", 0, 3), Step(4, "take money back", 0, 3)), "core")
"""The agency takes back a part of what paid an invoice in full: the posting gives way to one of what is left."""


def lists_lag_after_a_void(of_nights):
    """The sender of postings, for which the ERP goes on listing invoices as settled that a void has opened again."""
    posting, nights = dispatcher.Dispatcher._posting, set[date]()

    def sender(self, effect, fresh):
        if effect.ordinal > 1 and (self.night in nights or len(nights) < of_nights):
            nights.add(self.night)
            fresh.balances = dict.fromkeys(fresh.balances, 0)
        return posting(self, effect, fresh)

    return dispatcher, "_SENDERS", {**dispatcher._SENDERS, Kind.POSTING: sender}


def test_what_is_left_is_posted_on_its_invoice_once_the_list_shows_what_a_void_opened_again():
    with substituted(lists_lag_after_a_void(1)):
        lived = live(TAKEN_BACK)
    assert lived.violations == []
    assert lived.effects["posting"] == 2


def test_a_list_that_lags_after_a_void_is_no_mistake_of_who_reads_it():
    """Nobody waits for the list, so that what is left is a credit: a difference, and no posting of something else."""
    hasty = (Dispatcher, "_voided_lately", lambda *_: False)
    with substituted(lists_lag_after_a_void(1), hasty):
        assert {violation.invariant for violation in live(TAKEN_BACK).violations} == {"L5"}


def test_how_it_was_before_a_late_write_landed_is_remembered():
    remembered, moved = [], Oracle.moved

    def spied(self):
        remembered.append(self.world.now)
        moved(self)

    with substituted((Oracle, "moved", spied)):
        assert live(Script(0, 2, (Step(0, "write done late", 0, 3),), "core")).violations == []
    assert timedelta(minutes=15) in {later - earlier for earlier, later in combinations(remembered, 2)}


@pytest.mark.parametrize("seed", [4741, 8333])
def test_a_life_that_the_oracle_once_misjudged_breaks_nothing(seed):
    """Looks of one night that are a day apart, and an answer of before a void's release."""
    assert CORE.live(CORE.drawn(seed, 90, 9.0)).violations == []


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


# -- what a person must see first --------------------------------------------------------------------------------------

SMALL = (("caps", "floor_count", "0"),)
"""Everything needs approval."""


def test_caps_that_count_for_transfers_alone_are_noticed():
    breaches = caps.breaches

    def of_transfers(*told):
        return [reason for reason in breaches(*told) if reason.startswith("transfer")]

    crowd = Script(0, 4, (Step(1, "invoice a crowd", 0, 3626764237),), "core")
    assert broken(crowd, (night, "breaches", of_transfers)) == {"S10"}


@pytest.mark.parametrize("cap", [("floor_sum", "20"), ("single_amount", "20")])
def test_a_sum_above_its_cap_that_nobody_approved_is_noticed(cap):
    script = Script(0, 9, PAID, "core", (("caps", *cap),))
    assert broken(script, (night, "breaches", lambda *_: [])) == {"S10"}


def test_what_is_approved_is_done_to_what_a_person_saw_and_in_no_other_way():
    def recalled(self, claim_id, hold, reason):
        set_hold(self, claim_id, "RECALLED", reason)

    set_hold = AgencyPort.set_hold
    script = Script(0, 3, (Step(2, "dispute or not"),), "core", SMALL)
    assert "S10" in broken(script, (AgencyPort, "set_hold", recalled))


def test_case_numbers_that_nobody_approved_are_noticed():
    """As if one that waits were sent along with a plan that has been approved."""

    def amounts_but_of_cases(effects):
        return amounts([effect for effect in effects if effect.kind != Kind.CASE_REFERENCE])

    script = Script(0, 3, (), "core", SMALL)
    assert broken(script, (life, "amounts", amounts_but_of_cases)) == {"S10"}


def test_the_first_plan_of_a_new_journal_is_approved_again():
    rows = MemoryJournal.rows

    def as_if_known(self, query, *told):
        return [1] if "state = 'dispatched'" in query and self.forgot() is not None else rows(self, query, *told)

    script = Script(0, 8, (Step(3, "journal lost"), *(Step(n, "invoice", 0, 9) for n in (3, 4))), "core")
    assert broken(script, (MemoryJournal, "rows", as_if_known)) == {"S10"}


def test_a_third_of_all_lives_meet_their_caps():
    lives = [CORE.drawn(seed, 1) for seed in range(300)]
    assert 80 < sum(any(section == "caps" for section, *_ in script.settings) for script in lives) < 120
    assert all(Script.from_json(script.as_json()) == script for script in lives)


# -- what strikes ------------------------------------------------------------------------------------------------------


def test_what_changes_no_answer_has_not_struck():
    nothing = Script(0, 1, tuple(Step(0, kind, 4) for kind in ("row missing", "rows twice", "page lost")), "core")
    lived = live(nothing)
    assert (lived.struck.total(), lived.idle) == (0, 3)


def test_a_stale_answer_strikes_where_it_tells_less_than_is_true():
    """What was read before the night's writes, once more after them; where nothing was written it is given up."""
    lived = live(Script(0, 1, (Step(0, "read stale"),), "core"))
    assert (lived.struck.total(), lived.idle) == (1, 0)
    assert {kind for kind, _ in lived.struck} == {"read stale"}
    assert live(Script(0, 30, (Step(29, "read stale"),), "core")).idle == 1


def test_a_stale_answer_is_of_half_an_hour_ago_at_most_and_reaches_as_far_back_as_is_asked():
    wire = Life(Script(0, 1, (), "core")).wire
    now = wire.world.now

    def asked(rows, since):
        wire.begin()
        return wire.read("erp payments", None, lambda: rows, since=since)

    assert asked([1], now) == [1]
    wire.chaos.arm([Step(0, "read stale")])
    assert asked([1, 2], now - timedelta(days=1)) == [1, 2]
    wire.chaos.arm([Step(0, "read stale")])
    assert asked([1, 2, 3], now) == [1]
    wire.chaos.arm([Step(0, "read stale")])
    wire.world.advance(wire.world.now + timedelta(minutes=31))
    assert asked([1, 2, 3], now) == [1, 2, 3]
    assert wire.chaos.struck.total() == 1


# -- what people have set and answer -----------------------------------------------------------------------------------

ASK = (("policy", "disputed_after_transfer", "ask"),)
RECALL = (("policy", "disputed_after_transfer", "recall"),)
DISPUTED = Step(2, "dispute or not")


def test_who_is_to_ask_about_a_disputed_claim_and_does_not_is_noticed():
    def deaf(*told):
        wanted, why = wanted_hold(*told)
        return "NONE" if wanted == "ASK" else wanted, why

    wanted_hold = afterwards.wanted_hold
    substitutes = [(module, "wanted_hold", deaf) for module in (afterwards, guards)]
    assert broken(Script(0, 3, (DISPUTED,), "core", ASK), *substitutes) == {"C10"}


def test_who_asks_and_does_not_hear_the_answer_is_noticed():
    def deaf(document, failed, principal_open, due, transferred_due, facts):
        return wanted_hold(document, failed, principal_open, due, transferred_due, replace(facts, decisions={}))

    wanted_hold = afterwards.wanted_hold
    substitutes = [(module, "wanted_hold", deaf) for module in (afterwards, guards)]
    assert broken(Script(1, 3, (DISPUTED,), "core", ASK), *substitutes) == {"C10"}


def test_what_is_to_be_recalled_is_recalled():
    life = Life(Script(0, 3, (DISPUTED,), "core", RECALL))
    assert life.live().violations == []
    assert "RECALLED" in {claim.hold for claim in life.stage.account.claims.values()}


def test_somebody_answers_on_ordinary_nights_in_a_third_of_all_lives_and_in_no_other():
    lives = [CORE.drawn(seed, 60) for seed in range(300)]
    asked = [script for script in lives if any(section == "policy" for section, *_ in script.settings)]
    nights = {script.seed: sum(script.answers_on(night) is not None for night in range(60)) for script in lives}
    assert 80 < len(asked) < 120
    assert {seed for seed, answered in nights.items() if answered} == {script.seed for script in asked}


# -- rest --------------------------------------------------------------------------------------------------------------


def test_a_whole_life_that_never_comes_to_rest_is_noticed():
    """Somebody answers every morning, so that no four nights are quiet ones."""
    restless = (
        (whole.Life, "_run", lambda self, faults: None),
        (whole.Life, "_answer", lambda self, dice, drafts=False: True),
        (whole, "QUIET_NIGHTS", 3),
    )
    with substituted(*restless):
        found = whole.live(Script(0, 0, ())).violations
    assert "C1" in {violation.invariant for violation in found}


def test_somebody_finds_a_draft_of_ours_whose_release_fails_for_some_nights():
    """A release that fails once leaves its draft for one day, on which hardly anybody looks."""
    steps = (*PAID[:1], Step(4, "fail the next release", 0, 0), Step(6, "clear up our draft"))
    lived = live(Script(0, 10, steps, "core"))
    assert lived.violations == []
    assert lived.happened["clear up our draft"] == 1


def test_after_half_of_the_releases_that_fail_somebody_looks_for_drafts_every_evening():
    looks, happen = [], events.happen

    def spied(*told):
        looks.append(happen(*told))
        return looks[-1]

    steps = (*PAID[:1], Step(4, "fail the next release", 0, 5))
    with substituted((events, "happen", spied)):
        assert live(Script(0, 12, steps, "core")).violations == []
    assert looks == [True]
