"""The contract has two readers: SQL finds the rows that break it, and pandera says why. They agree on every row."""

from typing import Any

import duckdb
import pandas as pd
import pytest

from cloudcollect_pipeline.ledger.contracts import breaks, broken_rows, checked
from cloudcollect_pipeline.ledger.tables import MONEY, TABLES, Column

TEXTS = ["", " ", "A", "NOK", "NOKK", "nok", " x", "x y", "a\nb", "x\n", "NOK\n", "{", "[1]", "a/b", ".", "\u00a0x",
         "æ", "\x1fx", "x\x00"]  # fmt: skip
AMOUNTS = ["-0.01", "0.00", "60.00", "60.01", "9999999999999.99"]


def a_value(column: Column) -> str:
    """What the column may hold, as SQL."""
    if column.name == "lines":
        return f"[{{'claim_id': 'c', 'bucket': 'principal', 'amount': cast(60 as {MONEY})}}]"
    plain = {MONEY: "60", "DATE": "date '2026-01-05'", "BOOLEAN": "false", "INTEGER": "1", "TIMESTAMPTZ": "now()"}
    text = column.one_of[0] if column.one_of else "NOK"
    return f"cast({plain.get(column.type, repr(text))} as {column.type})" if "STRUCT" not in column.type else "null"


def odd_values(column: Column) -> list[str]:
    """What a mapping can make of strange records, as SQL."""
    if column.name == "lines":
        amounts = ["cast(59 as decimal(18, 2))", "cast(null as decimal(18, 2))"]
        return ["null", "[]", *(f"[{{'claim_id': 'c', 'bucket': 'principal', 'amount': {a}}}]" for a in amounts)]
    if column.type == MONEY:
        return ["null", *(f"cast({amount} as {MONEY})" for amount in AMOUNTS)]
    if column.type == "VARCHAR":
        texts = [*TEXTS, *column.one_of, *(word.lower() for word in column.one_of)]
        return ["null", *("'" + text.replace("'", "''").replace("\x00", "'||chr(0)||'") + "'" for text in texts)]
    return ["null"]


@pytest.mark.parametrize("name", TABLES)
def test_sql_and_pandera_find_the_same_rows(name: str) -> None:
    columns = TABLES[name].columns
    db = duckdb.connect()
    types = ", ".join(f"{c.name} {c.type}" for c in columns)
    db.execute(f"create table staged (n bigint, {types})")
    cases: list[dict[str, Any]] = [{}, *({c.name: odd} for c in columns for odd in odd_values(c))]
    for n, change in enumerate(cases, 1):
        values = ", ".join(change.get(c.name, a_value(c)) for c in columns)
        db.execute(f"insert into staged values ({n}, {values})")
    everything = db.sql(f"select {checked(name)} from staged order by n").to_arrow_table()
    told = broken_rows(TABLES[name], everything.to_pandas(types_mapper=pd.ArrowDtype).set_index("n"))
    found = [n for (n,) in db.execute(f"select n from staged where {breaks(name)} order by n").fetchall()]
    assert 1 not in told
    assert len(told) > 5
    assert found == sorted(told)
