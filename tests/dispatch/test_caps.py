"""Caps and look-ups, to the last word: how large a night may be, and what both targets are asked before it is sent."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from cloudcollect_pipeline.dispatch.caps import breaches, too_few_rows
from cloudcollect_pipeline.dispatch.lookup import Sought
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind
from cloudcollect_pipeline.planning.effects import Effects, as_text, from_text, plan_hash, sending_order, totals
from cloudcollect_pipeline.settings import CapSettings

CAPS = CapSettings(floor_count=10, floor_sum=Decimal(1000), single_amount=Decimal(500), few_rows_share=0.5)


def total(count=1, amount=100, largest=100):
    return {"count": count, "sum": amount, "largest": largest}


def test_a_plan_that_is_too_large_says_by_how_much():
    found = breaches({"void": total(11), "transfer": total(31, 300_001, 50_001), "hold": total()}, [], CAPS)
    assert found == [
        "transfer: 31 effects, cap 10",
        "transfer: 3\u00a0000,01 in all, cap 1\u00a0000,00",
        "transfer: a single 500,01, cap 500,00",
        "void: 11 effects, cap 10",
    ]


@pytest.mark.parametrize(
    ("history", "count", "amount"),
    [
        ([{"transfer": {"count": 10, "sum": 100_000}}], 30, 300_000),
        (
            [{"transfer": {"count": 10, "sum": 100_000}}] * 20 + [{"transfer": {"count": 99, "sum": 10**9}}] * 30,
            30,
            300_000,
        ),
        ([{"transfer": {"count": 3, "sum": 20_000}}], 10, 100_000),
        ([{"void": {"count": 99, "sum": 10**9}}], 10, 100_000),
        ([{"transfer": {"count": 10, "sum": 100_000}}, {}, {}], 10, 100_000),
        ([{"transfer": {}}], 10, 100_000),
    ],
)
def test_a_cap_is_the_floor_or_three_times_what_is_usual(history, count, amount):
    assert breaches({"transfer": total(count, amount)}, history, CAPS) == []
    assert len(breaches({"transfer": total(count + 1, amount + 1)}, history, CAPS)) == 2


@pytest.mark.parametrize(
    ("expected", "listed", "few"), [(21, 0, True), (20, 0, False), (100, 49, True), (100, 50, False), (42, 20, True)]
)
def test_a_source_that_lists_little_of_what_it_should_is_not_trusted(expected, listed, few):
    words = f"claims: only {listed} of {expected} records that should be there are listed"
    found = too_few_rows([{"source": "claims", "expected": expected, "listed": listed}], CAPS)
    assert found == ([words] if few else [])


EFFECT = Effect(
    Kind.POSTING, "P1", "e1", 1, Content("1", "e1", "suspense", "NOK", -300), "c", "l", ("V1",),
    {"value_date": "2026-01-05"}, {"carried": {}},
)  # fmt: skip
TRANSFER = replace(EFFECT, kind=Kind.TRANSFER, reference="T1", details={"due_date": "2025-12-01", "value_date": "x"})


def test_each_kind_is_looked_up_where_it_would_be_and_from_its_earliest_fact():
    sought = Sought()
    for effect in (
        TRANSFER,
        replace(TRANSFER, kind=Kind.REDUCTION, reference="R1"),
        replace(TRANSFER, kind=Kind.HOLD, reference="H1"),
        replace(EFFECT, details={"value_date": "2026-01-06"}),
        EFFECT,
        replace(EFFECT, details={"value_date": "2026-01-07"}),
        replace(EFFECT, kind=Kind.SETTLEMENT, details={"value_date": "2026-01-09"}),
        replace(EFFECT, kind=Kind.VOID, details={}),
    ):
        sought.add(effect)
    assert sought == Sought(["T1", "R1"], date(2026, 1, 5), date(2026, 1, 9))


def test_effects_are_filed_in_the_order_of_sending_and_read_back_as_they_were(tmp_path):
    later = replace(
        EFFECT, reference="P2", details={"value_date": "2026-01-06"}, content=replace(EFFECT.content, amount=500)
    )
    hold = replace(EFFECT, kind=Kind.HOLD, reference="H1", details={})
    again = replace(EFFECT, reference="P3")
    filed = Effects(tmp_path)
    filed.extend([later, EFFECT, hold])
    filed.append(TRANSFER)
    filed.append(again)
    assert len(filed) == 5
    assert list(filed) == [TRANSFER, hold, EFFECT, again, later]
    assert list(filed.of(Kind.POSTING, Kind.TRANSFER)) == [TRANSFER, EFFECT, again, later]
    assert list(filed.texts()) == [as_text(each) for each in filed]
    assert list(tmp_path.iterdir()) == []
    assert totals(filed) == {
        "transfer": {"count": 1, "sum": 300, "largest": 300},
        "hold": {"count": 1, "sum": 300, "largest": 300},
        "posting": {"count": 3, "sum": 1100, "largest": 500},
    }
    assert list(totals(filed)) == ["transfer", "hold", "posting"]
    assert sending_order(TRANSFER) == (0, "2025-12-01", "e1", 1)
    assert sending_order(hold) == (2, "", "e1", 1)
    assert from_text(as_text(EFFECT)) == EFFECT


def test_a_plans_name_hangs_on_everything_it_names():
    given = ("t1", "agency", date(2026, 1, 5), 3, ["a", "b"])
    name = plan_hash(*given)
    others = [
        ("t2", *given[1:]),
        ("t1", "other", *given[2:]),
        (*given[:2], given[2] + timedelta(days=1), *given[3:]),
        (*given[:3], 4, given[4]),
        (*given[:4], ["b", "a"]),
        (*given[:4], ["ab"]),
        (*given[:4], ["a"]),
    ]
    assert len({name, *(plan_hash(*other) for other in others)}) == 8
