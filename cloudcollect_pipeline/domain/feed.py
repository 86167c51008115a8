"""One kind of record a counterparty can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Feed:
    """How raw records of one kind become rows of one ledger table.

    `columns` gives DuckDB types for the fields read from a raw record (`read_json(columns=...)`); scalars are VARCHAR
    so that a wrong type fails its contract row by row instead of failing the file. `mapping` is a SELECT from the
    relation `raw(n, doc)` (line number in the spool, record as STRUCT) that returns `n` and the columns of `table`.
    """

    name: str
    table: str
    columns: Mapping[str, str]
    mapping: str
