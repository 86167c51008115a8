"""A worksheet that takes a list of any length, row by row, as the file holds it.

XlsxWriter checks and keeps every cell by itself, which on a hundred thousand rows is most of what a report costs. What
a list needs is three kinds of cells; a row of them is written as one text.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

LONGEST_TEXT = 32_000
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile("_(?=x[0-9a-fA-F]{4}_)")


class Sheet(Worksheet):  # type: ignore[misc]  # xlsxwriter has no types
    """A worksheet of a workbook made with `constant_memory`."""

    def write_rows(self, first: int, width: int, rows: Iterable[Sequence[str]]) -> None:
        """Write rows from row `first` (from zero) on, below all other cells; an empty text leaves its cell out."""
        letters = [xl_col_to_name(place) for place in range(width)]
        self._write_single_row(first)
        at = first
        for at, row in enumerate(rows, first + 1):
            cells = [f'<c r="{letter}{at}"{cell}' for letter, cell in zip(letters, row, strict=True) if cell]
            self.fh.write(f'<row r="{at}">{"".join(cells)}</row>')
        if at > first:
            self._check_dimensions(at - 1, width - 1)

    def _xml_rich_inline_string(self, string: str, attributes: Sequence[tuple[str, Any]] = ()) -> None:
        # A text that begins and ends as rich text does would be written as markup; it is text like any other.
        self._xml_inline_string(string, False, attributes)


def clean(value: str) -> str:
    """A text that a cell can hold."""
    return (value if value.isprintable() else _UNPRINTABLE.sub("\ufffd", value))[:LONGEST_TEXT]


def text_cell(value: str, style: int) -> str:
    """Text and nothing but text, whatever it begins with."""
    told = _LOOKS_ESCAPED.sub("_x005F_", escape(clean(value), quote=False)).replace("\r", "_x000D_")
    space = "" if told == told.strip() else ' xml:space="preserve"'
    return f' s="{style}" t="inlineStr"><is><t{space}>{told}</t></is></c>'


def number_cell(value: float, style: int) -> str:
    """A number; sixteen digits give back every amount of at most fifteen."""
    return f' s="{style}"><v>{value:.16G}</v></c>'


def formula_cell(formula: str, result: float, style: int) -> str:
    """A formula, without its equals sign, and the value it gives."""
    return f' s="{style}"><f>{escape(formula, quote=False)}</f><v>{result}</v></c>'
