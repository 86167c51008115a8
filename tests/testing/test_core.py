"""Lives over values: nothing breaks, every safeguard taken out is missed, and the same seed has the same history."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from typer.testing import CliRunner

from cloudcollect_pipeline.cli.app import app
from cloudcollect_pipeline.cli.exits import ERROR, USAGE, Stop
from cloudcollect_pipeline.testing.simulation import exhaustive
from cloudcollect_pipeline.testing.simulation.ablation import ABLATIONS, substituted, without
from cloudcollect_pipeline.testing.simulation.core.faults import CELLS, FAULTS
from cloudcollect_pipeline.testing.simulation.core.life import Life, live
from cloudcollect_pipeline.testing.simulation.core.night import Run
from cloudcollect_pipeline.testing.simulation.core.store import Store
from cloudcollect_pipeline.testing.simulation.evidence import FOCUS, PARTS, page, seeds_needed, survey, write
from cloudcollect_pipeline.testing.simulation.oracle import INVARIANTS
from cloudcollect_pipeline.testing.simulation.script import Script, Step
from cloudcollect_pipeline.testing.simulation.tiers import CORE
from cloudcollect_pipeline.testing.soak import Soaked

SEEDS = int(os.environ.get("CLOUDCOLLECT_SIMULATED_CORE_SEEDS", "500"))
"""Lives of sixty nights with a fault a night: some fifty seconds of an idle core. `make simulate` lives many more."""

MISSED_BY = {
    "the intent is written after the send": {"S5"},
    "nothing is looked up before a write": {"S5"},
    "an unknown outcome is tried again in the same run": {"S6"},
    "a 5xx counts as not done": {"S1", "S3", "S6", "C10"},
    "no lock": {"S11"},
    "no order": {"S1", "S7"},
    "no caps": {"S10"},
    "no fresh read before a write": {"S2", "S4"},
    "no guard against echoes": {"S8", "C1"},
    "no hash chain": {"S12"},
    "an older journal is trusted": {"S12"},
    "an intent is of another amount": {"S5"},
    "no ceiling": {"S8"},
    "an intent is not committed": {"S5"},
    "an intent is about something else": {"S5"},
    "the head is not written": {"S12"},
    "a plan is marked as carried out": {"S10"},
    "what was approved is planned anew": {"S10"},
    "unknown outcomes are asked for a week": {"C1"},
    "disputes are not heard": {"C10"},
    "the hold list is not read": {"S4", "C10"},
    "cases are not shown": {"C2"},
    "a wrong voucher": {"S2"},
    "nothing is reported": {"L5"},
    "what is ripe is passed over": {"C2"},
    "settlements are not booked": {"C2"},
}


@pytest.mark.timeout(600)
def test_lives_in_which_everything_goes_wrong_nearly_everywhere_break_nothing():
    """All cells are hit in the published survey; so few lives may leave out the rarest."""
    surveyed = survey(CORE, range(SEEDS), 60, 1.0, 1)
    assert [str(violation) for violation in surveyed.violations] == []
    assert surveyed.lived >= 60 * SEEDS
    assert (
        min(surveyed.effects[kind] for kind in ("transfer", "reduction", "posting", "settlement", "void", "hold")) > 0
    )
    assert {kind for kind, _ in surveyed.struck} == set(FAULTS)
    assert surveyed.as_json()["matrix_hit"] > 0.9
    assert len(CELLS) > 300


@pytest.mark.parametrize("safeguard", ABLATIONS)
def test_without_a_safeguard_a_life_turns_red_that_is_green_with_it(safeguard):
    _, violation = seeds_needed(safeguard)
    assert violation is not None
    assert violation.invariant in MISSED_BY[safeguard]
    tier = CORE.only(FOCUS[safeguard]) if safeguard in FOCUS else CORE
    assert live(tier.drawn(violation.seed, 60)).violations == []


def test_a_night_that_does_not_know_itself_again_is_noticed():
    known, run = set(), Run.run

    def forgetful(self):
        if self.night in known:
            self.journal.distrust(self.clock.now(), self.journal.seq())
        known.add(self.night)
        return run(self)

    with substituted((Run, "run", forgetful)):
        found = live(Script(0, 2, (), "core")).violations
    assert {violation.invariant for violation in found} == {"C4"}


def test_who_takes_the_agencys_own_pause_for_ours_ends_it():
    script = Script(0, 8, (Step(4, "the agency pauses or goes on"),), "core")
    ours = dict.fromkeys(transfers_of(script), ("PAUSED", 10**9))
    with substituted((Store, "last_holds", lambda _: ours)):
        found = live(script).violations
    assert {violation.invariant for violation in found} == {"C10"}
    assert live(script).violations == []


def transfers_of(script):
    life = Life(script)
    life.live()
    return [name for name, row in life.store.effects.items() if row["kind"] == "transfer"]


def test_who_does_not_see_strangers_on_the_account_hands_over_what_they_may_have_paid():
    steps = (Step(1, "a stranger on the suspense account"), Step(2, "invoice"), Step(3, "invoice", 0, 9))
    with substituted((Store, "foreign_payments", lambda *_: [])):
        found = live(Script(0, 12, steps, "core")).violations
    assert {violation.invariant for violation in found} == {"S4"}
    assert live(Script(0, 12, steps, "core")).violations == []


def test_how_many_processes_share_the_work_changes_nothing():
    alone, together = (survey(CORE, range(12), 20, 2.0, processes) for processes in (1, 2))
    assert alone.as_json() == together.as_json()
    assert alone.hash != survey(CORE, range(1, 13), 20, 2.0, 1).hash


def test_runs_that_die_are_started_again_so_that_a_night_has_room_for_more_than_two_faults():
    surveyed = survey(CORE, range(10), 60, 9.4, 1)  # as many as the published figure draws
    assert surveyed.violations == []
    assert surveyed.struck.total() + surveyed.idle > 2 * surveyed.lived
    assert surveyed.struck.total() > 1.5 * surveyed.lived


def test_money_is_not_posted_beside_a_posting_whose_void_was_refused():
    """What these lives found first: the night after the refusal the entry stood posted twice."""
    steps = (
        Step(8, "pay the agency", 0, 3133221237),
        Step(12, "take money back", 0, 1),
        Step(12, "write refused", 0),
    )
    for seed in range(40):
        lived = live(Script(seed, 16, steps, "core"))
        assert lived.violations == []
        if lived.struck["write refused", "void"]:
            return
    pytest.fail("no void was refused")


def test_a_quiet_life_sends_what_there_is_and_then_nothing():
    lived = live(Script(0, 30, (), "core"))
    assert lived.violations == []
    assert lived.struck == {}
    assert lived.effects["transfer"] > 0
    assert lived.quiet_after == 3


def test_the_command_writes_both_tiers_on_one_page(tmp_path):
    asked = ["simulate", "--nights", "2", "--evidence", str(tmp_path), "--commit", "abc", "--json"]
    for tier in ("whole", "core"):
        told = CliRunner().invoke(app, [*asked, "--tier", tier, "--seeds", "1"])
        assert told.exit_code == 0, told.output
    kept = json.loads((tmp_path / "evidence.json").read_text())
    assert (kept["tier"], kept["full"]["tier"], kept["commit"]) == ("core", "whole", "abc")
    assert {"seeds", "nights", "faults", "fault_kinds", "matrix_hit", "violations", "history_hash"} < set(kept)
    assert set(kept["ablations"]) == set(ABLATIONS)
    text = (tmp_path / "evidence.md").read_text()
    assert text == page(kept)
    assert "What this does not prove" in text
    assert [line[2:4] for line in text.splitlines() if "(the model's own)" in line] == ["L1", "L3", "L4"]
    with pytest.raises(Stop, match="no tier") as stopped:
        CliRunner().invoke(app, ["simulate", "--tier", "half"], catch_exceptions=False)
    assert stopped.value.code == USAGE


def test_a_violation_says_where_it_is_and_how_to_live_it_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["simulate", "--tier", "core", "--seeds", "1", "--nights", "6", "--processes", "1"]
    with without("an intent is of another amount"):
        told = CliRunner().invoke(app, asked)
        assert told.exit_code == ERROR
        assert re.search(r"seed 0, night \d+, request \d+: S5 transfer \w+ has no intent in the journal", told.output)
        assert f"S5: {INVARIANTS['S5']}" in told.output
        command = "cloudcollect simulate --replay simulation-0.json"
        assert command in told.output
        short = Script.from_json((tmp_path / "simulation-0.json").read_text())
        assert len(short.steps) < len(CORE.drawn(0, 6).steps)
        again = CliRunner().invoke(app, command.split()[1:])
        assert (again.exit_code, "S5" in again.output) == (ERROR, True)
    whole = CliRunner().invoke(app, command.split()[1:])
    assert whole.exit_code == 0, whole.output


def test_a_history_does_not_depend_on_how_a_process_hashes():
    script = (
        "from cloudcollect_pipeline.testing.simulation.tiers import CORE;"
        "print([CORE.live(CORE.drawn(seed, 20, 3.0)).hash for seed in range(4)])"
    )
    one, two = (
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert one == two


@pytest.mark.parametrize(
    ("seed", "night", "hours"),
    [(0, 82, 23), (1, 47, 25)],
    ids=["an hour is lost", "an hour comes twice"],
)
def test_a_run_in_the_hour_that_is_lost_or_comes_twice_is_like_any_other(seed, night, hours):
    """Lives begin on 5 January and on 7 September: these nights end on 29 March and on 25 October."""
    nights = tuple(Step(night + by, "run past midnight", 0, 1) for by in (-1, 0, 1))
    happening = tuple(Step(night + by, what, 0, 7) for by in (-2, -1, 0, 1) for what in ("pay the agency", "pay"))
    began = []

    day, runs = Life.day, Run.run

    def noted(self):
        self.store.begun = self.clock.now()
        return runs(self)

    def spy(self, number, steps):
        day(self, number, steps)
        began.append((number, self.store.begun))

    with substituted((Life, "day", spy), (Run, "run", noted)):
        lived = live(Script(seed, night + 3, (*happening, *nights), "core"))
    assert lived.violations == []
    assert lived.struck["run past midnight", "a night"] == 3
    at = dict(began)
    assert timedelta(hours=hours) in {at[night] - at[night - 1], at[night + 1] - at[night]}


def test_what_other_commands_found_stands_on_the_same_page(tmp_path):
    asked = ["simulate", "--states", "30", "--things", "3", "--evidence", str(tmp_path), "--commit", "abc"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    assert str(tmp_path / "evidence.md") in told.stdout
    story = exhaustive.Explored(Counter({"write lost": 12}), pairs=66)
    soaked = Soaked(2, Counter({"kills": 9, "whole nights": 40}), Counter({"transfer": 7}), [])
    write(story.as_json(), tmp_path, "def", "story")
    write(soaked.as_json(), tmp_path, "ghi", "soak")
    kept = json.loads((tmp_path / "evidence.json").read_text())
    assert {name: (kept[name]["commit"], kept[name]["violations"]) for name in PARTS if name in kept} == {
        "story": ("def", 0),
        "states": ("abc", 0),
        "soak": ("ghi", 0),
    }
    text = (tmp_path / "evidence.md").read_text()
    assert "cloudcollect simulate --states 30 --things 3" in text
    assert "cloudcollect soak --kills 9" in text
    assert "| whole nights | 40 |" in text
    assert "| pairs of crashes | 66 |" in text


def test_a_script_over_values_is_replayed_as_such(tmp_path):
    script = tmp_path / "script.json"
    script.write_text(CORE.drawn(3, 12).as_json())
    told = CliRunner().invoke(app, ["simulate", "--replay", str(script)])
    assert told.exit_code == 0, told.output
    assert f"history {live(CORE.drawn(3, 12)).hash[:16]}" in told.stdout


def test_a_life_in_which_a_write_has_yet_to_land_is_not_gone_on_from_twice() -> None:
    """What lands would land in the books of the first."""
    late = Step(0, "write done late", 0, next(n for n in range(99) if Random(n).choice((1, 15, 90, 300)) == 300))
    script = Script(3, 1, (late,), tier="core")
    life = Life(script)
    life.begin()
    assert life.kept() is not None
    life.live_nights()
    assert life.chaos.struck.total() == 1
    assert life.kept() is None
