"""What people read: both languages, all that a morning can hold, and nothing that names a record of a customer."""

import json
import string
import tomllib
from dataclasses import fields
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import pytest

from cloudcollect_pipeline import alerts
from cloudcollect_pipeline.alerts.message import Writer
from cloudcollect_pipeline.domain.effect import Kind
from cloudcollect_pipeline.orchestration import checks
from cloudcollect_pipeline.orchestration.sensors import TOLD_OTHERWISE
from cloudcollect_pipeline.reporting.morning import Morning, Need, OldItem, Stuck, Waiting

WORDS = tomllib.loads(files(alerts).joinpath("words.toml").read_text(encoding="utf-8"))


NIGHT = date(2026, 11, 29)
NOW = datetime(2026, 11, 29, 3, 10, tzinfo=UTC)


def morning(**changes: Any) -> Morning:
    told: dict[str, Any] = {
        "company": "nordlys",
        "name": "Nordlys AS",
        "account": "1510",
        "currency": "NOK",
        "now": NOW,
        "published_at": NOW,
        "night": NIGHT,
        "ended_at": NOW,
        "paused": False,
        "statement": {"closing": 1_087_006, "ledger": 1_087_006},
        "ledger_difference": 0,
        "agency_difference": 0,
        "dispatched": {},
        "not_sent": "",
        "held_back": 0,
        "held_back_by_rule": {},
        "waiting": None,
        "needs": (),
        "ageing": (),
        "trend": (),
        "open_items": 0,
        "old_items": (),
        "oldest_days": 0,
        "missing_nights": (),
        "uncertain": (),
        "without_receipt": (),
    }
    return Morning(**{**told, **changes})


def total(count: int, ore: int) -> dict[str, int]:
    return {"count": count, "sum": ore}


def need(code: str, amount: int | None, *, new: bool) -> Need:
    """One that names a customer, a document and a person, as findings may name keys."""
    said = "customer 10002, Invoice 100123, Kanarifugl"
    made: dict[str, Any] = {field.name: "" for field in fields(Need)}
    made |= {"id": 1, "code": code, "severity": "error", "subject": said, "text": said, "amount": amount}
    return Need(**made | {"since": NIGHT, "age": 0, "new": new})


FULL = morning(
    paused=True,
    statement={"closing": 1_087_006, "ledger": 1_087_106},
    ledger_difference=100,
    agency_difference=-5,
    dispatched={
        "transfer": {"confirmed": total(41, 18_029_451), "uncertain": total(1, 500)},
        "case_reference": {"confirmed": total(1, 0)},
        "posting": {"confirmed": total(9, 4_980_366)},
    },
    held_back=17,
    waiting=Waiting("abcdef0123456789", NIGHT, NOW, ("first night",), {"settlement": total(1, 700)}),
    needs=(
        need("BALANCES_DIFFER", 1_000, new=True),
        need("BALANCES_DIFFER", 234, new=False),
        need("NOT_KNOWN_HERE", None, new=False),
    ),
    old_items=(OldItem("E-1", "10001", NIGHT, 900, 41), OldItem("E-2", "10002", NIGHT, 100, 20)),
    oldest_days=41,
    missing_nights=tuple(date(2026, 11, day) for day in range(10, 20)),
    uncertain=(Stuck("A" * 15, "transfer", "uncertain", NIGHT, 500),),
)


def test_a_quiet_morning_says_the_same_lines_with_nothing_in_them():
    message = Writer().morning(morning())
    assert message.severity == "good"
    assert message.text().replace("\u00a0", " ").splitlines() == [
        "Sent        nothing",
        "Posted      nothing",
        "Held back   0 receivables",
        "Difference  0,00 (account 1510 closes at 10 870,06, general ledger 10 870,06)",
        "Findings    0 new, 0 old",
    ]


def test_a_bad_morning_says_all_of_it_and_what_to_do():
    message = Writer("en", "https://dagster.example").morning(FULL)
    assert message.severity == "off"
    assert message.subject == "Nordlys AS, night of 2026-11-29: the account does NOT tie"
    text = message.text().replace("\u00a0", " ")
    for part in (
        "Sent              41 claims 180 294,51",
        "Posted            9 payments 49 803,66 · 1 case number",
        "Not confirmed     1 claim 5,00 without an answer",
        "Held back         17 receivables",
        "Difference        1,00 (account 1510 closes at 10 870,06, general ledger 10 871,06)",
        "                  -0,05 of the agency's unsettled principal is not explained",
        "Findings          1 new, 2 old",
        "12,34 (BALANCES_DIFFER, 1 new)",
        "1 × NOT_KNOWN_HERE (NOT_KNOWN_HERE)",
        "Open for long     2 items 10,00, the oldest 41 days",
        "Paused            nothing is written until `cloudcollect resume`",
        "Waits             plan abcdef012345: 1 settlement 7,00",
        "Unknown outcomes  1",
        "Missing nights    10: 2026-11-10 … 2026-11-19",
        "cloudcollect approve abcdef012345",
    ):
        assert part in text, part
    assert message.link == "https://dagster.example/assets/nordlys/morning"
    for key in ("10002", "100123", "Kanarifugl", "E-1"):
        assert key not in json.dumps(message.as_json())
    assert message.data["findings"]["by_code"]["BALANCES_DIFFER"] == {"count": 2, "new": 1, "sum": 1_234}
    assert message.data["sent"] == {"transfer": total(41, 18_029_451)}
    assert message.data["not_confirmed"] == {"transfer": {"uncertain": total(1, 500)}}


def test_in_norwegian_nothing_is_left_in_english():
    text = Writer("nb").morning(FULL).text()
    for english in ("Sent", "claims", "receivables", "Findings", " new", "closes", "Held"):
        assert english not in text
    for norwegian in ("Sendt", "41 krav", "9 betalinger", "17 fordringer", "nye: 1, gamle: 2", "hovedboken"):
        assert norwegian in text


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, "good"),
        ({"missing_nights": (date(2026, 11, 28),)}, "person"),
        ({"waiting": FULL.waiting}, "person"),
        ({"ledger_difference": 1}, "off"),
    ],
)
def test_the_verdict_of_the_morning_is_the_colour_of_the_message(changes, severity):
    assert Writer().morning(morning(**changes)).severity == severity


def test_a_night_without_a_statement_says_no_difference():
    assert "Difference" not in Writer().morning(morning(statement={})).text()


def test_a_run_that_never_began_failed_in_its_start():
    message = Writer().failure(
        "nordlys", "Nordlys AS", job="nightly", night="2026-11-29", run_id="r", failed=True, steps=(), checks=()
    )
    assert message.lines[0] == ("Failed in", "its start")


def test_every_text_stands_in_both_languages_with_the_same_blanks():
    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for group, names in WORDS.items():
        for name, texts in names.items():
            assert texts.keys() == {"en", "nb"}, f"{group}.{name}"
            assert blanks(texts["en"]) == blanks(texts["nb"]), f"{group}.{name}"


def test_every_kind_of_effect_and_every_check_that_can_fail_has_its_words():
    assert WORDS["one"].keys() == WORDS["many"].keys() == {kind.value for kind in Kind}
    warn_only = {
        checks.CONTRACTS_ARE_KEPT,
        checks.DIFFERENCES_ARE_EXPLAINED,
        checks.REPORTS_ARE_WRITTEN,
        "no_item_older_than_14_days",
    }
    assert checks.DESCRIPTIONS.keys() > TOLD_OTHERWISE
    assert WORDS["check"].keys() == checks.DESCRIPTIONS.keys() - warn_only - TOLD_OTHERWISE


def test_no_text_is_left_over():
    used = "\n".join(each.read_text(encoding="utf-8") for each in files(alerts).iterdir() if each.name.endswith(".py"))
    for group in ("subject", "label", "text", "do"):
        for name in WORDS[group]:
            assert f'"{name}"' in used, f"{group}.{name}"
