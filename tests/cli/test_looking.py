"""Status and explain: what can be read while nothing, or a run, is on."""

import json

import pytest

from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.planning.rules import rules
from cloudcollect_pipeline.web import SystemClock
from tests.cli.conftest import Command, Town


def test_status_before_the_first_run_says_so(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("status")
    assert said.code == 0
    assert "has not been run yet" in said.out


def test_status_after_a_night(approved: Town, cloudcollect: Command) -> None:
    with company_lock(approved.data, "a run", SystemClock()):
        said = cloudcollect("status")
        (facts,) = json.loads(cloudcollect("status", "--json").out)
    for part in ("1 claim 2 500,00", "closing 0,00", "next run", "published"):
        assert part in said.out
    assert facts["dispatched"]["transfer"]["confirmed"] == {"count": 1, "sum": 250_000}
    assert facts["held_back"] == 1
    assert not facts["paused"]


def test_explain_tells_the_story_of_a_claim(approved: Town, cloudcollect: Command) -> None:
    paid = approved.world.erp().pay(approved.invoice, 100_000)
    assert cloudcollect("run", "--at", approved.night()).code == 0
    said = cloudcollect("explain", approved.invoice)
    assert said.code == 0
    for part in (
        f"Invoice {approved.invoice}",
        "open, 1 500,00 of 2 500,00 NOK",
        "claim 2 500,00",
        f"reduction 1 000,00 for Payment {paid.number}",
        "must the claim stop?",
        "nothing to do: the ERP shows 1 500,00, the agency 1 500,00",
    ):
        assert part in said.out, part
    told = json.loads(cloudcollect("explain", "invoice", approved.invoice, "--json").out)
    assert (told["balance"], told["agency_open"]) == (150_000, 150_000)
    assert [rule["code"] for rule in told["rules"]] == [rule.code for rule in rules()]
    assert {e["kind"] for e in told["effects"]} >= {"transfer", "reduction"}
    by_claim = json.loads(cloudcollect("explain", told["claim"], "--json").out)
    assert by_claim["document"] == told["document"]


def test_explain_names_the_rule_that_holds_back(approved: Town, cloudcollect: Command) -> None:
    said = cloudcollect("explain", approved.held_back)
    assert "✘ MINIMUM_AMOUNT" in said.out
    assert "50,00 of at least 100,00" in said.out
    assert "lower the minimum" in said.out
    verdicts = {
        r["code"]: r["passed"] for r in json.loads(cloudcollect("explain", approved.held_back, "--json").out)["rules"]
    }
    assert verdicts["DEBTOR_COMPLETE"] is None
    assert [code for code, passed in verdicts.items() if passed is False] == ["MINIMUM_AMOUNT"]


def test_explain_shows_a_finding_and_what_to_do(approved: Town, cloudcollect: Command) -> None:
    approved.world.erp().write_off(approved.invoice, 50_000)
    cloudcollect("run", "--at", approved.night())
    said = cloudcollect("explain", approved.invoice)
    assert "question" in said.out
    assert "Answer accept" in said.out


@pytest.mark.parametrize("number", ["424242", "Invoice 424242", "clm_99999999"])
def test_explaining_what_is_not_known(approved: Town, cloudcollect: Command, number: str) -> None:
    said = cloudcollect("explain", number)
    assert said.code == 2
    assert number in said.err


def test_nothing_personal_is_shown(approved: Town, cloudcollect: Command) -> None:
    for arguments in (("status",), ("plan",), ("plan", "--json"), ("explain", approved.invoice), ("findings", "list")):
        said = cloudcollect(*arguments)
        assert "Privatkunde" not in said.out + said.err
        assert "Storgata" not in said.out + said.err


def test_the_morning_is_told_and_a_missed_night_is_made_up_for(approved: Town, cloudcollect: Command) -> None:
    approved.night()
    approved.night()
    at = approved.night()
    first, last = approved.nights[1][:10], approved.nights[-1][:10]
    assert cloudcollect("backfill", last, first, "--at", at).code == 2
    assert cloudcollect("backfill", first, "2027-01-01", "--at", at).code == 2
    made = json.loads(cloudcollect("backfill", first, last, "--at", at, "--json").out)
    assert made["made_up_for"] == [night[:10] for night in approved.nights[1:-1]]
    said = cloudcollect("morning")
    assert f"night {last}" in said.out
    assert "general ledger 0,00" in said.out
    told = json.loads(cloudcollect("morning", "--json").out)
    assert told["company"] == "nordlys"
    assert approved.nights[2][:10] not in told["missing_nights"]
