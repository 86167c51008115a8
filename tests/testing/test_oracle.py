"""The oracle asks what its invariants say: a mistake put into the pipeline turns a life red."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloudcollect_pipeline.agency.port import NewClaim, NewReduction
from cloudcollect_pipeline.dispatch import dispatcher, guards
from cloudcollect_pipeline.dispatch.dispatcher import Dispatcher
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.erp.port import NewPayment
from cloudcollect_pipeline.planning import afterwards, deltas
from cloudcollect_pipeline.testing.simulation.ablation import substituted
from cloudcollect_pipeline.testing.simulation.core import night as core_night
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


DISPUTED = Script(0, 8, (Step(3, "dispute or not"), Step(5, "dispute or not")), "core")
"""A claim is paused for two nights and goes on."""


@pytest.mark.parametrize("hold", ["PAUSED", "RECALLED"])
def test_a_claim_that_is_held_for_no_reason_is_noticed(hold):
    def held(*_):
        return hold, "no reason at all"

    with substituted((afterwards, "wanted_hold", held), (guards, "wanted_hold", held)):
        found = live(Script(0, 3, (), "core")).violations
    assert {violation.invariant for violation in found} == {"C10"}


def test_a_claim_that_is_recalled_though_it_should_only_be_paused_is_noticed():
    wanted_hold = afterwards.wanted_hold

    def recalled(*asked):
        hold, reason = wanted_hold(*asked)
        return ("RECALLED" if hold == "PAUSED" else hold), reason

    with substituted((afterwards, "wanted_hold", recalled), (guards, "wanted_hold", recalled)):
        found = live(DISPUTED).violations
    assert "C10" in {violation.invariant for violation in found}
    assert live(DISPUTED).violations == []


def test_a_claim_that_goes_on_while_it_must_be_held_is_noticed():
    wanted_hold = afterwards.wanted_hold

    def forgetful(*asked):
        hold, reason = wanted_hold(*asked)
        return ("NONE" if asked[-1].night.day % 2 else hold), reason

    with substituted((afterwards, "wanted_hold", forgetful), (guards, "wanted_hold", forgetful)):
        found = live(replace(DISPUTED, steps=DISPUTED.steps[:1])).violations
    assert any("is told to go on" in violation.text for violation in found)


def test_a_claim_that_is_held_some_nights_too_late_is_noticed():
    """At the end all is as it should be: only the plan of an untroubled night tells."""
    holds = afterwards.holds

    def on_some_days(rows, known, last, waiting, facts, effects, findings):
        if facts.night.day % 3 == 1:
            holds(rows, known, last, waiting, facts, effects, findings)

    with substituted((core_night, "holds", on_some_days)):
        found = live(replace(DISPUTED, steps=DISPUTED.steps[:1])).violations
    assert {violation.text.partition(" ")[2] for violation in found} == {"must be held, and nothing is planned or said"}


ASKED = [seed for seed in range(200) if any(value == "ask" for *_, value in CORE.drawn(seed, 1).settings)]
"""Lives in which the settings leave to a person what becomes of a claim."""


def judging(change):
    """A mistake in what is wanted of a claim: `change` gets what failed, and what people have answered."""
    wanted_hold = afterwards.wanted_hold

    def changed(document, failed, principal_open, due, transferred_due, facts):
        failed, decisions = change(document, failed, facts.decisions)
        return wanted_hold(document, failed, principal_open, due, transferred_due, replace(facts, decisions=decisions))

    return (afterwards, "wanted_hold", changed), (guards, "wanted_hold", changed)


def _never_closed(_, failed, decisions):
    return [code for code in failed if code not in afterwards.MADE_UP], decisions


def _deaf(_, failed, __):
    return failed, {}


def _to_any_reason(document, failed, decisions):
    asked = [("CLAIM_SHOULD_STOP", f"{document} {why}") for why in ("disputed", "excluded", "credited in full")]
    answers = [decisions[each] for each in asked if each in decisions]
    return failed, dict.fromkeys(asked, answers[0]) if answers else {}


@pytest.mark.parametrize("mistake", [_never_closed, _deaf, _to_any_reason])
def test_what_the_settings_and_people_say_of_a_claim_is_what_must_become_of_it(mistake):
    assert missed_by(*judging(mistake), seeds=ASKED) == {"C10"}


def test_an_answer_about_a_hold_allows_one():
    """That nothing else uses it up is a story: in a life one run keeps what people answered from plan to send."""
    assert missed_by((Journal, "_use_up", lambda *_: []), seeds=ASKED) == {"C10"}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("kid", "0"),
        ("document_date", date(2020, 1, 1)),
        ("due_date", date(2020, 1, 1)),
        ("original_amount", 1),
        ("reminders_sent", 9),
        ("last_reminder", None),
        ("name", "Somebody else"),
        ("address", "Elsewhere 1"),
        ("postal_code", "0001"),
        ("organisation_number", "0"),
    ],
)
def test_a_claim_that_says_something_else_than_the_erp_is_noticed(field, wrong):
    def saying(*told):
        claim = NewClaim(*told)
        if hasattr(claim, field):
            return replace(claim, **{field: wrong})
        return replace(claim, debtor=replace(claim.debtor, **{field: wrong}))

    with substituted((dispatcher, "NewClaim", saying)):
        found = live(Script(0, 1, (), "core")).violations
    assert {violation.invariant for violation in found} == {"S4"}


@pytest.mark.parametrize("event", ["pay", "credit", "write off"])
def test_what_paid_a_claim_is_reported_as_what_it_is(event):
    def as_something_else(*told):
        made = NewReduction(*told)
        return replace(made, kind="CREDIT" if made.kind == "WRITE_OFF" else "WRITE_OFF")

    script = Script(0, 6, tuple(Step(3, event, 0, dice) for dice in range(3)), "core")
    with substituted((dispatcher, "NewReduction", as_something_else)):
        found = live(script).violations
    assert {violation.invariant for violation in found} == {"S8"}
    assert live(script).violations == []
