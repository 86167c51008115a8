"""Status and explain: what can be read while nothing, or a run, is on."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.planning.rules import rules
from cloudcollect_pipeline.web import SystemClock
from tests.cli.conftest import FIRST, Command, Town


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


def test_status_names_no_plan_that_nobody_can_approve_any_more(town: Town, cloudcollect: Command) -> None:
    assert cloudcollect("init", "--first-run").code == 0
    cloudcollect("run", "--at", town.night())
    assert json.loads(cloudcollect("plan", "--json").out)["state"] == "stored"
    (facts,) = json.loads(cloudcollect("status", "--json").out)
    assert facts["plan_waiting"] is None  # it was made months ago


@pytest.mark.parametrize("words", [("status",), ("findings", "list"), ("explain", "{invoice}")], ids=" ".join)
def test_who_looks_waits_for_nothing_large_to_be_loaded(approved: Town, words: tuple[str, ...]) -> None:
    arguments = ["cloudcollect", *(word.format(invoice=approved.invoice) for word in words)]
    code = (
        f"import sys\nfrom cloudcollect_pipeline.cli import main\nsys.argv = {arguments}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('loaded', end.code, *sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    ended, *loaded = said.splitlines()[-1].removeprefix("loaded ").split()
    assert ended == "0"
    assert {"pandas", "pandera", "pyarrow", "httpx", "holidays", "dagster"}.isdisjoint(loaded)


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


def _two_claims_of_one_debtor(town: Town, cloudcollect: Command) -> list[str]:
    """Two overdue invoices of one debtor, handed over on one night: the agency groups them in one case."""
    books = town.world.erp()
    card = books.add_customer(
        name="Privatkunde Bergen", business=False, address="Bryggen 1", postal_code="5003", city="Bergen"
    )
    due = FIRST.date() - timedelta(days=40)
    invoices = [books.invoice(card, amount, due - timedelta(days=14), due).number for amount in (200_000, 300_000)]
    books.run_dunning(town.world.today)
    assert cloudcollect("run", "--at", town.night(), "--yes").code == 0
    town.world.agency.tick()  # which opens the case
    return invoices


def test_explain_tells_a_case_with_several_claims(approved: Town, cloudcollect: Command) -> None:
    invoices = _two_claims_of_one_debtor(approved, cloudcollect)
    approved.world.erp().pay(invoices[0], 50_000)
    cloudcollect("run", "--at", approved.night(), "--yes")
    claims = [approved.world.agency.claim_for("nordlys", number) for number in invoices]
    (case,) = {claim.case.number for claim in claims if claim and claim.case}
    said = cloudcollect("explain", "case", case)
    for part in (f"Case {case}", "2 receivables", "4 500,00 open in the ERP, 4 500,00 at the agency"):
        assert part in said.out, said
    told = json.loads(cloudcollect("explain", "case", case, "--json").out)
    assert set(told["receivables"]) == {f"Invoice {number}" for number in invoices}
    for one in told["receivables"].values():
        assert [rule["code"] for rule in one["rules"]] == [rule.code for rule in rules()]
    texts = [event["text"] for event in told["timeline"]]
    assert [text for text in texts if text.startswith(f"case {case}")]
    assert [text for text in texts if text.startswith(f"Invoice {invoices[1]}: issued")]


def test_explain_follows_agency_money_from_the_entry_to_the_settlement(approved: Town, cloudcollect: Command) -> None:
    claim = approved.world.agency.claim_for("nordlys", approved.invoice)
    assert claim is not None
    entry = approved.world.agency.receive(claim, 100_000, on=approved.world.today)
    assert cloudcollect("run", "--at", approved.night(), "--yes").code == 0
    told = json.loads(cloudcollect("explain", entry.id, "--json").out)
    assert (told["carried"], told["posted"]) == ({f"Invoice {approved.invoice}": 100_000}, 100_000)
    assert {rule["code"]: rule["passed"] for rule in told["rules"]} == {
        "CURRENCY_NOT_SUPPORTED": True,
        "ENTRY_UNALLOCATED": True,
        "POSTED": True,
        "POSTING_NOT_RELEASED": True,
        "SETTLED": False,
    }
    assert told["next"] == ["it stands on the suspense account until the agency pays it out"]

    settlement = approved.world.agency.settle("nordlys")
    assert settlement is not None
    assert cloudcollect("run", "--at", approved.night(), "--yes").code == 0
    assert "1 000,00 of 1 000,00" in cloudcollect("explain", entry.id).out
    (payment,) = [effect["remote_id"] for effect in told["effects"] if effect["kind"] == "posting"]
    said = cloudcollect("explain", "payment", payment).out
    for part in ("agency money, posted by us", f"settles 1 000,00 of Invoice {approved.invoice}", "pays out 1 000,00"):
        assert part in said, said
    paid_out = json.loads(cloudcollect("explain", "settlement", settlement.number, "--json").out)
    assert paid_out["items"] == {entry.id: 100_000}
    assert {rule["passed"] for rule in paid_out["rules"]} == {True}
    assert paid_out["next"] == ["nothing to do: it is booked"]


def test_explain_reckons_what_the_agency_knows_of_a_payment(approved: Town, cloudcollect: Command) -> None:
    paid = approved.world.erp().pay(approved.invoice, 100_000)
    assert cloudcollect("run", "--at", approved.night()).code == 0
    said = cloudcollect("explain", f"payment {paid.number}").out
    assert "✔ BALANCES_DIFFER" in said
    assert "net 1 000,00 − before the transfer 0,00 − reported 1 000,00 = 0,00" in said
    assert f"reduction 1 000,00 for Payment {paid.number}" in said


def test_the_timeline_tells_when_a_finding_was_seen_answered_and_gone(approved: Town, cloudcollect: Command) -> None:
    approved.world.erp().write_off(approved.invoice, 50_000)
    cloudcollect("run", "--at", approved.night())
    (finding,) = json.loads(cloudcollect("findings", "list", "--json").out)
    resolve = ("findings", "resolve", str(finding["id"]), "--note", "agreed with them", "--action", "accept")
    assert cloudcollect(*resolve).code == 0
    assert cloudcollect("run", "--at", approved.night()).code == 0
    told = json.loads(cloudcollect("explain", approved.invoice, "--json").out)
    lived = {event["text"].split(") ")[1].split(":")[0] for event in told["timeline"] if "WRITE_OFF" in event["text"]}
    who = context.who()
    assert lived == {
        "found",
        f"answered accept by {who}",
        f"resolved by {who}",
        f"gone on night {approved.nights[-1][:10]}",
    }
    assert told["findings"] == []


def test_explain_tells_what_the_plan_that_waits_would_do(town: Town, cloudcollect: Command) -> None:
    assert cloudcollect("init", "--first-run").code == 0
    assert cloudcollect("run", "--at", town.night()).code == 3
    assert json.loads(cloudcollect("explain", town.held_back, "--json").out)["next"][0].startswith("MINIMUM_AMOUNT")
    (coming,) = json.loads(cloudcollect("explain", town.invoice, "--json").out)["next"]
    assert coming.startswith("a planned claim of 2 500,00 waits for")
