"""Metadata: how tables, money and lists look in Dagster's pages.

Belongs here: turning our values into what Dagster can show. Does not belong here: deciding what is worth showing
(the assets) or whether it is right (`checks`).

Everything ends up in an event log that cannot be erased row by row: keys, counts and amounts only, never a person.
Dagster rejects `Decimal`: an amount is shown as text in kroner and kept as a whole number of øre for plots.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import dagster as dg

from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.ledger.ledger import Mirrored
from cloudcollect_pipeline.ledger.tables import MOMENT, MONEY, Column, Table
from cloudcollect_pipeline.nightly import FEEDS

INLINE_LIMIT = 1_000
"""Dagster draws Markdown inline only below so many characters; longer text hides behind a link."""

SAFE = "/:=',"
"""Characters of a drawing that an address may hold as they are."""


def table_schema(table: Table) -> dg.TableSchema:
    """A mirrored table for the catalog. Personal columns are listed too: they are kept, but in the erasable file."""
    return dg.TableSchema([_column(column, table) for column in table.columns])


def _column(column: Column, table: Table) -> dg.TableColumn:
    rules = ["part of the key"] if len(table.key) > 1 and column.name in table.key else []
    rules += [f"one of {', '.join(column.one_of)}"] if column.one_of else []
    rules += [f"matches {column.pattern}"] if column.pattern else []
    rules += [f"at least {column.minimum}"] if column.minimum is not None else []
    units = {MONEY: "document_currency", MOMENT: "UTC"}
    tags = {"unit": units[column.type]} if column.type in units else {}
    if column.personal:
        tags |= {"personal_data": "erasable"}
    return dg.TableColumn(
        column.name,
        column.type,
        column.description,
        dg.TableColumnConstraints(nullable=not column.required, unique=table.key == (column.name,), other=rules),
        tags,
    )


ORE = "BIGINT (øre)"
"""The type of an amount in the journal."""


def columns(*described: tuple[str, str, str], personal: Sequence[str] = ()) -> dg.TableSchema:
    """The schema of a table that is not mirrored: (name, type, description) each; money in kroner of the books.

    `personal` names the columns that may hold personal data.
    """
    units = {MONEY: "NOK", ORE: "øre", MOMENT: "UTC"}
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                type_,
                text,
                tags=({"unit": units[type_]} if type_ in units else {})
                | ({"personal_data": "erasable"} if name in personal else {}),
            )
            for name, type_, text in described
        ]
    )


EFFECTS = columns(
    ("kind", "VARCHAR", "What is written: transfer, reduction, hold, posting, …"),
    ("reference", "VARCHAR", "Derived from the business fact alone; found again at the other side"),
    ("source", "VARCHAR", "The business fact"),
    ("ordinal", "INTEGER", "Which try of the fact this is"),
    ("party", "VARCHAR", "Customer number"),
    ("document", "VARCHAR", "Receivable, claim or entry that it is about"),
    ("account", "VARCHAR", "Account or claim that it is written on"),
    ("currency", "VARCHAR", "Currency of the amount"),
    ("amount", ORE, "What it moves; 0 where it moves no money"),
)
"""An effect, as planned and as carried out."""
OUTCOMES = dg.TableSchema(
    [
        *EFFECTS.columns,
        *columns(
            ("state", "VARCHAR", "confirmed, rejected, uncertain, quarantined, created, later, dropped or absent"),
            ("remote_id", "VARCHAR", "The other side's id: the receipt"),
            ("night", "DATE", "Night of its last move"),
        ).columns,
    ]
)
"""An effect of the journal, as the ledger keeps its copy."""


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]], limit: int = INLINE_LIMIT) -> str:
    """A Markdown table below the length that Dagster draws inline: rows are dropped from the end, and it says so.

    A column whose header starts with `>` is aligned to the right.
    """
    body = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not body:
        return "none"
    head = [
        "| " + " | ".join(name.removeprefix(">") for name in header) + " |",
        "|" + "|".join("--:" if name.startswith(">") else ":--" for name in header) + "|",
    ]
    return _fitting(head, body, limit)


def bullets(lines: Iterable[str], limit: int = INLINE_LIMIT) -> str:
    """A Markdown list below the length that Dagster draws inline; the last are dropped, and it says so."""
    body = [f"- {_cell(line)}" for line in lines]
    return _fitting([], body, limit) if body else "none"


def _fitting(head: list[str], body: list[str], limit: int) -> str:
    for kept in range(len(body), -1, -1):
        left = [] if kept == len(body) else ["", f"… and {len(body) - kept} more"]
        text = "\n".join([*head, *body[:kept], *left])
        if len(text) < limit:
            return text
    raise ValueError("the header alone is longer than what is drawn inline")


def shortened(text: str, limit: int) -> str:
    """A line of at most `limit` characters; what is cut is said by dots, and no mark of Markdown is left open."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1].rstrip()
    closing = "*" if cut.replace("**", "").count("*") % 2 else ""
    return f"{cut}…{closing}"


def bar(amount: int, largest: int, width: int = 12) -> str:
    """A bar of block characters, as long as its share of the largest; a longer one would widen the page's table."""
    return "█" * round(width * max(amount, 0) / largest) or ("▏" if amount > 0 else "")


def sparkline(values: Sequence[int], width: int = 220, height: int = 36) -> str:
    """A Markdown image of a small line chart; the values of thirty nights stay below what is drawn inline."""
    if len(values) < 2:
        return "a line needs two nights"
    low, high = min(values), max(values)
    points = " ".join(
        f"{width * place // (len(values) - 1)},{height - 4 - (height - 8) * (value - low) // ((high - low) or 1)}"
        for place, value in enumerate(values)
    )
    drawn = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>"
        f"<polyline points='{points}' fill='none' stroke='#4c6ef5' stroke-width='2'/></svg>"
    )
    return f"![closing balance of {len(values)} nights](data:image/svg+xml;utf8,{quote(drawn, safe=SAFE)})"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def counted(totals: Mapping[str, Mapping[str, int]], *, amount: str = "sum") -> str:
    """Counts and sums in øre per name, as a Markdown table."""
    rows = [(name.replace("_", " "), total["count"], display(total[amount])) for name, total in totals.items()]
    return markdown(("what", ">count", ">NOK"), rows)


def mirrored(done: Mirrored, side: str, rows_now: Mapping[str, int]) -> dict[str, Any]:
    """What a mirror commit brought, table by table."""
    return {
        "mirror_version": done.version,
        "tables": dg.MetadataValue.md(
            markdown(
                ("table", ">rows", ">read tonight", ">news"),
                [(table, rows_now[table], done.staged.get(table, 0), done.changed.get(table, 0)) for table in rows_now],
            )
        ),
        "news": sum(done.changed.values()),
        "set_aside": len(done.set_aside),
        "feeds": ", ".join(FEEDS[side]),
    }
