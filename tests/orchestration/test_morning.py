"""The cockpit: what its page shows, how short its texts stay, and checks that say what is broken now."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cloudcollect_pipeline.alerts.message import Writer
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.morning import page
from cloudcollect_pipeline.reporting.books import Aged, Balance
from cloudcollect_pipeline.reporting.morning import Morning, Need, OldItem, Stuck, Waiting
from tests.orchestration.conftest import Stage, key, shown
from tests.orchestration.conftest import checks as verdicts

NIGHT = date(2026, 2, 11)
NOW = datetime(2026, 2, 11, 7, tzinfo=UTC)
QUIET = Morning(
    company="nordlys",
    name="Nordlys",
    account="1510",
    currency="NOK",
    now=NOW,
    published_at=NOW,
    night=NIGHT,
    ended_at=NOW,
    paused=False,
    statement={"opening": 0, "posted": 6_067_372, "closing": 1_087_006, "ledger": 1_087_006},
    ledger_difference=0,
    agency_difference=0,
    dispatched={"transfer": {"confirmed": {"count": 2, "sum": 900_000}}},
    not_sent="",
    held_back=17,
    held_back_by_rule={"OLD_ENOUGH": 17},
    waiting=None,
    needs=(),
    ageing=tuple(Aged(age, 10**9 * n, 10**8 * n, 0) for n, age in enumerate(("not_due", "to_30", "over_90"), 1)),
    trend=tuple(Balance(NIGHT - timedelta(days=n), 10**11 + n, 10**11 + n) for n in range(30)),
    open_items=3,
    old_items=(),
    oldest_days=5,
    missing_nights=(),
    uncertain=(),
    without_receipt=(),
)
STUCK = Stuck("A" * 15, "posting", "uncertain", NIGHT - timedelta(days=3), 5000)
TOTALS = {"transfer": {"count": 9, "sum": 900, "largest": 100}}
PLAN = Waiting("c0ffee" * 10, NIGHT, NOW, ("the sum of transfers is above its cap",), TOTALS)
BROKEN = (
    ("suspense_account_equals_the_ledger", {"ledger_difference": 1}, "general ledger differs by 0,01"),
    ("suspense_account_equals_the_ledger", {"agency_difference": -100}, "the agency by -1,00"),
    ("no_item_older_than_14_days", {"old_items": (OldItem("E-1", "10001", NIGHT, 5000, 15),)}, "E-1"),
    ("every_send_has_a_receipt", {"without_receipt": (STUCK,)}, "journal verify"),
    ("plan_is_within_its_caps", {"waiting": PLAN}, "cloudcollect approve c0ffeec0ffee"),
    ("no_night_is_missing", {"missing_nights": (date(2026, 2, 8), date(2026, 2, 9))}, "backfill 2026-02-08 2026-02-09"),
    ("no_outcome_is_uncertain_for_two_nights", {"uncertain": (STUCK,)}, "A" * 15),
)


def need(number: int, length: int = 300) -> Need:
    return Need(number, "BALANCES_DIFFER", "error", f"Invoice {number}", "x" * length, "y" * length, 5, NIGHT, 0, True)


@pytest.mark.parametrize(("name", "change", "said"), BROKEN, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(BROKEN)])
def test_what_is_broken_fails_its_own_check_and_says_what_to_do(name: str, change: dict[str, Any], said: str) -> None:
    told = checks.of_the_morning(replace(QUIET, **change))
    assert [check.check_name for check in told] == list(checks.MORNING)
    assert [check.check_name for check in told if not check.passed] == [name]
    text = next(check.description for check in told if check.check_name == name)
    assert said in (text or "").replace("\u00a0", " ")


@pytest.mark.parametrize("change", [change for _, change, _ in BROKEN], ids=[name for name, *_ in BROKEN])
def test_what_is_broken_is_told_by_the_morning_message_with_what_to_do(change: dict[str, Any]) -> None:
    """The sensor tells none of these checks by themselves."""
    broken = replace(QUIET, **change)
    (check,) = (check for check in checks.of_the_morning(broken) if not check.passed)
    quiet, message = Writer().morning(QUIET), Writer().morning(broken)
    assert message.lines != quiet.lines
    if check.severity == dg.AssetCheckSeverity.ERROR:
        assert message.severity != "good"
        assert "To do" in [label for label, _ in message.lines]


def test_a_morning_on_which_all_is_well_passes_them_all() -> None:
    assert all(check.passed and check.description for check in checks.of_the_morning(QUIET))


def test_every_text_of_the_page_is_short_enough_to_be_drawn() -> None:
    """Dagster hides longer Markdown behind a link, silently."""
    busy = replace(QUIET, needs=tuple(need(n) for n in range(300)), waiting=PLAN)
    links = [f"workbook, en: `{'/deep' * 20}/reconciliation-{n}.xlsx`" for n in range(20)]
    for told in (QUIET, busy):
        texts = {name: value.md_str for name, value in page(told, links).items() if hasattr(value, "md_str")}
        assert {name: len(text) for name, text in texts.items() if len(text or "") >= metadata.INLINE_LIMIT} == {}
    needs = page(busy, links)["needs_a_person"].md_str or ""
    assert needs.count("\n") + 1 == 6
    assert needs.splitlines()[-1] == "- 296 more: `cloudcollect findings list`"


def test_the_page_is_read_from_the_verdict_down() -> None:
    assert list(page(QUIET, ["page"]))[:7] == [
        "verdict",
        "statement",
        "needs_a_person",
        "ageing",
        "trend",
        "open",
        "last_night",
    ]


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        ({}, "🟢"),
        ({"needs": (need(1),)}, "🟡"),
        ({"waiting": PLAN}, "🟡"),
        ({"missing_nights": (NIGHT,)}, "🔴 a night did not run"),
        ({"missing_nights": (NIGHT,), "ledger_difference": 1}, "🔴 the account is NOT explained"),
    ],
)
def test_the_verdict_is_one_line_and_the_gravest(change: dict[str, Any], mark: str) -> None:
    verdict = page(replace(QUIET, **change), [])["verdict"]
    assert verdict.startswith(mark)
    assert "\n" not in verdict


@pytest.fixture(scope="module")
def lived(stage) -> tuple[Stage, Any]:
    """Two nights, the second of which finds money at the agency."""
    made: Stage = stage()
    document = made.story.receivable(600_000, customer=made.story.customer(name="Kanarifugl Særnavn"))
    made.story.morning()
    made.run("nightly")
    made.run("transfer", plan_hash=made.story.with_journal(lambda journal: journal.plans(1)[0]["hash"]))
    made.story.collect(document, 200_000)
    made.story.morning()
    return made, made.run("nightly")


def test_a_nightly_run_ends_with_the_reports_and_the_morning(lived) -> None:
    made, ran = lived
    assert ran.success
    told = shown(ran, "morning")
    assert told["verdict"].startswith("🟢")
    assert (told["closing_ore"], told["missing_nights"]) == (200_000, 0)
    assert all(passed for name, (passed, _) in verdicts(ran).items() if name.startswith("morning: "))
    files = sorted(path.name for path in (made.story.data / "nordlys" / "reports").glob("*-01-07.*"))
    assert files == [f"reconciliation-2026-01-07.{end}" for end in ("en.html", "en.xlsx", "nb.html", "nb.xlsx")]
    page_text = (made.story.data / "nordlys" / "reports" / "reconciliation-2026-01-07.nb.html").read_text()
    assert "Kanarifugl" in page_text  # names belong in the files, and nowhere in Dagster
    assert all("Kanarifugl" not in str(value) for value in told.values())
    assert "reconciliation-2026-01-07.en.xlsx" in told["open"]


def test_the_morning_alone_is_read_while_a_run_holds_the_company(lived) -> None:
    made, _ = lived
    with made.story.opened(who="a run that takes its time"):
        alone = made.run("nightly", "morning")
    assert alone.success
    assert [event.asset_key for event in alone.get_asset_materialization_events()] == [key("morning")]


def test_the_morning_alone_asks_for_no_name_and_takes_no_lock(lived) -> None:
    made, _ = lived
    lock = made.story.data / "nordlys" / "company.lock"
    lock.write_text("nobody")
    assert made.run("morning").success
    assert lock.read_text() == "nobody"


def test_a_report_folder_that_cannot_be_written_is_said_and_the_money_work_is_done(stage) -> None:
    made: Stage = stage()
    document = made.story.receivable(600_000)
    made.story.morning()
    made.run("nightly")
    made.run("transfer", plan_hash=made.story.with_journal(lambda journal: journal.plans(1)[0]["hash"]))
    made.story.collect(document, 200_000)
    folder = made.story.data / "nordlys" / "reports"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("a file where the folder should be")
    made.story.morning()
    ran = made.run("nightly")
    assert ran.success
    passed, text = verdicts(ran)["reports: reports_are_written"]
    assert not passed
    assert "No report was written" in text
    assert shown(ran, "morning")["open"] == "none"
    assert made.story.world.truth()["nordlys"].suspense_balance == 200_000


def test_missed_nights_are_said_and_one_run_makes_up_for_them_once_its_plan_is_approved(stage) -> None:
    """What a person does in the UI after an outage: the missing nights as one run, then both jobs with its plan."""
    made: Stage = stage()
    documents = [made.story.receivable(600_000) for _ in range(2)]
    made.story.morning()
    made.run("nightly")
    made.run("transfer", plan_hash=made.story.with_journal(lambda journal: journal.plans(1)[0]["hash"]))
    made.story.collect(documents[0], 150_000)
    made.story.erp.pay(documents[1], 100_000)
    made.story.morning(4)
    down = made.run("nightly", "morning")
    assert shown(down, "morning")["missing_nights"] == 4
    assert "2026-01-07" in verdicts(down)["morning: no_night_is_missing"][1]
    ranged = made.run("nightly", nights=4)
    assert ranged.success
    passed, text = verdicts(ranged)["plan: plan_may_be_sent"]
    assert not passed
    assert "makes up for 3 nights, 2026-01-07 to 2026-01-09" in text
    assert made.story.world.truth()["nordlys"].suspense_balance == 0
    digest = made.story.with_journal(lambda journal: journal.plans(1)[0]["hash"])
    sent, approved = (made.run(job, plan_hash=digest[:12]) for job in ("transfer", "payment_posting"))
    assert sent.success
    assert made.story.world.truth()["nordlys"].suspense_balance == 150_000
    assert verdicts(approved)["morning: no_night_is_missing"][0]
    assert verdicts(approved)["morning: plan_is_within_its_caps"][0]
    made.story.morning()
    assert made.run("nightly").success
    made.story.assert_mirrored()


def test_findings_point_to_a_fix_in_the_catalogue() -> None:
    assert CATALOGUE["ENTRY_NOT_SETTLED"].fix
    assert CATALOGUE["STATEMENT_DOES_NOT_TIE"].fix
