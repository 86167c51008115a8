"""The simulator: lives with faults break nothing, and each safeguard taken out of the pipeline breaks something."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloudcollect_pipeline import nightly
from cloudcollect_pipeline.cli.app import app
from cloudcollect_pipeline.cli.exits import USAGE, Stop
from cloudcollect_pipeline.ledger.ledger import LedgerError
from cloudcollect_pipeline.reconciliation.statement import Statement, make_statement
from cloudcollect_pipeline.testing.simulation.ablation import ABLATIONS, substituted, without
from cloudcollect_pipeline.testing.simulation.events import EVENTS
from cloudcollect_pipeline.testing.simulation.evidence import survey
from cloudcollect_pipeline.testing.simulation.faults import FAULTS
from cloudcollect_pipeline.testing.simulation.life import live
from cloudcollect_pipeline.testing.simulation.script import Script, Step, shrunk
from cloudcollect_pipeline.testing.simulation.tiers import WHOLE

SEEDS = int(os.environ.get("CLOUDCOLLECT_SIMULATED_SEEDS", "4"))
"""Lives of ten nights with two faults a night; `make simulate` lives many more."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_life_in_which_everything_goes_wrong_breaks_nothing(seed: int) -> None:
    lived = live(Script.drawn(seed, 10, 2.0))
    assert lived.violations == []
    assert sum(lived.struck.values()) >= 3
    assert lived.effects["transfer"] > 0


def test_the_same_script_has_the_same_history_and_another_has_another() -> None:
    script = Script.drawn(11, 2, 3.0)
    assert live(script).hash == live(script).hash
    assert live(script).hash != live(replace(script, steps=())).hash


PAID = (Step(1, "pay the agency", 0, 2444712010), Step(2, "pay the agency", 0, 3639700191))
CAUGHT: dict[str, tuple[Script, str]] = {
    "the intent is written after the send": (Script(0, 1, ()), "S5"),
    "nothing is looked up before a write": (Script(0, 1, ()), "S5"),
    "an unknown outcome is tried again in the same run": (Script(0, 1, (Step(0, "write lost"),)), "S6"),
    "a 5xx counts as not done": (
        Script(
            12,
            6,
            (
                Step(1, "pay the agency", 0, 1155324522),
                Step(2, "pay the agency", 0, 2823822892),
                Step(2, "write 500 done", 2, 612463845),
                Step(3, "nothing new is listed"),
            ),
        ),
        "S1",
    ),
    "no caps": (Script(0, 4, (Step(1, "invoice a crowd", 0, 3626764237),)), "S10"),
    "no fresh read before a write": (Script(13, 1, ()), "S4"),
    "no order": (
        Script(
            1,
            6,
            (
                Step(1, "pay the agency", 0, 2315947158),
                Step(2, "pay the agency", 0, 3762902158),
                Step(3, "take money back", 0, 2911259716),
                Step(3, "write lost"),
                Step(3, "write not connected"),
            ),
        ),
        "S1",
    ),
    "no guard against echoes": (Script.drawn(3, 5, 3.0), "S8"),
    "an intent is of another amount": (Script(0, 1, ()), "S5"),
    "no hash chain": (Script(0, 4, (Step(1, "pay the agency"), Step(3, "bit flipped", 0, 6))), "S12"),
    "an older journal is trusted": (
        Script(0, 6, (Step(1, "pay the agency"), Step(2, "pay the agency"), Step(4, "journal of an earlier night"))),
        "S12",
    ),
    "no ceiling": (
        Script(
            0,
            4,
            (
                *(Step(2, "a notice of direct payment", 0, dice) for dice in (0, 10)),
                *(Step(3, "pay", 0, dice) for dice in (0, 1, 2)),
            ),
        ),
        "S8",
    ),
    "an intent is not committed": (Script(0, 1, ()), "S5"),
    "an intent is about something else": (Script(0, 3, (Step(2, "dispute or not"),)), "S5"),
    "the head is not written": (Script(0, 1, ()), "C1"),
    "a plan is marked as carried out": (Script(0, 1, ()), "S10"),
    "what was approved is planned anew": (Script(57, 1, ()), "S10"),
    "unknown outcomes are asked for a week": (Script(0, 1, (Step(0, "write lost"),)), "C1"),
    "disputes are not heard": (Script(0, 3, (Step(2, "dispute or not"),)), "C10"),
    "the hold list is not read": (Script(0, 3, (Step(2, "hold back or let go", 0, 2),)), "C10"),
    "cases are not shown": (Script(0, 4, ()), "C2"),
    "a wrong voucher": (Script(1, 6, PAID), "S2"),
    "nothing is reported": (Script(0, 2, (Step(1, "pay", 0, 1),)), "L5"),
    "what is ripe is passed over": (Script(0, 1, ()), "S4"),
    "settlements are not booked": (Script(1, 6, PAID), "C2"),
}


@pytest.mark.parametrize("safeguard", CAUGHT)
def test_without_a_safeguard_the_simulation_turns_red(safeguard: str) -> None:
    script, invariant = CAUGHT[safeguard]
    with without(safeguard):
        found = live(script, to_the_end=False).violations
    assert invariant in {violation.invariant for violation in found}
    assert live(script).violations == []


def test_without_the_lock_two_runs_meet_in_the_same_files() -> None:
    script = Script(0, 1, (Step(0, "second run"),))
    with without("no lock"), pytest.raises(LedgerError, match="already attached"):
        live(script)
    lived = live(script)
    assert lived.struck["second run", "a night"] == 1
    assert lived.violations == []


def test_a_draft_of_ours_that_one_night_did_not_list_is_still_released() -> None:
    steps = tuple(Step(n, "pay the agency", 0, d) for n, d in ((1, 139951793), (2, 1842064464), (3, 2072586604)))
    lost = (Step(3, "write 500 done", 0, 885185152), Step(4, "nothing new is listed"))
    lived = live(Script(10, 6, (*steps, *lost)))
    assert lived.struck["write 500 done", "payment"] == lived.struck["nothing new is listed", "a night"] == 1
    assert lived.violations == []


def test_a_draft_of_somebodys_that_one_answer_lacked_holds_back_again_from_the_next_night_on() -> None:
    steps = (Step(2, "pay by draft", 0, 378425479), Step(8, "row missing", 11, 252580221))
    lived = live(Script(6, 12, steps))
    assert lived.struck["row missing", "erp customerpayment"] == 1
    assert lived.violations == []


def test_a_statement_that_ties_with_other_figures_than_the_books_is_noticed() -> None:
    def shifted(*told: Any) -> Statement:
        made = make_statement(*told)
        return replace(
            made,
            ledger=made.ledger + 100,
            posted=made.posted + 100,
            carried_not_posted=made.carried_not_posted - 100,
        )

    with substituted((nightly, "make_statement", shifted)):
        found = live(Script(0, 1, ())).violations
    assert {violation.invariant for violation in found} == {"L2"}


def test_every_safeguard_has_a_story_that_needs_it() -> None:
    assert {*CAUGHT, "no lock"} == set(ABLATIONS)


def test_a_script_is_kept_and_read_back() -> None:
    script = Script.drawn(3, 20, 4.0)
    assert Script.from_json(script.as_json()) == script
    assert {step.what for step in script.steps} <= {*EVENTS, *FAULTS}
    with pytest.raises(KeyError):
        Script.from_json("{}")


def test_a_failing_script_shrinks_to_what_makes_it_fail() -> None:
    def fails(script: Script) -> bool:
        names = [step.what for step in script.steps]
        return "pay" in names and "write lost" in names

    script = next(s for s in (Script.drawn(seed, 40, 3.0) for seed in range(50)) if fails(s))
    short = shrunk(script, fails)
    assert sorted(step.what for step in short.steps) == ["pay", "write lost"]
    assert short.nights == max(step.night for step in short.steps) + 1 <= script.nights


def test_how_many_processes_share_the_work_changes_nothing() -> None:
    alone, together = (survey(WHOLE, range(2), 1, 2.0, processes) for processes in (1, 2))
    assert alone.as_json() == together.as_json()
    assert alone.lives == 2


def test_the_command_writes_its_evidence_and_replays_a_script(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        app, ["simulate", "--seeds", "1", "--nights", "2", "--evidence", str(tmp_path), "--commit", "abc", "--json"]
    )
    assert told.exit_code == 0, told.output
    kept = json.loads((tmp_path / "evidence.json").read_text())
    full = kept["full"]
    assert full == json.loads(told.stdout)
    assert (full["commit"], full["violations"], full["seeds"], full["tier"]) == ("abc", 0, 1, "whole")
    assert "1 × 2" in (tmp_path / "evidence.md").read_text()
    script = tmp_path / "script.json"
    script.write_text(Script(0, 1, (Step(0, "pay", 0, 5),)).as_json())
    again = CliRunner().invoke(app, ["simulate", "--replay", str(script)])
    assert again.exit_code == 0, again.output
    assert "night 0: pay" in again.stdout
    script.write_text("[]")
    with pytest.raises(Stop, match="no script of a simulation") as stopped:
        CliRunner().invoke(app, ["simulate", "--replay", str(script)], catch_exceptions=False)
    assert stopped.value.code == USAGE
