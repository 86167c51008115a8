"""Pandera contracts of the nightly deltas: which rows may enter a mirror, and why the others may not.

Validation runs on the delta only. The contract's rules as SQL find the rows that break it, and pandera says of these
why, on Arrow-backed frames so that money stays decimal: a sound delta of any size costs one scan and no frame. A row
that breaks its contract is set aside with its reasons; the others go on.
"""

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from cloudcollect_pipeline.ledger.tables import MONEY, TABLES, Table

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


_AMOUNTS = "lines.list_transform(lambda line: line.amount)"
ADDS_UP = {
    "entry": f"list_sum({_AMOUNTS}) is not distinct from amount and list_count({_AMOUNTS}) = len(lines)",
    "settlement": f"list_count({_AMOUNTS}) = len(lines)",
}
"""SQL over rows with lines: whether every amount could be read, and they are the row's."""


@cache
def contract(name: str) -> "pa.DataFrameSchema":
    """The pandera schema of one mirrored table; `n`, the spool line, is its index."""
    import pandera.pandas as pa

    table = TABLES[name]
    columns: dict[str, Any] = {}
    for column in table.columns:
        if not column.required and not column.one_of:
            continue
        checks: list[Any] = []
        if column.one_of:
            checks.append(pa.Check.isin(column.one_of, error=f"must be one of {', '.join(column.one_of)}"))
        if column.pattern:
            checks.append(pa.Check.str_matches(f"^{column.pattern}$", error="has the wrong form"))
        if column.minimum is not None:
            checks.append(pa.Check.ge(column.minimum, error=f"must be at least {column.minimum}"))
        columns[column.name] = pa.Column(nullable=not column.required, checks=checks, description=column.description)
    checks = []
    if name == "receivable":
        checks.append(
            pa.Check(
                lambda rows: (rows["balance"] <= rows["amount"]).fillna(True).astype(bool),
                error="balance is larger than amount",
                name="balance",
            )
        )
    if name in ("entry", "settlement"):
        checks.append(
            pa.Check(
                lambda rows: rows["adds_up"].fillna(False).astype(bool),
                error="lines do not add up to the amount",
                name="lines",
            )
        )
    return pa.DataFrameSchema(columns, checks=checks, name=name)


def checked(name: str) -> str:
    """SQL list of what a contract looks at in a staged row."""
    selected = ["n", *(c.name for c in TABLES[name].columns if (c.required or c.one_of) and c.name != "lines")]
    if name in ADDS_UP:
        selected += [f"{ADDS_UP[name]} as adds_up", "case when lines is not null then '' end as lines"]
    return ", ".join(selected)


@cache
def breaks(name: str) -> str:
    """SQL over a staged row: true where it breaks its table's contract, false or NULL where it does not."""
    rules: list[str] = []
    for column in TABLES[name].columns:
        if not column.required and not column.one_of:
            continue
        if column.required:
            rules.append(f"{column.name} is null")
        if column.one_of:
            rules.append(f"{column.name} not in ({', '.join(map(_quoted, column.one_of))})")
        if column.pattern:
            rules.append(f"not regexp_full_match({column.name}, {_quoted(column.pattern)})")
        if column.minimum is not None:
            rules.append(f"{column.name} < {column.minimum}")
    if name == "receivable":
        rules.append("balance > amount")
    if name in ADDS_UP:
        rules.append(f"({ADDS_UP[name]}) is not true")
    return " or ".join(rules)


def key_of(name: str) -> str:
    """SQL over a staged row: its key in one text, as it is named where it is set aside."""
    parts = ", ".join(f"coalesce({column}, '?')" for column in TABLES[name].key)
    return f"concat_ws(' ', {parts})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def broken_rows(table: Table, rows: "pd.DataFrame") -> dict[int, list[str]]:
    """Line numbers of the rows that break the contract -> their reasons, sorted. `rows` is indexed by `n`."""
    import pandera.pandas as pa

    if rows.empty:
        return {}
    try:
        contract(table.name).validate(rows, lazy=True)
    except pa.errors.SchemaErrors as error:
        reasons: dict[int, set[str]] = defaultdict(set)
        for failure in error.failure_cases.to_dict("records"):
            if failure["index"] is None:
                raise
            whole_row = failure["schema_context"] == "DataFrameSchema"
            column = "" if whole_row else str(failure["column"])
            reasons[int(failure["index"])].add(reason(table, column, str(failure["check"])))
        return {n: sorted(why) for n, why in reasons.items()}
    return {}


def reason(table: Table, column: str, check: str) -> str:
    """A failure in words; never the value, which may be personal."""
    if check == "not_nullable":
        kind = next((c.type for c in table.columns if c.name == column), "")
        missing = {MONEY: "is missing or not an amount", "DATE": "is missing or not a date"}.get(
            kind, "is missing or unreadable"
        )
        return f"{column} {missing}"
    if not column:
        return check
    return f"{column} {check}"
