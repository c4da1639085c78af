"""Sheets of a workbook: numbers, texts, and formulas with the value they have now."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

Cell = str | float | tuple[str, float]


@dataclass
class Sheet:
    """Cells of a sheet: (row, column) -> number, text, or (formula, cached value)."""

    name: str
    widths: tuple[int, ...]
    cells: dict[tuple[int, int], Any] = field(default_factory=dict)
    inputs: set[tuple[int, int]] = field(default_factory=set)
    heads: set[int] = field(default_factory=set)
    plain: bool = False  # numbers as they are, not as money

    def row(self, line: int, *values: Any, head: bool = False) -> None:
        """Write a row from the first column on."""
        for column, value in enumerate(values):
            if value is not None:
                self.cells[line, column] = value
        if head:
            self.heads.add(line)

    def value(self, row: int, column: int) -> float:
        """The number of a cell, or the cached one of its formula (0 where there is none)."""
        cell = self.cells.get((row, column), 0.0)
        return float(cell[1] if isinstance(cell, tuple) else cell)


def letter(column: int) -> str:
    """The name of a column: A, Z, AA."""
    name = ""
    while column >= 0:
        name = chr(ord("A") + column % 26) + name
        column = column // 26 - 1
    return name


def written(sheets: list[Sheet]) -> bytes:
    """The bytes of the workbook."""
    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    forms = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True}),
        "money": book.add_format({"num_format": "#,##0.00"}),
        "input": book.add_format({"font_color": "#0000FF", "bg_color": "#EEF3FF"}),
        "plain": book.add_format({}),
    }
    for sheet in sheets:
        made = book.add_worksheet(sheet.name)
        made.freeze_panes(min(sheet.heads) + 1 if sheet.heads else 0, 1)
        for n, width in enumerate(sheet.widths):
            made.set_column(n, n, width)
        for (row, column), value in sorted(sheet.cells.items()):
            form = "head" if row in sheet.heads else "input" if (row, column) in sheet.inputs else "money"
            if sheet.plain and form == "money":
                form = "plain"
            _cell(made, row, column, value, forms[form])
    book.close()
    return target.getvalue()


def _cell(sheet: Any, row: int, column: int, value: Any, form: Any) -> None:
    if isinstance(value, tuple):
        formula, cached = value
        sheet.write_formula(row, column, formula, form, cached)
    elif isinstance(value, str):
        sheet.write_string(row, column, value[:32_000], form)
    else:
        sheet.write_number(row, column, value, form)
