"""Runs of the real jobs over a small world: what is sent, what is not, and what is said about it."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.orchestration.conftest import Stage, checks, key, shown

CANARY = ("Kanarifugl Særnavn", "Gjemmeveien 13", "kanari@example.no")


@dataclass
class Played:
    """A few nights of one company, in the order in which they were run."""

    stage: Stage
    paid: Any
    waiting: Any
    alone: Any
    unknown: Any
    sent_between: int
    approved: Any
    second: Any
    ranged: Any
    last_opened: int


@pytest.fixture(scope="module")
def played(stage) -> Played:
    made: Stage = stage()
    story = made.story
    name, address, email = CANARY
    debtor = story.customer(name=name, address=address, email=email)
    document = story.receivable(600_000, customer=debtor)
    other = story.receivable(300_000)
    story.morning()
    waiting = made.run("nightly")
    alone = made.run("nightly", "transfers")
    unknown = made.run("transfer", plan_hash="deadbeef00")
    between = len(story.agency.account("nordlys").claims)
    digest = story.with_journal(lambda journal: journal.plans(1)[0]["hash"])
    approved = made.run("transfer", plan_hash=digest[:12])
    story.collect(document, 200_000)
    story.erp.pay(other, 100_000)
    story.morning()
    second = made.run("nightly")
    story.morning(3)
    before = len(made.opened)
    ranged = made.run("nightly", nights=3)
    return Played(made, document, waiting, alone, unknown, between, approved, second, ranged, len(made.opened) - before)


def test_the_first_plan_waits_and_every_page_says_so(played):
    assert played.waiting.success
    assert shown(played.waiting, "plan")["verdict"] == "waits for approval"
    passed, text = checks(played.waiting)["plan: plan_may_be_sent"]
    assert not passed
    assert "first night" in text
    assert "cloudcollect approve" in text
    assert shown(played.waiting, "transfers")["outcome"].startswith("not sent: plan")
    assert checks(played.waiting)["transfers: every_effect_is_confirmed"][0] is False


def test_a_run_of_transfers_alone_sends_nothing_of_a_plan_that_waits(played):
    assert played.alone.success
    assert "waits for approval" in shown(played.alone, "transfers")["outcome"]
    assert played.sent_between == 0


def test_a_hash_nobody_knows_sends_nothing(played):
    assert "no stored plan is named deadbeef00" in shown(played.unknown, "transfers")["outcome"]
    assert played.sent_between == 0


def test_launching_transfer_with_a_plans_hash_approves_and_sends_exactly_it(played):
    assert played.approved.success
    assert checks(played.approved)["transfers: every_effect_is_confirmed"] == (True, "2 sent and confirmed.")
    assert {event.asset_key.path[-1] for event in played.approved.get_asset_materialization_events()} == {
        "transfers",
        "reductions",
        "holds",
        "case_references",
        "suspense_ledger",
        "reconciliation_statement",
        "reports",
        "morning",
    }
    journal = played.stage.story.with_journal(lambda journal: journal.events())
    approval = next(event for event in journal if event["kind"] == "plan_approved")
    assert "transfer" in approval["data"]["who"]


def test_a_nightly_run_ends_with_a_statement_that_ties(played):
    assert played.second.success
    verdicts = checks(played.second)
    assert [name for name, (passed, _) in verdicts.items() if not passed] == []
    assert verdicts["reconciliation_statement: suspense_equals_ledger"][0]
    statement = shown(played.second, "reconciliation_statement")
    assert statement["closing_ore"] == statement["general_ledger_ore"] == 200_000
    assert statement["verdict"].replace("\u00a0", " ") == "ties at 2 000,00"
    assert played.stage.story.world.truth()["nordlys"].suspense_balance == 200_000
    played.stage.story.assert_mirrored()


def test_a_range_of_nights_is_one_run_that_labels_them_all(played):
    nights = {"2026-01-08", "2026-01-09", "2026-01-10"}
    assert played.ranged.success
    assert shown(played.ranged, "plan")["night"] == "2026-01-10"
    labels = [
        event.materialization.partition
        for event in played.ranged.get_asset_materialization_events()
        if event.asset_key == key("plan")
    ]
    assert sorted(label for label in labels if label) == sorted(nights)
    done = played.stage.instance.get_materialized_partitions(key("reconciliation_statement"))
    assert done == {"2026-01-06", "2026-01-07", *nights}


def test_a_run_opens_the_company_once_for_all_its_assets(played):
    assert played.last_opened == 1


def test_an_asset_asked_for_an_old_night_says_whose_night_it_is(played):
    log = logged(played.stage, played.ranged)
    assert "Asked for 2026-01-08 to 2026-01-10" in log
    assert "this is the night of 2026-01-10" in log


def test_nothing_personal_reaches_the_event_log(played):
    files = [path for path in played.stage.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    stored = b"".join(path.read_bytes() for path in files)
    assert b"100001" in stored or b"Invoice" in stored
    for word in CANARY:
        assert word.encode() not in stored
        assert word.encode("unicode_escape") not in stored


def test_a_second_run_says_who_holds_the_company(played):
    made = played.stage
    with made.story.opened(who="a person at the keyboard"):
        result = made.run("nightly")
    assert not result.success
    log = logged(made, result)
    assert "nordlys is held by a person at the keyboard" in log
    assert "nothing was read or sent" in log


def test_a_run_that_fails_gives_the_company_back(stage):
    made: Stage = stage()
    made.story.morning()
    made.story.world.erp_faults.add("status_before", "GET", "customerPayment", status=403)
    failed = made.run("nightly")
    assert not failed.success
    assert not [e for e in failed.get_asset_materialization_events() if e.asset_key == key("plan")]
    assert made.run("nightly").success


def test_a_feed_that_cannot_be_read_fails_its_check_and_the_night_goes_on(stage):
    made: Stage = stage()
    made.story.receivable()
    made.story.morning()
    made.story.world.agency_faults.add("html", "GET", "/entries", count=20)
    result = made.run("nightly")
    assert result.success
    passed, text = checks(result)["agency_entries: feed_was_read_whole"]
    assert not passed
    assert "could not be read to its end" in text
    assert checks(result)["reconciliation_statement: suspense_equals_ledger"][0]


def test_a_plan_made_alone_lands_and_mirrors_first(stage):
    made: Stage = stage()
    made.story.receivable(900_000)
    made.story.morning()
    result = made.run("nightly", "plan")
    assert result.success
    assert shown(result, "plan")["effects"] == 1
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [key("plan")]


def test_a_statement_made_alone_reads_again_first(stage):
    made: Stage = stage()
    made.story.morning()
    result = made.run("nightly", "reconciliation_statement")
    assert result.success
    assert shown(result, "reconciliation_statement")["verdict"].startswith("ties")


def test_a_record_set_aside_is_told_by_key_and_the_night_goes_on(stage):
    made: Stage = stage()
    good, bad = made.story.receivable(700_000), made.story.receivable(500_000)
    made.story.morning()

    def spoil(answer: Any) -> Any:
        body = answer.body.replace(f'"referenceNumber":"{bad.number}"'.encode(), b'"referenceNumber":null')
        return type(answer)(answer.status, answer.headers, body)

    made.story.world.erp_faults.add("mutate", "GET", "customerinvoice", mutate=spoil, count=2)
    result = made.run("nightly")
    passed, text = checks(result)["receivables: contracts_are_kept"]
    assert result.success
    assert not passed
    assert "set aside" in text
    assert good.number not in text


def logged(made: Stage, result: Any) -> str:
    """All that a run said, errors with their causes."""
    lines: list[str] = []
    for entry in made.instance.all_logs(result.run_id):
        lines.append(entry.user_message or "")
        event = entry.dagster_event
        data = event.event_specific_data if event else None
        error = getattr(data, "error", None)
        while error:
            lines.append(error.message)
            error = error.cause
    return "\n".join(lines)
